"""Judge pairs of queries and documents: write them to a file to fill in, read it back, and add the grades to qrels."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from clew.core.errors import DataError, NotFoundError
from clew.core.files import write_atomic
from clew.core.measures.added import add_judgements
from clew.core.measures.judged import open_queries
from clew.core.measures.qrels import grades_in, is_grade, read_qrels
from clew.core.spec import parse
from clew.indexer.releases.judged import measure, read_judged
from clew.indexer.releases.pending import Pending, Question, load, questions
from clew.indexer.releases.undecided import unjudged_pairs
from clew.indexer.spec import QualitySpec
from clew.search.versions import IndexFolder

COLUMNS = ("grade", "query-id", "corpus-id", "query", "title", "text")


@dataclass(frozen=True, slots=True)
class Scale:
    """Grades that can be given: from 0 to the highest one, and whether fractions are among them."""

    highest: Fraction
    fractions: bool = False

    @classmethod
    def of_qrels(cls, path: Path) -> Scale:
        """Return the scale of the grades in a file: a grade above all of them would lower the gain of every other."""
        grades = grades_in(path)
        return cls(max(grades), any(grade.denominator > 1 for grade in grades))

    def has(self, grade: str) -> bool:
        """Return whether a text is a grade of this scale."""
        if not is_grade(grade):
            return False
        value = Fraction(grade.strip())
        return 0 <= value <= self.highest and (self.fractions or value.denominator == 1)

    def __str__(self) -> str:
        """Return the scale as messages show it, such as "0-3"."""
        return f"0-{float(self.highest):g}"


@dataclass(frozen=True, slots=True)
class Judging:
    """Questions that are not answered yet, and the file of qrels that the answers are added to.

    first: how many of them the last build asked for, 0 if it asked for none and these are the live release's. scale: of
    the grades.
    """

    qrels: Path
    questions: tuple[Question, ...]
    first: int
    scale: Scale

    def add(self, answers: Iterable[tuple[str, str, str]]) -> int:
        """Add (query id, document id, grade) to the qrels, except pairs that are judged; return how many were added."""
        return add_judgements(self.qrels, answers)


def open_judging(home: Path, name: str, highest: int | None = None) -> Judging:
    """Return the pairs that the last build of an index asked for; else those that its live release leaves unjudged.

    highest: the highest grade that can be given (None: that of the qrels).

    The latter are the unjudged documents among the first ten of each judged query, the largest influence on nDCG@10
    first. Raises NotFoundError if the index or its judged queries do not exist.
    """
    asked = load(IndexFolder.of(home, name))
    pending = asked or _of_live(home, name)
    judged = open_queries(Path(pending.folder))
    if pending.split not in judged.splits:
        raise NotFoundError(f"{judged.folder} has no qrels for split {pending.split!r}", "build the index again")
    qrels = read_qrels(judged.splits[pending.split])
    left = [(at, each) for at, each in enumerate(pending.questions) if each.document not in qrels.get(each.query, {})]
    first = sum(at < pending.first for at, _ in left)
    path = judged.splits[pending.split]
    scale = Scale.of_qrels(path)
    if highest is not None:
        scale = replace(scale, highest=Fraction(highest))
    return Judging(path, tuple(each for _, each in left), first, scale)


def write_questions(path: Path, asked: Iterable[Question]) -> int:
    """Write questions to a file to fill in, and return how many.

    JSON lines if the name ends in .jsonl, else tab-separated values with a header. A person fills in `grade`.
    """
    rows = [("", each.query, each.document, each.text, each.title, each.snippet) for each in asked]
    if path.suffix.lower() == ".jsonl":
        tables = [{**dict(zip(COLUMNS, row, strict=True)), "grade": None} for row in rows]
        text = "".join(json.dumps(table, ensure_ascii=False) + "\n" for table in tables)
    else:
        written = io.StringIO()
        csv.writer(written, delimiter="\t", lineterminator="\n").writerows([COLUMNS, *rows])
        text = written.getvalue()
    write_atomic(path, text.encode())
    return len(rows)


def read_answers(path: Path, scale: Scale) -> list[tuple[str, str, str]]:
    """Return (query id, document id, grade) of the rows of such a file that have a grade.

    Raises NotFoundError, and DataError that names file and line for a grade that is not on the scale, or a missing
    column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise NotFoundError(f"{path}: no such file", "write one with `clew judge NAME --write FILE`") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error.reason}", "save it as UTF-8") from None
    answers = []
    for number, row in _json_rows(text, path) if path.suffix.lower() == ".jsonl" else _tab_rows(text):
        query, doc, grade = (_cell(row, name, path, number) for name in ("query-id", "corpus-id", "grade"))
        if not grade:
            continue
        if not is_grade(grade) or not query or not doc:
            what = f"grade {grade!r} is not a number" if query and doc else "an id is empty"
            raise DataError(f"{path}:{number}: {what}", "write a grade such as 2, or leave it empty to skip the pair")
        if not scale.has(grade):
            raise DataError(
                f"{path}:{number}: grade {grade!r} is not on the scale of the qrels, {scale}",
                "correct it, or give another --highest: a new highest grade lowers the gain of all other grades",
            )
        answers.append((query, doc, grade))
    return answers


def _of_live(home: Path, name: str) -> Pending:
    from clew.search.assemble import open_index

    searcher = open_index(home, name)
    try:
        spec = parse(QualitySpec, searcher.version.spec.get("quality") or {}, "[quality]", stored=True)
        if not spec.queries:
            raise NotFoundError(
                f"the spec of index {name!r} names no judged queries",
                "add [quality] queries to the spec, and build the index again",
            )
        judged = read_judged(spec)
        pairs = unjudged_pairs(judged.qrels, measure(searcher, judged).ranked)
        return Pending(spec.queries, spec.split, 0, questions(searcher, dict(judged.queries), pairs))
    finally:
        searcher.close()


def _json_rows(text: str, path: Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}:{number}: not JSON: {error}", "write one JSON object per line") from None
        if not isinstance(row, dict):
            raise DataError(f"{path}:{number}: {type(row).__name__}, expected a JSON object", "write one per line")
        yield number, row


def _tab_rows(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t")
    header: Sequence[str] = next(reader, [])
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield reader.line_num, dict(zip(header, cells, strict=False))


def _cell(row: Mapping[str, object], name: str, path: Path, number: int) -> str:
    if name not in row:
        raise DataError(f"{path}:{number}: there is no {name!r}", f"keep the columns {', '.join(COLUMNS[:3])}")
    value = row[name]
    return "" if value is None else str(value).strip()
