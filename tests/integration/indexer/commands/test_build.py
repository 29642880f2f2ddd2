"""`clew init`, `clew build` and `clew indexes`: results on stdout, progress on stderr."""

import json
import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import NotFoundError, SpecError, UsageError
from tests.builders import write_judged, write_rows


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data, a spec made by `clew init`, and a built index."""
    root = tmp_path_factory.mktemp("cli-build")
    records = [{"sku": f"p{n}", "title": f"Oak lamp {n}", "text": f"A warm lamp of oak, model {n}."} for n in range(12)]
    write_rows(root, lamps=records)
    assert CliRunner().invoke(app, ["init", f"{root}/lamps.jsonl", "--output", f"{root}/lamps.toml"]).exit_code == 0
    text = (root / "lamps.toml").read_text().replace('model = "default"', 'model = "hashing-16"')
    (root / "lamps.toml").write_text(text)
    built = CliRunner().invoke(app, ["build", f"{root}/lamps.toml", "--home", f"{root}/home"])
    assert built.exit_code == 0, built.output
    assert "lamps: release r1 is live" in built.stdout
    assert "encode" in built.stderr
    assert "encode\n" not in built.stdout
    return root


@pytest.fixture
def run(place):
    def run(*words):
        return CliRunner().invoke(app, [*words, "--home", f"{place}/home"])

    return run


def test_init_writes_where_it_says_and_replaces_nothing(place, monkeypatch):
    monkeypatch.chdir(place)
    with pytest.raises(UsageError, match=r"lamps\.toml already exists"):
        CliRunner().invoke(app, ["init", "lamps.jsonl"], catch_exceptions=False)
    again = CliRunner().invoke(app, ["init", "lamps.jsonl", "--output", "again.toml"])
    assert again.stdout == "again.toml\n"
    assert "JSON lines; 12 records" in again.stderr
    assert CliRunner().invoke(app, ["init", "lamps.jsonl", "--output", "again.toml", "--force"]).exit_code == 0


def test_build_again_is_unchanged(place, run):
    assert "unchanged, release r1 is still live" in run("build", f"{place}/lamps.toml").stdout


def test_build_reports_as_json(place, run):
    report = json.loads(run("build", f"{place}/lamps.toml", "--json").stdout)
    assert (report["index"], report["status"], report["documents"]) == ("lamps", "unchanged", 12)
    assert {"release", "version", "content", "passages", "encoded", "reused", "recall", "seconds"} <= set(report)


def test_list_show_and_verify(run):
    assert "lamps" in run("indexes", "list").stdout
    (listed,) = json.loads(run("indexes", "list", "--json").stdout)
    assert (listed["index"], listed["release"], listed["documents"], listed["releases"]) == ("lamps", "r1", 12, 1)
    assert "* r1" in run("indexes", "show", "lamps").stdout
    shown = json.loads(run("indexes", "show", "lamps", "--json").stdout)
    assert shown["version"]["documents"] == 12
    assert "is undamaged" in run("indexes", "verify", "lamps").stdout
    assert json.loads(run("indexes", "verify", "lamps", "--json").stdout)["canaries"] == 5


def test_releases_change_hands(run, place):
    with pytest.raises(NotFoundError, match="no release before r1"):
        CliRunner().invoke(app, ["indexes", "rollback", "lamps", "--home", f"{place}/home"], catch_exceptions=False)
    assert "r1 is live" in run("indexes", "activate", "lamps", "r1").stdout
    assert json.loads(run("indexes", "gc", "lamps", "--json").stdout)["releases"] == []
    assert "would remove 0 release(s)" in run("indexes", "gc", "lamps", "--dry-run").stdout


def test_an_index_travels(run, place, tmp_path):
    assert run("indexes", "export", "lamps", f"{tmp_path}/lamps.tar.zst").exit_code == 0
    words = ["indexes", "import", f"{tmp_path}/lamps.tar.zst", "--home", f"{tmp_path}/home", "--json"]
    imported = json.loads(CliRunner().invoke(app, words).stdout)
    assert (imported["index"], imported["release"], imported["live"]) == ("lamps", "r1", True)
    quiet = run("indexes", "import", f"{tmp_path}/lamps.tar.zst", "--name", "other", "--no-activate")
    assert "is imported, not live" in quiet.stdout


def test_a_missing_spec_says_how_to_write_one(tmp_path):
    with pytest.raises(SpecError) as error:
        CliRunner().invoke(app, ["build", f"{tmp_path}/none.toml"], catch_exceptions=False)
    assert "clew init" in error.value.hint


def test_errors_are_one_line_and_a_hint(place):
    words = [sys.executable, "-m", "clew", "indexes", "show", "lamp", "--home", f"{place}/home"]
    ended = subprocess.run(words, capture_output=True, text=True)
    assert ended.returncode == 1
    assert ended.stdout == ""
    first, hint = ended.stderr.strip().splitlines()
    assert first.startswith("clew: no index 'lamp'")
    assert "did you mean 'lamps'?" in hint


def test_a_path_that_cannot_be_written_is_one_line_and_a_hint(place):
    words = ["-m", "clew", "init", f"{place}/lamps.jsonl", "--output", f"{place}/lamps.jsonl/x.toml"]
    ended = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr.startswith("clew: ")
    assert "Traceback" not in ended.stderr


def test_an_export_needs_a_folder_that_is_there(place, run):
    ended = run("indexes", "export", "lamps", f"{place}/nowhere/lamps.tar")
    assert isinstance(ended.exception, UsageError)


def test_a_link_to_nothing_in_a_folder_of_pages_is_named(tmp_path):
    (tmp_path / "pages").mkdir()
    (tmp_path / "pages" / "a.md").write_text("# A\n\ntext")
    (tmp_path / "pages" / "b.md").symlink_to("nowhere")
    (tmp_path / "pages.toml").write_text('name = "pages"\ndense = false\n[source]\npath = "pages"\n')
    ended = CliRunner().invoke(app, ["build", f"{tmp_path}/pages.toml", "--home", f"{tmp_path}/home"])
    assert isinstance(ended.exception, NotFoundError)
    assert "b.md does not exist" in str(ended.exception)


def test_documents_of_signs_alone_can_be_built(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"id": "1", "title": "!!! ..."}\n')
    (tmp_path / "a.toml").write_text(
        'name = "a"\ndense = false\n[source]\npath = "a.jsonl"\n[fields]\ntitle = { type = "text" }\n'
    )
    ended = CliRunner().invoke(app, ["build", f"{tmp_path}/a.toml", "--home", f"{tmp_path}/home"])
    assert ended.exit_code == 0, ended.exception


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--override", "faster"], "--override is given without --until"),
        (["--until", "2030-01-31"], "--until is given without --override"),
        (["--override", " ", "--until", "2030-01-31"], "--override is empty"),
        (["--override", "faster", "--until", "soon"], "--until is 'soon'"),
        (["--override", "faster", "--until", "2001-01-31"], "--until is 2001-01-31, which is in the past"),
    ],
)
def test_an_override_that_cannot_be_ends_with_2_before_the_spec_is_read(words, named):
    ended = subprocess.run([sys.executable, "-m", "clew", "build", "none.toml", *words], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"clew: {named}")
    assert "\n  hint: " in ended.stderr


def test_a_reranker_that_was_trained_again_under_its_name_is_compared_with_the_one_before(trained_home, tmp_path):
    write_rows(tmp_path, items=[{"id": f"p{n}", "title": f"red shoe {n}"} for n in range(20)])
    write_judged(tmp_path, {"q": "red shoe"}, dev={"q": {"p1": 1}})
    (tmp_path / "items.toml").write_text(
        'name = "items"\ndense = false\n[source]\npath = "items.jsonl"\n[fields]\ntitle = { type = "text" }\n'
        '[rerank]\nmodel = "tiny-reranker"\n[quality]\nqueries = "."\n'
    )
    words = ["build", f"{tmp_path}/items.toml", "--home", str(trained_home), "--json"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    (first,) = trained_home.glob("models/tiny-reranker/*-v1")
    again = first.with_name("f" * 16 + "-v1")
    shutil.copytree(first, again)
    manifest = json.loads((again / "manifest.json").read_text())
    manifest |= {"fingerprint": "f" * 64, "created": "2999-01-01T00:00:00Z"}
    (again / "manifest.json").write_text(json.dumps(manifest))
    report = json.loads(CliRunner().invoke(app, words, catch_exceptions=False).stdout)
    assert (report["release"], report["comparison"]["release"], report["comparison"]["tied"]) == ("r2", "r1", 1)
