"""From a spec to a live release, and what can be done with releases. Model "hashing": deterministic and fast."""

import json
import random
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import clew
from clew.core.artifacts import SHARED_LOCK_FILE
from clew.core.clock import today
from clew.core.errors import (
    CorruptError,
    DataError,
    FormatError,
    LockedError,
    MismatchError,
    NotFoundError,
    QualityError,
    UsageError,
)
from clew.core.files import write_atomic
from clew.core.lock import writing
from clew.indexer.build import build
from clew.indexer.releases import history, publish
from clew.indexer.releases.gc import gc
from clew.indexer.releases.override import Override
from clew.indexer.releases.transfer import export, import_
from clew.indexer.releases.verify import verify_release
from clew.indexer.spec import spec_of
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from clew.search.versions import CURRENT, IndexFolder, dumps
from tests.builders import build_home, spec_table, write_judged

WORDS = "lamp desk oak walnut steel brass reading floor bright warm quiet kettle toaster cordless travel blue".split()
SPEC = {
    "name": "shop",
    "dense": {"model": "hashing-32"},
    "source": {"path": "shop.jsonl"},
    "fields": {
        "title": {"type": "text", "weight": 2.0},
        "text": {"type": "text"},
        "brand": {"type": "keyword", "facet": True},
    },
    "passages": {"size": 32, "step": 24},
}


def write_catalogue(folder, count=60, seed=0):
    rng = random.Random(seed)
    with (folder / "shop.jsonl").open("w") as file:
        for number in range(count):
            text = ". ".join(" ".join(rng.choices(WORDS, k=7)) for _ in range(rng.choice([1, 1, 3, 9])))
            title = " ".join(rng.choices(WORDS, k=3))
            file.write(json.dumps({"id": f"p{number}", "title": title, "text": text, "brand": rng.choice("ab")}) + "\n")


