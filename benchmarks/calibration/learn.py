"""Learn how probable an answer is without judgements of its collection (`clew bench calibration --learn`).

The constants are learned on train queries of several collections, each of which counts the same. What they are worth on
a collection that they were not learned on is measured on its dev queries, with the constants of the others. Test
queries are never read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from clew.benchmarks.calibration.examples import Answered, Pair
from clew.core.types import Bools, Floats
from clew.indexer.tuning.logistic import fit_logistic
from clew.search.answer import FLOOR
from clew.search.answer_words import WordsCalibration
from clew.search.rerank.calibration import Calibration, leads
from clew.search.rerank.log_odds import probabilities

# A query without its relevant documents counts this much, as if one query in eleven had no answer.
ABSENT = 0.1
# Only the first documents by evidence count, because the others are unlikely under every calibration.
FIRST = 5
_STRENGTH = 1e-3
_FIXED = 1e9

Examples = Mapping[str, Sequence[Pair]]


@dataclass(frozen=True, slots=True)
class Learned:
    """The learned constants. calibration: of the reranker; words: of answers that it does not read."""

    calibration: Calibration
    words: WordsCalibration

    def as_table(self) -> dict[str, dict[str, float]]:
        """Return them as plain data: of a model's manifest, and of `clew.search.answer_words.WORDS`."""
        reranker = {key: round(value, 6) for key, value in self.calibration.as_table().items()}
        words = self.words
        return {
            "calibration": reranker,
            "words": {name: round(getattr(words, name), 2) for name in ("coverage", "lead", "bias")},
        }


@dataclass(frozen=True, slots=True)
class Worth:
    """What probabilities are worth on the queries of one collection.

    queries: their number. brier: mean squared error of the probability of each query's first answer (or document);
    base_brier: the same for always predicting the share that is right. probability, right: mean probability, and share
    right. wrong: share of the queries with a right answer for which nothing reaches the floor; nothing_good: the share
    of queries without their relevant documents, where that is right. All 0 to 1.
    """

    queries: int
    brier: float
    base_brier: float
    probability: float
    right: float
    wrong: float
    nothing_good: float


def learn_defaults(train: Examples, own: Calibration) -> Learned:
    """Learn the constants on the train queries of several collections.

    own: the calibration that the evidence was computed with. The order of documents stays as it is: the scale and the
    weight of the fused score keep their ratio.
    """
    documents = _fit(train, lambda found: _document_rows(found, own.bias), [1.0, 0.0, 0.0], least={0: 0.01, 1: 0.0})
    slope, ahead, bias = documents
    calibration = Calibration(own.scale * slope, own.fused * slope, bias, lead=ahead / slope)
    strength = np.array([_FIXED, _STRENGTH, _STRENGTH])
    # Where only documents are judged, a sentence of a relevant one may still not answer: such collections together
    # count as much as those in which the sentences are known.
    exact = [name for name, pairs in train.items() if any(pair.exact and len(pair.full.at) for pair in pairs)]
    share = (len(train) - len(exact)) / len(exact) if exact else 1.0
    shares = {name: share for name in exact if share > 1}
    rows = _fit(
        train, lambda found: _sentence_rows(found, own, calibration), [1.0, 0.5, 0.0], strength, {1: 0.0}, shares
    )
    calibration = replace(calibration, sentence=rows[1], sentence_bias=rows[2])
    return Learned(calibration, WordsCalibration(*_fit(train, _word_rows, [1.0, 1.0, 0.0])))


def held_out(train: Examples, dev: Examples, own: Calibration) -> dict[str, dict[str, Worth]]:
    """Return collection → kind → worth on its dev queries, with the constants learned on the other collections.

    kinds: "documents", "answers", "words". A kind of which a collection has no example is missing.
    """
    found = {}
    for name, pairs in dev.items():
        learned = learn_defaults({other: each for other, each in train.items() if other != name}, own)
        found[name] = worths(pairs, own, learned)
    return found


def worths(pairs: Sequence[Pair], own: Calibration, learned: Learned) -> dict[str, Worth]:
    """Return kind → what the probabilities of a query's first document or answer are worth."""
    calibration, words = learned.calibration, learned.words

    def documents(found: Answered) -> tuple[Floats, Bools]:
        return probabilities(_log_odds(found, own, calibration)), found.relevant

    def answers(found: Answered) -> tuple[Floats, Bools]:
        rows, right = _sentence_rows(found, own, calibration)
        return probabilities(rows @ np.array([1.0, calibration.sentence, calibration.sentence_bias])), right > 0

    def by_words(found: Answered) -> tuple[Floats, Bools]:
        rows, right = _word_rows(found)
        return probabilities(rows @ np.array([words.coverage, words.lead, words.bias])), right > 0

    kinds = {"documents": documents, "answers": answers, "words": by_words}
    found = {kind: _worth(pairs, judge) for kind, judge in kinds.items()}
    return {kind: worth for kind, worth in found.items() if worth is not None}


