import pytest

from clew.api.settings import Settings, load_settings
from clew.core.errors import UsageError


def test_arguments_win_over_the_environment_and_that_over_defaults(monkeypatch, tmp_path):
    monkeypatch.setenv("CLEW_PORT", "9001")
    monkeypatch.setenv("CLEW_HOME", "from-environment")
    settings = load_settings(home=tmp_path)
    assert (settings.home, settings.port, settings.host) == (tmp_path, 9001, "127.0.0.1")
    assert load_settings(port=9002).port == 9002


def test_an_empty_variable_is_no_value(monkeypatch):
    monkeypatch.setenv("CLEW_HOME", "")
    assert str(Settings().home) == ".clew"


def test_a_bad_value_names_the_setting_the_value_and_the_variable(monkeypatch):
    monkeypatch.setenv("CLEW_PORT", "eighty")
    with pytest.raises(UsageError, match="port is 'eighty': ") as caught:
        load_settings()
    assert "CLEW_PORT" in caught.value.hint
    with pytest.raises(UsageError, match=r"port is 70000: .*65535"):
        load_settings(port=70_000)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "localhost"])
def test_loopback_hosts_are_accepted(host):
    assert load_settings(host=host).host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", "127.0.0.1.example.org", ""])
def test_other_hosts_are_refused_by_name(host):
    with pytest.raises(UsageError, match="not a loopback address") as caught:
        load_settings(host=host)
    assert repr(host) in caught.value.message
    assert "127.0.0.1" in caught.value.hint
