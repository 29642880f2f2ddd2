"""The history of what was live, and the numbers of releases."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.files import write_atomic
from clew.indexer.releases.history import history, next_number, number_of, set_live
from clew.search.versions import IndexFolder


@pytest.fixture
def folder(tmp_path):
    folder = IndexFolder(tmp_path / "shop")
    for number in (1, 2, 3):
        write_atomic(folder.release(f"r{number}"), b"{}")
    return folder


def test_history_follows_the_pointer(folder):
    assert history(folder) == []
    for release in ("r1", "r2", "r2", "r1", "r3"):
        set_live(folder, release)
    assert history(folder) == ["r1", "r2", "r1", "r3"]
    assert folder.live()[0] == "r3"


@settings(max_examples=20, deadline=None)
@given(st.lists(st.sampled_from(["r1", "r2", "r3"]), min_size=1, max_size=8), st.integers(0, 8))
def test_history_ends_with_the_live_release_also_after_a_kill(tmp_path_factory, moves, kept):
    folder = IndexFolder(tmp_path_factory.mktemp("history") / "shop")
    for number in (1, 2, 3):
        write_atomic(folder.release(f"r{number}"), b"{}")
    for release in moves:
        set_live(folder, release)
    # A kill between the pointer and the history leaves an older history.
    words = (folder.root / "HISTORY").read_text().split()
    (folder.root / "HISTORY").write_text("\n".join(words[:kept]))
    assert history(folder)[-1] == moves[-1]


def test_a_lost_pointer_keeps_the_history(folder):
    set_live(folder, "r1")
    folder.pointer.write_bytes(b"\xff")
    assert history(folder) == ["r1"]


def test_numbers_go_up_and_are_not_used_twice(folder):
    assert next_number(folder) == 4
    folder.version("7-abcdef12").mkdir(parents=True)
    assert next_number(folder) == 8
    assert (number_of("r12"), number_of("12-3f9a0000"), number_of("x")) == (12, 12, 0)
