"""Training examples: a query with the passages it is compared on and what each is worth."""

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

    data: name of the set it is from. query: its id. text: what it asks. ids, passages: document and text of each;
    gains: what each is worth (0: irrelevant, 1: the best there is). fused: its fused score, where it was a candidate of
    a search (else empty).
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
    """A query with its judged documents, at most `most`; None where all or none of them are relevant.

    judged: document → integer gain. texts: document → what the model reads. Relevant documents come first, then the
    others in an order drawn by the seed.
    """
    known = {name: gain for name, gain in judged.items() if texts.get(name)}
    relevant = sorted((name for name, gain in known.items() if gain > 0), key=lambda name: (-known[name], name))
    others = sorted(name for name, gain in known.items() if gain <= 0)
    graded = len({known[name] for name in relevant}) > 1
    if not relevant or not (others or graded):
        return None
    random.Random(f"{seed}/{query}").shuffle(others)  # noqa: S311 - a reproducible choice, no secret
    # Half of the places at most are for relevant ones, where there are enough others.
    kept = relevant[: max(most // 2, most - len(others))]
    kept += others[: most - len(kept)]
    top = max(known.values())
    return Example(
        data, query, text, tuple(kept), tuple(texts[name] for name in kept), tuple(known[n] / top for n in kept)
    )


def sampled(queries: Sequence[str], keys: Mapping[str, str], most: int, seed: int) -> list[str]:
    """At most `most` of the queries, drawn by the seed so that no key crowds out the others (0: all).

    keys: query → what it is about (its relevant document); a query is drawn with a chance that falls with the square
    root of how many share its key, which keeps the long tail in (Mikolov et al. 2013 do so for words).
    """
    if not most or len(queries) <= most:
        return list(queries)
    counts = Counter(keys.get(query, query) for query in queries)
    # Efraimidis and Spirakis 2006: the largest u^(1/w) are a weighted sample without replacement.
    draw = random.Random(seed)  # noqa: S311 - see judged_example
    drawn = {query: draw.random() ** (counts[keys.get(query, query)] ** 0.5) for query in queries}
    chosen = set(sorted(queries, key=lambda query: (-drawn[query], query))[:most])
    return [query for query in queries if query in chosen]


def cleaned(queries: Mapping[str, str], names: Iterable[str], held_out: Iterable[str]) -> tuple[list[str], int]:
    """(names that may be learned from, how many were dropped) of train queries.

    Blank ones are dropped, those whose text is asked before, and those whose text a held-out query has: it would be
    measured on what it was taught.
    """
    seen = {folded(queries[name]) for name in held_out if name in queries}
    kept: list[str] = []
    count = 0
    for name in names:
        count += 1
        text = folded(queries[name])
        if text and text not in seen:
            seen.add(text)
            kept.append(name)
    return kept, count - len(kept)


def folded(text: str) -> str:
    """A query's text as queries are compared: case and the number of blanks do not matter."""
    return " ".join(text.casefold().split())


def write_examples(examples: Sequence[Example], path: Path) -> None:
    """Keep examples as JSON lines, so that a resumed run goes on with the same."""
    write_atomic(path, "".join(json.dumps(asdict(example), ensure_ascii=False) + "\n" for example in examples).encode())


def read_examples(path: Path) -> Iterator[Example]:
    """Examples that were kept. Raises DataError that names file and line."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row: dict[str, Any] = json.loads(line)
                lists = {name: tuple(row[name]) for name in ("ids", "passages", "gains", "fused")}
                yield Example(**{**row, **lists})
            except (ValueError, TypeError, KeyError) as error:
                raise DataError(
                    f"{path}:{number}: not a training example: {error}", "delete the run's folder and start again"
                ) from None
