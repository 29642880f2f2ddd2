"""What a region calls a thing finds the products that are called otherwise elsewhere, by the names in the graph."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from clew.search.assemble import open_index
from clew.search.gate import DEFAULT_WEIGHTS, Gate
from clew.search.pipeline import Searcher
from clew.search.types import SearchRequest
from tests.builders import build_home, spec_table

DOCS = [
    {"id": "sheet", "title": "纯棉床包 1.8米", "kind": "sheets"},
    {"id": "bank", "title": "20000毫安充电宝", "kind": "banks"},
    {"id": "mouse", "title": "无线滑鼠 静音", "kind": "mice"},
    {"id": "disk", "title": "移动硬盘 2TB", "kind": "disks"},
    {"id": "supply", "title": "电源适配器 65瓦", "kind": "supplies"},
    {"id": "lamp", "title": "床头台灯", "kind": "lamps"},
]
NODES = [
    {"id": "kind:sheets", "type": "kind", "name": "Fitted sheets", "names": {"zh": "床笠", "zh-Hant": "床包"}},
    {"id": "kind:banks", "type": "kind", "name": "Power banks", "names": {"zh": "充电宝"},
     "aliases": ["移动电源", "行動電源"]},
    {"id": "kind:mice", "type": "kind", "name": "Computer mice", "names": {"zh": "鼠标器", "zh-Hant": "滑鼠"}},
    {"id": "kind:disks", "type": "kind", "name": "Disks", "names": {"zh": "硬盘"}},
    {"id": "kind:supplies", "type": "kind", "name": "Power supplies", "names": {"zh": "电源"}},
    {"id": "kind:lamps", "type": "kind", "name": "Lamps", "names": {"zh": "台灯"}},
    {"id": "kind:all", "type": "kind", "name": "Everything"},
]  # fmt: skip
EDGES = [
    {"source": node["id"], "relation": "subcategory_of", "target": "kind:all"}
    for node in NODES
    if node["id"] != "kind:all"
]


ALWAYS_OPEN = Gate({**dict.fromkeys(DEFAULT_WEIGHTS, 0.0), "bias": 5.0})
# A regional word → the product that it means and that calls it otherwise.
WORDS = [
    ("床笠", "sheet"),
    ("移动电源", "bank"),
    ("行動電源", "bank"),
    ("鼠标器", "mouse"),
    ("power banks", "bank"),
    ("fitted sheets", "sheet"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    fields = {"title": {"type": "text"}, "kind": {"type": "keyword", "entity": "kind"}}
    graph = {"nodes": "nodes.jsonl", "edges": "edges.jsonl", "link": {"threshold": 0.2}}
    table = spec_table("shop", fields=fields, graph=graph, dense=False)
    return build_home(tmp_path_factory.mktemp("regional-words"), table, docs=DOCS, nodes=NODES, edges=EDGES)


@pytest.fixture
def shop(home: Path) -> Iterator[Searcher]:
    searcher = open_index(home, "shop")
    yield searcher
    searcher.close()


def ids(searcher: Searcher, query: str, graph: Literal["auto", "on", "off"]) -> list[str]:
    return [hit.id for hit in searcher.search(SearchRequest(query=query, graph=graph)).hits]


@pytest.mark.parametrize(("query", "expected"), WORDS)
def test_a_regional_word_finds_the_product_that_is_called_otherwise(shop: Searcher, query: str, expected: str) -> None:
    assert ids(shop, query, "on")[0] == expected
    assert ids(replace(shop, gate=ALWAYS_OPEN), query, "auto")[0] == expected


@pytest.mark.parametrize(("query", "expected"), WORDS)
def test_names_and_aliases_of_every_language_widen_the_words(shop: Searcher, query: str, expected: str) -> None:
    assert shop.graph_retriever is not None
    words = replace(shop.graph_retriever, spec=replace(shop.graph_retriever.spec, use=["terms"], terms_weight=1.0))
    found = replace(shop, graph_retriever=words).search(SearchRequest(query=query, graph="on", explain=True))
    told = {hit.id: [part.detail.get("from", "") for stage in hit.why for part in stage.parts] for hit in found.hits}
    assert any(told[expected]), "a word that the graph added is in it"


def test_without_the_graph_only_what_shares_a_word_is_found(shop: Searcher) -> None:
    assert set(ids(shop, "移动电源", "off")) == {"disk", "supply"}
    assert ids(shop, "power banks", "off") == []
