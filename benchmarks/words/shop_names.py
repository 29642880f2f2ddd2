"""Short product-like queries and texts in Chinese, made from the categories of a graph such as Shopify's taxonomy.

Its names in simplified and in traditional characters were translated independently of each other, so that the second
is what another person calls the thing of the first: 电热水壶 and 熱水壺. A text is the name and the path of a category
as one of the two writes them, a query is the name as the other does:

    names   the name alone
    paths   the name of the category above it and its own name, one after the other, as the words of a short title
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.core.chinese import simplified
from clew.core.errors import NotFoundError
from clew.core.measures.judged import first_file, read_rows

KINDS = ("names", "paths")
# Share of the queries in dev.
_DEV = 0.5


@dataclass(frozen=True, slots=True)
class Queries:
    """Judged texts. texts: id → text. queries: id → query. qrels: query id → text id → grade."""

    texts: Mapping[str, str]
    queries: Mapping[str, str]
    qrels: Mapping[str, Mapping[str, int]]


def shop_queries(folder: Path, kind: str, split: str) -> Queries:
    """Make the queries of a kind ("names" or "paths") and split ("train" or "dev") from folder/graph/nodes.jsonl.

    A query whose characters, simplified, are the name in the text is left out: there is nothing to find out by it. All
    categories that a query names are relevant. Raises NotFoundError if there is no such file.
    """
    path = first_file(folder / "graph", "nodes.jsonl")
    if path is None:
        raise NotFoundError(
            f"{folder} contains no graph/nodes.jsonl, plain or compressed", "give a folder with a graph"
        )
    nodes = list(_categories(path))
    by_path = {tuple(node["path"]): node["names"] for node in nodes}
    texts: dict[str, str] = {}
    asked: dict[str, list[str]] = {}
    for node in nodes:
        above = [by_path[tuple(node["path"][:n])] for n in range(1, len(node["path"]))]
        names = node["names"]
        texts[node["id"]] = " > ".join([*(other["zh"] for other in above), names["zh"]])
        own = names["zh-Hant"]
        if simplified(own) == names["zh"]:
            continue
        if kind == "names":
            asked.setdefault(own, []).append(node["id"])
        elif above:
            asked.setdefault(above[-1]["zh-Hant"] + own, []).append(node["id"])
    chosen = {query: found for query, found in asked.items() if _split(query) == split}
    return Queries(
        texts, {query: query for query in chosen}, {q: dict.fromkeys(found, 1) for q, found in chosen.items()}
    )


def _categories(path: Path) -> Iterator[dict[str, Any]]:
    for _, row in read_rows(path):
        node: dict[str, Any] = row
        if node.get("type") == "category" and {"zh", "zh-Hant"} <= node.get("names", {}).keys():
            yield node


def _split(query: str) -> str:
    return "dev" if hashlib.sha256(query.encode()).digest()[0] < 256 * _DEV else "train"
