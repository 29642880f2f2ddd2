"""The gate: its features, and that it can show its reasons."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.core.types import Ranking
from clew.kg.expand import PathStep, Reached
from clew.kg.linker import FEATURES as LINK_FEATURES
from clew.kg.linker import Candidate, Linked
from clew.kg.relations import Step
from clew.search.gate import FEATURES, Gate, features
from clew.search.protocols import Expansion, ParsedQuery


def seen(documents: list[int], scores: list[float]) -> Ranking:
    return Ranking(np.array(documents, np.int64), np.array(scores, np.float64), score_statistics=(0.0, 1.0))


def candidate(first: int, last: int, probability: float, dropped: str = "") -> Candidate:
    return Candidate(0, 1, first, last, 7, probability, (0.0,) * len(LINK_FEATURES), dropped)


def query() -> ParsedQuery:
    from clew.core.words import words

    linked = Linked(
        (candidate(3, 5, 0.9), candidate(3, 4, 0.3, "less likely")), tuple(words("what did harrison ford do"))
    )
    reached = (
        Reached("a", 1.0, "s", (PathStep(Step("r", True), "a"),)),
        Reached("b", 0.4, "s", (PathStep(Step("q", True), "b"),)),
    )
    return ParsedQuery("", expansion=Expansion(linked, reached, np.array([1, 2]), ("", "")))


def test_what_a_gate_sees() -> None:
    lists = {"bm25": seen([1, 2], [8.0, 4.0]), "dense": seen([2, 3], [3.0, 2.0]), "graph": seen([9, 1], [5.0, 1.0])}
    told = dict(zip(FEATURES, features(query(), lists, 0.25).tolist(), strict=True))
    assert told["bias"] == 1.0
    assert told["link probability"] == 0.9
    assert told["link margin"] == pytest.approx(0.9 - 0.3)
    assert told["share of words linked"] == pytest.approx(2 / 5)
    assert told["seed connections"] == 0.25
    assert told["best weight"] == 1.0
    assert told["weight margin"] == pytest.approx(1.0 - 0.4)
    assert told["bm25 lead"] == pytest.approx((8 - 4) / 8)
    assert told["bm25 top"] == pytest.approx(np.log1p(8) / 4)
    assert told["bm25 dense overlap"] == 0.5
    assert told["graph overlap"] == 0.5


def test_sources_that_did_not_answer_count_nothing() -> None:
    told = dict(zip(FEATURES, features(query(), {"graph": seen([9], [5.0])}, 0.0).tolist(), strict=True))
    assert told["bm25 top"] == told["dense top"] == told["bm25 dense overlap"] == told["graph overlap"] == 0.0


def test_the_parts_add_up_to_the_log_odds() -> None:
    gate = Gate({name: (-1) ** at * 0.3 for at, name in enumerate(FEATURES)})
    found = features(query(), {"graph": seen([9], [5.0])}, 0.5)
    odds = sum(part.value for part in gate.parts(found))
    assert gate.probability(found) == pytest.approx(1 / (1 + np.exp(-odds)))


def test_it_is_stored_as_plain_json() -> None:
    gate = Gate({name: 0.125 * at for at, name in enumerate(FEATURES)}, 0.25, 7)
    assert Gate.of_table(json.loads(json.dumps(gate.as_table()))) == gate
    assert Gate.of_table({}) == Gate()
