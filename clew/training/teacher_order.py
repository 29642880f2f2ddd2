"""The scores of a teacher whose order of each list a cross-encoder learns, stored in the run's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from clew.core.files import write_atomic
from clew.core.progress import Progress
from clew.models.protocols import LanguageReader, PairScorer
from clew.models.unread import UNKNOWN_LIMIT
from clew.training.examples import Example
from clew.training.processes import process_group

FOLDER = "order"
# The number of lists whose scores are in one file: what is lost if the run is interrupted.
PART = 512


def order_scores(
    load: Callable[[], PairScorer], run: Path, examples: Sequence[Example], progress: Progress
) -> list[list[float]]:
    """Return the teacher's scores of each example's passages; NaN for a query in a language that it does not read.

    load: loads the teacher. The first process computes the scores once per run, PART lists at a time; a file that an
    earlier call wrote is read.
    """
    files = [run / FOLDER / f"{first:09}.jsonl" for first in range(0, len(examples), PART)]
    with process_group().first_process_first():
        missing = [(at, file) for at, file in enumerate(files) if not file.is_file()]
        teacher = load() if missing else None
        for at, file in missing:
            assert teacher is not None  # noqa: S101 - loaded if a file is missing
            progress("teacher", at * PART, len(examples))
            rows = [_scores(teacher, example) for example in examples[at * PART : (at + 1) * PART]]
            write_atomic(file, "".join(json.dumps(row) + "\n" for row in rows).encode())
        if missing:
            progress("teacher", len(examples), len(examples))
    return [
        [math.nan if score is None else score for score in json.loads(line)]
        for file in files
        for line in file.read_text().splitlines()
    ]


def _scores(teacher: PairScorer, example: Example) -> list[float | None]:
    if isinstance(teacher, LanguageReader) and teacher.unread_share(example.text) > UNKNOWN_LIMIT:
        return [None] * len(example.passages)
    return [round(float(score), 4) for score in teacher.score(example.text, example.passages)]
