"""The models of one comparison: loaded once each, computing nothing twice, however many averages they are part of."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clew.core.types import Vectors
from clew.models.averaged import AveragedEncoder, AveragedScorer, parts_of
from clew.models.cached import CachedEncoder, EmbeddingCache
from clew.models.protocols import Encoder, PairScorer
from clew.models.store import load_encoder, load_scorer


class Shelf:
    """Models by name. home: where they are kept; cache: vectors of earlier comparisons."""

    def __init__(self, home: Path, cache: EmbeddingCache) -> None:
        self._home, self._cache = home, cache
        self._encoders: dict[tuple[str, str], Encoder] = {}
        self._scorers: dict[str, PairScorer] = {}
        self._remembering: dict[str, RememberingScorer] = {}

    def encoder(self, name: str, runtime: str) -> Encoder:
        """A bi-encoder that computes whatever it is asked for. Raises what `load_encoder` raises."""
        if parts := parts_of(name):
            first, second = (self.encoder(part, runtime) for part in parts)
            return AveragedEncoder(first, second)
        if (name, runtime) not in self._encoders:
            self._encoders[name, runtime] = load_encoder(name, self._home, runtime=runtime)
        return self._encoders[name, runtime]

    def remembering_encoder(self, name: str, runtime: str) -> Encoder:
        """The same, with vectors taken from the cache: of an average those of its parts."""
        if parts := parts_of(name):
            first, second = (self.remembering_encoder(part, runtime) for part in parts)
            return AveragedEncoder(first, second)
        return CachedEncoder(self.encoder(name, runtime), self._cache)

    def scorer(self, name: str) -> PairScorer:
        """A cross-encoder that computes whatever it is asked for. Raises what `load_scorer` raises."""
        if parts := parts_of(name):
            first, second = (self.scorer(part) for part in parts)
            return AveragedScorer(first, second)
        if name not in self._scorers:
            self._scorers[name] = load_scorer(name, self._home)
        return self._scorers[name]

    def remembering_scorer(self, name: str) -> PairScorer:
        """The same, with the scores of lists that were scored before."""
        if parts := parts_of(name):
            first, second = (self.remembering_scorer(part) for part in parts)
            return AveragedScorer(first, second)
        if name not in self._remembering:
            self._remembering[name] = RememberingScorer(self.scorer(name))
        return self._remembering[name]


class RememberingScorer:
    """A cross-encoder that scores no list of texts twice for a query."""

    def __init__(self, scorer: PairScorer) -> None:
        self._scorer = scorer
        self._known: dict[tuple[str, ...], Vectors] = {}
        self.fingerprint = scorer.fingerprint
        self.runtime = scorer.runtime
        self.max_length = scorer.max_length

    def score(self, query: str, texts: Sequence[str]) -> Vectors:
        """(n,) float32 log-odds that each text is what the query wants."""
        key = (query, *texts)
        if key not in self._known:
            self._known[key] = self._scorer.score(query, texts)
        return self._known[key]
