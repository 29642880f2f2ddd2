"""Convert a cross-encoder's score into the log-odds that a document is relevant: Platt scaling with the fused score.

What a score means depends on the model and on the collection, so the parameters are learned from judgements, if there
are any (Platt 1999; `clew.indexer.tuning.calibration`). How far a document is ahead of the others depends on both far
less, so that it carries over to collections without judgements (`clew.benchmarks.calibration.learn`). The model is
small, and explanations show its parts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Any

import numpy as np

from clew.core.spec import parse
from clew.core.types import Contribution, Floats, Vectors
from clew.search.fusion import TITLE_WEIGHT
from clew.search.rerank.expected_relevant import ExpectedRelevant
from clew.search.rerank.log_odds import probabilities


@dataclass(frozen=True, slots=True)
class Calibration:
    """evidence = scale * cross-encoder's score + fused * (fused score + TITLE_WEIGHT * title share) + bias.

    The sum in parentheses is `FusedCandidates.prior`, the (n,) array `fused` of the methods.

    log-odds of a document = evidence + lead * (evidence - that of the best other document).
    log-odds of a sentence = those of its document + sentence * scale * (score of the sentence - that of the passage) +
    sentence_bias.

    scale: above 0, so that the order of the model is never reversed. fused, lead, sentence: 0 or more; the lead does
    not change the order of documents. All are finite. expected_relevant: estimates how many relevant documents are left
    among the candidates not scored yet; None if it was not learned.
    """

    scale: float = 1.0
    fused: float = 0.0
    bias: float = 0.0
    expected_relevant: ExpectedRelevant | None = None
    lead: float = 0.0
    sentence: float = 1.0
    sentence_bias: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.scale < float("inf"):
            raise ValueError(f"scale is {self.scale}, expected a number above 0")
        for name in ("fused", "lead", "sentence"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is {getattr(self, name)}, expected 0 or more")
        for name in ("bias", "sentence_bias"):
            if not isfinite(getattr(self, name)):
                raise ValueError(f"{name} is {getattr(self, name)}, expected a finite number")

    def evidence(self, scores: Floats | Vectors, fused: Floats) -> Floats:
        """Return (n,) float64 evidence for n documents, given (n,) cross-encoder scores and (n,) fused scores."""
        found: Floats = self.scale * np.asarray(scores, np.float64) + self.fused * fused + self.bias
        return found

    def log_odds(self, scores: Floats | Vectors, fused: Floats) -> Floats:
        """Return (n,) float64 log-odds of the n candidates of one query; NaN for a document without a score.

        scores, fused: (n,) cross-encoder scores, NaN for a document that was not scored, and fused scores.
        """
        evidence = self.evidence(scores, fused)
        return evidence + self.lead * leads(evidence, self.bias)

    def sentence_log_odds(self, score: float, passage_score: float, document: float) -> float:
        """Return the log-odds that a sentence answers, given its score, and score and log-odds of its document."""
        return document + self.sentence * self.scale * (score - passage_score) + self.sentence_bias

    @staticmethod
    def probability(log_odds: Floats) -> Floats:
        """Return (n,) float64 probabilities (0 to 1) of n log-odds."""
        return probabilities(log_odds)

    def parts(self, scores: Floats, totals: Floats, at: int, titles: Floats | None = None) -> tuple[Contribution, ...]:
        """Return the log-odds of one of the n candidates of a query as contributions; their values add up to it.

        scores: (n,) as of `log_odds`. totals: (n,) fused scores. at: index of the candidate. titles: (n,) title shares
        (None: titles do not count).
        """
        score, total, prior = float(scores[at]), float(totals[at]), totals
        found = [
            Contribution("rerank", "cross-encoder", self.scale * score, {"score": score, "weight": self.scale}),
            Contribution("rerank", "fusion", self.fused * total, {"score": total, "weight": self.fused}),
        ]
        if titles is not None:
            prior = totals + TITLE_WEIGHT * titles
            share, weight = float(titles[at]), self.fused * TITLE_WEIGHT
            found.append(Contribution("rerank", "title", weight * share, {"share": share, "weight": weight}))
        found.append(Contribution("rerank", "bias", self.bias))
        if not self.lead:
            return tuple(found)
        ahead = float(leads(self.evidence(scores, prior), self.bias)[at])
        return (*found, Contribution("rerank", "lead", self.lead * ahead, {"ahead": ahead, "weight": self.lead}))

    def as_table(self) -> dict[str, Any]:
        """Return the table to store in releases and models; expected_relevant, if learned, is called "ahead" there."""
        table = asdict(self)
        if (ahead := table.pop("expected_relevant")) is not None:
            table["ahead"] = ahead
        return table

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> Calibration:
        """Read the table that `as_table` returned; a missing key has its default. Raises SpecError."""
        rest = dict(table)
        # Parsed separately, so that an error names a wrong key inside it too.
        if (ahead := rest.pop("ahead", None)) is not None:
            rest["expected_relevant"] = ExpectedRelevant.of_table(ahead)
        return parse(cls, rest, "calibration of the reranker")


def leads(evidence: Floats, alone: float | None = None) -> Floats:
    """Return (n,) float64 how far each candidate is ahead of the best other one; below 0 for all but the best.

    evidence: (n,) float64, NaN for a candidate that was not scored, which has the lead NaN. alone: what the only
    candidate that was scored is compared with, such as the evidence for a document of which nothing is known (None: its
    lead is 0).
    """
    known = np.flatnonzero(~np.isnan(evidence))
    if len(known) < 2:
        return evidence * 0.0 if alone is None else evidence - alone
    best, second = known[np.argsort(-evidence[known], kind="stable")[:2]]
    found: Floats = evidence - evidence[best]
    found[best] = evidence[best] - evidence[second]
    return found
