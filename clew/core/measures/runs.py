"""Write TREC qrels and TREC runs, plain or .gz."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import numpy as np

from clew.core.errors import DataError

Qrels = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]

_HALVES = re.compile("[\ud800-\udfff]")
_ENCODED = re.compile(r"[\s\x1c-\x1f]|%(?=[0-9A-Fa-f]{2})")


def write_trec_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write TREC qrels. Ids are written as `trec_id` encodes them."""
    _write(
        path,
        (
            f"{trec_id(query)} 0 {trec_id(doc)} {grade}\n"
            for query, judged in qrels.items()
            for doc, grade in judged.items()
        ),
    )


def write_run(path: Path, run: Mapping[str, Mapping[str, float]], tag: str) -> None:
    """Write a TREC run, best first, ranks from 1.

    run: query → document → score, in ranking order. trec_eval sorts by float32 score, not by rank, so a score that ties
    with the previous one is written as the next lower float32. Ids are written as `trec_id` encodes them.
    """
    _write(path, _run_lines(run, trec_id(tag)))


def _run_lines(run: Mapping[str, Mapping[str, float]], tag: str) -> Iterator[str]:
    for query, listed in run.items():
        before = np.float32(np.inf)
        word = trec_id(query)
        for rank, (doc, score) in enumerate(listed.items(), 1):
            shown = min(np.float32(score), np.nextafter(before, np.float32(-np.inf)))
            before = np.float32(shown)
            yield f"{word} Q0 {trec_id(doc)} {rank} {float(before):.9g} {tag}\n"


def _write(path: Path, lines: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as to:
        to.writelines(lines)


def trec_id(name: str) -> str:
    """Return an id as TREC files hold it: white space is percent-encoded ("a b" → "a%20b").

    So is a "%" in front of two hexadecimal digits, so that `urllib.parse.unquote` returns every id. Raises DataError
    for an id that is empty or contains half of a surrogate pair.
    """
    if not name:
        raise DataError("an id is empty, which TREC files do not allow", "give every query and document an id")
    if _HALVES.search(name):
        raise DataError(f"id {name!r} contains half of a surrogate pair, which is not valid text", "rename the id")
    return _ENCODED.sub(lambda found: quote(found[0], safe=""), name)
