"""Seeded short texts and queries for speed: words of Python's own manual, as frequent as there."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

from benchmarks.datasets import Dataset
from clew.core.errors import DataError

_WORD = re.compile(r"[a-z]{3,}")


def synthetic(count: int, seed: int) -> list[str]:
    """`count` texts of 8 to 20 English words each, drawn by frequency."""
    from pydoc_data.topics import topics

    counted = Counter(word for topic in topics.values() for word in _WORD.findall(topic.lower()))
    words, weights = list(counted), list(counted.values())
    rng = random.Random(seed)  # noqa: S311 - reproducible texts, no secret
    return [" ".join(rng.choices(words, weights, k=rng.randint(8, 20))) for _ in range(count)]


def titles(dataset: Dataset, count: int) -> list[str]:
    """The first `count` titles of a data set (the start of the text where there is none). Raises DataError."""
    found = list(islice((title or text[:120] for _, title, text in dataset.texts() if title or text), count))
    if not found:
        raise DataError(f"{dataset.name} has no text", "use another data set, or leave --data out")
    return found


def queries_of(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """`count` queries of 2 to 5 words, each from one text."""
    rng = random.Random(seed + 1)  # noqa: S311 - reproducible queries, no secret
    found = []
    for _ in range(count):
        words = rng.choice(texts).split()
        found.append(" ".join(rng.sample(words, min(len(words), rng.randint(2, 5)))))
    return found
