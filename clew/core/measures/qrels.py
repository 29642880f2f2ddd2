"""Read qrels in the usual forms: BEIR (3 columns), TREC (4 columns), CSV and JSON lines; plain, .gz or .zst."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from math import lcm
from pathlib import Path

from clew.core.errors import DataError, NotFoundError
from clew.core.files import open_source, reading
from clew.core.measures.runs import Qrels

# Endings of qrels files, before .gz or .zst. The form is found in the first line, not by the ending.
ENDINGS = (".tsv", ".txt", ".csv", ".qrels", ".qrel", ".trec", ".jsonl")

_SHOWN = 5
# Other readers of qrels store grades in 32 bits, and trec_eval allocates an array of the highest grade.
_HIGHEST = 999_999_999
_HIGHEST_SCALED = 1_000_000
_LONGEST = 40  # characters of a grade
# Names of columns in headers, without "-", "_" and spaces, in lower case.
_NAMES = (
    {"queryid", "qid", "query", "topic", "topicid"},
    {"corpusid", "docid", "did", "doc", "document", "documentid", "docno", "pid", "passageid"},
    {"score", "grade", "relevance", "rel", "label", "judgment", "judgement", "rating"},
)
_FORMS = (
    "write query-id, corpus-id and score, separated by tabs, or TREC's four columns: query, 0, document, grade; "
    "a header line may name the columns"
)


@dataclass(frozen=True, slots=True)
class _Row:
    """One judgement as it is written, and its place."""

    number: int
    query: str
    doc: str
    grade: str


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a file.

    at: indexes of query, document and grade. count: number of columns, None if a header names them.
    """

    at: tuple[int, int, int]
    count: int | None


def read_qrels(
    path: Path,
    *,
    documents: Container[str] | None = None,
    queries: Container[str] | None = None,
    integers: bool = False,
) -> Qrels:
    """Read a file of qrels; its form is found in its first line.

    Forms: BEIR (query-id, corpus-id, score; tabs, white space or, as CSV, commas), TREC (query, iteration, document,
    grade), and JSON lines with those keys. A header line may name the columns, in any order; others are ignored.

    documents, queries: the known ids (None: not checked). Grades are decimal numbers. If some are fractions, all of the
    file are multiplied by the smallest factor that makes them integers, so that nDCG does not change; where the highest
    would exceed 1,000,000 they are rounded to that scale, and a positive grade remains positive. integers: refuse
    fractions, for grades that are looked up in a table of gains. Raises NotFoundError, and DataError for a bad line or
    for unknown ids, of which it lists the first few with file and line.
    """
    grades: dict[str, dict[str, Fraction]] = {}
    strangers: list[str] = []
    total = 0
    for row in _rows(path):
        where = f"{path}:{row.number}"
        grade = _grade(row.grade, where, integers=integers)
        judged = grades.setdefault(row.query, {})
        if judged.setdefault(row.doc, grade) != grade:
            raise DataError(
                f"{where}: {row.doc!r} has two grades for query {row.query!r}", "delete one of the two grades"
            )
        for kind, name, known in (("document", row.doc, documents), ("query", row.query, queries)):
            if known is not None and name not in known:
                total += 1
                if len(strangers) < _SHOWN:
                    strangers.append(f"{where}: unknown {kind} {name!r}")
    if strangers:
        more = f"; {total - len(strangers)} more" if total > len(strangers) else ""
        raise DataError(
            f"the qrels contain ids that are not in the data set: {'; '.join(strangers)}{more}",
            "use qrels made for this corpus, or pass --allow-unknown: unknown documents then count as not found, and "
            "unknown queries are dropped",
        )
    return _as_integers(grades)


def split_name(file: Path) -> str | None:
    """Return the split that a file of qrels is named after ("test.tsv.gz" → "test"), or None for another file."""
    name = file.name
    for compressed in (".gz", ".zst"):
        name = name[: -len(compressed)] if name.lower().endswith(compressed) else name
    stem, dot, ending = name.rpartition(".")
    if stem.lower() in {"readme", "license", "licence"}:
        return None
    return stem if stem and not stem.startswith(".") and dot + ending.lower() in ENDINGS else None


def grades_in(path: Path) -> set[Fraction]:
    """Return the distinct grades of a file of qrels as they are written. Raises as `read_qrels` does for a bad line."""
    return {_grade(row.grade, f"{path}:{row.number}", integers=False) for row in _rows(path)}


def _rows(path: Path) -> Iterator[_Row]:
    lines = _lines(path)
    first = next(lines, None)
    if first is None:
        return
    number, line = first
    if line.lstrip().startswith("{"):
        for number, line in chain([first], lines):
            yield _from_json(line, path, number)
        return
    split = splitter(line)
    columns, is_header = columns_of(split(line), f"{path}:{number}")
    for number, line in lines if is_header else chain([first], lines):
        yield _from_columns(split(line), columns, path, number)


