"""Read JSON files that have a format number. All are read here, so that damage is reported in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from clew.core.errors import CorruptError, FormatError, NotFoundError

REBUILD = "build the index again with `clew build`, or go back to an earlier release with `clew indexes rollback`"

Made = TypeVar("Made")


def read_table(path: Path, known: int, hint: str = REBUILD, *, missing: str = "") -> dict[str, Any]:
    """Read a JSON object whose key "format" is `known`.

    hint: how to create the file again. missing: the hint if the file does not exist (default: `hint`). Raises
    NotFoundError, CorruptError or FormatError that names the file; FormatError also names both formats.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"{path} is missing", missing or hint) from None
    except OSError as error:
        raise CorruptError(f"{path} cannot be read: {error.strerror}", hint) from None
    return parse_table(data, path, known, hint)


def parse_table(data: bytes, path: Path, known: int, hint: str = REBUILD) -> dict[str, Any]:
    """Parse the JSON object in the bytes of a file; see read_table."""
    try:
        table: dict[str, Any] = json.loads(data)
        written = table.get("format")
    except (ValueError, AttributeError, RecursionError):
        raise CorruptError(f"{path} is not valid JSON, or not a JSON object", hint) from None
    if written != known:
        raise FormatError(f"{path} has format {written}, but this version of Clew reads format {known}", hint)
    return table


def record_of(make: Callable[..., Made], table: Mapping[str, Any], path: Path, hint: str = REBUILD) -> Made:
    """Return make(**table). Raises CorruptError that names the file and the key that is missing or unknown."""
    try:
        return make(**table)
    except TypeError as error:
        raise CorruptError(f"{path} has a missing or unknown key: {error}", hint) from None
