"""From the words a person typed to a ParsedQuery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from clew.core.errors import StageUnavailable
from clew.core.text import Analyzer, normalise
from clew.core.types import Vectors
from clew.models.protocols import Encoder
from clew.search.protocols import ParsedQuery

# What "the" or "what" counts in BM25 beside a content word. Chosen on the train and dev splits of squad11 and medquad:
# nDCG@10 is .01 to .02 above both 1 and 0 there.
FUNCTION_WEIGHT = 0.35
# Above this share of word pieces the model does not know, its vector says little about the text.
UNKNOWN_LIMIT = 0.2


def readable(encoder: Encoder, texts: Sequence[str]) -> list[int]:
    """Places of the texts that the encoder knows enough words of; the vector of any other would say little of it."""
    return [at for at, unknown in enumerate(encoder.unknown_shares(texts)) if unknown <= UNKNOWN_LIMIT]


def passage_vectors(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """(n, dim) float32 vectors of n passages, 0 for those that the encoder does not know enough words of."""
    known = readable(encoder, texts)
    vectors = np.zeros((len(texts), encoder.dim), np.float32)
    vectors[known] = encoder.encode_passages([texts[at] for at in known])
    return vectors


@dataclass(frozen=True, slots=True)
class QueryAnalyzer:
    """Analyses queries with the analyzer and the encoder that built the index (None: no dense part)."""

    analyzer: Analyzer
    encoder: Encoder | None

    def terms(self, text: str) -> ParsedQuery:
        """The query with its index terms, without a vector yet."""
        light = self.analyzer.function_terms
        terms = tuple((term, FUNCTION_WEIGHT if term in light else 1.0) for term in self.analyzer.terms(text))
        return ParsedQuery(text=normalise(text), terms=terms)

    def vector(self, query: ParsedQuery) -> ParsedQuery:
        """The query with its vector, or a note where the encoder does not know its words.

        Raises StageUnavailable where the index has no encoder.
        """
        if self.encoder is None:
            raise StageUnavailable("the index has no vectors")
        (unknown,) = self.encoder.unknown_shares([query.text])
        if unknown > UNKNOWN_LIMIT:
            note = f"no dense ranking: the model does not know {unknown:.0%} of the query's tokens"
            return replace(query, vector=None, unknown=unknown, notes=(*query.notes, note))
        vector = self.encoder.encode_queries([query.text])[0]
        return replace(query, vector=vector, unknown=unknown)
