"""Read JSON files that have a format number. All are read here, so that damage is reported in the same words."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

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
    """Return make(**table). make: a dataclass.

    Raises CorruptError that names the file and the key that is missing, unknown, or of another type than declared.
    """
    from pydantic import ValidationError

    try:
        made = make(**table)
    except TypeError as error:
        raise CorruptError(f"{path} has a missing or unknown key: {error}", hint) from None
    for name, adapter in _adapters(make).items():
        try:
            adapter.validate_python(getattr(made, name), strict=True)
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join([name, *(str(part)[:80] for part in first["loc"])])
            raise CorruptError(f"{path}: {key} is {str(first['input'])[:80]!r}: {first['msg']}", hint) from None
    return made


@lru_cache
def _adapters(make: Callable[..., Any]) -> dict[str, Any]:
    """Return field → what checks its type, of a dataclass."""
    from pydantic import TypeAdapter

    hints = get_type_hints(make)
    return {each.name: TypeAdapter(hints[each.name]) for each in dataclasses.fields(make)}  # type: ignore[arg-type]
