from dataclasses import dataclass

import numpy as np
import pytest

from clew.core.errors import StageUnavailable
from clew.core.types import Bools, Contribution, Floats, Ints, Ranking, ranked
from clew.search.candidates.sharded import Sharded
from clew.search.protocols import CandidateRequest, ParsedQuery

QUERY = ParsedQuery("q")


@dataclass
class Listed:
    """A shard whose passages have given scores."""

    scores: list[float]
    up: bool = True
    closed: bool = False

    @property
    def size(self) -> int:
        return len(self.scores)

    def candidates(self, request: CandidateRequest) -> Ranking:
        self._check()
        allowed: Bools = np.ones(self.size, bool) if request.allowed is None else request.allowed
        assert len(allowed) == self.size
        ordinals = np.flatnonzero(allowed)
        return ranked(ordinals, np.array(self.scores)[ordinals], request.k)

    def score(self, query: ParsedQuery, ordinals: Ints) -> Floats:
        self._check()
        return np.array(self.scores)[ordinals]

    def explain(self, query: ParsedQuery, ordinal: int) -> list[Contribution]:
        return [Contribution("listed", "score", self.scores[ordinal])]

    def close(self) -> None:
        self.closed = True

    def _check(self) -> None:
        if not self.up:
            raise StageUnavailable("the shard is down")


def asked(sharded: Sharded, k: int = 10, allowed: Bools | None = None) -> list[tuple[int, float]]:
    found = sharded.candidates(CandidateRequest(QUERY, k, allowed))
    return list(zip(found.ordinals.tolist(), found.scores.tolist(), strict=True))


def test_shards_are_merged_by_score_then_ordinal() -> None:
    sharded = Sharded([Listed([1.0, 5.0]), Listed([]), Listed([5.0, 7.0, 1.0])])
    assert sharded.size == 5
    assert asked(sharded) == [(3, 7.0), (1, 5.0), (2, 5.0), (0, 1.0), (4, 1.0)]
    assert asked(sharded, k=2) == [(3, 7.0), (1, 5.0)]
    assert asked(sharded, k=0) == []


def test_each_shard_gets_its_slice_of_the_bitmap() -> None:
    sharded = Sharded([Listed([1.0, 5.0]), Listed([5.0, 7.0, 1.0])])
    assert asked(sharded, allowed=np.array([True, False, True, False, True])) == [(2, 5.0), (0, 1.0), (4, 1.0)]


def test_scores_and_explanations_come_from_the_shard_that_has_the_passage() -> None:
    sharded = Sharded([Listed([1.0, 2.0]), Listed([]), Listed([3.0])])
    assert sharded.score(QUERY, np.array([2, 0, 1, 2])).tolist() == [3.0, 1.0, 2.0, 3.0]
    assert sharded.score(QUERY, np.array([], np.int64)).tolist() == []
    assert [part.value for part in sharded.explain(QUERY, 2)] == [3.0]
    for wrong in (-1, 3):
        with pytest.raises(IndexError, match="0 to 2"):
            sharded.explain(QUERY, wrong)


def test_a_shard_that_is_down_is_left_out_and_counted() -> None:
    sharded = Sharded([Listed([1.0]), Listed([9.0], up=False), Sharded([Listed([2.0]), Listed([3.0], up=False)])])
    found = sharded.candidates(CandidateRequest(QUERY, 10))
    assert found.ordinals.tolist() == [2, 0]
    assert (found.answered, found.asked) == (2, 4)
    np.testing.assert_array_equal(sharded.score(QUERY, np.array([0, 1, 2])), [1.0, np.nan, 2.0])


def test_all_shards_down_is_a_stage_that_is_unavailable() -> None:
    sharded = Sharded([Listed([1.0], up=False), Listed([2.0], up=False)])
    with pytest.raises(StageUnavailable, match="none of 2 shards"):
        sharded.candidates(CandidateRequest(QUERY, 1))
    with pytest.raises(StageUnavailable):
        sharded.score(QUERY, np.array([0, 1]))


def test_other_errors_surface() -> None:
    class Broken(Listed):
        def candidates(self, request: CandidateRequest) -> Ranking:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Sharded([Listed([1.0]), Broken([1.0])]).candidates(CandidateRequest(QUERY, 1))


def test_no_shards_hold_nothing() -> None:
    assert Sharded([]).size == 0
    assert asked(Sharded([])) == []


def test_close_closes_all() -> None:
    shards = [Listed([1.0]), Listed([2.0])]
    Sharded(shards).close()
    assert all(shard.closed for shard in shards)
