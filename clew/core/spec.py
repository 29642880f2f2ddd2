"""From TOML tables to Specs: frozen dataclasses that reject unknown keys and wrong types by name."""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from clew.core.errors import SpecError, nearest

T = TypeVar("T")


def read_toml(path: Path, instead: str = "write one with `clew init DATA`") -> dict[str, Any]:
    """Parse a TOML file. instead: the hint where there is none. Raises SpecError that names the file and the line."""
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


def parse(cls: type[T], table: Mapping[str, Any], where: str, page: str = "docs/spec.md") -> T:
    """Build the Spec `cls` from a TOML table.

    where: what the table is called in messages ("shop.toml [dense]"). page: where its keys are described. Raises
    SpecError for an unknown key (with the nearest known one), a missing key, or a value of the wrong type or range.
    """
    from pydantic import TypeAdapter, ValidationError

    if not isinstance(table, Mapping):
        raise SpecError(f"{where} is {type(table).__name__}, expected a table")
    known = [f.name for f in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for key in table:
        if key not in known:
            raise SpecError(f"{where}: unknown key {key!r}", nearest(key, known))
    try:
        return TypeAdapter(cls).validate_python(dict(table))
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        shown = "" if first["type"] in {"missing", "value_error"} else f", not {first['input']!r}"
        raise SpecError(f"{where}{': ' + key if key else ''}: {reason}{shown}", f"see {page}") from None


def as_table(spec: object) -> dict[str, Any]:
    """A Spec as the plain table it can be parsed from again."""
    return dataclasses.asdict(spec)  # type: ignore[call-overload,no-any-return]
