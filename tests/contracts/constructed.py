"""Registered components, made from their constructors, so that a new name is tested without a line in a test."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, get_type_hints

import pytest

from clew.core.registry import Registry


def constructed(registry: Registry[Any], name: str, given: Mapping[str, object], table: str) -> Any:
    """Make the component that is registered under `name`.

    Each parameter that has no default gets the value of its name in `given`, or else an instance of its type with that
    type's defaults, which suits a spec. Fails the test if neither is possible, and says to add the name to `table`.
    """
    component = registry[name]
    wanted = [p for p in inspect.signature(component).parameters.values() if p.default is p.empty]
    values = {}
    for parameter in wanted:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        try:
            if parameter.name in given:
                values[parameter.name] = given[parameter.name]
            else:
                values[parameter.name] = get_type_hints(component.__init__)[parameter.name]()
        except (KeyError, NameError, TypeError, ValueError) as error:
            pytest.fail(
                f"{registry.kind} {name!r} cannot be made from its constructor, which needs {parameter.name!r} "
                f"({type(error).__name__}: {error}): add a line for {name!r} to {table}"
            )
    return component(**values)
