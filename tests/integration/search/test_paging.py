"""Pages of one query: they neither repeat nor leave out a document, and the same request gives the same answer."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import numpy as np
import pytest

import clew
from clew.search.types import SearchRequest
from tests.builders import build_home

WORDS = "lamp desk oak walnut steel brass reading floor bright warm quiet kettle toaster cordless travel blue".split()
FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "text": {"type": "text"},
    "kind": {"type": "keyword", "facet": True},
}
RERANK = {"model": "overlap", "top": 30}
QUERY = "warm oak lamp"


def table(name: str, **changes):
    spec = {"name": name, "dense": {"model": "hashing-32"}, "source": {"path": "docs.jsonl"}, "fields": FIELDS}
    return {**spec, "passages": {"size": 24, "step": 16}, **changes}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    rng = random.Random(5)
    docs = [
        {
            "id": f"d{number}",
            "title": " ".join(rng.choices(WORDS, k=3)),
            "text": ". ".join(" ".join(rng.choices(WORDS, k=6)) for _ in range(rng.choice([1, 1, 4]))),
            "kind": rng.choice("abc"),
        }
        for number in range(700)
    ]
    return build_home(
        tmp_path_factory.mktemp("paging"),
        table("plain"),
        table("words", dense=False),
        table("open", dense={"model": "hashing-32", "floor": -1}),
        table("reranked", rerank=RERANK),
        table("shards", build={"shards": 3}, rerank=RERANK),
        table("near", dense={"model": "hashing-32", "kind": "rabitq", "exact_below": 100}),
        docs=docs,
    )


OPTIONS = [
    ("plain", {}),
    ("plain", {"fusion": "rrf"}),
    ("plain", {"fusion": "sum"}),
    ("plain", {"filters": {"kind": ["a", "b"]}}),
    ("open", {"sources": ["dense"]}),
    ("open", {}),
    ("words", {}),
    ("reranked", {}),
    ("reranked", {"rerank": False}),
    ("reranked", {"min_probability": 0.55}),
    ("shards", {}),
    ("near", {}),
]


@pytest.mark.parametrize(("name", "options"), OPTIONS)
def test_the_pages_of_a_query_make_up_one_long_page(home, name, options) -> None:
    with clew.open(name, home) as index:
        for query in (QUERY, "brass kettle for travel"):
            whole = index.search(query, k=600, **options).hits
            pages = [hit for at in range(0, 600, 10) for hit in index.search(query, k=10, offset=at, **options).hits]
            shown = [(hit.id, hit.rank, hit.scored_by, hit.score) for hit in whole]
            assert [(hit.id, hit.rank, hit.scored_by, hit.score) for hit in pages] == shown
            assert len({hit.id for hit in whole}) == len(whole) > 200
            assert [hit.rank for hit in whole] == list(range(1, len(whole) + 1))


def test_the_documents_that_are_reranked_do_not_depend_on_the_page(home) -> None:
    with clew.open("reranked", home) as index:
        first = {hit.id for hit in index.search(QUERY, k=30).hits}
        assert all(hit.scored_by == "rerank" for hit in index.search(QUERY, k=30).hits)
        late = index.search(QUERY, k=200, offset=20).hits
        assert {hit.id for hit in late if hit.scored_by == "rerank"} < first
        assert [hit.scored_by for hit in late[:10]] == ["rerank"] * 10
        assert late[10].scored_by == "fusion"


class Slow:
    """A scorer that takes 5 ms for a text."""

    runtime, max_length, fingerprint = "python", 512, "0" * 64

    def score(self, query, texts):
        time.sleep(0.005 * len(texts))
        return np.array([float(len(text)) for text in texts], np.float32)


def test_a_deadline_that_cuts_reranking_is_named_and_leaves_the_fused_order(home) -> None:
    with clew.open("reranked", home) as index:
        slow = replace(index.searcher, reranker=replace(index.searcher.reranker, scorer=Slow()))
        late = [slow.search(SearchRequest(query=QUERY, offset=at, budget_ms=90)) for at in (0, 10)]
        fused = index.search(QUERY, k=20, rerank=False).hits
        assert [hit.id for page in late for hit in page.hits] == [hit.id for hit in fused]
        for page in late:
            assert [lost.stage for lost in page.degraded] == ["rerank"]
            assert "time left" in page.degraded[0].reason
            assert page.rerank.reranked == 0
        free = slow.search(SearchRequest(query=QUERY))
        assert (free.degraded, free.rerank.reranked) == ((), 30)
