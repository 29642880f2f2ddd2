"""Read BEIR qrels (TSV), and write TREC qrels and TREC runs; plain or .gz."""

from __future__ import annotations

import gzip
import io
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import numpy as np

from clew.core.errors import DataError, NotFoundError

Qrels = dict[str, dict[str, int]]
Run = dict[str, dict[str, float]]

_SHOWN = 5
_LONGEST_GRADE = 9  # digits, because other readers of qrels store grades in 32 bits


def read_beir_qrels(
    path: Path, *, documents: Container[str] | None = None, queries: Container[str] | None = None
) -> Qrels:
    """Read qrels/<split>.tsv: query-id, corpus-id, score, tab-separated, with or without its header line.

    documents, queries: the known ids (None: not checked). Grades are integers. Raises NotFoundError, and DataError for
    a bad line or for unknown ids, of which it lists the first few with file and line.
    """
    qrels: Qrels = {}
    strangers: list[str] = []
    total = 0
    for number, line in _lines(path):
        parts = line.split("\t")
        if len(parts) != 3:
            raise _bad_line(
                f"{path}:{number}",
                f"{len(parts)} columns, expected 3",
                "write query-id, corpus-id and score, separated by tabs",
            )
        query, doc, grade = parts
        if number == 1 and not _is_integer(grade):
            continue
        _add_grade(qrels, parts, f"{path}:{number}")
        for kind, name, known in (("document", doc, documents), ("query", query, queries)):
            if known is not None and name not in known:
                total += 1
                if len(strangers) < _SHOWN:
                    strangers.append(f"{path}:{number}: unknown {kind} {name!r}")
    if strangers:
        more = f"; {total - len(strangers)} more" if total > len(strangers) else ""
        raise DataError(
            f"the qrels contain ids that are not in the data set: {'; '.join(strangers)}{more}",
            "use qrels made for this corpus, or pass --allow-unknown: unknown documents then count as not found, and "
            "unknown queries are dropped",
        )
    return qrels


def write_trec_qrels(path: Path, qrels: Mapping[str, Mapping[str, int]]) -> None:
    """Write TREC qrels. Raises DataError for an id with white space, which the format does not allow."""
    _write(
        path,
        (
            f"{_word(query, path)} 0 {_word(doc, path)} {grade}\n"
            for query, judged in qrels.items()
            for doc, grade in judged.items()
        ),
    )


def write_run(path: Path, run: Mapping[str, Mapping[str, float]], tag: str) -> None:
    """Write a TREC run, best first, ranks from 1.

    run: query → document → score, in ranking order. trec_eval sorts by float32 score, not by rank, so a score that ties
    with the previous one is written as the next lower float32. Raises DataError for an id with white space.
    """
    _write(path, _run_lines(run, _word(tag, path), path))


def _run_lines(run: Mapping[str, Mapping[str, float]], tag: str, path: Path) -> Iterator[str]:
    for query, listed in run.items():
        before = np.float32(np.inf)
        word = _word(query, path)
        for rank, (doc, score) in enumerate(listed.items(), 1):
            shown = min(np.float32(score), np.nextafter(before, np.float32(-np.inf)))
            before = np.float32(shown)
            yield f"{word} Q0 {_word(doc, path)} {rank} {float(before):.9g} {tag}\n"


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the lines of a text file, plain or .gz, with their numbers; blank lines are skipped."""
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            for number, line in enumerate(io.TextIOWrapper(stream, encoding="utf-8-sig"), 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file") from None
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(
            f"{path} cannot be read: {error}", "save it as UTF-8 text, plain or compressed with gzip"
        ) from None


def _write(path: Path, lines: Iterator[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as to:
        to.writelines(lines)


def _add_grade(qrels: Qrels, row: list[str], where: str) -> None:
    query, doc, grade = row
    if not _is_integer(grade):
        raise _bad_line(
            where,
            f"grade {grade[:80]!r} is not an integer",
            "write an integer grade; gains of grades are given with --gains",
        )
    judged = qrels.setdefault(query, {})
    if judged.get(doc, int(grade)) != int(grade):
        raise _bad_line(where, f"{doc!r} has two grades for query {query!r}", "delete one of the two grades")
    judged[doc] = int(grade)


def _is_integer(text: str) -> bool:
    digits = text.strip().removeprefix("-")
    return digits.isdecimal() and len(digits) <= _LONGEST_GRADE


def _word(name: str, path: Path) -> str:
    if not name or name.split() != [name]:
        raise DataError(
            f"{path}: id {name!r} is empty or contains white space, which TREC files do not allow", "rename the id"
        )
    if not name.isascii() and any("\ud800" <= character <= "\udfff" for character in name):
        raise DataError(
            f"{path}: id {name!r} contains half of a surrogate pair, which is not valid text", "rename the id"
        )
    return name


def _bad_line(where: str, what: str, hint: str) -> DataError:
    return DataError(f"{where}: {what}", hint)
