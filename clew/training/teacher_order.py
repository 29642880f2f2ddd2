"""The scores of a teacher whose order of each list a cross-encoder learns, stored in the run's folder."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from clew.core.progress import Progress
from clew.models.protocols import LanguageReader, PairScorer
from clew.models.unread import UNKNOWN_LIMIT
from clew.training.examples import Example
from clew.training.teacher_parts import stored_parts

FOLDER = "order"
# The number of lists whose scores are in one file: what is lost if the run is interrupted.
PART = 512


def order_scores(
    load: Callable[[], PairScorer], run: Path, examples: Sequence[Example], progress: Progress
) -> list[list[float]]:
    """Return the teacher's scores of each example's passages; NaN for a query in a language that it does not read.

    load: loads the teacher. The scores are computed once per run, PART lists at a time.
    """

    def compute(teacher: PairScorer, part: slice) -> bytes:
        return "".join(json.dumps(_scores(teacher, example)) + "\n" for example in examples[part]).encode()

    files = stored_parts(run / FOLDER, len(examples), PART, ".jsonl", load, compute, progress)
    return [
        [math.nan if score is None else score for score in json.loads(line)]
        for file in files
        for line in file.read_text().splitlines()
    ]


def _scores(teacher: PairScorer, example: Example) -> list[float | None]:
    if isinstance(teacher, LanguageReader) and teacher.unread_share(example.text) > UNKNOWN_LIMIT:
        return [None] * len(example.passages)
    return [round(float(score), 4) for score in teacher.score(example.text, example.passages)]
