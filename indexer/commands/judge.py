"""`clew judge`: grade the documents that nobody judged, where that decides whether a version is published."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, note, out
from clew.core.errors import UsageError

if TYPE_CHECKING:
    from clew.indexer.judging import Judging, Scale
    from clew.indexer.releases.pending import Question

_QUIT = {"q", "quit"}
_SKIP = {"", "s", "skip"}


def judge(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the index.")],
    write: Annotated[
        Path | None,
        typer.Option("--write", metavar="FILE", help="Write the pairs to a file to fill in: .jsonl, else TSV."),
    ] = None,
    read: Annotated[
        Path | None, typer.Option("--read", metavar="FILE", help="Read the grades of such a file and add them.")
    ] = None,
    most: Annotated[
        int | None, typer.Option("--most", help="Number of pairs at most (default: those to judge first, else all).")
    ] = None,
    highest: Annotated[
        int | None, typer.Option("--highest", help="Highest grade that can be given (default: that of the qrels).")
    ] = None,
    home: Home = DEFAULT_HOME,
) -> None:
    """Judge documents that nobody judged, those first that decide most.

    Shows the pairs that the last build asked for or, if it asked for none, those of the live release. Each answer is
    added to the qrels of the spec's [quality] at once.

    Example: clew judge shop
    """
    from clew.indexer.judging import open_judging, read_answers, write_questions

    if write is not None and read is not None:
        raise UsageError("--write and --read are both given", "write the file, fill in the grades, then read it")
    if most is not None and most < 1:
        raise UsageError(f"--most is {most}", "give 1 or more pairs")
    if highest is not None and highest < 1:
        raise UsageError(f"--highest is {highest}", "give 1 or more")
    judging = open_judging(home, name, highest)
    if read is not None:
        answers = read_answers(read, judging.scale)
        added = judging.add(answers)
        out(f"{added:,} judgements added to {judging.qrels}, {len(answers) - added:,} were there already")
        return
    asked = judging.questions[: most or judging.first or None]
    if write is not None:
        count = write_questions(write, asked)
        out(f"{count:,} pairs written to {write}; fill in `grade`, then: clew judge {name} --read {write}")
    elif not asked:
        out("there is nothing to judge: all documents among the first ten of each judged query are judged")
    else:
        _ask(judging, asked)


def _ask(judging: Judging, asked: tuple[Question, ...]) -> None:
    """Ask for the grade of each pair on the terminal until the end of input."""
    added = 0
    for at, each in enumerate(asked, 1):
        out(f"\n[{at:,} of {len(asked):,}] query: {each.text}")
        out(f"  {each.title or each.document}  ({each.document})")
        if each.snippet:
            out(f"  {each.snippet}")
        answer = _answer(judging.scale)
        if answer is None:
            break
        if answer:
            added += judging.add([(each.query, each.document, answer)])
    out(f"\n{added:,} judgements added to {judging.qrels}")


def _answer(scale: Scale) -> str | None:
    """Return a typed grade, "" for a skipped pair, or None at the end."""
    while True:
        note(f"grade {scale}, s to skip, q to quit:")
        line = sys.stdin.readline()
        word = line.strip().lower()
        if not line or word in _QUIT:
            return None
        if word in _SKIP:
            return ""
        if scale.has(word):
            return word
        note(f"{line.strip()!r} is not a grade on the scale {scale}")
