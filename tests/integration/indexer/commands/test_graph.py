"""`clew graph gc` over a home with an index."""

import json

from typer.testing import CliRunner

from clew.cli import app
from tests.builders import build_home, spec_table, write_rows


def test_gc_names_the_indexes_snapshots_it_keeps(tmp_path):
    def run(*words):
        words = ["graph", *words, "--home", f"{tmp_path}/home"]
        return CliRunner().invoke(app, words, catch_exceptions=False).stdout

    load = ("load", "g", "--nodes", f"{tmp_path}/nodes.jsonl", "--edges", f"{tmp_path}/edges.jsonl")
    nodes = [{"id": "b1", "type": "brand", "name": "Sony"}, {"id": "p1", "type": "product", "name": "Radio", "year": 1}]
    write_rows(tmp_path, nodes=nodes, edges=[{"source": "p1", "relation": "has_brand", "target": "b1"}])
    run(*load)
    fields = {"title": {"type": "text"}, "brand": {"type": "keyword", "entity": "brand"}}
    table = spec_table("items", dense=False, fields=fields, graph={"name": "g"})
    build_home(tmp_path, table, docs=[{"id": "1", "title": "Lamp", "brand": "Sony"}])
    write_rows(tmp_path, edges=[])
    run(*load)
    _, old = (row["id"] for row in json.loads(run("list", "--json")))
    assert run("gc", "g") == f"g: removed 0 snapshot(s), 0 bytes\n  kept, used by an index: {old}\n"
