from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from clew.core.errors import ClewError, CorruptError, DataError, MissingExtraError, NotFoundError, UsageError
from clew.models import store
from clew.models.catalogue import check, find
from clew.models.manifest import MANIFEST, read_manifest
from clew.models.runtimes import ONNX_FILE
from clew.models.store import load_scorer
from clew.models.transfer import export_model, import_model


@pytest.fixture
def exported(trained_home: Path, tmp_path: Path) -> Path:
    """The tiny reranker in a file."""
    return export_model(trained_home, "tiny-reranker", tmp_path / "tiny.tar").place


def nothing_kept(home: Path) -> bool:
    return not [path for path in home.rglob("*") if path.name != ".lock" and path.is_file()]


@pytest.mark.parametrize("target", ["tiny.tar", "tiny.tar.gz", "tiny.tar.zst", "folder"])
def test_there_and_back(trained_home: Path, trained: Path, tmp_path: Path, target: str) -> None:
    report = export_model(trained_home, "tiny-reranker", tmp_path / target)
    assert (report.name, report.id, report.role) == ("tiny-reranker", trained.name, "cross_encoder")
    home = tmp_path / "other"
    back = import_model(home, str(tmp_path / target))
    assert back.place == home / "models" / "tiny-reranker" / trained.name
    assert back.bytes == report.bytes
    before, after = read_manifest(trained), check(back.place)
    assert (after.files, after.calibration, after.lineage) == (before.files, before.calibration, before.lineage)
    assert after.source == f"imported from {target} (clew train)"
    there, here = load_scorer("tiny-reranker", trained_home, 1), load_scorer("tiny-reranker", home, 1)
    assert list(there.score("red", ["shoe", "hat"])) == list(here.score("red", ["shoe", "hat"]))


def test_under_another_name(exported: Path, tmp_path: Path) -> None:
    home = tmp_path / "other"
    assert import_model(home, str(exported), "mine").name == "mine"
    assert read_manifest(find(home, "mine")).name == "mine"
    with pytest.raises(UsageError, match="default"):
        import_model(home, str(exported), "default")


def test_the_first_source_is_kept_however_often_a_model_travels(exported: Path, tmp_path: Path) -> None:
    import_model(tmp_path / "second", str(exported))
    export_model(tmp_path / "second", "tiny-reranker", tmp_path / "again.tar")
    third = import_model(tmp_path / "third", str(tmp_path / "again.tar"))
    assert read_manifest(third.place).source == "imported from again.tar (clew train)"


def test_one_that_is_here_stays_and_a_damaged_one_is_mended(exported: Path, trained_home: Path) -> None:
    folder = find(trained_home, "tiny-reranker")
    before = (folder / MANIFEST).read_bytes()
    import_model(trained_home, str(exported))
    assert (folder / MANIFEST).read_bytes() == before
    (folder / "config.json").write_text("{}")
    import_model(trained_home, str(exported))
    check(folder)


def test_a_damaged_model_is_not_exported(trained_home: Path, tmp_path: Path) -> None:
    (find(trained_home, "tiny-reranker") / "config.json").write_text("{}")
    for target in ("a.tar", "a"):
        with pytest.raises(CorruptError, match=r"config\.json"):
            export_model(trained_home, "tiny-reranker", tmp_path / target)
        assert not (tmp_path / target).exists()


def test_a_target_that_cannot_be(trained_home: Path, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "file").touch()
    for target in ("full", "file", "no/such/folder", "no/such/file.tar"):
        with pytest.raises(UsageError, match=re.escape(target)):
            export_model(trained_home, "tiny-reranker", tmp_path / target)
    (tmp_path / "empty").mkdir()
    assert export_model(trained_home, "tiny-reranker", tmp_path / "empty").place == tmp_path / "empty"


def changed(name: str, data: bytes | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).unlink(missing_ok=True)
        if data is not None:
            (folder / name).write_bytes(data)

    return change


def packed(folder: Path, target: Path) -> Path:
    with tarfile.open(target, "w") as tar:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                tar.add(path, path.relative_to(folder).as_posix())
    return target


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (changed("config.json", b"{}"), r"config\.json was changed"),
        (changed("onnx/model.onnx", None), r"onnx/model\.onnx is missing"),
        (changed(MANIFEST, None), f"has no {MANIFEST}"),
        (changed(MANIFEST, b"{"), "is not valid JSON"),
        (changed(MANIFEST, b'{"format": 7}'), "has format 7"),
        (changed("modules.json", b"[]"), r"modules\.json does not belong to the model"),
    ],
)
def test_a_damaged_file_is_not_imported(
    trained: Path, tmp_path: Path, change: Callable[[Path], None], words: str
) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    change(tmp_path / "copy")
    path = packed(tmp_path / "copy", tmp_path / "tiny.tar")
    with pytest.raises((CorruptError, DataError), match=words) as caught:
        import_model(tmp_path / "home2", str(path))
    assert "tiny.tar" in caught.value.message
    assert ".staging" not in caught.value.message
    assert nothing_kept(tmp_path / "home2")


