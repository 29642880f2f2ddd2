"""Present hits: their fields, and the spans of the query's terms in the title and in the best passage.

Everything is plain text with character spans; nothing is escaped or marked up here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from clew.core.identifiers import identifier_term
from clew.core.sentences import sentences
from clew.core.text import Analyzer
from clew.core.types import Bools, FieldValue, Variant
from clew.search.fields import Fields, body, identifier_fields, several_values, title_field
from clew.search.profile import ProfileSpec
from clew.search.protocols import ParsedQuery
from clew.search.terms import Match, QueryTerms, match_weight, weighted_sentences
from clew.search.types import Highlight, MatchedVariant
from clew.search.variant_store import VariantStore

# Variants of a document whose terms are compared with the query's.
COMPARED_VARIANTS = 200


@dataclass(frozen=True)
class Presenter:
    """The presentation of one query's hits. Make one for a search and use it for all its hits.

    passing: (variants,) bool, the variants that pass the filters; None without filters. names: of the fields that are
    shown; None: those of the profile.
    """

    analyzer: Analyzer
    query: ParsedQuery
    fields: Fields
    profile: ProfileSpec
    passing: Bools | None = None
    names: tuple[str, ...] | None = None

    @cached_property
    def terms(self) -> QueryTerms:
        """Return the query's terms, which are highlighted."""
        return QueryTerms(self.analyzer, self.query)

    @cached_property
    def _identifying(self) -> list[str]:
        return identifier_fields(self.fields)

    @cached_property
    def _shown(self) -> tuple[str, ...]:
        return self.profile.shown(self.fields) if self.names is None else self.names

    def shown(self, values: Mapping[str, FieldValue]) -> dict[str, FieldValue]:
        """Return the fields of a document that are shown and that have a value."""
        return {name: values[name] for name in self._shown if values.get(name) is not None}

    def variant(self, store: VariantStore | None, document: int) -> MatchedVariant | None:
        """Return the variant of a document that passes the filters and has most query terms; the first of equals.

        A variant with an identifier that the query names comes before others. Only the first COMPARED_VARIANTS that
        pass are compared. Returns None in an index without variants.
        """
        if store is None:
            return None
        start, end = int(store.first[document]), int(store.first[document + 1])
        passing = np.arange(end - start)
        if self.passing is not None and self.passing[start:end].any():
            passing = np.flatnonzero(self.passing[start:end])
        every = store.of(document)
        best = max(passing[:COMPARED_VARIANTS].tolist(), key=lambda at: self._match_weight(every[at]))
        return MatchedVariant(best, len(every), every[best].id, self.shown(every[best].fields))

    def _match_weight(self, variant: Variant) -> tuple[bool, float]:
        """Return whether a variant has an identifier of the query, and the weight of the query's terms in it."""
        named = [variant.id, *(one for name in self._identifying for one in several_values(variant.fields.get(name)))]
        identified = any(identifier_term(value) in self.query.identifiers for value in named)
        texts = (value for value in variant.fields.values() if isinstance(value, str | list))
        words = [variant.id, *("\n".join(value) if isinstance(value, list) else value for value in texts)]
        return identified, match_weight(self.terms.matches("\n".join(words)))

    def highlights(self, values: Mapping[str, FieldValue], span: tuple[int, int]) -> tuple[Highlight, ...]:
        """Return the full title if it contains a query term, then a snippet (or the answer) from the best passage.

        span: (start, end) of that passage in the document's body. The `start` of a highlight is the offset of its
        snippet in the text of its field. If nothing matches, the snippet is the start of the passage, without spans.
        """
        if not self.profile.highlight:
            return ()
        found: list[Highlight] = []
        title = title_field(self.fields)
        text = values.get(title) if title else None
        if title and isinstance(text, str) and (matches := self.terms.matches(text)):
            found.append(Highlight(title, text, merged(matches, 0, len(text))))
        best = self._best_part(values, span)
        return (*found, best) if best else tuple(found)

    def _best_part(self, values: Mapping[str, FieldValue], span: tuple[int, int]) -> Highlight | None:
        """Return the best snippet or sentence of a passage, over the body fields that it overlaps."""
        text, places = body(values, self.fields)
        best: Highlight | None = None
        best_score = -1.0
        for name, first, last in places:
            start, end = max(first, span[0]), min(last, span[1])
            part = text[start:end]
            if not part.strip():
                continue
            matches = self.terms.matches(part)
            cut = best_sentence(part, matches) if self.profile.answer else snippet(part, matches, self.profile.snippet)
            score = match_weight(match for match in matches if cut[0] <= match.start and match.end <= cut[1])
            if score > best_score:
                best_score = score
                best = Highlight(name, part[slice(*cut)], merged(matches, *cut), start - first + cut[0])
        return best


