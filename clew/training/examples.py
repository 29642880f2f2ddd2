"""Training examples: a query with passages and the gain of each."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from clew.core.errors import DataError
from clew.core.files import write_atomic


@dataclass(frozen=True, slots=True)
class Example:
    """A query and its passages.

    data: name of the data set. query, text: id and text of the query. ids, passages, gains: document id, text and gain
    of each passage (0: irrelevant, 1: the highest gain). fused: fused scores of passages that were retrieved, else ().
    """

    data: str
    query: str
    text: str
    ids: tuple[str, ...]
    passages: tuple[str, ...]
    gains: tuple[float, ...]
    fused: tuple[float, ...] = ()


def judged_example(
    data: str, query: str, text: str, judged: Mapping[str, int], texts: Mapping[str, str], most: int, seed: int
) -> Example | None:
    """Make an example of a query and at most `most` of its judged documents.

    judged: document → integer gain. texts: document → text that the model reads. Relevant documents come first, then
    the others, shuffled by the seed. Returns None if no document is relevant, or all are equally relevant.
    """
    known = {name: gain for name, gain in judged.items() if texts.get(name)}
    relevant = sorted((name for name, gain in known.items() if gain > 0), key=lambda name: (-known[name], name))
    others = sorted(name for name, gain in known.items() if gain <= 0)
    graded = len({known[name] for name in relevant}) > 1
    if not relevant or not (others or graded):
        return None
    random.Random(f"{seed}/{query}").shuffle(others)  # noqa: S311 - a reproducible choice, not a secret
    # At most half of the places are for relevant documents, if there are enough others.
    kept = relevant[: max(most // 2, most - len(others))]
    kept += others[: most - len(kept)]
    top = max(known.values())
    return Example(
        data, query, text, tuple(kept), tuple(texts[name] for name in kept), tuple(known[n] / top for n in kept)
    )


def sample_queries(queries: Sequence[str], keys: Mapping[str, str], most: int, seed: int) -> list[str]:
    """Sample at most `most` queries (0: all), so that no key dominates the sample.

    keys: query → its relevant document. The probability of a query decreases with the square root of the number of
    queries that share its key, which preserves the long tail (as Mikolov et al. 2013 do for words). Depends on the seed
    only.
    """
    if not most or len(queries) <= most:
        return list(queries)
    counts = Counter(keys.get(query, query) for query in queries)
    # Efraimidis and Spirakis 2006: the largest u^(1/w) are a weighted sample without replacement.
    generator = random.Random(seed)  # noqa: S311 - see judged_example
    priorities = {query: generator.random() ** (counts[keys.get(query, query)] ** 0.5) for query in queries}
    chosen = set(sorted(queries, key=lambda query: (-priorities[query], query))[:most])
    return [query for query in queries if query in chosen]


def clean_queries(queries: Mapping[str, str], names: Iterable[str], held_out: Iterable[str]) -> tuple[list[str], int]:
    """Return (train queries to use, number of dropped ones).

    Blank queries, duplicates, and queries with the same text as a held-out query are dropped; training on the last
    would leak the evaluation data.
    """
    seen = {normalised(queries[name]) for name in held_out if name in queries}
    kept: list[str] = []
    count = 0
    for name in names:
        count += 1
        text = normalised(queries[name])
        if text and text not in seen:
            seen.add(text)
            kept.append(name)
    return kept, count - len(kept)


def normalised(text: str) -> str:
    """Normalise a query for comparison: fold case and collapse white space."""
    return " ".join(text.casefold().split())


def write_examples(examples: Sequence[Example], path: Path) -> None:
    """Write examples as JSON lines, so that a resumed run uses the same ones."""
    write_atomic(path, "".join(json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in examples).encode())


def read_examples(path: Path) -> Iterator[Example]:
    """Read examples. Raises DataError that names file and line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row: dict[str, Any] = json.loads(line)
                lists = {name: tuple(row[name]) for name in ("ids", "passages", "gains", "fused")}
                yield Example(**{**row, **lists})
            except (ValueError, TypeError, KeyError) as error:
                raise DataError(
                    f"{path}:{number}: not a training example: {error}",
                    "delete the folder of the run and start it again",
                ) from None
