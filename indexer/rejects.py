"""The file of records and values that were left out while reading, with the reason: one JSON object per line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO


class Rejects:
    """A writer of the file. It creates the file with the first line; if there is no file, nothing was left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Rejects:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, origin: str, reason: str, field: str | None = None, value: object = None) -> None:
        """Write one line: where the record is (file and line), and why it or the value of one field was left out."""
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        line: dict[str, object] = {"origin": origin}
        file, _, number = origin.rpartition(":")
        if number.isdecimal():
            line |= {"file": file, "line": int(number)}
        if field is not None:
            line |= {"field": field, "value": value}
        self._file.write(json.dumps({**line, "reason": reason}, default=str) + "\n")