def merged(matches: Iterable[Match], start: int, end: int) -> tuple[tuple[int, int], ...]:
    """Return the ascending spans of matches in text[start:end], relative to start; overlapping ones are merged."""
    spans: list[tuple[int, int]] = []
    for first, last in sorted((max(m.start, start) - start, min(m.end, end) - start) for m in matches):
        if first >= last:
            continue
        if spans and first < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(last, spans[-1][1]))
        else:
            spans.append((first, last))
    return tuple(spans)


def best_sentence(text: str, matches: list[Match]) -> tuple[int, int]:
    """Return (start, end) of the sentence with the highest weight, the first of equals. text must not be blank."""
    start, end, _ = max(weighted_sentences(text, matches), key=lambda weighed: weighed[2])
    return start, end


def snippet(text: str, matches: list[Match], size: int) -> tuple[int, int]:
    """Return (start, end) of the part with the highest weight in query terms, nearly `size` characters long or less.

    It starts and ends at sentence borders if the matches still fit, else at word borders. text must not be blank.
    """
    if len(text) <= size:
        return len(text) - len(text.lstrip()), len(text.rstrip())
    borders = sentences(text)
    first, last = _densest(matches, size) if matches else (borders[0][0], borders[0][0])
    starts = [start for start, _ in borders if last - size <= start <= first]
    if starts:
        # The nearest sentence start before the matches, or an earlier one if less than `size` characters follow it.
        start = max((at for at in starts if at <= len(text) - size), default=starts[0])
    else:
        start = _word_start(text, max(0, first - max(0, size - (last - first)) // 3), first)
    limit = min(len(text), start + size)
    if limit == len(text):
        end = limit
    else:
        ends = [end for _, end in borders if max(last, start + size // 2) <= end <= limit]
        end = ends[-1] if ends else _word_end(text, limit, max(last, start + 1))
    end = min(end, limit)
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _densest(matches: list[Match], size: int) -> tuple[int, int]:
    """Return (start, end) of the matches within `size` characters that have the highest weight; the first of equals."""
    best, best_weight = (0, 0), 0.0
    low = 0
    inside: dict[str, int] = {}
    value = 0.0
    ordered = sorted(matches, key=lambda match: (match.end, match.start))
    for at, match in enumerate(ordered):
        value += 0.0 if inside.get(match.term) else match.weight
        inside[match.term] = inside.get(match.term, 0) + 1
        while match.end - ordered[low].start > size and ordered[low] is not match:
            gone = ordered[low]
            inside[gone.term] -= 1
            value -= 0.0 if inside[gone.term] else gone.weight
            low += 1
        if value > best_weight + 1e-9:
            best, best_weight = (min(m.start for m in ordered[low : at + 1]), match.end), value
    return best


def _is_border(text: str, at: int) -> bool:
    """Return whether a text may be cut before `at`: next to white space or next to a character above U+2E80 (CJK)."""
    before, after = text[at - 1], text[at]
    return before.isspace() or after.isspace() or before > "\u2e80" or after > "\u2e80"


def _word_start(text: str, at: int, limit: int) -> int:
    """Return the first word start from `at` on, at most `limit`."""
    while 0 < at < limit and (text[at].isspace() or not _is_border(text, at)):
        at += 1
    while at < limit and text[at].isspace():
        at += 1
    return at


def _word_end(text: str, at: int, limit: int) -> int:
    """Return the last word end up to `at`, at least `limit`; `at` itself if there is none."""
    place = at
    while place > limit and not _is_border(text, place):
        place -= 1
    return place if place > limit or _is_border(text, place) else at
