"""One process is a run by itself; what several do together is in tests/integration/test_training_ranks.py."""

import pytest

from clew.core.errors import ClewError
from clew.training.processes import ProcessGroup, process_group


@pytest.fixture(autouse=True)
def forgotten():
    process_group.cache_clear()
    yield
    process_group.cache_clear()


@pytest.mark.parametrize("given", [{}, {"WORLD_SIZE": "1", "LOCAL_RANK": "0"}, {"WORLD_SIZE": "2"}])
def test_a_process_that_no_launcher_started_is_alone(given, monkeypatch):
    for name in ("WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert process_group() == ProcessGroup()


def test_alone_it_is_the_first_and_waits_for_nobody():
    done = []
    with ProcessGroup().first_process_first():
        done.append("turn")
    ProcessGroup().wait()
    assert ProcessGroup().is_first
    assert ProcessGroup().run_on_first(lambda: done) == ["turn"]


def test_that_another_process_has_ended_is_one_line():
    told = "[../third_party/gloo/pair.cc:525] Connection closed by peer [127.0.0.1]:29500"
    with (
        pytest.raises(ClewError, match=r"process 1 of 2: another process .* stopped"),
        ProcessGroup(1, 2).reporting_lost_peers(),
    ):
        raise RuntimeError(told)
    for ranks, text in ((ProcessGroup(), told), (ProcessGroup(1, 2), "a bug")):
        with pytest.raises(RuntimeError, match=text.replace("[", r"\[")), ranks.reporting_lost_peers():
            raise RuntimeError(text)