def splitter(line: str) -> Callable[[str], list[str]]:
    """Return the function that cuts the lines of a file into columns, by its first line."""
    if "\t" in line.strip():
        return lambda each: [part.strip() for part in each.rstrip().split("\t")]
    words = line.split()
    is_spaced = len(words) in {3, 4} and is_grade(words[-1])
    if not is_spaced and len(_commas(line)) >= 3:
        return _commas
    return str.split


def _commas(line: str) -> list[str]:
    return [part.strip() for part in next(csv.reader([line]))]


def columns_of(parts: Sequence[str], where: str) -> tuple[Columns, bool]:
    """Return the columns of a file by its first line, and whether that is a header."""
    found = names_of(parts)
    if None not in found:
        query, doc, grade = (at or 0 for at in found)
        return Columns((query, doc, grade), None), True
    if len(parts) not in {3, 4}:
        raise DataError(f"{where}: {len(parts)} columns, expected 3 or 4", _FORMS)
    is_header = not is_grade(parts[-1]) and any(at is not None for at in found)
    return Columns((0, len(parts) - 2, len(parts) - 1), len(parts)), is_header


def names_of(names: Sequence[str]) -> list[int | None]:
    """Return the indexes of the names that mean query, document and grade; None for each that is missing."""
    plain = ["".join(char for char in name.lower() if char.isalnum()) for name in names]
    return [next((at for at, name in enumerate(plain) if name in wanted), None) for wanted in _NAMES]


def _from_columns(parts: Sequence[str], columns: Columns, path: Path, number: int) -> _Row:
    if columns.count is not None and len(parts) != columns.count:
        raise DataError(f"{path}:{number}: {len(parts)} columns, expected {columns.count}", _FORMS)
    if len(parts) <= max(columns.at):
        raise DataError(f"{path}:{number}: {len(parts)} columns, expected {max(columns.at) + 1} or more", _FORMS)
    query, doc, grade = (parts[at] for at in columns.at)
    if not query or not doc:
        raise DataError(f"{path}:{number}: the id of the {'document' if query else 'query'} is empty", _FORMS)
    return _Row(number, query, doc, grade)


def _from_json(line: str, path: Path, number: int) -> _Row:
    try:
        table = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}:{number}: not JSON: {error}", "write one JSON object per line") from None
    if not isinstance(table, dict):
        raise DataError(f"{path}:{number}: {type(table).__name__}, expected a JSON object", _FORMS)
    values = list(table.values())
    parts = [_written(values[at]) if at is not None else "" for at in names_of(list(table))]
    return _from_columns(parts, Columns((0, 1, 2), 3), path, number)


def _written(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


def _grade(text: str, where: str, *, integers: bool) -> Fraction:
    if not is_grade(text):
        raise DataError(f"{where}: grade {text[:80]!r} is not a number up to {_HIGHEST:,}", "write a grade such as 2")
    grade = Fraction(text.strip())
    if integers and grade.denominator != 1:
        raise DataError(
            f"{where}: grade {text[:80]!r} is not an integer, and --gains gives the gains of integer grades",
            "leave out --gains: the grades are then the gains",
        )
    return grade


def is_grade(text: str) -> bool:
    """Return whether a text is a grade: a decimal number up to 999,999,999."""
    words = text.strip()
    if not words or len(words) > _LONGEST or "/" in words or "_" in words:
        return False
    try:
        return abs(float(words)) <= _HIGHEST and Fraction(words) is not None
    except (ValueError, OverflowError):
        return False


def _as_integers(grades: Mapping[str, Mapping[str, Fraction]]) -> Qrels:
    every = {grade for judged in grades.values() for grade in judged.values()}
    scale = Fraction(lcm(*(grade.denominator for grade in every)))
    highest = max((abs(grade) for grade in every), default=Fraction(0))
    if scale > 1 and highest * scale > _HIGHEST_SCALED:
        scale = Fraction(_HIGHEST_SCALED) / highest
    scaled = {grade: max(1, round(grade * scale)) if grade > 0 else round(grade * scale) for grade in every}
    return {query: {doc: scaled[grade] for doc, grade in judged.items()} for query, judged in grades.items()}


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Read the lines of a text file, plain or compressed, with their numbers; blank lines are skipped."""
    if not path.is_file():
        raise NotFoundError(f"{path}: no such file")
    with reading(str(path)), open_source(str(path)) as stream:
        try:
            for number, line in enumerate(io.TextIOWrapper(stream, encoding="utf-8-sig"), 1):
                if line.strip():
                    yield number, line.rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(f"{path} is not UTF-8 text: {error.reason}", "save it as UTF-8") from None
