"""The cross-encoder that systems share."""

import numpy as np

from clew.benchmarks.relevance.pairs import SharedScorer


class Lengths:
    """Scores a text by its length, and remembers what it was asked."""

    fingerprint, runtime, max_length = "f" * 64, "python", 256

    def __init__(self):
        self.asked = []

    def score(self, query, texts):
        self.asked.append((query, list(texts)))
        return np.array([len(text) for text in texts], np.float32)


def test_a_pair_is_scored_once_for_all_and_counted_for_each():
    scorer, known = Lengths(), {}
    one, other = SharedScorer(scorer, known), SharedScorer(scorer, known)
    assert one.score("q", ["a", "bb", "a"]).tolist() == [1, 2, 1]
    assert other.score("q", ["bb", "ccc"]).tolist() == [2, 3]
    assert scorer.asked == [("q", ["a", "bb"]), ("q", ["ccc"])]
    assert (one.pairs, other.pairs) == (3, 2)


def test_another_query_or_an_emptied_memory_asks_again():
    scorer, known = Lengths(), {}
    shared = SharedScorer(scorer, known)
    shared.score("q", ["a"])
    shared.score("p", ["a"])
    known.clear()
    shared.score("q", ["a"])
    assert [query for query, _ in scorer.asked] == ["q", "p", "q"]
    assert shared.score("q", []).dtype == np.float32


def test_it_is_the_scorer_to_whoever_asks_what_it_is():
    shared = SharedScorer(Lengths(), {})
    assert (shared.fingerprint, shared.runtime, shared.max_length) == ("f" * 64, "python", 256)
