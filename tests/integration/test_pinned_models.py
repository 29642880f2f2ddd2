"""An index keeps the models that it was built with: in its home, and in a file that it is exported to."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import NamedTuple

import pytest

from clew.core.errors import ClewError, CorruptError, MismatchError, NotFoundError
from clew.indexer.build import build
from clew.indexer.encode import encoder_of
from clew.indexer.releases import publish, transfer
from clew.indexer.releases.gc import gc
from clew.indexer.releases.transfer import export, import_
from clew.indexer.releases.verify import verify_release
from clew.indexer.spec import spec_of
from clew.models import store
from clew.models.manifest import MANIFEST
from clew.models.pinned import pin, pinned_folder
from clew.models.save import save_model
from clew.search.assemble import open_index
from clew.search.types import Hit, SearchRequest
from clew.search.versions import IndexFolder, IndexVersion, Release
from tests.builders import spec_table, write_rows
from tests.hostile import Members, read_members, sha, with_hashes, write_members
from tests.models import make_tiny_model

TEXTS = ["red shoes", "blue shoes", "red hat", "blue hat", "red red hat", "blue blue shoe", "red blue hats", "hat shoe"]
DOCS = [{"id": f"d{n}", "title": text, "text": f"{text} {TEXTS[n - 1]}"} for n, text in enumerate(TEXTS)]
QUERIES = ("red shoe", "blue hats", "hat")


class Shipped(NamedTuple):
    """The folders of a bi-encoder and a cross-encoder that could come with Clew."""

    encoder: Path
    reranker: Path


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> list[Shipped]:
    """The models of two versions of Clew. Do not write in them."""
    root = tmp_path_factory.mktemp("shipped")
    made = []
    for seed in (1, 2):
        pairs = make_tiny_model(root / f"pairs-{seed}", seed, "cross_encoder")
        about = {"lineage": {"seed": seed}, "metrics": {}, "licence": "cc0-1.0"}
        calibration = {"scale": float(seed), "fused": 0.1, "bias": 0.0}
        reranker = save_model(pairs, root, "pairs", "cross_encoder", calibration=calibration, **about)
        made.append(Shipped(store.prepare(str(make_tiny_model(root / f"bi-{seed}", seed)), root), reranker))
    return made


@pytest.fixture
def install(versions: list[Shipped], monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], Shipped]]:
    """Makes the models of a version those that come with Clew."""

    def install_version(number: int) -> Shipped:
        monkeypatch.setattr(store, "SHIPPED_ENCODER", versions[number - 1].encoder)
        monkeypatch.setattr(store, "SHIPPED_SCORER", versions[number - 1].reranker)
        encoder_of.cache_clear()  # a process has one installation
        return versions[number - 1]

    yield install_version
    encoder_of.cache_clear()


def build_shop(root: Path, name: str = "shop", **changes: object) -> str:
    write_rows(root, docs=DOCS)
    table = {"dense": {"model": "default"}, "rerank": {"model": "default", "enabled": True}, **changes}
    return build(spec_of(spec_table(name, **table), "shop.toml", root), root / "home").release


def answers(home: Path, name: str = "shop") -> list[tuple[Hit, ...]]:
    with closing(open_index(home, name)) as index:
        return [index.search(SearchRequest(query=query, k=8, explain=True)).hits for query in QUERIES]


def pinned(home: Path) -> set[str]:
    return {path.parent.name for path in home.glob(f"models/*/{MANIFEST}")}


def recorded(home: Path, name: str = "shop") -> tuple[Release, IndexVersion]:
    folder = IndexFolder.of(home, name)
    return folder.read_release(), folder.read_version(folder.read_release())


def test_an_index_answers_the_same_after_the_default_has_changed(install, tmp_path) -> None:
    first = install(1)
    build_shop(tmp_path)
    before = answers(tmp_path / "home")
    second = install(2)
    assert answers(tmp_path / "home") == before
    assert verify_release(tmp_path / "home", "shop").release == "r1"
    release, version = recorded(tmp_path / "home")
    assert version.encoder["pinned"] == [sha((first.encoder / MANIFEST).read_bytes())]
    assert release.reranker["pinned"] == [sha((first.reranker / MANIFEST).read_bytes())]
    # The next build takes the models that come with this Clew, and a rollback those of before.
    assert build_shop(tmp_path) == "r2"
    assert recorded(tmp_path / "home")[1].encoder["pinned"] == [sha((second.encoder / MANIFEST).read_bytes())]
    assert answers(tmp_path / "home") != before
    assert publish.rollback(tmp_path / "home", "shop").id == "r1"
    assert answers(tmp_path / "home") == before


def test_answers_name_the_reranker_as_the_spec_does(install, tmp_path) -> None:
    install(1)
    build_shop(tmp_path)
    with closing(open_index(tmp_path / "home", "shop")) as index:
        used = index.search(SearchRequest(query="red shoe")).rerank
    assert used is not None
    assert used.model == "default"


def test_pinned_models_take_no_space_of_their_own(install, tmp_path) -> None:
    shipped = install(1)
    build_shop(tmp_path)
    build_shop(tmp_path, "other")
    home = tmp_path / "home"
    assert len(pinned(home)) == 2
    for folder in shipped:
        copy = pinned_folder(home, sha((folder / MANIFEST).read_bytes()))
        for name in ("onnx/model.onnx", "tokenizer.json", MANIFEST):
            assert (copy / name).stat().st_ino == (folder / name).stat().st_ino


def test_without_hard_links_the_files_are_copied(install, tmp_path, monkeypatch) -> None:
    shipped = install(1)

    def refuse(self: Path, target: Path) -> None:
        raise OSError("links are not supported")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    build_shop(tmp_path)
    copy = pinned_folder(tmp_path / "home", sha((shipped.encoder / MANIFEST).read_bytes()))
    assert (copy / "onnx" / "model.onnx").read_bytes() == (shipped.encoder / "onnx" / "model.onnx").read_bytes()
    assert (copy / "onnx" / "model.onnx").stat().st_nlink == 1


def test_an_export_brings_its_models_to_a_home_with_another_default(install, tmp_path) -> None:
    install(1)
    build_shop(tmp_path)
    before = answers(tmp_path / "home")
    export(tmp_path / "home", "shop", tmp_path / "shop.tar.gz")
    install(2)
    import_(tmp_path / "there", tmp_path / "shop.tar.gz")
    assert answers(tmp_path / "there") == before
    assert pinned(tmp_path / "there") == pinned(tmp_path / "home")
    verify_release(tmp_path / "there", "shop")
    # It can travel on from there.
    export(tmp_path / "there", "shop", tmp_path / "again.tar")
    import_(tmp_path / "third", tmp_path / "again.tar")
    assert answers(tmp_path / "third") == before


def test_models_without_files_are_not_pinned(tmp_path) -> None:
    build_shop(tmp_path, dense={"model": "hashing-32"}, rerank={"model": "overlap"})
    release, version = recorded(tmp_path / "home")
    assert "pinned" not in version.encoder
    assert "pinned" not in release.reranker
    assert not (tmp_path / "home" / "models").exists()


def test_an_index_without_its_pinned_models_opens_with_the_same_ones_from_elsewhere(install, tmp_path) -> None:
    install(1)
    build_shop(tmp_path)
    home = tmp_path / "home"
    before = answers(home)
    shutil.rmtree(home / "models")
    assert answers(home) == before
    verify_release(home, "shop")
    with pytest.raises(NotFoundError, match="is missing") as caught:
        export(home, "shop", tmp_path / "shop.tar")
    assert "clew build" in caught.value.hint
    assert build_shop(tmp_path) == "r1"  # nothing has changed, and the models are pinned again
    export(home, "shop", tmp_path / "shop.tar")


def test_a_damaged_pinned_model_is_named_and_a_build_brings_it_back(install, tmp_path) -> None:
    install(1)
    build_shop(tmp_path)
    home = tmp_path / "home"
    before = answers(home)
    path = pinned_folder(home, recorded(home)[1].encoder["pinned"][0]) / "onnx" / "model.onnx"
    data = path.read_bytes()
    path.unlink()  # the file of the installation is the same one
    path.write_bytes(data[:-1] + b"x")
    for attempt in (lambda: answers(home), lambda: verify_release(home, "shop")):
        with pytest.raises(CorruptError, match=r"onnx/model\.onnx was changed") as caught:
            attempt()
        assert "clew build" in caught.value.hint
    assert build_shop(tmp_path) == "r1"
    assert answers(home) == before


def test_gc_removes_models_that_no_release_of_the_home_needs(install, tmp_path) -> None:
    home = tmp_path / "home"
    install(1)
    build_shop(tmp_path)
    build_shop(tmp_path, "other")
    first = pinned(home)
    install(2)
    for size in (40, 41, 42):
        build_shop(tmp_path, passages={"size": size, "step": 40})
    assert gc(home, "shop", keep=1).models == ()  # the other index needs those of the first version
    assert pinned(home) > first
    build_shop(tmp_path, "other")
    build_shop(tmp_path, "other", passages={"size": 41, "step": 40})
    build_shop(tmp_path, "other", passages={"size": 42, "step": 40})
    planned = gc(home, "other", keep=1, dry_run=True)
    assert set(planned.models) == first
    assert pinned(home) > first
    with ExitStack() as held:
        pin(str(pinned_folder(home, min(first))), home, role_of(home, min(first)), held)
        assert set(gc(home, "other", keep=1).models) == first - {min(first)}
    assert gc(home, "other", keep=1).models == (min(first),)
    assert not pinned(home) & first
    assert answers(home, "other")
    assert answers(home)


def role_of(home: Path, address: str) -> str:
    return str(json.loads((pinned_folder(home, address) / MANIFEST).read_text())["role"])


def test_gc_removes_no_model_while_an_index_of_the_home_cannot_be_read(install, tmp_path) -> None:
    home = tmp_path / "home"
    install(1)
    build_shop(tmp_path)
    build_shop(tmp_path, "other")
    folder = IndexFolder.of(home, "other")
    folder.release("r1").write_text("{")
    shutil.rmtree(home / "indexes" / "shop")
    install(2)
    build_shop(tmp_path)
    report = gc(home, "shop")
    assert report.models == ()
    assert "r1.json" in report.unread
    assert len(pinned(home)) == 4


def fail_after(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Make imports fail when their files are in the home, after something else has happened there."""

    def check(searcher: object, version: object) -> None:
        happens()
        raise MismatchError("the release cannot be opened")

    monkeypatch.setattr(transfer, "check_searcher", check)


