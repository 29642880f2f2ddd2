"""The models of one comparison. Each is loaded once, and computes nothing twice."""

from __future__ import annotations

from pathlib import Path

from clew.benchmarks.relevance.pairs import SharedScorer
from clew.models.cached import CachedEncoder, EmbeddingCache
from clew.models.protocols import Encoder, PairScorer
from clew.models.store import load_encoder, load_scorer


class ModelPool:
    """Models by name. home: the folder of the models. cache: vectors of earlier comparisons."""

    def __init__(self, home: Path, cache: EmbeddingCache) -> None:
        self._home, self._cache = home, cache
        self._encoders: dict[tuple[str, str], Encoder] = {}
        self._scorers: dict[tuple[str, str], PairScorer] = {}
        self._cached_scorers: dict[tuple[str, str], SharedScorer] = {}

    def encoder(self, name: str, runtime: str) -> Encoder:
        """Return a bi-encoder without a cache. Raises what `load_encoder` raises."""
        if (name, runtime) not in self._encoders:
            self._encoders[name, runtime] = load_encoder(name, self._home, runtime=runtime)
        return self._encoders[name, runtime]

    def cached_encoder(self, name: str, runtime: str) -> Encoder:
        """Return a bi-encoder that takes vectors from the cache."""
        return CachedEncoder(self.encoder(name, runtime), self._cache)

    def scorer(self, name: str, runtime: str) -> PairScorer:
        """Return a cross-encoder without a cache. Raises what `load_scorer` raises."""
        if (name, runtime) not in self._scorers:
            self._scorers[name, runtime] = load_scorer(name, self._home, runtime=runtime)
        return self._scorers[name, runtime]

    def cached_scorer(self, name: str, runtime: str) -> PairScorer:
        """Return a cross-encoder that reuses the scores of pairs that were scored before."""
        if (name, runtime) not in self._cached_scorers:
            self._cached_scorers[name, runtime] = SharedScorer(self.scorer(name, runtime), {})
        return self._cached_scorers[name, runtime]
