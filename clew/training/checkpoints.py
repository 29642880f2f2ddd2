"""Checkpoints of a run; a checkpoint counts only once all its files are on the disk."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from clew.core.errors import UsageError
from clew.core.files import fsync_tree, write_atomic

COMPLETE_FILE = "whole.json"


def mark_complete(checkpoint: Path, processes: int) -> None:
    """Mark a checkpoint as complete. processes: how many processes wrote it, each its own part."""
    fsync_tree(checkpoint)
    write_atomic(checkpoint / COMPLETE_FILE, json.dumps({"processes": processes}).encode())


def last_checkpoint(folder: Path, processes: int) -> Path | None:
    """Return the newest complete checkpoint of a folder, or None.

    Incomplete checkpoints, left by a kill or a full disk, are deleted: they take space, and the trainer, which retains
    the two newest checkpoints, would count them. Raises UsageError if another number of processes wrote the checkpoint,
    because each process has its own position in the data.
    """
    complete = []
    for path in folder.glob("checkpoint-*"):
        if (path / COMPLETE_FILE).is_file():
            complete.append(path)
        else:
            shutil.rmtree(path)
    if not complete:
        return None
    found = max(complete, key=lambda path: int(path.name.rpartition("-")[2]))
    wrote = json.loads((found / COMPLETE_FILE).read_text())["processes"]
    if wrote != processes:
        raise UsageError(
            f"{found} was written by {_process_count(wrote)}, but this run has {_process_count(processes)}",
            f"start {_process_count(wrote)}, or delete {folder} to train from the start",
        )
    return found


def _process_count(processes: int) -> str:
    return "1 process" if processes == 1 else f"{processes} processes"
