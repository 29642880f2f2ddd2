"""Parse TOML tables into specs: frozen dataclasses. Errors name the unknown key or the value of the wrong type."""

from __future__ import annotations

import dataclasses
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from clew.core.errors import SpecError, nearest

T = TypeVar("T")


def read_toml(path: Path, instead: str = "write one with `clew init DATA`") -> dict[str, Any]:
    """Parse a TOML file. instead: the hint if the file does not exist. Raises SpecError with file and line."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file", instead) from None
    except IsADirectoryError:
        raise SpecError(f"{path} is a folder, expected a TOML spec", instead) from None
    except UnicodeDecodeError as error:
        raise SpecError(f"{path} is not UTF-8 text: {error}", "save it as UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path}: not valid TOML: {error}", "see https://toml.io for the syntax") from None


def parse(cls: type[T], table: Mapping[str, Any], where: str, page: str = "docs/spec.md", *, stored: bool = False) -> T:
    """Build the spec `cls` from a TOML table.

    A class attribute RENAMED of `cls` (old key → key) lists renamed keys: the old name is accepted until the next
    release, with a FutureWarning unless `stored`. where: name of the table in messages ("shop.toml [dense]"). page: the
    page of the docs that describes its keys. stored: the table was read from a stored version. Raises SpecError for an
    unknown key (suggests the closest one), a missing key, or a value of the wrong type or range.
    """
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(table, Mapping):
        raise SpecError(f"{where} is {type(table).__name__}, expected a table")
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    table = _renamed(table, getattr(cls, "RENAMED", {}), where, warn=not stored)
    for key in table:
        if key not in known:
            raise SpecError(f"{where}: unknown key {key!r}", nearest(key, known))
    try:
        return TypeAdapter(cls).validate_python(dict(table))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        shown = "" if first["type"] in {"missing", "value_error"} else f", got {first['input']!r}"
        raise SpecError(f"{where}{': ' + key if key else ''}: {reason}{shown}", f"see {page}") from None


def _renamed(table: Mapping[str, Any], renamed: Mapping[str, str], where: str, *, warn: bool) -> Mapping[str, Any]:
    """Return the table with old names of keys replaced by the new ones. Raises SpecError if both are given."""
    old = [key for key in renamed if key in table]
    if not old:
        return table
    for key in old:
        if renamed[key] in table:
            raise SpecError(
                f"{where}: {key!r} is the old name of {renamed[key]!r}, and both are given", "remove the old name"
            )
        if warn:
            warnings.warn(f"{where}: {key!r} is now called {renamed[key]!r}", FutureWarning, stacklevel=3)
    return {renamed.get(key, key): value for key, value in table.items()}


def as_table(spec: object) -> dict[str, Any]:
    """Return a spec as a plain table from which `parse` builds it again."""
    return dataclasses.asdict(spec)  # type: ignore[call-overload,no-any-return]
