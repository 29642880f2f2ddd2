"""One writer at a time; a killed one leaves no lock."""

import os
import subprocess
import sys
from threading import Thread

import pytest

from clew.core.errors import LockedError, StoreError
from clew.core.lock import writing

HOLDER = """
import pathlib, sys
from clew.core.lock import writing
with writing(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    input()
"""


@pytest.fixture
def holder(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "shop")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        yield process
        process.kill()


def test_a_second_writer_is_refused_and_told_who_holds_it(tmp_path, holder):
    with pytest.raises(LockedError) as error, writing(tmp_path / "shop"):
        pytest.fail("two writers")
    assert f"index 'shop' is being written by another process (pid {holder.pid})" in error.value.message


def test_a_killed_writer_leaves_no_lock(tmp_path, holder):
    holder.kill()
    holder.wait()
    with writing(tmp_path / "shop"):
        assert (tmp_path / "shop" / ".lock.pid").read_text() == f"{os.getpid()}\n"


def test_a_writer_that_waits_comes_after_the_other(tmp_path, holder):
    come = []

    def write():
        with writing(tmp_path / "shop", wait=True):
            come.append((tmp_path / "shop" / ".lock.pid").read_text())

    waiting = Thread(target=write)
    waiting.start()
    waiting.join(0.3)
    assert not come
    holder.communicate(b"\n")
    waiting.join(30)
    assert come == [f"{os.getpid()}\n"]


def test_the_lock_is_freed_also_after_an_error(tmp_path):
    with pytest.raises(KeyError), writing(tmp_path / "shop"):
        raise KeyError
    with writing(tmp_path / "shop"):
        pass


def test_a_home_that_cannot_be_is_named(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="shop is not writable"), writing(tmp_path / "file" / "shop"):
        pass


@pytest.mark.parametrize(("room", "what"), [("indexes", "index"), ("graphs", "graph"), ("training", "training run")])
def test_the_message_says_what_is_being_written(tmp_path, room, what):
    folder = tmp_path / room / "shop"
    with (
        writing(folder),
        pytest.raises(LockedError, match=f"^{what} 'shop' is being written by another process"),
        writing(folder),
    ):
        pytest.fail("two writers")