def test_a_failed_import_removes_the_models_it_brought(install, tmp_path, monkeypatch) -> None:
    install(1)
    build_shop(tmp_path)
    export(tmp_path / "home", "shop", tmp_path / "shop.tar")
    seen: list[set[str]] = []
    fail_after(monkeypatch, lambda: seen.append(pinned(tmp_path / "there")))
    with pytest.raises(MismatchError):
        import_(tmp_path / "there", tmp_path / "shop.tar")
    assert seen == [pinned(tmp_path / "home")]
    assert not pinned(tmp_path / "there")


def test_a_failed_import_leaves_the_models_that_others_use_by_then(install, tmp_path, monkeypatch) -> None:
    shipped = install(1)
    build_shop(tmp_path)
    export(tmp_path / "home", "shop", tmp_path / "shop.tar")
    first, second = sorted(pinned(tmp_path / "home"))
    there = tmp_path / "there"
    source = {sha((folder / MANIFEST).read_bytes()): folder for folder in shipped}[first]
    with ExitStack() as held:
        # A build that has just begun, in a process that could be another one.
        fail_after(monkeypatch, lambda: pin(str(source), there, role_of(there, first), held))
        with pytest.raises(MismatchError):
            import_(there, tmp_path / "shop.tar")
        assert pinned(there) == {first}
    # A build that has ended: its release names both.

    def build_there() -> None:
        table = {"dense": {"model": "default"}, "rerank": {"model": "default", "enabled": True}}
        build(spec_of(spec_table("other", **table), "other.toml", tmp_path), there)

    fail_after(monkeypatch, build_there)
    with pytest.raises(MismatchError):
        import_(there, tmp_path / "shop.tar")
    assert pinned(there) == {first, second}
    assert answers(there, "other")


