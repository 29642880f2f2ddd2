"""`clew serve`: settings and the lines it prints; the process itself is tested in tests/integration/test_serve.py."""

import pytest
from typer.testing import CliRunner

from clew.api import server
from clew.cli import app
from clew.core.errors import UsageError


@pytest.fixture
def started(monkeypatch):
    """The settings that a server would have been started with; it announces itself and returns."""
    settings = []

    def run(chosen, announce):
        settings.append(chosen)
        announce(f"http://{chosen.host}:{chosen.port}")

    monkeypatch.setattr(server, "run", run)
    return settings


def test_it_says_what_is_served_and_how_to_ask(started, tmp_path):
    (tmp_path / "indexes" / "shop").mkdir(parents=True)
    (tmp_path / "indexes" / "shop" / "CURRENT").write_text("")
    result = CliRunner().invoke(app, ["serve", "--home", str(tmp_path), "--port", "8123"])
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"Clew serves {tmp_path} on http://127.0.0.1:8123 (API: http://127.0.0.1:8123/docs, "
        "http://127.0.0.1:8123/openapi.json). Stop with Ctrl-C.",
        "  indexes: shop",
        "  try: curl 'http://127.0.0.1:8123/v1/search?index=shop&q=your+words&k=3'",
    ]
    assert (started[0].home, started[0].port) == (tmp_path, 8123)


def test_without_an_index_it_says_how_to_build_one(started, tmp_path):
    result = CliRunner().invoke(app, ["serve", "--home", str(tmp_path)])
    assert "no index yet: build one with `clew build SPEC.toml`" in result.stderr


def test_an_address_that_others_can_reach_is_refused(started, tmp_path):
    result = CliRunner().invoke(app, ["serve", "--home", str(tmp_path), "--host", "192.0.2.1"])
    assert isinstance(result.exception, UsageError)
    assert not started
