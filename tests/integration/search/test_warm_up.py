"""An index that was warmed up loads nothing more at the first queries of its users."""

from __future__ import annotations

import subprocess
import sys

import pytest

from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from clew.search.warm_up import warm_up
from tests.builders import build_home, spec_table

DOCUMENTS = [
    {"id": "1", "title": "Oak lamp", "text": "A lamp for the desk.", "brand": "Tarnwick"},
    {"id": "2", "title": "温水 kettle", "text": "Keeps water warm.", "brand": "Ullmark"},
    {"id": "3", "title": "Desk fan", "text": "Quiet at night.", "brand": "Ullmark"},
]
FIELDS = {
    "title": {"type": "text"},
    "text": {"type": "text"},
    "brand": {"type": "keyword", "facet": True},
}
NODES = [{"id": name, "type": "brand", "name": name} for name in ("Tarnwick", "Ullmark")]
EDGES = [{"source": "Tarnwick", "target": "Ullmark", "relation": "owns"}]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("warm")
    table = spec_table(
        fields=FIELDS, rerank={}, dense={"model": "default"}, graph={"nodes": "nodes.jsonl", "edges": "edges.jsonl"}
    )
    return build_home(root, table, docs=DOCUMENTS, nodes=NODES, edges=EDGES)


FIRST_QUERIES = """
import sys
from pathlib import Path
from clew.api.engine import Engine
from clew.search.types import SearchRequest

engine = Engine(Path(sys.argv[1]))
engine.refresh()
before = set(sys.modules)
with engine.lease("shop") as searcher:
    for text in ("oak lamp", "Ullmrk fan", "zzqq xxwwv", "台灯", "温水 kettle"):
        searcher.search(SearchRequest(query=text, facets=("brand",), explain=True))
engine.close()
print(sorted(set(sys.modules) - before))
"""


def test_the_first_queries_of_a_server_load_nothing(home) -> None:
    command = [sys.executable, "-c", FIRST_QUERIES, str(home)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_floor_for_unknown_words_is_measured_before_the_first_query(home, monkeypatch) -> None:
    searcher = open_index(home, "shop")
    encoder, asked = searcher.query_analyzer.encoder, []
    encode = type(encoder).encode_queries
    monkeypatch.setattr(type(encoder), "encode_queries", lambda self, texts: asked.extend(texts) or encode(self, texts))
    warm_up(searcher)
    assert len(asked) > 10
    asked.clear()
    searcher.search(SearchRequest(query="zzqq xxwwv"))
    assert asked == ["zzqq xxwwv"]
    searcher.close()