# ------------------------------------------------------------------ files from elsewhere


@pytest.fixture
def members(install, tmp_path) -> Members:
    """The members of an export, whose models are not those of the Clew that imports them."""
    install(1)
    build_shop(tmp_path)
    export(tmp_path / "home", "shop", tmp_path / "shop.tar")
    install(2)
    return read_members(tmp_path / "shop.tar")


def with_model(members: Members, change: Callable[[dict, Members], None]) -> Members:
    """Change the encoder in an export and correct every hash. change: of its manifest and of its files, in place."""
    version = json.loads(members["version/version.json"])
    (old,) = version["encoder"]["pinned"]
    prefix = f"models/{old}/"
    files = {name.removeprefix(prefix): data for name, data in members.items() if name.startswith(prefix)}
    manifest = json.loads(files.pop(MANIFEST))
    change(manifest, files)
    manifest["files"] |= {name: sha(data) for name, data in files.items() if name in manifest["files"]}
    files[MANIFEST] = files.get(MANIFEST, json.dumps(manifest).encode())
    new = sha(files[MANIFEST])
    version["encoder"]["pinned"] = [new]
    found = {name: data for name, data in members.items() if not name.startswith(prefix)}
    found |= {f"models/{new}/{name}": data for name, data in files.items()}
    found["version/version.json"] = json.dumps(version).encode()
    return with_hashes(found)


def listed(name: str, data: bytes) -> Callable[[dict, Members], None]:
    def change(manifest: dict, files: Members) -> None:
        files[name] = data
        manifest["files"][name] = ""

    return change


def external(manifest: dict, files: Members) -> None:
    import onnx

    model = onnx.load_from_string(files["onnx/model.onnx"])
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", "../../../../../etc/passwd"
    files["onnx/model.onnx"] = model.SerializeToString()


