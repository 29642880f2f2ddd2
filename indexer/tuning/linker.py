"""Fit the entity linker's weights on train questions and choose its threshold on dev questions.

The results are the constants in `clew.kg.linker`. The model is a logistic regression: over the candidates that have a
cosine with all features, and over all candidates without the features that need vectors. All weights except the bias
are L2-regularised towards 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.core.errors import DataError
from clew.core.types import Bools, Floats
from clew.indexer.tuning.logistic import fit_logistic
from clew.kg.linker import FEATURES

THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))
STRENGTH = 1.0
_COSINES = [at for at, name in enumerate(FEATURES) if name.startswith("cosine")]
VECTORLESS = tuple(at for at in range(len(FEATURES)) if at not in _COSINES)

Weights = dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates to learn from.

    features: (n, FEATURES) float64. labels: (n,) bool, whether the question means the entity. shares: (n,) weights.
    """

    features: Floats
    labels: Bools
    shares: Floats


@dataclass(frozen=True, slots=True)
class Learned:
    """The fitted linker.

    weights: as `clew.kg.linker.WEIGHTS`. dev: threshold → mean F1 on dev questions. examples: number of candidates.
    """

    weights: Weights
    threshold: float
    dev: Mapping[float, float]
    examples: int

    def as_python(self) -> str:
        """Return the lines to paste into kg/linker.py."""
        lines = [f'    "{name}": ({with_vector}, {without}),' for name, (with_vector, without) in self.weights.items()]
        head = "WEIGHTS: Mapping[str, tuple[float, float]] = {"
        return "\n".join([head, *lines, "}", f"threshold: float = {self.threshold}"])

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain data for JSON."""
        dev = {f"{threshold:g}": round(value, 6) for threshold, value in self.dev.items()}
        weights = {name: list(pair) for name, pair in self.weights.items()}
        return {"weights": weights, "threshold": self.threshold, "dev": dev, "examples": self.examples}


def learn(examples: Examples, dev_f1: Callable[[Weights, float], float]) -> Learned:
    """Fit the weights, then choose the threshold with the best F1 on dev questions, on a tie the highest one.

    dev_f1: returns the mean F1 (0 to 1) of the dev questions with some weights and a threshold. Raises DataError if
    none or all of the candidates are meant.
    """
    weights = fit(examples)
    dev = {threshold: dev_f1(weights, threshold) for threshold in THRESHOLDS}
    best = max(THRESHOLDS, key=lambda threshold: (round(dev[threshold], 6), threshold))
    return Learned(weights, best, dev, len(examples.labels))


def fit(examples: Examples) -> Weights:
    """Return both columns of weights, two decimals each. Raises DataError if none or all candidates are meant."""
    if not 0 < examples.labels.sum() < len(examples.labels):
        raise DataError(
            f"learning needs right and wrong candidates: {examples.labels.sum()} of {len(examples.labels)} are right",
            "add questions whose mentions have candidates of both kinds",
        )
    known = examples.features[:, _COSINES].any(axis=1)
    table = np.zeros((len(FEATURES), 2))
    for column, places, used in ((1, VECTORLESS, np.ones_like(known)), (0, tuple(range(len(FEATURES))), known)):
        if not 0 < examples.labels[used].sum() < used.sum():
            continue
        strength = np.full(len(places), STRENGTH)
        strength[0] = 0.0  # the bias
        table[list(places), column] = fit_logistic(
            examples.features[used][:, list(places)],
            examples.labels[used].astype(np.float64),
            np.zeros(len(places)),
            strength=strength,
            weights=examples.shares[used],
        )
    # What no candidate with a vector has, such as Chinese if the encoder cannot read it, counts as without vectors.
    unseen = ~examples.features[known].any(axis=0)
    table[unseen, 0] = table[unseen, 1]
    found = {name: (round(row[0], 2), round(row[1], 2)) for name, row in zip(FEATURES, table.tolist(), strict=True)}
    # If the questions' graph has no translations, they get the weight of aliases.
    if not examples.features[:, FEATURES.index("translation")].any():
        found["translation"] = found["alias"]
    return found
