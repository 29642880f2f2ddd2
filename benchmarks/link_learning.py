"""Learn the linker's weights on train questions and its threshold on dev: what `clew.kg.linker` ships.

Logistic regression over every candidate of the questions as they are written, in lower case and with typing errors,
once with the features that need a vector and once without; L2-regularised, but for the bias.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from clew.benchmarks.linking.measure import VARIANTS, Material, meant, scored, systems
from clew.core.errors import DataError
from clew.core.types import Bools, Floats
from clew.kg.linker import FEATURES, LinkSpec

# What a question counts: misspelt names are rarer in life than one a question.
SHARES: Mapping[str, float] = {"as written": 1.0, "lower-cased": 1.0, "typing error": 0.15}
THRESHOLDS = tuple(round(0.2 + 0.05 * step, 2) for step in range(13))
STRENGTH = 1.0
VECTORLESS = tuple(at for at, name in enumerate(FEATURES) if not name.startswith("cosine"))

Weights = dict[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Examples:
    """Candidates to learn from. features: (n, FEATURES). meant: (n,). shares: (n,) what each counts."""

    features: Floats
    meant: Bools
    shares: Floats


@dataclass(frozen=True, slots=True)
class Learned:
    """weights: as `clew.kg.linker.WEIGHTS`. dev: threshold → mean F1 of dev questions as written and in lower case."""

    weights: Weights
    threshold: float
    dev: Mapping[float, float]
    examples: int

    def as_python(self) -> str:
        """What to paste into kg/linker.py."""
        lines = [f'    "{name}": ({with_vector}, {without}),' for name, (with_vector, without) in self.weights.items()]
        head = "WEIGHTS: Mapping[str, tuple[float, float]] = {"
        return "\n".join([head, *lines, "}", f"threshold: float = {self.threshold}"])

    def as_dict(self) -> dict[str, Any]:
        """As JSON."""
        dev = {f"{threshold:g}": round(value, 6) for threshold, value in self.dev.items()}
        weights = {name: list(pair) for name, pair in self.weights.items()}
        return {"weights": weights, "threshold": self.threshold, "dev": dev, "examples": self.examples}


def learn(material: Material) -> Learned:
    """Weights from the train questions, the threshold from dev; nothing else is looked at.

    Raises UsageError for a split without questions, DataError where no candidate, or every one, is meant.
    """
    examples = gather(material)
    weights = fitted(examples)
    dev = {threshold: _dev(material, weights, threshold) for threshold in THRESHOLDS}
    best = max(THRESHOLDS, key=lambda threshold: (round(dev[threshold], 6), threshold))
    return Learned(weights, best, dev, len(examples.meant))


def gather(material: Material) -> Examples:
    """Every candidate of the train questions, in every variant."""
    linker = material.linker(LinkSpec(threshold=0.0))
    features: list[tuple[float, ...]] = []
    right: list[bool] = []
    shares: list[float] = []
    for variant, share in SHARES.items():
        questions = [VARIANTS[variant](q, material.options.seed) for q in material.of_split("train")]
        for question, vector in zip(questions, material.encoded(questions), strict=True):
            for candidate in linker.link(question.text, vector).candidates:
                features.append(candidate.features)
                right.append(meant(candidate, question, material.names))
                shares.append(share)
    table = np.array(features, np.float64).reshape(len(features), len(FEATURES))
    return Examples(table, np.array(right, np.bool_), np.array(shares, np.float64))


def fitted(examples: Examples) -> Weights:
    """Both columns of weights. Raises DataError where there is nothing to tell apart."""
    if not 0 < examples.meant.sum() < len(examples.meant):
        raise DataError(
            f"{examples.meant.sum()} of {len(examples.meant)} candidates are meant", "give questions with mentions"
        )
    table = np.zeros((len(FEATURES), 2))
    for column, places in enumerate((tuple(range(len(FEATURES))), VECTORLESS)):
        table[list(places), column] = _logistic(examples, places)
    found = {name: (round(row[0], 2), round(row[1], 2)) for name, row in zip(FEATURES, table.tolist(), strict=True)}
    # Where the questions' graph has no translations, one is taken for what it is: another name.
    if not examples.features[:, FEATURES.index("translation")].any():
        found["translation"] = found["alias"]
    return found


def _logistic(examples: Examples, places: Sequence[int]) -> Floats:
    """(places,) weights that make the examples likeliest, drawn towards 0."""
    from scipy.optimize import minimize

    features = examples.features[:, list(places)]
    pull = np.full(len(places), STRENGTH)
    pull[0] = 0.0

    def loss(weights: Floats) -> tuple[float, Floats]:
        odds = features @ weights
        unlikely = np.logaddexp(0, odds) - examples.meant * odds
        slope = features.T @ (examples.shares * (1 / (1 + np.exp(-odds)) - examples.meant))
        return float(examples.shares @ unlikely + pull @ weights**2 / 2), slope + pull * weights

    found: Floats = minimize(loss, np.zeros(len(places)), jac=True, method="L-BFGS-B", options={"maxiter": 1000}).x
    return found


def _dev(material: Material, weights: Weights, threshold: float) -> float:
    linker = material.linker(LinkSpec(threshold=threshold), weights)
    find = systems(linker)["linker"]
    values = []
    for variant in ("as written", "lower-cased"):
        questions = [VARIANTS[variant](q, material.options.seed) for q in material.of_split("dev")]
        values.append(scored(find, questions, material.encoded(questions), material.names)["f1"])
    return float(np.mean(values))