def external_otherwise(manifest: dict, files: Members) -> None:
    """Like `external`, with the name before the key, which readers understand all the same."""
    entry = b"\x12\x0b/etc/passwd" + b"\x0a\x08location"
    tensor = b"\x70\x01" + b"\x6a" + bytes([len(entry)]) + entry
    files["onnx/model.onnx"] += b"\x3a" + bytes([len(tensor) + 2]) + b"\x2a" + bytes([len(tensor)]) + tensor


HOSTILE = {
    "pickle": (listed("pytorch_model.bin", b"\x80\x04"), "pytorch_model.bin"),
    "code": (listed("modeling.py", b"import os"), "modeling.py"),
    "a model in a model": (listed(f"x/{MANIFEST}", b"{}"), f"x/{MANIFEST}"),
    "a file that is not listed": (lambda manifest, files: files.update({"more.json": b"{}"}), "more.json"),
    "a path": (lambda manifest, files: manifest["files"].update({"../../x": "0" * 64}), "files"),
    "a missing file": (lambda manifest, files: files.pop("tokenizer.json"), "tokenizer.json"),
    "no network": (lambda manifest, files: files.update({"onnx/model.onnx": b"no network"}), "onnx/model.onnx"),
    "weights elsewhere": (external, "etc/passwd"),
    "weights elsewhere, written otherwise": (external_otherwise, "takes weights from '/etc/passwd'"),
    "another tokenizer": (lambda manifest, files: files.update({"tokenizer.json": b"[1]"}), "fingerprint|tokenizer"),
    "another role": (lambda manifest, files: manifest.update(role="cross_encoder", max_length=9), "cross_encoder"),
    "another fingerprint": (lambda manifest, files: manifest.update(fingerprint="f" * 64), "fingerprint"),
    "no table": (lambda manifest, files: files.update({MANIFEST: b"[]"}), MANIFEST),
    "deep": (lambda manifest, files: files.update({MANIFEST: b'{"a":' * 9000 + b"1" + b"}" * 9000}), MANIFEST),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_model_is_refused_in_one_line_and_nothing_of_it_is_left(members, tmp_path, what) -> None:
    change, words = HOSTILE[what]
    write_members(tmp_path / "changed.tar", with_model(members, change))
    with pytest.raises(ClewError, match=words) as caught:
        import_(tmp_path / "there", tmp_path / "changed.tar")
    assert "changed.tar" in caught.value.message
    assert "\n" not in caught.value.message
    assert not [path for path in (tmp_path / "there").rglob("*") if path.is_file() and path.name != ".lock"]


def test_a_damaged_or_missing_model_is_refused(members, tmp_path) -> None:
    (name,) = [name for name in members if name.endswith("onnx/model.onnx") and encoder_in(members) in name]
    prefix = name.removesuffix("onnx/model.onnx")
    changed = {
        "onnx/model.onnx was changed": members | {name: members[name][:-1] + b"x"},
        "manifest.json was changed": members | {f"{prefix}{MANIFEST}": members[f"{prefix}{MANIFEST}"] + b" "},
        f"{prefix[:-1]} is missing": {each: data for each, data in members.items() if not each.startswith(prefix)},
        f"the model '{'0' * 64}'": members | {f"models/{'0' * 64}/x.json": b"{}"},
        "is not part of an export": members | {"models/x/config.json": b"{}"},
    }
    for words, found in changed.items():
        write_members(tmp_path / "changed.tar", found)
        with pytest.raises(ClewError, match=words):
            import_(tmp_path / "there", tmp_path / "changed.tar")
        assert not [path for path in (tmp_path / "there").rglob("*") if path.is_file() and path.name != ".lock"]


def encoder_in(members: Members) -> str:
    return str(json.loads(members["version/version.json"])["encoder"]["pinned"][0])


@pytest.mark.parametrize("pins", [["../../secret"], "x", ["0" * 64] * 3, [1], {"a": 1}, ["hashing-1+/etc"]])
def test_a_record_that_names_no_pinned_model_is_refused(members, tmp_path, pins) -> None:
    version = json.loads(members["version/version.json"])
    version["encoder"]["pinned"] = pins
    changed = with_hashes(members | {"version/version.json": json.dumps(version).encode()})
    write_members(tmp_path / "changed.tar", changed)
    with pytest.raises(ClewError, match="pinned"):
        import_(tmp_path / "there", tmp_path / "changed.tar")


def test_the_untouched_members_are_imported(members, tmp_path) -> None:
    write_members(tmp_path / "same.tar", with_model(members, lambda manifest, files: None))
    import_(tmp_path / "there", tmp_path / "same.tar")
    assert answers(tmp_path / "there") == answers(tmp_path / "home")
    assert not list((tmp_path / "there" / "indexes" / "shop" / "staging").iterdir())
