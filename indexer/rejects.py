"""What reading left out, and why: a file with one JSON object a line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO


class Rejects:
    """Writes the file, which is made with the first line: where there is none, nothing was left out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Rejects:
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()

    def write(self, origin: str, reason: str) -> None:
        """One line: where what was left out stands, and what is wrong with it."""
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        self._file.write(json.dumps({"origin": origin, "reason": reason}) + "\n")
