"""How likely a document answers, by the query's words alone: for answers that no cross-encoder scored.

Two things say it, in every language alike: how much of the query's content the sentence and its title have, and how far
the document is ahead of the others in fusion. `clew bench calibration --learn` learns the constants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from clew.core.types import Floats
from clew.search.rerank.calibration import leads
from clew.search.rerank.log_odds import probabilities


@dataclass(frozen=True, slots=True)
class WordsCalibration:
    """log-odds = coverage * share of the query's content + lead * relative lead + bias. All are finite."""

    coverage: float
    lead: float
    bias: float

    def probability(self, coverage: float, lead: float) -> float:
        """Return the probability (0 to 1) of a document with this coverage (0 to 1) and relative lead (-1 to 1)."""
        return float(probabilities(np.array(self.coverage * coverage + self.lead * lead + self.bias)))


# Learned on train queries by `clew bench calibration --learn`.
WORDS = WordsCalibration(coverage=4.12, lead=6.24, bias=-3.18)
# Fused scores are in standard deviations of the collection: below this a best score may be chance.
_LEAST_BEST = 5.0


def relative_leads(totals: Floats) -> Floats:
    """Return (m,) float64 how far each candidate is ahead of the best other one, as a share of the best score.

    totals: (m,) float64 fused scores. A best score below 5 counts as 5, so that among documents that all have little to
    do with the query none is far ahead. The result is from -1 to 1.
    """
    best = max(float(totals.max(initial=0.0)), _LEAST_BEST)
    found: Floats = np.clip(leads(totals) / best, -1.0, 1.0)
    return found
