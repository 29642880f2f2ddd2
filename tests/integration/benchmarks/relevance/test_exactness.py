"""The exact answers are those of scoring every passage, and what the fast search loses shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.relevance.exactness import exhaustive_searcher, full, measure, table, vectors_of
from clew.benchmarks.relevance.measure import open_shared_index
from clew.benchmarks.relevance.options import Options
from clew.benchmarks.relevance.systems import load
from clew.search.protocols import CandidateRequest
from clew.search.types import SearchRequest

OPTIONS = Options(model="hashing")


def quiet(_: str) -> None: ...


def test_a_small_index_answers_as_exactly(shared):
    folder, home = shared
    found = measure(open_dataset(folder), home, OPTIONS, quiet)
    assert found["queries"] == 4
    for row in found["systems"].values():
        assert row["fast"] == pytest.approx(row["exact"], abs=1e-4)
        assert row["recall@10"] == row["recall@100"] == 1
    assert "tiny" in full({"tiny": found}, OPTIONS)
    assert table({"tiny": found}).row_count == 3


def test_what_a_source_does_not_find_shows(shared, monkeypatch):
    folder, home = shared
    monkeypatch.setattr(
        "clew.benchmarks.relevance.exactness.open_shared_index", lambda *a: _deaf(open_shared_index(*a))
    )
    found = measure(open_dataset(folder), home, OPTIONS, quiet)["systems"]
    assert found["dense"]["fast"] < found["dense"]["exact"]
    assert found["dense"]["recall@100"] < 1
    assert found["dense"]["same first 10"] < 1
    assert found["bm25"]["recall@100"] == 1


def test_exact_sources_score_every_passage(shared):
    folder, home = shared
    fast = open_shared_index(open_dataset(folder), home, {"hybrid": load("hybrid")}, OPTIONS)
    try:
        slow = exhaustive_searcher(fast, vectors_of(fast, home, quiet))
        query = fast.query_analyzer.vector(fast.query_analyzer.terms("water for reading on a hike"))
        for name in ("bm25", "dense"):
            request = CandidateRequest(query, 100)
            a, b = fast.generators[name].candidates(request), slow.generators[name].candidates(request)
            assert a.ordinals.tolist() == b.ordinals.tolist()
            np.testing.assert_allclose(a.scores, b.scores, atol=1e-4)
            assert a.score_statistics == b.score_statistics
        assert (
            fast.search(SearchRequest(query="water")).hits[0].id == slow.search(SearchRequest(query="water")).hits[0].id
        )
    finally:
        fast.close()


class _First:
    """A source that finds the first passage alone."""

    def __init__(self, source):
        self._source = source

    def __getattr__(self, name):
        return getattr(self._source, name)

    def candidates(self, request):
        found = self._source.candidates(request)
        return replace(found, ordinals=found.ordinals[-1:], scores=found.scores[-1:])


def _deaf(searcher):
    return replace(searcher, generators={**searcher.generators, "dense": _First(searcher.generators["dense"])})
