"""The rules of the match set by themselves: which words are enough, and which cosine stands out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from clew.core.types import Ranking
from clew.search.match_set import MeaningFloor, stands_out, word_matches
from clew.search.protocols import ParsedQuery

# 100 documents of two passages each. "case" is in half of them, "otter" in four, "red" in ten, "of" in all.
HOLDING = {"case": range(50), "otter": range(48, 52), "red": range(40, 50), "of": range(100)}


QUERY = ParsedQuery("q", ())


class Store:
    documents = 100
    document_of = np.repeat(np.arange(100), 2)


class Words:
    """A source with the terms of HOLDING, each in the second passage of its documents."""

    def passages_with(self, term):
        return np.array([2 * document + 1 for document in HOLDING.get(term, ())], np.int64)


def matching(*terms: tuple[str, float], **origins: str) -> set[int]:
    query = ParsedQuery("q", terms, origins=origins)
    return set(np.flatnonzero(word_matches(Words(), query, Store())).tolist())


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ((("case", 1.0),), set(range(50))),
        ((("otter", 1.0), ("case", 1.0)), set(range(48, 52))),  # "case" alone is too little
        ((("otter", 1.0), ("red", 1.0)), set(range(40, 52))),  # either is enough
        ((("unknown", 1.0), ("case", 1.0)), set(range(50))),  # a word that no document has is ignored
        ((("of", 0.35), ("case", 1.0)), set(range(50))),  # function words count only if there are no others
        ((("of", 0.35),), set(range(100))),
        ((("ottercase", 1.0), ("otter", 0.5), ("case", 0.5)), set(range(48, 52))),  # only its other spelling is known
        ((("unknown", 1.0), ("of", 0.35)), set()),
        ((("unknown", 1.0),), set()),
        ((), set()),
    ],
)
def test_a_document_needs_half_the_information_of_the_rarest_word(terms, expected) -> None:
    assert matching(*terms) == expected


def test_terms_that_the_graph_added_are_not_words_of_the_query() -> None:
    assert matching(("otter", 1.0), ("red", 1.0), red="a path") == set(range(48, 52))


def test_what_stands_out_grows_with_the_collection() -> None:
    assert stands_out(1) == -math.inf
    assert stands_out(2) == pytest.approx(0)
    assert [round(stands_out(n), 2) for n in (10, 1_000, 1_000_000)] == [1.28, 3.09, 4.75]


def test_the_floor_is_a_quantile_of_the_cosines_or_the_one_of_the_spec() -> None:
    class Dense:
        size = 1_000

    statistics = np.array([0.1, 0.05])
    found = MeaningFloor().cosine(QUERY, statistics, Dense(), None, words=True)
    assert found == pytest.approx(0.1 + 0.05 * 3.0902, abs=1e-4)
    assert MeaningFloor(0.4).cosine(QUERY, statistics, Dense(), None, words=False) == 0.4


class Analysis:
    """Encodes nothing: a query is its place in the list."""

    def vectors(self, texts):
        return [ParsedQuery(text, ()) for text in texts]

    def knows_words(self, query):
        return query.text == "known"


@pytest.mark.parametrize(
    ("text", "statistics", "floor"),
    [
        ("q", (0.75, 0.02), 0.80),  # nonsense is at most .05 above its mean
        ("known", (0.70, 0.005), 0.73),  # the encoder knows a word: it is usually .03 above
        ("q", (0.60, 0.02), 0.65),  # a query whose mean is lower, as that of another language, has a lower floor
        ("q", (0.75, 0.03), 0.75 + 0.03 * 2.3263),  # the quantile is higher
        ("known", (0.75, 0.03), 0.75 + 0.03 * 2.3263),
        ("q", (0.75, 0.0), 0.82),  # all cosines are equal, as those of a lone passage: nonsense itself is the floor
    ],
)
def test_without_words_nonsense_is_compared_by_how_far_it_is_above_its_mean(text, statistics, floor) -> None:
    asked = []

    class Dense:
        size = 100 if statistics[1] else 1

        def candidates(self, request):
            asked.append(request.query.text)
            best = 0.82 if len(asked) % 2 else 0.70
            return Ranking(np.array([0]), np.array([best]), score_statistics=(0.77 if len(asked) % 2 else 0.69, 0.02))

    meaning = MeaningFloor()
    for _ in range(2):
        found = meaning.cosine(ParsedQuery(text, ()), np.array(statistics), Dense(), Analysis(), words=False)
        assert found == pytest.approx(floor, abs=2e-4)
    assert len(asked) == len(set(asked)) == 64  # measured once
