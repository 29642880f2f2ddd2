"""Homes of earlier versions of Clew open with the answers that they gave, or are refused with a command that works."""

import hashlib
import json
import subprocess
import sys
import tarfile
from datetime import date, timedelta
from pathlib import Path

import pytest

import clew
from clew.core.errors import FormatError, MismatchError, NotFoundError, UsageError
from clew.indexer.releases.stored import stored_spec
from clew.indexer.releases.transfer import export, import_
from clew.kg.manifest import checksum_of

HOMES = sorted((Path(__file__).parents[1] / "fixtures" / "homes").glob("*.tar.gz"))
REFUSED = (FormatError, MismatchError)


def unpacked(path, folder):
    with tarfile.open(path) as packed:
        packed.extractall(folder, filter="data")
    answers = path.with_name(path.name.replace(".tar.gz", ".json"))
    moved(folder)
    return folder, json.loads(answers.read_text(encoding="utf-8"))


def moved(folder):
    """Let the stored spec name the sources where they are now, as if the home had been built here."""
    root = folder / "home" / "indexes" / "shop"
    (version,) = root.glob("versions/*/version.json")
    text = version.read_text(encoding="utf-8")
    before = str(Path(json.loads(text)["spec"]["source"]["path"]).parent)
    old = hashlib.sha256(text.encode()).hexdigest()
    version.write_text(text.replace(f'"{before}/', f'"{folder}/'), encoding="utf-8")
    hashes = {old: hashlib.sha256(version.read_bytes()).hexdigest()}
    for path in [*root.glob("releases/*.json"), root / "CURRENT"]:
        text = path.read_text(encoding="utf-8")
        before = hashlib.sha256(text.encode()).hexdigest()
        for digest, now in hashes.copy().items():
            text = text.replace(digest, now)
        path.write_text(text, encoding="utf-8")
        hashes[before] = hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(params=HOMES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def earlier(request, tmp_path):
    """(folder with the home and its sources, what that version answered)."""
    return unpacked(request.param, tmp_path)


def opens(folder):
    """Whether this version of Clew reads the formats of the home, and analyses texts as that version did."""
    try:
        clew.open("shop", folder / "home").close()
    except REFUSED:
        return False
    return True


def run(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", "clew", *command, "--home", str(folder / "home")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_newest_home_opens(tmp_path):
    # A new format needs a new home: python -m tests.fixtures.make_home NAME
    assert opens(unpacked(HOMES[-1], tmp_path)[0])


def test_it_gives_the_same_answers_or_is_refused_with_the_command(earlier):
    folder, answers = earlier
    if not opens(folder):
        with pytest.raises(REFUSED, match="another version of") as refused:
            clew.open("shop", folder / "home")
        assert "clew indexes rebuild shop" in refused.value.hint
        return
    with clew.open("shop", folder / "home") as shop:
        for answer in answers:
            found = shop.search(answer["query"], **answer["options"])
            assert [hit.id for hit in found.hits] == [row[0] for row in answer["hits"]]
            assert [hit.score for hit in found.hits] == pytest.approx([row[1] for row in answer["hits"]], abs=1e-6)
            assert [hit.scored_by for hit in found.hits] == [row[2] for row in answer["hits"]]
            assert found.release == answer["release"]
            counted = {name: [[v.value, v.count] for v in values] for name, values in found.facets.items()}
            assert counted == answer["facets"]


def test_it_verifies_and_rolls_back_or_is_refused_without_a_traceback(earlier):
    folder, _ = earlier
    code = 0 if opens(folder) else 1
    for command in (["verify", "shop"], ["rollback", "shop"]):
        done = run(folder, "indexes", *command)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert code == 0 or "clew indexes rebuild shop" in done.stderr
    assert run(folder, "indexes", "list").returncode == 0


@pytest.mark.parametrize("command", [["build", "shop.toml"], ["indexes", "rebuild", "shop"]])
def test_a_build_from_the_file_or_from_the_stored_spec_makes_it_usable(earlier, command):
    folder, _ = earlier
    words = [str(folder / word) if word.endswith(".toml") else word for word in command]
    done = run(folder, *words, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["encoded"] == 0
    with clew.open("shop", folder / "home") as shop:
        assert shop.search("lamp", k=1).hits[0].id == "L-1"
        assert shop.search("lamp", k=1).release == report["release"]


def with_format(folder, name, number):
    """Give a file of the index another format number, and correct every hash above it."""
    root = folder / "home" / "indexes" / "shop"
    (path,) = root.rglob(name)
    table = json.loads(path.read_text(encoding="utf-8"))
    hashes = {hashlib.sha256(path.read_bytes()).hexdigest(): ""}
    path.write_text(json.dumps(table | {"format": number}), encoding="utf-8")
    (old,) = hashes
    hashes[old] = hashlib.sha256(path.read_bytes()).hexdigest()
    for above in [
        *root.glob("shards/*/manifest.json"), *root.glob("versions/*/version.json"), *root.glob("releases/*.json"),
        root / "CURRENT",
    ]:  # fmt: skip
        text = above.read_text(encoding="utf-8")
        before = hashlib.sha256(text.encode()).hexdigest()
        for digest, now in hashes.copy().items():
            text = text.replace(digest, now)
        above.write_text(text, encoding="utf-8")
        hashes[before] = hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("name", ["statistics.json", "dense.json", "shards/*/graph/graph.json"])
@pytest.mark.parametrize("number", [0, 99])
def test_a_format_that_is_not_read_is_refused_with_both_numbers_and_rebuilt(tmp_path, name, number):
    folder, _ = unpacked(HOMES[-1], tmp_path)
    with_format(folder, name, number)
    done = run(folder, "search", "shop", "lamp")
    assert done.returncode == 1
    error, hint = done.stderr.strip().splitlines()
    assert f"has format {number}, but this version of Clew reads format" in error
    assert "index 'shop', release r2, was written by another version of Clew" in error
    assert "clew indexes rebuild shop" in hint
    assert run(folder, "indexes", "rebuild", "shop").returncode == 0
    assert run(folder, "search", "shop", "lamp").returncode == 0


@pytest.mark.parametrize("name", ["manifest.json", "dictionary/dictionary.json"])
def test_a_graph_of_another_format_is_refused_and_loaded_again(tmp_path, name):
    folder, _ = unpacked(HOMES[-1], tmp_path)
    (snapshot,) = (path.parent for path in folder.glob("home/graphs/shop/*/manifest.json"))
    path = snapshot / name
    path.write_text(json.dumps(json.loads(path.read_text()) | {"format": 99}), encoding="utf-8")
    if name != "manifest.json":
        manifest = json.loads((snapshot / "manifest.json").read_text())
        manifest["files"][name] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest |= {"checksum": checksum_of({key: value for key, value in manifest.items() if key != "checksum"})}
        (snapshot / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    error, hint = run(folder, "search", "shop", "lamp").stderr.strip().splitlines()
    assert f"{path} has format 99" in error
    assert "clew indexes rebuild shop" in hint
    assert run(folder, "indexes", "rebuild", "shop").returncode == 0
    assert run(folder, "search", "shop", "lamp").returncode == 0


def test_derived_files_of_another_format_give_a_shard_another_address(tmp_path):
    folder, _ = unpacked(HOMES[-1], tmp_path)
    (settings,) = (folder / "home").rglob("settings.json")
    (derived,) = (folder / "home").rglob("ann.json")
    assert json.loads(settings.read_text())["dense"]["format"] == json.loads(derived.read_text())["format"]


def test_the_stored_spec_is_read_whatever_the_format_of_the_version(tmp_path):
    folder, _ = unpacked(HOMES[-1], tmp_path)
    with_format(folder, "version.json", 99)
    assert stored_spec(folder / "home", "shop").source.path == str(folder / "docs.jsonl")
    done = run(folder, "search", "shop", "lamp")
    assert "has format 99" in done.stderr
    # The gate has nothing to compare with, so it asks.
    done = run(folder, "indexes", "rebuild", "shop")
    assert "--override" in done.stderr
    override = ["--override", "a newer Clew", "--until", str(date.today() + timedelta(days=1))]
    assert run(folder, "indexes", "rebuild", "shop", *override).returncode == 0
    assert run(folder, "search", "shop", "lamp").returncode == 0


def test_an_index_whose_source_is_gone_or_was_never_here_says_so(tmp_path):
    folder, _ = unpacked(HOMES[-1], tmp_path)
    (folder / "docs.jsonl").unlink()
    with pytest.raises(NotFoundError, match=r"docs\.jsonl"):
        clew.build(folder / "shop.toml", folder / "home")
    done = run(folder, "indexes", "rebuild", "shop")
    assert "docs.jsonl" in done.stderr
    assert "Traceback" not in done.stderr
    export(folder / "home", "shop", folder / "shop.tar")
    import_(folder / "home", folder / "shop.tar", "copy")
    with pytest.raises(UsageError, match="was imported, so its stored spec names no source"):
        stored_spec(folder / "home", "copy")
