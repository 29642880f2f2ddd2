"""The sample catalogue holds together: ids, graph and judgements name what is there."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

SHOP = Path(__file__).parents[3] / "examples" / "shop"


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SHOP / name).read_text(encoding="utf-8").splitlines()]


PRODUCTS = {row["sku"]: row for row in rows("catalogue.jsonl")}
NODES = {row["id"]: row for row in rows("nodes.jsonl")}
CHINESE = re.compile("[一-鿿]")
EDGES = [(row["source"], row["relation"], row["target"]) for row in rows("edges.jsonl")]


def judgements(split: str) -> list[tuple[str, str, int]]:
    lines = (SHOP / "judged" / "qrels" / f"{split}.tsv").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "query-id\tcorpus-id\tscore"
    found = [line.split("\t") for line in lines[1:]]
    return [(query, product, int(grade)) for query, product, grade in found]


def test_products_are_complete_and_each_is_its_own() -> None:
    assert len(PRODUCTS) == len(rows("catalogue.jsonl")) == 232
    assert len({row["description"] for row in PRODUCTS.values()}) == 232
    for row in PRODUCTS.values():
        assert row["title"]
        assert row["brand"]
        assert row["attributes"]
        assert row["category"].count(" > ") in {1, 2, 3}
        assert row["price"] > 0
        assert isinstance(row["in_stock"], bool)
        assert date.fromisoformat(row["released"])
        assert 1 <= row.get("rating", 5) <= 5


def test_the_graph_says_what_the_catalogue_says() -> None:
    assert len(NODES) == len(rows("nodes.jsonl"))
    assert len(set(EDGES)) == len(EDGES)
    assert all(source in NODES and target in NODES for source, _, target in EDGES)
    edges = set(EDGES)
    for sku, row in PRODUCTS.items():
        node = f"product:{sku}"
        assert NODES[node]["name"] == row["title"]
        assert (node, "has_brand", f"brand:{row['brand'].lower()}") in edges
        assert (node, "in_category", f"category:{row['category']}") in edges
        assert ("colour" not in row) or (node, "has_colour", f"colour:{row['colour']}") in edges
        assert all((node, "has_attribute", f"attribute:{name}") in edges for name in row["attributes"])
    assert {node.removeprefix("product:") for node in NODES if node.startswith("product:")} == set(PRODUCTS)


def test_what_is_written_in_english_has_a_chinese_name_too() -> None:
    for row in PRODUCTS.values():
        assert CHINESE.search(row["title"]) or CHINESE.search(row["title_zh"]), row["sku"]
        # A shop leaves brands in Latin letters.
        assert "title_zh" not in row or row["title_zh"].startswith(row["brand"]), row["sku"]
    for node in NODES.values():
        if node["type"] in {"category", "colour"}:
            assert CHINESE.search(node["names"]["zh"]), node["id"]


def test_categories_form_a_tree() -> None:
    above = {source: target for source, relation, target in EDGES if relation == "subcategory_of"}
    for node in (node for node in NODES if node.startswith("category:")):
        assert above.get(node, node.rpartition(" > ")[0]) == node.rpartition(" > ")[0]


def test_accessories_belong_to_products_that_exist() -> None:
    relations = Counter(relation for _, relation, _ in EDGES)
    assert relations["accessory_of"] >= 30
    assert relations["compatible_with"] >= 5
    assert all(source != target for source, _, target in EDGES)


def test_every_query_is_judged_once_and_has_an_answer() -> None:
    queries = {row["_id"]: row["text"] for row in rows("judged/queries.jsonl")}
    assert len(queries) == 66
    dev, test = judgements("dev"), judgements("test")
    assert {query for query, _, _ in dev}.isdisjoint({query for query, _, _ in test})
    assert {query for query, _, _ in dev + test} == set(queries)
    assert len({(query, product) for query, product, _ in dev + test}) == len(dev + test)
    assert all(product in PRODUCTS and 0 <= grade <= 3 for _, product, grade in dev + test)
    best = Counter(query for query, _, grade in dev + test if grade == 3)
    assert set(best) == set(queries)
