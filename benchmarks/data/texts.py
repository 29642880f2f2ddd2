"""Short texts and queries for speed measurements: spans of real texts, or words of Python's manual by frequency."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice

from clew.benchmarks.data.datasets import Dataset
from clew.core.errors import DataError

# Words of a span, which is about what a product title has.
_SPAN = 8
_WORD = re.compile(r"[a-z]{3,}")


def synthetic(count: int, seed: int) -> list[str]:
    """Return `count` texts of 8 to 20 English words each, drawn by their frequency in Python's manual."""
    from pydoc_data.topics import topics

    counted = Counter(word for topic in topics.values() for word in _WORD.findall(topic.lower()))
    words, weights = list(counted), list(counted.values())
    rng = random.Random(seed)  # noqa: S311 - reproducible texts, no secret
    return [" ".join(rng.choices(words, weights, k=rng.randint(8, 20))) for _ in range(count)]


def spans(datasets: Sequence[Dataset], count: int) -> tuple[list[str], list[str]]:
    """Cut the texts of data sets, one after another, into spans of eight words; return the first `count` and the rest.

    Words after the last whole span of a text are dropped. Raises DataError if there are fewer than `count` spans.
    """
    found = chain.from_iterable(_spans(f"{title} {text}") for data in datasets for _, title, text in data.texts())
    first = list(islice(found, count))
    if len(first) < count:
        names = ", ".join(data.name for data in datasets)
        raise DataError(f"{names} have {len(first):,} spans of {_SPAN} words", "lower --docs, or add a data set")
    return first, list(found)


def _spans(text: str) -> Iterator[str]:
    words = text.split()
    return (" ".join(words[at : at + _SPAN]) for at in range(0, len(words) - _SPAN + 1, _SPAN))


def phrases(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Return `count` queries, each of 3 to 6 consecutive words of one text."""
    rng = random.Random(seed + 1)  # noqa: S311 - reproducible queries, no secret
    found = []
    for _ in range(count):
        words = rng.choice(texts).split()
        length = rng.randint(3, 6)
        start = rng.randint(0, max(0, len(words) - length))
        found.append(" ".join(words[start : start + length]))
    return found


def queries_of(texts: Sequence[str], count: int, seed: int) -> list[str]:
    """Return `count` queries, each of 2 to 5 words of one text."""
    rng = random.Random(seed + 1)  # noqa: S311 - reproducible queries, no secret
    found = []
    for _ in range(count):
        words = rng.choice(texts).split()
        found.append(" ".join(rng.sample(words, min(len(words), rng.randint(2, 5)))))
    return found
