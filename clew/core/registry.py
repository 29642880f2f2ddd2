"""Tables of named components that are imported only when they are requested."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Generic, TypeVar

from clew.core.errors import unknown_name

T = TypeVar("T")


class Registry(Generic[T]):
    """The names of one kind of component, each with its "module:attribute".

    >>> KINDS = Registry[object]("index kind", {"bm25": "clew.search.candidates.bm25:BM25Kind"})
    """

    def __init__(self, kind: str, places: Mapping[str, str]) -> None:
        self.kind = kind
        self._places = dict(places)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> T:
        """Import and return the component. Raises UnknownNameError that suggests the closest known name."""
        if name not in self._places:
            raise unknown_name(self.kind, name, self._places)
        module, _, attribute = self._places[name].partition(":")
        found: T = getattr(import_module(module), attribute)
        return found