def test_a_file_that_was_cut_short_is_not_imported(exported: Path, tmp_path: Path) -> None:
    exported.write_bytes(exported.read_bytes()[:-20_000])
    with pytest.raises(ClewError, match=r"tiny\.tar"):
        import_model(tmp_path / "home2", str(exported))
    assert nothing_kept(tmp_path / "home2")


@pytest.mark.parametrize("name", ["../../evil.json", "/tmp/evil.json", "onnx/../../evil.json"])
def test_paths_outside_are_refused(exported: Path, tmp_path: Path, name: str) -> None:
    with tarfile.open(exported, "a") as tar:
        tar.addfile(tarfile.TarInfo(name), io.BytesIO(b""))
    with pytest.raises(DataError, match=re.escape(name)):
        import_model(tmp_path / "home2", str(exported))
    assert nothing_kept(tmp_path / "home2")
    assert not list(tmp_path.rglob("evil.json"))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_in_a_file_are_refused(exported: Path, tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(exported, "a") as tar:
        info = tarfile.TarInfo("extra.json")
        info.type, info.linkname = kind, "/etc/passwd"
        tar.addfile(info)
    with pytest.raises(DataError, match=r"extra\.json"):
        import_model(tmp_path / "home2", str(exported))
    assert nothing_kept(tmp_path / "home2")


def test_links_in_a_folder_are_refused(trained: Path, tmp_path: Path) -> None:
    shutil.copytree(trained, tmp_path / "copy")
    (tmp_path / "copy" / "README.md").unlink()
    (tmp_path / "copy" / "README.md").symlink_to("/etc/hostname")
    with pytest.raises(CorruptError, match=r"README\.md"):
        import_model(tmp_path / "home2", str(tmp_path / "copy"))
    assert nothing_kept(tmp_path / "home2")


def test_what_a_killed_import_left_is_swept_by_the_next(exported: Path, tmp_path: Path) -> None:
    left = tmp_path / "home2" / "models" / ".staging-old"
    left.mkdir(parents=True)
    import_model(tmp_path / "home2", str(exported))
    assert not left.exists()


def test_a_model_by_name_keeps_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="cannot be renamed"):
        import_model(tmp_path, "default", "mine")
    with pytest.raises(NotFoundError, match=r"model folder .* does not exist"):
        import_model(tmp_path, "no/such/file.tar")
    monkeypatch.setattr(store, "FP32_PACKAGE", "clew-no-such-package")
    with pytest.raises(MissingExtraError):
        import_model(tmp_path, store.FP32_NAME)


def test_a_saved_folder_is_checked_before_it_is_kept(tiny_model: Callable[..., Path], tmp_path: Path) -> None:
    source = tiny_model(tmp_path / "run")
    (source / "tokenizer.json").unlink()
    with pytest.raises(NotFoundError, match=r"tokenizer\.json is missing"):
        import_model(tmp_path / "home2", str(source), "mine")
    assert nothing_kept(tmp_path / "home2")


@pytest.mark.slow
def test_a_damaged_model_is_replaced_by_importing_its_folder_again(tiny_model, tmp_path, monkeypatch):
    source = tiny_model(tmp_path / "tiny")
    found = import_model(tmp_path / "home", str(source), "mine").place
    part = found / ONNX_FILE
    part.write_bytes(part.read_bytes()[:100])
    with monkeypatch.context() as patch:
        patch.setattr("clew.models.save.export_onnx", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            import_model(tmp_path / "home", str(source), "mine")
        assert found.is_dir()
    assert import_model(tmp_path / "home", str(source), "mine").place == found
    check(found)


def test_nothing_is_no_model_to_import(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the model to import is an empty string"):
        import_model(tmp_path / "home", "")


def test_weights_in_another_file_are_not_opened(exported: Path, tmp_path: Path) -> None:
    """The network of a model may name a file for its weights, by any path."""
    with tarfile.open(exported) as old:
        members = {member.name: old.extractfile(member).read() for member in old}  # type: ignore[union-attr]
    entry = b"\x0a\x08location\x12\x10../../etc/passwd"
    tensor = b"\x6a" + bytes([len(entry)]) + entry
    members[ONNX_FILE] += b"\x3a" + bytes([len(tensor) + 2]) + b"\x2a" + bytes([len(tensor)]) + tensor
    manifest = json.loads(members[MANIFEST])
    manifest["files"][ONNX_FILE] = hashlib.sha256(members[ONNX_FILE]).hexdigest()
    members[MANIFEST] = json.dumps(manifest).encode()
    with tarfile.open(tmp_path / "bad.tar", "w") as new:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            new.addfile(info, io.BytesIO(data))
    with pytest.raises(CorruptError, match=r"takes weights from '\.\./\.\./etc/passwd'"):
        import_model(tmp_path / "other", str(tmp_path / "bad.tar"))
    assert nothing_kept(tmp_path / "other")
