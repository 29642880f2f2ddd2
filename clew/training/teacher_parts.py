"""What a teacher says of the examples of a run, stored in the run's folder so that a killed run resumes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from clew.core.files import write_atomic
from clew.core.progress import Progress
from clew.training.processes import process_group

Teacher = TypeVar("Teacher")


def stored_parts(
    folder: Path,
    count: int,
    size: int,
    suffix: str,
    load: Callable[[], Teacher],
    compute: Callable[[Teacher, slice], bytes],
    progress: Progress,
) -> list[Path]:
    """Return the files of what a teacher says of `count` inputs, `size` inputs in each (fewer in the last), in order.

    The first process loads the teacher and computes the files that are missing; one that an earlier call wrote is kept.
    compute: (teacher, the inputs of a file) → the content of the file. suffix: of the files, such as ".npy".
    """
    parts = [slice(first, min(first + size, count)) for first in range(0, count, size)]
    files = [folder / f"{part.start:09}{suffix}" for part in parts]
    with process_group().first_process_first():
        missing = [(part, file) for part, file in zip(parts, files, strict=True) if not file.is_file()]
        if missing:
            teacher = load()
            for part, file in missing:
                progress("teacher", part.start, count)
                write_atomic(file, compute(teacher, part))
            progress("teacher", count, count)
    return files
