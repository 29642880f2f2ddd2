"""What reranking is said to cost: the time of one batch, in proportion to the documents that are read."""

from __future__ import annotations

import time

import pytest

from clew.search.rerank.calibration import Calibration
from clew.search.rerank.cost import describe_cost, rerank_seconds
from clew.search.rerank.spec import RerankSpec
from clew.search.rerank.stage import Reranker


class Store:
    def __init__(self, documents: int) -> None:
        self.documents = self.passages = documents

    def embedded_text(self, passage: int) -> str:
        return str(passage)


class Clockwork:
    """A cross-encoder whose every pair takes 2 s of a clock of its own."""

    runtime, max_length, fingerprint = "python", 512, "0" * 64

    def __init__(self, monkeypatch) -> None:
        self.now, self.read = 0.0, set()
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def score(self, query, texts):
        self.now += 2.0 * len(texts)
        self.read.update(texts)
        return [0.0] * len(texts)


@pytest.mark.parametrize(
    ("documents", "top", "expected"),
    [(1_000, 50, 100.0), (1_000, 8, 16.0), (30, 50, 60.0), (3, 50, 6.0), (0, 50, 0.0)],
)
def test_the_cost_is_that_of_all_documents_that_are_read(monkeypatch, documents, top, expected) -> None:
    reranker = Reranker(Clockwork(monkeypatch), RerankSpec(top=top), Calibration())
    assert rerank_seconds(reranker, Store(documents)) == pytest.approx(expected)


def test_passages_of_the_whole_index_are_read(monkeypatch) -> None:
    scorer = Clockwork(monkeypatch)
    rerank_seconds(Reranker(scorer, RerankSpec(), Calibration()), Store(160))
    assert scorer.read == {str(at) for at in range(0, 160, 10)}


def test_it_is_said_in_milliseconds() -> None:
    assert describe_cost(1.2345) == "reranking takes about 1,234 ms for a query on this machine"
