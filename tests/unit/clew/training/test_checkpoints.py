"""A checkpoint counts when it is whole, and for as many processes as wrote it."""

import pytest

from clew.core.errors import UsageError
from clew.training.checkpoints import last_checkpoint, mark_complete


def write(folder, step, processes=None):
    path = folder / f"checkpoint-{step}"
    path.mkdir(parents=True)
    (path / "trainer_state.json").write_text("{}")
    if processes is not None:
        mark_complete(path, processes)
    return path


def test_the_newest_whole_one_is_gone_on_from(tmp_path):
    write(tmp_path, 9, 1)
    newest = write(tmp_path, 10, 1)
    assert last_checkpoint(tmp_path, 1) == newest


def test_what_is_left_of_one_is_removed_though_the_trainer_would_take_it(tmp_path):
    whole, broken = write(tmp_path, 5, 1), write(tmp_path, 7)
    assert last_checkpoint(tmp_path, 1) == whole
    assert not broken.exists()


def test_without_one_a_run_begins(tmp_path):
    write(tmp_path, 3)
    assert last_checkpoint(tmp_path, 1) is None
    assert last_checkpoint(tmp_path / "nowhere", 1) is None


def test_another_number_of_processes_is_refused_and_told_both(tmp_path):
    write(tmp_path, 4, 2)
    with pytest.raises(UsageError, match=r"written by 2 processes, but this run has 1 process") as raised:
        last_checkpoint(tmp_path, 1)
    assert f"delete {tmp_path}" in raised.value.hint
