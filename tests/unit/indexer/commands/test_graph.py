"""`clew graph`: results on stdout, progress on stderr, errors named."""

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import DataError, NotFoundError, SpecError
from tests.builders import write_rows


@pytest.fixture
def run(tmp_path):
    """Runs `clew graph …` in a home; the two files of a graph and a spec lie beside it."""
    nodes = [{"id": "b1", "type": "brand", "name": "Sony"}, {"id": "p1", "type": "product", "name": "Radio", "year": 1}]
    edges = [{"source": "p1", "relation": "has_brand", "target": "b1"}]
    items = [{"id": "1", "title": "Lamp", "brand": "Sony"}]
    write_rows(tmp_path, nodes=nodes, edges=edges, bad=[*nodes, {"id": ""}], items=items)
    (tmp_path / "items.toml").write_text(
        'name = "items"\n[source]\npath = "items.jsonl"\n[fields]\ntitle = { type = "text" }\n'
        'brand = { type = "keyword", entity = "brand" }\n'
    )

    def run(*words):
        words = [word.replace("@", str(tmp_path)) for word in words]
        return CliRunner().invoke(app, ["graph", *words, "--home", f"{tmp_path}/home"], catch_exceptions=False)

    return run


LOAD = ("load", "g", "--nodes", "@/nodes.jsonl", "--edges", "@/edges.jsonl")


def test_load_says_what_it_did(run):
    found = run(*LOAD)
    assert found.exit_code == 0
    lines = found.stdout.splitlines()
    assert lines[0].startswith("g: loaded as snapshot ")
    assert lines[1] == "  2 entities of 2 types, 1 edges"
    assert lines[2] == "  relations: has_brand 1"
    assert found.stderr.splitlines() == ["read nodes", "read edges"]
    assert run(*LOAD).stdout.startswith("g: unchanged, snapshot ")


def test_load_as_json(run):
    found = json.loads(run(*LOAD, "--licence", "CC0", "--json").stdout)
    assert {key: found[key] for key in ("graph", "status", "entities", "edges", "rejected", "repeated")} == {
        "graph": "g", "status": "loaded", "entities": 2, "edges": 1, "rejected": 0, "repeated": 0,
    }  # fmt: skip
    assert json.loads(run("list", "--json").stdout)[0]["licence"] == "CC0"


def test_bad_rows_stop_the_load_or_are_skipped(run):
    bad = ("load", "g", "--nodes", "@/bad.jsonl", "--edges", "@/edges.jsonl")
    with pytest.raises(DataError, match=r"bad\.jsonl:3: field 'id' is ''"):
        run(*bad)
    found = run(*bad, "--skip-bad")
    assert "1 rows rejected: see " in found.stdout
    assert "rejects.jsonl" in found.stdout


def test_a_server_is_checked_before_anything_is_read(run):
    for uri in ("127.0.0.1", "bolt://me:secret@host", "http://host"):
        with pytest.raises(SpecError, match="--uri"):
            run("load", "g", "--nodes", "@/none.jsonl", "--edges", "@/none.jsonl", "--uri", uri)


def test_build_makes_a_graph_from_fields(run):
    assert run("build", "@/items.toml").stdout.splitlines()[1] == "  2 entities of 2 types, 1 edges"
    found = json.loads(run("build", "@/items.toml", "--name", "other", "--type", "item", "--json").stdout)
    assert (found["graph"], found["types"]) == ("other", {"brand": 1, "item": 1})


def test_list(run, tmp_path):
    assert run("list").stdout == f"no graph under {tmp_path}/home\n"
    assert json.loads(run("list", "--json").stdout) == []
    run(*LOAD)
    run("build", "@/items.toml")
    assert [line.split()[0] for line in run("list").stdout.splitlines()] == ["g", "items"]
    rows = json.loads(run("list", "--json").stdout)
    assert [(row["graph"], row["entities"], row["edges"]) for row in rows] == [("g", 2, 1), ("items", 2, 1)]


def test_stats(run):
    run(*LOAD)
    text = run("stats", "g").stdout
    assert "  types: brand 1, product 1\n" in text
    assert "b1  Sony (brand)" in text
    found = json.loads(run("stats", "g", "--hubs", "1", "--json").stdout)
    assert found["hubs"] == [{"id": "b1", "type": "brand", "label": "Sony", "degree": 1}]
    assert found["spread"] == {"0": 0, "1": 2}
    with pytest.raises(NotFoundError, match="no graph 'h'") as error:
        run("stats", "h")
    assert "did you mean 'g'" in error.value.hint or "known: g" in error.value.hint
    with pytest.raises(NotFoundError, match="no snapshot 'x'"):
        run("stats", "g", "--snapshot", "x")


@pytest.mark.parametrize("form", ["jsonl", "csv", "parquet"])
def test_export_and_load_again(run, tmp_path, form):
    first = json.loads(run(*LOAD, "--json").stdout)["id"]
    found = run("export", "g", "--to", "@/out", "--format", form)
    assert found.stdout == f"{tmp_path}/out/nodes.{form}: 2 entities\n{tmp_path}/out/edges.{form}: 1 edges\n"
    again = run("load", "h", "--nodes", f"@/out/nodes.{form}", "--edges", f"@/out/edges.{form}", "--json")
    assert json.loads(again.stdout)["id"] == first
    assert json.loads(run("export", "g", "--to", "@/out", "--json").stdout)["id"] == first


def test_help_names_every_command():
    found = CliRunner().invoke(app, ["graph", "--help"])
    assert found.exit_code == 0
    for name in ("load", "build", "list", "stats", "export"):
        assert f"  {name} " in found.stdout


def test_gc_says_what_goes_and_what_stays(run, tmp_path):
    run(*LOAD)
    (tmp_path / "edges.jsonl").write_text("")
    run(*LOAD)
    new, old = (row["id"] for row in json.loads(run("list", "--json").stdout))
    dry = run("gc", "g", "--dry-run")
    assert dry.stdout.startswith("g: would remove 1 snapshot(s), ")
    assert run("gc", "g", "--keep", "2").stdout == "g: removed 0 snapshot(s), 0 bytes\n"
    found = json.loads(run("gc", "g", "--json").stdout)
    assert (found["graph"], found["snapshots"], found["used"], found["held"], found["labels"]) == (
        "g", [old], [], [], [],
    )  # fmt: skip
    assert [row["id"] for row in json.loads(run("list", "--json").stdout)] == [new]
