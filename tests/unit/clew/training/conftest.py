"""An index in memory, from which training retrieves candidates without a build."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest

from clew.core.errors import NotFoundError
from clew.core.types import Floats
from clew.training.spec import DataSpec


@dataclass(frozen=True)
class Retrieved:
    """The documents that share a word with a query, by cosine of their word counts."""

    documents: Mapping[str, str]
    ids: tuple[str, ...]
    scores: Floats

    @property
    def cosines(self) -> Floats:
        return self.scores

    def passage(self, document: str) -> str | None:
        return self.documents.get(document)


@dataclass
class WordIndex:
    """documents: id → text. content_hash: what the index holds. opened: names it was opened by; closed: how often."""

    documents: Mapping[str, str]
    content_hash: str = "0"
    opened: list[str] = field(default_factory=list)
    closed: int = 0

    def open(self, data: DataSpec) -> WordIndex:
        self.opened.append(data.index)
        return self

    def content(self, index: str) -> str:
        if not self.documents:
            raise NotFoundError(f"no index {index!r}", "build it")
        return self.content_hash

    def candidates(self, query: str, depth: int) -> Retrieved | None:
        if not query.strip() or len(query) > 10_000:
            return None
        asked = set(query.casefold().split())
        found = {}
        for name, text in self.documents.items():
            words = set(text.casefold().split())
            if shared := len(asked & words):
                found[name] = shared / np.sqrt(len(asked) * len(words))
        ids = sorted(found, key=lambda name: (-found[name], name))[:depth]
        return Retrieved(self.documents, tuple(ids), np.array([found[name] for name in ids], np.float64))

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="session")
def word_index() -> Callable[..., WordIndex]:
    """Make an index in memory: word_index({id: text})."""
    return WordIndex
