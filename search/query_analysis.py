"""Analyse the text of a query into a ParsedQuery."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clew.core.chinese import Kind
from clew.core.errors import StageUnavailable
from clew.core.identifiers import named_identifiers
from clew.core.text import Analyzer, normalise
from clew.core.types import Vectors
from clew.models.protocols import Encoder
from clew.models.unread import UNKNOWN_LIMIT
from clew.search.homophones import HOMOPHONE_WEIGHT, homophones
from clew.search.protocols import ParsedQuery, Vocabulary, WordIndex
from clew.search.spellings import Spellings

# Weight of words such as "the" or "what" in BM25; a content word has 1. Chosen on the train and dev splits of squad11
# and medquad: nDCG@10 is .01 to .02 above both 1 and 0 there.
FUNCTION_WEIGHT = 0.35
# Weight of a Chinese term that is no word of the query by itself: a character of a longer word, and several characters
# inside a word or across two. Chosen on train and confirmed on dev: docs/benchmarks/method.md#chinese-words.
CHARACTER_WEIGHT = 0.75
PART_WEIGHT = 0.5
# Weight of the characters that a quantity is written with: together they count less than its term, so that 1500毫升
# brings 1.5升 before 300毫升.
WRITTEN_WEIGHT = 0.25
_WEIGHTS: Mapping[Kind, float] = {
    "word": 1.0, "part": PART_WEIGHT, "character": CHARACTER_WEIGHT, "written": WRITTEN_WEIGHT
}  # fmt: skip


def readable(encoder: Encoder, texts: Sequence[str]) -> list[int]:
    """Return the indexes of the texts of which the encoder knows enough tokens for a meaningful vector."""
    return [at for at, unknown in enumerate(encoder.unknown_shares(texts)) if unknown <= UNKNOWN_LIMIT]


def passage_vectors(encoder: Encoder, texts: Sequence[str]) -> Vectors:
    """Return (n, dim) float32 vectors of n passages, 0 for those of which the encoder knows too few tokens."""
    known = readable(encoder, texts)
    vectors = np.zeros((len(texts), encoder.dim), np.float32)
    vectors[known] = encoder.encode_passages([texts[at] for at in known])
    return vectors


@dataclass(frozen=True, slots=True)
class QueryAnalyzer:
    """The query analysis of an index, with the analyzer and the encoder that it was built with (None: no vectors)."""

    analyzer: Analyzer
    encoder: Encoder | None

    def terms(self, text: str) -> ParsedQuery:
        """Return the query with its index terms, without a vector yet."""
        light = self.analyzer.function_terms
        terms = tuple(
            (term, FUNCTION_WEIGHT if term in light else _WEIGHTS[kind])
            for term, kind in self.analyzer.query_terms(text)
        )
        return ParsedQuery(text=normalise(text), terms=terms)

    def identified(self, query: ParsedQuery, vocabulary: Vocabulary) -> ParsedQuery:
        """Return the query with the identifiers that it names, as terms too; unchanged if it names none."""

        def known(term: str) -> bool:
            return vocabulary.document_frequency(term) > 0

        named = named_identifiers(query.text, known, lambda word: any(map(known, self.analyzer.terms(word))))
        if not named.terms:
            return query
        light = self.analyzer.function_terms
        required = tuple(term for term in self.analyzer.terms(named.rest) if term not in light)
        terms = (*query.terms, *((term, 1.0) for term in named.terms))
        return replace(query, terms=terms, identifiers=named.terms, required=required)

    def respelled(self, query: ParsedQuery, words: WordIndex) -> ParsedQuery:
        """Return the query with other spellings of its words that the index has, as terms too."""
        terms, spellings = Spellings(self.analyzer, words).respelled(query.text, query.terms)
        known = {term for term, _ in terms}
        sounding = [each for each in homophones(query.text, self.analyzer, words) if each.term not in known]
        added = ((each.term, HOMOPHONE_WEIGHT) for each in sounding)
        return replace(query, terms=(*terms, *added), spellings=(*spellings, *sounding))

    def vector(self, query: ParsedQuery) -> ParsedQuery:
        """Return the query with its vector, or with a note if the encoder does not know enough of its tokens.

        Raises StageUnavailable if the index has no encoder.
        """
        if self.encoder is None:
            raise StageUnavailable("the index has no vectors")
        (unknown,) = self.encoder.unknown_shares([query.text])
        if unknown > UNKNOWN_LIMIT:
            note = f"no dense ranking: the model does not know {unknown:.0%} of the query's tokens"
            return replace(query, vector=None, unknown=unknown, notes=(*query.notes, note))
        vector = self.encoder.encode_queries([query.text])[0]
        return replace(query, vector=vector, unknown=unknown)

    def knows_words(self, query: ParsedQuery) -> bool:
        """Return whether the encoder knows a word of the query."""
        return self.encoder is not None and self.encoder.knows_words(query.text)

    def vectors(self, texts: Sequence[str]) -> list[ParsedQuery]:
        """Return those of the texts that the encoder knows enough tokens of, as queries with vectors (one batch)."""
        if self.encoder is None:
            return []
        known = [texts[at] for at in readable(self.encoder, texts)]
        vectors = self.encoder.encode_queries(known)
        return [replace(self.terms(text), vector=vector) for text, vector in zip(known, vectors, strict=True)]