def spec(folder, **tables):
    return spec_of({**SPEC, **tables}, "shop.toml", folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A home with one release, to be copied by tests that change it."""
    root = tmp_path_factory.mktemp("built")
    write_catalogue(root)
    report = build(spec(root), root / "home")
    return root, report


@pytest.fixture
def root(built, tmp_path):
    target = tmp_path / "copy"
    shutil.copytree(built[0], target)
    return target


def ids(home, query="oak lamp", release=None):
    searcher = open_index(home, "shop", release)
    try:
        return [hit.id for hit in searcher.search(SearchRequest(query=query)).hits]
    finally:
        searcher.close()


# ---------------------------------------------------------------- building


def test_a_build_is_published_and_answers(built):
    root, report = built
    assert (report.status, report.release, report.documents, report.shards) == ("published", "r1", 60, 1)
    assert report.passages > 60
    assert report.encoded + report.reused == report.passages
    assert set(report.seconds) == {"read", "cut", "encode", "index", "verify", "publish"}
    assert report.recall["recall@10"] == 1.0
    assert len(ids(root / "home")) == 10
    assert not (root / "home" / "indexes" / "shop" / "staging").exists()


def test_the_same_input_again_changes_nothing(root):
    home = root / "home"
    before = IndexFolder.of(home, "shop").pointer.read_bytes()
    report = build(spec(root), home)
    assert (report.status, report.release, report.encoded) == ("unchanged", "r1", 0)
    assert IndexFolder.of(home, "shop").pointer.read_bytes() == before
    assert len(list((home / "indexes" / "shop" / "versions").iterdir())) == 1


def test_two_homes_agree_on_the_content(built, tmp_path):
    root, report = built
    assert build(spec(root), tmp_path / "home").content == report.content


@pytest.mark.parametrize("workers", [2])
def test_processes_build_what_one_builds(built, tmp_path, workers):
    root, _ = built
    one = build(spec(root, build={"shards": 3}), tmp_path / "one")
    many = build(spec(root, build={"shards": 3, "workers": workers}), tmp_path / "many")
    assert one.content == many.content
    assert many.shards == 3


def test_changed_input_reuses_every_known_vector(root):
    home = root / "home"
    with (root / "shop.jsonl").open("a") as file:
        file.write('{"id": "new", "title": "zeppelin", "text": "a zeppelin of silver cloth"}\n')
    report = build(spec(root), home)
    assert (report.status, report.release, report.encoded) == ("published", "r2", 1)
    assert ids(home, "zeppelin")[0] == "new"


def test_another_ann_kind_is_another_shard(root):
    report = build(spec(root, dense={"model": "hashing-32", "kind": "hnsw", "exact_below": 0}), root / "home")
    assert report.status == "published"
    folder = IndexFolder.of(root / "home", "shop")
    (shard,) = folder.read_version(folder.read_release()).shards
    assert (folder.shard(shard[0]) / "dense" / "ann.faiss").exists()
    assert len(list((folder.root / "shards").iterdir())) == 2
    assert len(ids(root / "home")) == 10


def test_an_index_without_vectors(built, tmp_path):
    report = build(spec(built[0], dense=False), tmp_path)
    assert (report.encoded, report.recall) == (0, {})
    assert open_index(tmp_path, "shop").sources == ("bm25",)


def test_a_damaged_live_shard_is_built_anew(root):
    home = root / "home"
    folder = IndexFolder.of(home, "shop")
    address, _ = folder.read_version(folder.read_release()).shards[0]
    with (folder.shard(address) / "documents.arrow").open("r+b") as file:
        file.write(b"damaged")
    with pytest.raises(CorruptError, match=r"documents\.arrow"):
        open_index(home, "shop")
    build(spec(root), home)
    assert verify_release(home, "shop").documents == 60
    assert len(ids(home)) == 10


def test_bad_data_leave_the_live_release_alone(root):
    before = IndexFolder.of(root / "home", "shop").pointer.read_bytes()
    with (root / "shop.jsonl").open("a") as file:
        file.write('{"id": "p0", "title": "again"}\n' * 11)
    with pytest.raises(DataError, match=r"11 of 71 .*shop\.jsonl:61: id 'p0' was seen before, at .*shop\.jsonl:1"):
        build(spec(root), root / "home")
    with pytest.raises(DataError, match=r"shop\.jsonl:61: id 'p0' was seen before, at .*shop\.jsonl:1"):
        build(spec(root, source={"path": "shop.jsonl", "on_error": "stop"}), root / "home")
    assert IndexFolder.of(root / "home", "shop").pointer.read_bytes() == before
    assert len(ids(root / "home")) == 10


def test_what_was_left_out_is_in_the_report(root):
    with (root / "shop.jsonl").open("a") as file:
        file.write('{"id": "p0", "title": "again"}\n{"id": "empty", "brand": "a"}\n')
        file.write('{"id": "p60", "title": "lamp", "brand": {"a": 1}}\n')
    report = build(spec(root), root / "home")
    assert (report.documents, report.rejected, report.bad_values, report.empty) == (61, 1, 1, 1)
    assert len(Path(report.rejects).read_text().splitlines()) == 3
    assert any("empty" in notice for notice in report.notices)


def test_a_second_writer_is_refused(root):
    with (
        writing(IndexFolder.of(root / "home", "shop").root),
        pytest.raises(LockedError, match="index 'shop' is being written by another process"),
    ):
        build(spec(root), root / "home")


def test_windows_are_no_longer_than_the_model_reads(root):
    report = build(spec(root, passages={"size": 1024, "step": 512}), root / "home")
    assert any("size is reduced to 512" in notice for notice in report.notices)


# ---------------------------------------------------------------- the gate


def test_a_worse_version_is_refused_with_both_figures(root):
    home, quality = root / "home", {"queries": "judged", "max_drop": 0.1}
    write_judged(root / "judged", {"q": "zeppelin oak"}, dev={"q": {"new": 1}})
    text = (root / "shop.jsonl").read_text()
    (root / "shop.jsonl").write_text(text + '{"id": "new", "title": "zeppelin oak"}\n')
    good = build(spec(root, quality=quality), home)
    assert good.relevance["nDCG@10"] == 1.0
    (root / "shop.jsonl").write_text(text)
    with pytest.raises(QualityError, match=r"nDCG@10 fell from 1\.0000 \(live release\) to 0\.0000") as error:
        build(spec(root, quality=quality), home)
    assert "--override" in error.value.hint
    folder = IndexFolder.of(home, "shop")
    assert folder.live()[0] == good.release
    assert {path.stem for path in folder.root.glob("releases/*.json")} == {"r1", "r2"}
    forced = build(spec(root, quality=quality), home, override=Override("the page is gone", today()))
    assert (forced.status, forced.release) == ("published", "r3")
    assert [failure.rule for failure in forced.override.overrode] == ["max_drop"]


def test_a_minimum_holds_for_the_first_release_too(built, tmp_path):
    root = tmp_path / "copy"
    root.mkdir()
    write_catalogue(root)
    write_judged(root / "judged", {"q": "zeppelin oak"}, dev={"q": {"nothing": 1}})
    with pytest.raises(QualityError, match=r"minimum = 0\.5"):
        build(spec(root, quality={"queries": "judged", "minimum": 0.5}), root / "home")
    assert not IndexFolder.of(root / "home", "shop").pointer.exists()


def test_missing_judgements_stop_before_the_work(built, tmp_path):
    with pytest.raises(NotFoundError, match=r"the folder .* does not exist"):
        build(spec(built[0], quality={"queries": "nowhere"}), tmp_path)


# ---------------------------------------------------------------- releases


@pytest.fixture
def three(root):
    """Three releases; the documents of release n are 60 + n - 1."""
    for number in (2, 3):
        with (root / "shop.jsonl").open("a") as file:
            file.write(json.dumps({"id": f"new{number}", "title": f"zeppelin {number}"}) + "\n")
        assert build(spec(root), root / "home").release == f"r{number}"
    return root / "home"


def live(home):
    return IndexFolder.of(home, "shop").live()[0]


def test_rollback_twice_goes_further_back(three):
    assert ids(three, "zeppelin")[0] in {"new2", "new3"}
    assert publish.rollback(three, "shop").id == "r2"
    assert publish.rollback(three, "shop").id == "r1"
    assert live(three) == "r1"
    with pytest.raises(NotFoundError, match="no release before r1"):
        publish.rollback(three, "shop")


def test_a_rollback_leads_past_what_was_rolled_back_from(three, root):
    publish.rollback(three, "shop")
    with (root / "shop.jsonl").open("a") as file:
        file.write('{"id": "new4", "title": "zeppelin 4"}\n')
    assert build(spec(root), three).release == "r4"
    assert publish.rollback(three, "shop").id == "r2"


def test_activate_and_back(three):
    publish.activate(three, "shop", "r1")
    assert live(three) == "r1"
    assert publish.rollback(three, "shop").id == "r3"
    with pytest.raises(NotFoundError, match="no release 'r9'"):
        publish.activate(three, "shop", "r9")


def test_a_damaged_release_is_not_activated(three):
    folder = IndexFolder.of(three, "shop")
    path = folder.version(folder.read_release("r1").version) / "version.json"
    path.write_text(path.read_text().replace("60", "61"))
    with pytest.raises(CorruptError, match=r"version\.json"):
        publish.activate(three, "shop", "r1")
    assert live(three) == "r3"


def test_a_release_that_cannot_be_opened_does_not_go_live(three):
    folder = IndexFolder.of(three, "shop")
    old = replace(folder.read_release("r2"), learned={"fusion": {"method": "rrf", "weight": {"bm25": 1.0}}})
    write_atomic(folder.release("r2"), dumps(old))
    for attempt in (lambda: publish.activate(three, "shop", "r2"), lambda: publish.rollback(three, "shop")):
        with pytest.raises(FormatError, match=r"r2, was written by another version of Clew: \[fusion\]"):
            attempt()
        assert live(three) == "r3"
    publish.activate(three, "shop", "r1")
    assert live(three) == "r1"


def test_releases_are_listed_newest_first(three):
    listed = history.releases(IndexFolder.of(three, "shop"))
    assert [(info.id, info.live, info.documents) for info in listed] == [
        ("r3", True, 62),
        ("r2", False, 61),
        ("r1", False, 60),
    ]


def test_an_unknown_index_names_the_nearest(three):
    with pytest.raises(NotFoundError) as error:
        publish.rollback(three, "shup")
    assert "did you mean 'shop'?" in error.value.hint


def test_a_kill_between_pointer_and_history_does_no_harm(three):
    (IndexFolder.of(three, "shop").root / "HISTORY").write_text("r1\nr2\n")
    assert publish.rollback(three, "shop").id == "r2"


# ---------------------------------------------------------------- gc


def left(home):
    folder = IndexFolder.of(home, "shop")
    return [len(list(folder.root.glob(pattern))) for pattern in ("releases/*.json", "versions/*", "shards/*")]


def test_gc_keeps_the_newest_the_live_one_and_the_one_before(three):
    (IndexFolder.of(three, "shop").root / "staging" / "old").mkdir(parents=True)
    dry = gc(three, "shop", keep=1, dry_run=True)
    assert left(three) == [3, 3, 3]
    report = gc(three, "shop", keep=1)
    assert report == dry
    assert (report.releases, len(report.shards)) == (("r1",), 1)
    assert report.bytes > 0
    assert left(three) == [2, 2, 2]
    assert not list(IndexFolder.of(three, "shop").root.glob("staging/*"))
    assert publish.rollback(three, "shop").id == "r2"
    assert len(ids(three)) == 10


def test_gc_keeps_an_old_live_release(three):
    publish.activate(three, "shop", "r1")
    gc(three, "shop", keep=1)
    assert len(ids(three)) == 10
    assert left(three)[0] == 2


def test_gc_never_touches_what_is_open(three):
    searcher = open_index(three, "shop", "r1")
    assert gc(three, "shop", keep=1).held == (searcher.version.id,)
    assert left(three) == [3, 3, 3]
    assert len(ids(three, release="r1")) == 10
    searcher.close()
    assert gc(three, "shop", keep=1).releases == ("r1",)


def test_gc_with_shared_shards_keeps_them(root):
    home = root / "home"
    build(spec(root, fusion={"method": "rrf"}), home)
    build(spec(root, fusion={"method": "sum"}), home)
    assert left(home) == [3, 3, 1]
    gc(home, "shop", keep=1)
    assert left(home) == [2, 2, 1]
    assert len(ids(home)) == 10


def test_gc_removes_nothing_when_it_cannot_know(three):
    IndexFolder.of(three, "shop").release("r2").write_text("damaged")
    with pytest.raises(CorruptError, match=r"r2\.json"):
        gc(three, "shop", keep=2)
    assert left(three) == [3, 3, 3]
    with pytest.raises(UsageError, match="keep is 0"):
        gc(three, "shop", keep=0)


# ---------------------------------------------------------------- damage


def files_of(root):
    folder = IndexFolder.of(root / "home", "shop").root
    inside = [path for kind in ("releases", "versions", "shards") for path in (folder / kind).rglob("*")]
    # Readers leave an empty lock file behind.
    files = [path for path in inside if path.is_file() and path.name != SHARED_LOCK_FILE]
    return sorted(path.relative_to(folder).as_posix() for path in [folder / CURRENT, *files])


def test_a_flipped_bit_in_any_file_is_refused_with_its_name(root):
    home = root / "home"
    names = files_of(root)
    assert len(names) > 12
    for name in names:
        path = IndexFolder.of(home, "shop").root / name
        data = path.read_bytes()
        for at in {0, 2, len(data) // 2, len(data) - 1} if data else ():
            path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            for opened in (lambda: open_index(home, "shop"), lambda: verify_release(home, "shop")):
                with pytest.raises(CorruptError) as error:
                    opened()
                assert path.name in error.value.message
        path.write_bytes(data)
    assert len(ids(home)) == 10


def test_a_missing_file_is_refused_with_its_name(root):
    home = root / "home"
    for name in files_of(root):
        path = IndexFolder.of(home, "shop").root / name
        data = path.read_bytes()
        path.unlink()
        with pytest.raises((CorruptError, NotFoundError)) as error:
            open_index(home, "shop")
        assert path.name in error.value.message
        path.write_bytes(data)


def test_verify_counts_what_it_read(built):
    report = verify_release(built[0] / "home", "shop")
    assert (report.release, report.documents, report.shards, report.canaries) == ("r1", 60, 1, 5)
    assert report.files >= 12


# ---------------------------------------------------------------- export and import


@pytest.mark.parametrize("ending", [".tar", ".tar.gz", ".tar.zst"])
def test_a_release_travels_in_one_file(built, tmp_path, ending):
    home = built[0] / "home"
    file = tmp_path / f"shop{ending}"
    sent = export(home, "shop", file)
    assert sent.bytes == file.stat().st_size
    got = import_(tmp_path / "there", file)
    assert (got.index, got.release, got.documents, got.live) == ("shop", "r1", 60, True)
    assert ids(tmp_path / "there") == ids(home)
    assert verify_release(tmp_path / "there", "shop").documents == 60
    export(tmp_path / "there", "shop", tmp_path / f"again{ending}")


def test_the_same_release_gives_the_same_file(built, tmp_path):
    for name in ("a.tar.zst", "b.tar.zst"):
        export(built[0] / "home", "shop", tmp_path / name)
    assert (tmp_path / "a.tar.zst").read_bytes() == (tmp_path / "b.tar.zst").read_bytes()


def test_an_import_joins_an_index_or_takes_another_name(three, tmp_path):
    export(three, "shop", tmp_path / "old.tar", "r1")
    got = import_(three, tmp_path / "old.tar", activate=False)
    assert (got.release, got.live, live(three)) == ("r4", False, "r3")
    publish.activate(three, "shop", "r4")
    assert publish.rollback(three, "shop").id == "r3"
    assert import_(three, tmp_path / "old.tar", "other").index == "other"
    assert open_index(three, "other").version.index == "other"


def repack(source, target, change):
    """Copy an export member by member; change(name, data) gives the name and data to write, or None."""
    import io

    with tarfile.open(source) as old, tarfile.open(target, "w") as new:
        for member in old:
            found = change(member.name, old.extractfile(member).read())
            if found is not None:
                info = tarfile.TarInfo(found[0])
                info.size = len(found[1])
                new.addfile(info, io.BytesIO(found[1]))


def flip(part):
    return lambda name, data: (name, data[:-1] + bytes([data[-1] ^ 1]) if part in name else data)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (flip("documents.arrow"), CorruptError, "documents.arrow was changed"),
        (flip("manifest.json"), CorruptError, "manifest.json was changed"),
        (flip("version.json"), CorruptError, "version.json was changed"),
        (lambda n, d: None if "ids.npy" in n else (n, d), CorruptError, "ids.npy is missing"),
        (lambda n, d: (n.replace("documents.arrow", "../../escaped"), d), DataError, "../../escaped"),
        (lambda n, d: (n.replace("version/version.json", "/tmp/escaped"), d), DataError, "/tmp/escaped"),
        (lambda n, d: (n.replace("version/version.json", "version/../../x"), d), DataError, "version/../../x"),
        (lambda n, d: (n.replace("ids.npy", "more.npy"), d), CorruptError, "ids.npy is missing"),
    ],
)
def test_a_changed_export_is_refused_and_nothing_is_left(built, tmp_path, change, error, message):
    export(built[0] / "home", "shop", tmp_path / "a.tar")
    repack(tmp_path / "a.tar", tmp_path / "b.tar", change)
    with pytest.raises(error) as raised:
        import_(tmp_path / "home", tmp_path / "b.tar")
    assert message in raised.value.message
    assert not list((tmp_path / "home").rglob("*.arrow"))
    assert not list(tmp_path.rglob("*escaped*"))
    assert not IndexFolder.of(tmp_path / "home", "shop").pointer.exists()


def test_links_and_strangers_are_refused(built, tmp_path):
    export(built[0] / "home", "shop", tmp_path / "a.tar")
    with tarfile.open(tmp_path / "a.tar", "a") as tar:
        link = tarfile.TarInfo("version/link")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(DataError, match="version/link"):
        import_(tmp_path / "home", tmp_path / "a.tar")


@pytest.mark.parametrize("data", [b"", b"no tar at all", b"\x1f\x8b broken"])
def test_what_is_no_export_is_refused(tmp_path, data):
    for name in ("a.tar", "a.tar.gz", "a.tar.zst"):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(DataError, match=r"a\.tar"):
            import_(tmp_path / "home", tmp_path / name)


def test_names_of_exports_are_checked(built, tmp_path):
    with pytest.raises(UsageError, match=r"shop\.zip is not a valid file name"):
        export(built[0] / "home", "shop", tmp_path / "shop.zip")
    with pytest.raises(NotFoundError, match=r"none\.tar does not exist"):
        import_(tmp_path, tmp_path / "none.tar")
    export(built[0] / "home", "shop", tmp_path / "shop.tar")
    with pytest.raises(DataError, match="not a valid index name"):
        import_(tmp_path, tmp_path / "shop.tar", "../shop")


def test_an_import_with_another_encoder_is_refused(built, tmp_path, monkeypatch):
    from clew.models.hashing import HashingEncoder

    export(built[0] / "home", "shop", tmp_path / "shop.tar")
    original = HashingEncoder.__init__

    def other(self, dim):
        original(self, dim)
        self.fingerprint = "another"

    monkeypatch.setattr(HashingEncoder, "__init__", other)
    with pytest.raises(MismatchError, match="not the encoder that built"):
        import_(tmp_path / "home", tmp_path / "shop.tar")
    assert not IndexFolder.of(tmp_path / "home", "shop").pointer.exists()


def test_vectors_are_those_of_the_passages(built):
    from clew.models.hashing import HashingEncoder
    from clew.search.candidates.dense.int16 import to_int16
    from clew.search.docstore import DocStore

    folder = IndexFolder.of(built[0] / "home", "shop")
    (shard,) = folder.read_version(folder.read_release()).shards
    store = DocStore.open([folder.shard(shard[0])], spec(built[0]).search.fields)
    vectors = np.load(folder.shard(shard[0]) / "dense" / "vectors.npy")
    np.testing.assert_array_equal(vectors, to_int16(HashingEncoder(32).encode_passages(list(store.embedded_texts()))))


def test_another_encoder_changes_neither_the_passages_nor_the_ranking_by_words(tmp_path):
    texts = [" ".join(f"Unbelievable antiquarian lamp {i} of {j}." for j in range(i, i + 90)) for i in range(4)]
    rows = [{"id": str(i), "title": f"Lamp {i}", "text": text} for i, text in enumerate(texts)]
    tables = [
        spec_table(name, dense=dense, passages={"size": 64, "step": 48})
        for name, dense in (("bert", {"model": "default"}), ("hashed", {"model": "hashing-32"}), ("words", None))
    ]
    home = build_home(tmp_path, *tables, docs=rows)
    found = []
    for table in tables:
        with clew.open(table["name"], home) as index:
            store = index.searcher.store
            spans = [store.span(passage) for passage in range(store.passages)]
            hits = index.search("antiquarian lamp 3 of 92", sources=["bm25"]).hits
            found.append((spans, [(hit.id, hit.score, hit.passage) for hit in hits]))
    assert len(found[0][0]) > 20
    assert found[0] == found[1] == found[2]