def plain(found: Mapping[str, Mapping[str, Worth]]) -> dict[str, Any]:
    """Return the figures as plain data."""
    names = ("queries", "brier", "base_brier", "probability", "right", "wrong", "nothing_good")
    return {
        name: {kind: {each: round(getattr(worth, each), 4) for each in names} for kind, worth in kinds.items()}
        for name, kinds in found.items()
    }


def lines(found: Mapping[str, Mapping[str, Worth]]) -> Iterable[str]:
    """Yield the lines of a table of the figures."""
    head = "Brier", "of the mean", "probability", "right", f"below {FLOOR:g}", "without relevant"
    yield f"{'':20}{'':11}{'queries':>8}" + "".join(f"{each:>18}" for each in head)
    for name, kinds in found.items():
        for kind, each in kinds.items():
            values = each.brier, each.base_brier, each.probability, each.right, each.wrong, each.nothing_good
            yield f"{name:20}{kind:11}{each.queries:>8}" + "".join(f"{value:>18.3f}" for value in values)


# ------------------------------------------------------------------ rows of features


def _log_odds(found: Answered, own: Calibration, calibration: Calibration) -> Floats:
    evidence = (found.evidence - own.bias) * (calibration.scale / own.scale) + calibration.bias
    return evidence + calibration.lead * leads(evidence)


def _document_rows(found: Answered, bias: float) -> tuple[Floats, Floats]:
    """Return ((n, 3) evidence without bias, lead and 1, (n,) relevant) of the first documents."""
    evidence = found.evidence - bias
    first = np.argsort(-evidence, kind="stable")[:FIRST]
    rows = np.stack([evidence, leads(evidence), np.ones(len(evidence))], axis=1)
    return rows[first], found.relevant[first].astype(np.float64)


def _sentence_rows(found: Answered, own: Calibration, calibration: Calibration) -> tuple[Floats, Floats]:
    """Return ((a, 3) the document's log-odds, the sentence's gain and 1, (a,) right) of the answers."""
    odds = _log_odds(found, own, calibration)[found.at]
    gain = found.gain * (calibration.scale / own.scale)
    return np.stack([odds, gain, np.ones(len(odds))], axis=1), found.right.astype(np.float64)


def _word_rows(found: Answered) -> tuple[Floats, Floats]:
    """Return ((w, 3) coverage, relative lead and 1, (w,) right) of the answers by words."""
    rows = np.column_stack([found.words, np.ones(len(found.words))])
    return rows, found.right_by_words.astype(np.float64)


def _fit(
    train: Examples,
    rows_of: Callable[[Answered], tuple[Floats, Floats]],
    towards: list[float],
    strength: float | Floats = _STRENGTH,
    least: Mapping[int, float] | None = None,
    shares: Mapping[str, float] | None = None,
) -> list[float]:
    """Return the coefficients of a logistic model over all collections. shares: their weights, 1 for others."""
    parts: list[tuple[Floats, Floats, Floats]] = []
    for name, pairs in train.items():
        weight = 100 * (shares or {}).get(name, 1.0) / len(pairs)
        for pair in pairs:
            for found, share in ((pair.full, 1.0), (pair.without, ABSENT)):
                if found is not None:
                    rows, right = rows_of(found)
                    parts.append((rows, right, np.full(len(right), share * weight)))
    features, targets, weights = (np.concatenate([part[at] for part in parts]) for at in range(3))
    best = fit_logistic(features, targets, np.array(towards), strength=strength, weights=weights, least=least)
    return [float(each) for each in best]


def _worth(pairs: Sequence[Pair], judge: Callable[[Answered], tuple[Floats, Bools]]) -> Worth | None:
    first: list[tuple[float, bool]] = []
    with_relevant: list[bool] = []
    without: list[bool] = []
    for pair in pairs:
        chances, right = judge(pair.full)
        if not len(chances):
            continue
        best = int(np.argmax(chances))
        first.append((float(chances[best]), bool(right[best])))
        if right.any():
            with_relevant.append(float(chances[best]) < FLOOR)
        if pair.without is not None:
            others, _ = judge(pair.without)
            without.append(not len(others) or float(others.max()) < FLOOR)
    if not first:
        return None
    chance, right_ones = (np.array(column, np.float64) for column in zip(*first, strict=True))
    share = float(right_ones.mean())
    return Worth(
        queries=len(first),
        brier=float(np.mean((chance - right_ones) ** 2)),
        base_brier=share * (1 - share),
        probability=float(chance.mean()),
        right=share,
        wrong=float(np.mean(with_relevant)) if with_relevant else 0.0,
        nothing_good=float(np.mean(without)) if without else 0.0,
    )
