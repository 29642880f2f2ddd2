"""Immutable folders: sealed, verified, promoted, held."""

import os
import subprocess
import sys

import pytest

from clew.core.artifacts import SHARED_LOCK_FILE, SharedLock, digest_files, is_in_use, link_tree, promote, verify_files
from clew.core.errors import CorruptError


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "made"
    (made / "bm25").mkdir(parents=True)
    (made / "documents.arrow").write_bytes(b"documents")
    (made / "bm25" / "postings.npy").write_bytes(b"postings")
    return made


def test_an_untouched_folder_verifies(folder):
    files = digest_files(folder)
    assert set(files) == {"documents.arrow", "bm25/postings.npy"}
    verify_files(folder, files)


@pytest.mark.parametrize("name", ["documents.arrow", "bm25/postings.npy"])
@pytest.mark.parametrize("at", [0, -1])
def test_a_flipped_bit_is_named(folder, name, at):
    files = digest_files(folder)
    data = bytearray((folder / name).read_bytes())
    data[at] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(CorruptError, match=rf"{name} was changed"):
        verify_files(folder, files)


def test_a_missing_file_is_named(folder):
    files = digest_files(folder)
    (folder / "bm25" / "postings.npy").unlink()
    with pytest.raises(CorruptError, match=r"bm25/postings\.npy is missing"):
        verify_files(folder, files)


def test_files_can_be_left_out(folder):
    assert set(digest_files(folder, leave_out=("documents.arrow",))) == {"bm25/postings.npy"}


def test_promote_renames_and_replaces(folder, tmp_path):
    target = tmp_path / "shards" / "ab12"
    target.mkdir(parents=True)
    (target / "damaged").touch()
    promote(folder, target)
    assert not folder.exists()
    assert set(digest_files(target)) == {"documents.arrow", "bm25/postings.npy"}
    assert [path.name for path in target.parent.iterdir()] == ["ab12"]


def test_a_hold_is_seen_until_it_is_released(folder):
    assert not is_in_use(folder)
    first, second = SharedLock(folder), SharedLock(folder)
    assert is_in_use(folder)
    first.release()
    first.release()
    assert is_in_use(folder)
    second.release()
    assert not is_in_use(folder)
    assert SHARED_LOCK_FILE not in digest_files(folder)


def test_a_hold_ends_with_its_process(folder):
    code = f"""
import pathlib
from clew.core.artifacts import SharedLock
hold = SharedLock(pathlib.Path({str(folder)!r}))
print("held", flush=True)
input()
"""
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout.readline() == b"held\n"
        assert is_in_use(folder)
        reader.kill()
        reader.wait()
        assert not is_in_use(folder)


def test_a_linked_folder_replaces_what_a_kill_left(folder, tmp_path):
    target = tmp_path / "linked"
    target.mkdir()
    (target / ".half.tmp").touch()
    link_tree(folder, target)
    assert digest_files(target) == digest_files(folder)
    (folder / "documents.arrow").unlink()
    assert (target / "documents.arrow").read_bytes() == b"documents"


@pytest.mark.parametrize("name", ["../made/documents.arrow", "/dev/zero", "bm25/../documents.arrow", ".", "a\0b", ""])
def test_a_manifest_names_only_files_of_its_folder(folder, name):
    with pytest.raises(CorruptError, match="which is not a file in it"):
        verify_files(folder, {name: "0" * 64})


@pytest.mark.parametrize("name", ["bm25", "documents.arrow/x"])
def test_a_folder_is_no_file(folder, name):
    with pytest.raises(CorruptError, match=name):
        verify_files(folder, {name: "0" * 64})


def test_a_pipe_is_not_read(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(CorruptError, match="pipe is not a plain file"):
        verify_files(folder, {"pipe": "0" * 64})
