from __future__ import annotations

import gzip
import io
import re
import tarfile
from pathlib import Path

import pytest

from clew.core import archive
from clew.core.archive import ENDINGS, extract_archive, opened_archive, write_archive
from clew.core.errors import DataError, UsageError

NAMES = re.compile(r"[a-z]+\.txt|[a-z]+/[a-z]+\.txt")


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[Path, str]]:
    (tmp_path / "one").write_text("first")
    (tmp_path / "two").write_text("second " * 1000)
    return [(tmp_path / "one", "one.txt"), (tmp_path / "two", "folder/two.txt")]


def extract(path: Path, target: Path) -> None:
    extract_archive(path, target, NAMES, "exported thing", "export one")


def made(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


@pytest.mark.parametrize("ending", ENDINGS)
def test_there_and_back(files: list[tuple[Path, str]], tmp_path: Path, ending: str) -> None:
    first, second = tmp_path / f"a{ending}", tmp_path / f"b{ending}"
    write_archive(first, files)
    write_archive(second, files)
    assert first.read_bytes() == second.read_bytes()
    extract(first, tmp_path / "out")
    assert (tmp_path / "out" / "one.txt").read_text() == "first"
    assert (tmp_path / "out" / "folder" / "two.txt").read_text() == "second " * 1000
    with opened_archive(first, "exported thing", "export one") as tar:
        assert [member.name for member in tar] == ["one.txt", "folder/two.txt"]


@pytest.mark.parametrize("name", ["thing.zip", "thing", "no/such/folder/thing.tar"])
def test_a_target_that_cannot_be(files: list[tuple[Path, str]], tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="thing"):
        write_archive(tmp_path / name, files)


def test_a_failure_leaves_nothing(files: list[tuple[Path, str]], tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_archive(tmp_path / "a.tar", [*files, (tmp_path / "gone", "gone.txt")])
    assert not list(tmp_path.glob("*a.tar*"))


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_file_that_was_cut_short(files: list[tuple[Path, str]], tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    write_archive(path, files)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 3])
    with pytest.raises(DataError, match=re.escape(path.name)):
        extract(path, tmp_path / "out")


def test_what_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_text("hello")
    with pytest.raises(DataError, match="is not a valid exported thing") as caught:
        extract(tmp_path / "a.tar", tmp_path / "out")
    assert caught.value.hint == "export one"


@pytest.mark.parametrize("name", ["../one.txt", "/tmp/one.txt", "one.exe", "a/b/c.txt", "a/../one.txt"])
def test_names_outside_are_refused(tmp_path: Path, name: str) -> None:
    path = made(tmp_path / "a.tar", (tarfile.TarInfo(name), b"x"))
    with pytest.raises(DataError, match=re.escape(repr(name))):
        extract(path, tmp_path / "out")
    assert not list(tmp_path.rglob("one.*"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_only_plain_files_are_taken(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("one.txt")
    info.type, info.linkname = kind, "/etc/passwd"
    with pytest.raises(DataError, match=r"one\.txt"):
        extract(made(tmp_path / "a.tar", (info, b"")), tmp_path / "out")


def test_a_name_twice_is_refused(tmp_path: Path) -> None:
    twice = ((tarfile.TarInfo("one.txt"), b"x"), (tarfile.TarInfo("one.txt"), b"y"))
    with pytest.raises(DataError, match="twice"):
        extract(made(tmp_path / "a.tar", *twice), tmp_path / "out")
    above = ((tarfile.TarInfo("a.txt"), b"x"), (tarfile.TarInfo("a.txt/b.txt"), b"y"))
    with pytest.raises(DataError, match="twice"):
        extract_archive(made(tmp_path / "b.tar", *above), tmp_path / "out2", re.compile(".*"), "thing", "")


def test_a_member_beyond_its_own_limit_is_refused_before_it_is_written(tmp_path: Path) -> None:
    path = made(tmp_path / "a.tar", (tarfile.TarInfo("a.txt"), b"small"), (tarfile.TarInfo("b.txt"), bytes(1001)))
    with pytest.raises(DataError, match=r"'b\.txt' with 1,001 bytes, and the limit there is 1,000"):
        extract_archive(path, tmp_path / "out", NAMES, "exported thing", "export one", [("b.txt", 1000)])
    assert not (tmp_path / "out" / "b.txt").exists()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = made(tmp_path / "a.tar", (tarfile.TarInfo("a.txt"), bytes(1 << 24)))
    bomb = tmp_path / "a.tar.gz"
    bomb.write_bytes(gzip.compress(plain.read_bytes()))
    extract(bomb, tmp_path / "out")
    monkeypatch.setattr(archive, "MOST_EXTRA", 0)
    with pytest.raises(DataError, match="the limit there is"):
        extract(bomb, tmp_path / "other")


def test_too_many_members_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path / "a.tar", *((tarfile.TarInfo(f"{letter}.txt"), b"") for letter in "abc"))
    monkeypatch.setattr(archive, "MOST_MEMBERS", 2)
    with pytest.raises(DataError, match="at most 2 files"):
        extract(path, tmp_path / "out")


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_long_extension_of_a_header_is_not_read(tmp_path: Path, kind: bytes) -> None:
    info = tarfile.TarInfo("a.txt")
    info.type = kind
    path = made(tmp_path / "a.tar", (info, bytes(1 << 20)))
    with pytest.raises(DataError, match=r"not a valid exported thing: the header of 'a.txt' has the size 1,048,576"):
        extract(path, tmp_path / "out")


def test_many_extensions_in_a_row_are_an_error_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tar"
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.XHDTYPE, 0
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT) * 5000 + bytes(1024))
    with pytest.raises(DataError, match="not a valid exported thing"):
        extract(path, tmp_path / "out")


def test_a_file_with_holes_is_refused(tmp_path: Path) -> None:
    info = tarfile.TarInfo("a.txt")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "a.txt"}
    data = b"1\n0\n5\n".ljust(512, b"\0") + b"holes"
    path = made(tmp_path / "a.tar", (info, data))
    with pytest.raises(DataError, match=r"a\.txt"):
        extract(path, tmp_path / "out")
