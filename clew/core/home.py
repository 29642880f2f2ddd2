"""Where indexes, graphs and models are stored."""

from __future__ import annotations

import os
from pathlib import Path


def home_folder(home: str | os.PathLike[str] | None = None) -> Path:
    """Return the given folder, or the default home: $CLEW_HOME, else `.clew` in the working folder."""
    return Path(home if home is not None else os.environ.get("CLEW_HOME") or ".clew")
