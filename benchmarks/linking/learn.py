"""Training data of the entity linker: candidates of train questions, and F1 on dev (`clew bench link --learn`).

One model is learned from several sets of questions, each with its own graph; every set has the same total weight, and
the same weight in the mean F1. The questions count as they are written, in lower case and with typing errors; test
questions are never read.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from clew.benchmarks.linking.measure import VARIANTS, Material, is_gold_mention, scored, systems
from clew.indexer.tuning.linker import Examples, Learned, Weights, learn
from clew.kg.linker import FEATURES, LinkSpec

# Weight of a question in training: real queries have fewer typing errors than one per question.
SHARES = {"as written": 1.0, "lower-cased": 1.0, "typing error": 0.15}


def learn_linker(materials: Sequence[Material]) -> Learned:
    """Learn the weights on the train questions and the threshold on dev.

    Raises UsageError for a split without questions, DataError if no candidate, or every one, is a gold mention.
    """
    return learn(training_candidates(materials), partial(dev_f1, materials))


def training_candidates(materials: Sequence[Material]) -> Examples:
    """Return every candidate of the train questions, in every variant, as training examples.

    The weights of each set add up to those of the first one.
    """
    sets = [_candidates(material) for material in materials]
    total = sets[0].shares.sum()
    return Examples(
        np.concatenate([each.features for each in sets]),
        np.concatenate([each.labels for each in sets]),
        np.concatenate([each.shares * total / max(each.shares.sum(), 1e-9) for each in sets]),
    )


def dev_f1(materials: Sequence[Material], weights: Weights, threshold: float) -> float:
    """Return the mean F1 (0 to 1) of the dev questions of all sets, as they are written and in lower case."""
    values = []
    for material in materials:
        find = systems(material.linker(LinkSpec(threshold=threshold), weights))["linker"]
        for variant in ("as written", "lower-cased"):
            questions = [VARIANTS[variant](q, material.options.seed) for q in material.questions_of("dev")]
            values.append(scored(find, questions, material.encoded(questions), material.names)["f1"])
    return float(np.mean(values))


def _candidates(material: Material) -> Examples:
    linker = material.linker(LinkSpec(threshold=0.0))
    features: list[tuple[float, ...]] = []
    right: list[bool] = []
    shares: list[float] = []
    for variant, share in SHARES.items():
        questions = [VARIANTS[variant](q, material.options.seed) for q in material.questions_of("train")]
        for question, vector in zip(questions, material.encoded(questions), strict=True):
            for candidate in linker.link(question.text, vector).candidates:
                features.append(candidate.features)
                right.append(is_gold_mention(candidate, question, material.names))
                shares.append(share)
    table = np.array(features, np.float64).reshape(len(features), len(FEATURES))
    return Examples(table, np.array(right, np.bool_), np.array(shares, np.float64))
