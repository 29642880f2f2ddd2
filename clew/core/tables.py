"""JSON files with a format number: the one reader of all of them, so that damage is reported in the same words."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from clew.core.errors import CorruptError, FormatError, NotFoundError

REBUILD = "rebuild with `clew build`, or roll back"

Made = TypeVar("Made")


def read_table(path: Path, known: int, hint: str = REBUILD, *, missing: str = "") -> dict[str, Any]:
    """Read a JSON object whose key "format" is `known`.

    hint: how to make the file again; missing: the same where it does not exist (default: hint). Raises NotFoundError,
    CorruptError or FormatError, which name the file and, for FormatError, both formats.
    """
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise NotFoundError(f"{path} is not there", missing or hint) from None
    except OSError as error:
        raise CorruptError(f"{path} cannot be read: {error.strerror}", hint) from None
    return parse_table(data, path, known, hint)


def parse_table(data: bytes, path: Path, known: int, hint: str = REBUILD) -> dict[str, Any]:
    """The JSON object in the bytes of a file; see read_table."""
    try:
        table: dict[str, Any] = json.loads(data)
        written = table.get("format")
    except (ValueError, AttributeError, RecursionError):
        raise CorruptError(f"{path} is not the JSON it was written as", hint) from None
    if written != known:
        raise FormatError(f"{path} has format {written}, this Clew reads {known}", hint)
    return table


def record_of(make: Callable[..., Made], table: Mapping[str, Any], path: Path, hint: str = REBUILD) -> Made:
    """make(**table). Raises CorruptError that names the file and the key that is missing or unknown."""
    try:
        return make(**table)
    except TypeError as error:
        raise CorruptError(f"{path} lacks or adds a key: {error}", hint) from None
