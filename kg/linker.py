"""Entity linking: every name in a text gives candidates, a logistic model gives each candidate a probability, and the
most likely candidates that do not overlap are the mentions.

The probabilities are calibrated, so a text mentions no entity if no candidate reaches the threshold. The weights were
learned on two sets of equal weight, 44,606 candidates together: the 306 English train questions of Mintaka over the
entities of FB15k-237, as they are written, in lower case, and with typing errors (these with weight 0.15), and 6,801
Chinese ones with weak labels (`clew.benchmarks.linking.chinese`). The threshold is the best one for the dev questions
of both. `clew bench link DIR --learn --also CHINESE` prints them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from clew.core.types import Bools, CosineScale, Floats, Vectors
from clew.core.words import Word, words
from clew.kg.dictionary import ALIAS, LAST, LOWER, TRANSLATION, UPPER, Dictionary, Span, form_of
from clew.kg.surroundings import Surroundings

# Features of the model and their weights in log-odds: with vectors of text and entity, and without.
WEIGHTS: Mapping[str, tuple[float, float]] = {
    "bias": (-4.33, -4.79),
    "alias": (-0.07, -0.14),
    "translation": (-0.07, -0.14),
    "as written": (1.48, 1.85),
    "prominence": (3.9, 3.24),
    "common noun": (-2.0, -2.16),
    "lower-case acronym": (-0.6, -0.44),
    "letters mended": (0.38, 0.16),
    "two words": (0.13, 0.48),
    "more words": (0.32, 0.42),
    "log characters": (0.41, 0.77),
    "log rivals": (-1.59, -1.74),
    "inside a longer name": (-2.56, -2.39),
    "capitals": (0.25, 0.61),
    "no capitals": (-2.41, -2.56),
    "capitals beside": (-1.13, -1.28),
    "function words": (-2.49, -3.25),
    "share of text": (0.17, 2.59),
    "Chinese": (1.73, 1.08),
    "log Chinese characters": (1.11, 1.6),
    "Chinese words cut": (-1.89, -2.34),
    "common Chinese word": (-2.45, -2.62),
    "long common Chinese word": (0.91, 1.09),
    "leads a Chinese text": (1.26, 1.65),
    "cosine": (0.86, 0.0),
    "cosine below best": (0.52, 0.0),
}
FEATURES = tuple(WEIGHTS)
_COSINE = FEATURES.index("cosine")
_AS_WRITTEN, _RIVALS, _EDITS = (FEATURES.index(name) for name in ("as written", "log rivals", "letters mended"))
# One letter off the only name in question, a mention needs this share of the threshold, and others at most this share
# of its probability. The same share of the probability of a name without an article is enough for the one with it.
_CLEAR = 0.5
# Fewest characters of such a word: shorter words are too often another word.
_LONG_TYPO = 6
_ARTICLES = frozenset("a an the der die das le la les el los las il lo gli o os as".split())
# Most records of one name that become candidates; a name of more entities hardly tells which one is meant.
MAX_RECORDS_OF_NAME = 30


@dataclass(frozen=True, slots=True)
class LinkSpec:
    """How texts are linked to entities.

    threshold: minimum probability of a mention (0 to 1). rival: another entity for the same words is used as well if
    its probability is at least this share of the mention's (0 to 1; above 1: none). types: entity types that are linked
    (empty: all). fuzzy: whether names with typing errors are matched. most: maximum number of mentions in one text (1
    to 32).
    """

    threshold: float = 0.35
    rival: float = 0.5
    types: list[str] = field(default_factory=list)
    fuzzy: bool = True
    most: int = 8
    RENAMED: ClassVar[Mapping[str, str]] = {"mend": "fuzzy"}

    def __post_init__(self) -> None:
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold is {self.threshold}, expected 0 to 1")
        if not 0 <= self.rival <= 2:
            raise ValueError(f"rival is {self.rival}, expected 0 to 2")
        if not 1 <= self.most <= 32:
            raise ValueError(f"most is {self.most}, expected 1 to 32")


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entity that some words of a text may refer to.

    start, end: characters of the text. first, last: its words (last exclusive). entity: row in the graph.
    probability: that the words refer to it (0 to 1). features: (FEATURES,) inputs of the model. dropped: why the
    candidate is not a mention, "" if it is one.
    """

    start: int
    end: int
    first: int
    last: int
    entity: int
    probability: float
    features: tuple[float, ...]
    dropped: str = ""

    @property
    def log_odds(self) -> float:
        """Log-odds of the probability, which is clipped to 1e-9 … 1 - 1e-9 so that the result is finite."""
        clipped = min(max(self.probability, 1e-9), 1 - 1e-9)
        return math.log(clipped / (1 - clipped))


@dataclass(frozen=True, slots=True)
class Linked:
    """The result of linking a text: all candidates, by descending probability, and the words of the text."""

    candidates: tuple[Candidate, ...]
    words: tuple[Word, ...]

    @property
    def mentions(self) -> tuple[Candidate, ...]:
        """The candidates that are mentions, by position in the text."""
        return tuple(sorted((c for c in self.candidates if not c.dropped), key=lambda c: c.start))

    def with_rivals(self, rival: float) -> tuple[Candidate, ...]:
        """Return the mentions, each followed by the other entities for the same words that are almost as likely.

        rival: minimum probability of such an entity, as a share of the mention's (0 to 1; above 1: none).
        """
        found: list[Candidate] = []
        for mention in self.mentions:
            found.append(mention)
            span, least = (mention.first, mention.last), rival * mention.probability
            found += [c for c in self.candidates if c.dropped and (c.first, c.last) == span and c.probability >= least]
        return tuple(found)


class Linker:
    """Links texts to the entities of one graph. Safe for concurrent use by several threads."""

    def __init__(
        self,
        dictionary: Dictionary,
        spec: LinkSpec | None = None,
        vectors: NDArray[np.floating] | None = None,
        weights: Mapping[str, tuple[float, float]] | None = None,
        scale: CosineScale | None = None,
    ) -> None:
        """Create a linker.

        vectors: (entities, dim) unit vectors of the entities, 0 for an unknown one. weights: see WEIGHTS. scale: of the
        cosines of the encoder that the vectors are from (None: they are compared as they are).
        """
        self.dictionary = dictionary
        self.spec = spec or LinkSpec()
        self._vectors, self._scale = vectors, scale or CosineScale(0.0, 1.0)
        table = np.array([(weights or WEIGHTS)[name] for name in FEATURES], np.float64)
        self._with_vector, self._without = table[:, 0].copy(), table[:, 1].copy()
        wanted = set(self.spec.types)
        self._linked = np.array([name in wanted for name in dictionary.types], np.bool_) if wanted else None

    def link(self, text: str, vector: Vectors | None = None) -> Linked:
        """Find the candidates and mentions of a text. vector: (dim,) unit vector of the text, if there is one."""
        found = words(text)
        rows, table, known = self._weighed(text, found, vector)
        if not rows:
            return Linked((), tuple(found))
        odds: Floats = np.where(known, table @ self._with_vector, table @ self._without)
        chances = 1 / (1 + np.exp(-odds))
        order: list[int] = np.lexsort((np.arange(len(rows)), -chances)).tolist()
        ranked = [(rows[at], float(chances[at])) for at in order]
        reasons = self._reasons(text, found, ranked, table[order])
        candidates = [
            Candidate(
                start=found[first].start,
                end=found[last - 1].end,
                first=first,
                last=last,
                entity=entity,
                probability=probability,
                features=tuple(seen),
                dropped=reason,
            )
            for ((first, last, entity), probability), seen, reason in zip(
                ranked, table[order].tolist(), reasons, strict=True
            )
        ]
        return Linked(tuple(candidates), tuple(found))

    def _weighed(
        self, text: str, found: Sequence[Word], vector: Vectors | None
    ) -> tuple[list[tuple[int, int, int]], Floats, Bools]:
        """Return the rows, the features and the known vectors of all candidates of a text.

        rows: (first word, last word, entity). features: (candidates, FEATURES). known: (candidates,) bool, whether text
        and entity have vectors to compare.
        """
        spans = self.dictionary.spans(found, most=MAX_RECORDS_OF_NAME, fuzzy=self.spec.fuzzy, linked=self._linked)
        around = Surroundings(text, found, spans)
        rows: list[tuple[int, int, int]] = []
        features: list[list[float]] = []
        prominences = self.dictionary.entities["prominence"]
        for span in spans:
            if around.idle(span):
                continue
            closest = _closest_names(span, found)
            shared, cased = around.of_span(span, len(closest)), around.has_case(span)
            for entity, (kind, inexact, shape) in closest.items():
                rows.append((span.first, span.last, entity))
                own = [float(kind in {ALIAS, LAST}), float(kind == TRANSLATION), float(not inexact)]
                # A name in a script without capitals is no common noun because it has none.
                lower = float(shape == LOWER and cased)
                acronym = float(shape == UPPER and not around.all_capitals(span))
                prominence = float(prominences[entity])
                features.append([1.0, *own, prominence, lower, acronym, float(span.edits), *shared, 0.0, 0.0])
        table = np.array(features, np.float64).reshape(len(rows), len(FEATURES))
        known = np.zeros(len(rows), np.bool_)
        if rows and vector is not None and self._vectors is not None:
            known = self._add_cosines(self._vectors, rows, table, vector)
        return rows, table, known

    def _add_cosines(
        self,
        vectors: NDArray[np.floating],
        rows: Sequence[tuple[int, int, int]],
        table: Floats,
        vector: Vectors,
    ) -> Bools:
        """Write the cosines of the candidates into the table; return which have a vector, (candidates,) bool."""
        own = vectors[[row[2] for row in rows]].astype(np.float32)
        known: Bools = np.asarray(own.any(axis=1), np.bool_)
        # Not a matrix product, see dense/vector_statistics.py.
        cosines = self._scale.standard(np.vecdot(own, vector).astype(np.float64))
        best: dict[tuple[int, int], float] = {}
        for (first, last, _), value, there in zip(rows, cosines.tolist(), known.tolist(), strict=True):
            if there:
                best[first, last] = max(best.get((first, last), -np.inf), value)
        table[:, _COSINE] = known * cosines
        table[:, _COSINE + 1] = known * (cosines - np.array([best.get(row[:2], 0.0) for row in rows]))
        return known

    def _reasons(
        self, text: str, found: Sequence[Word], ranked: Sequence[tuple[tuple[int, int, int], float]], table: Floats
    ) -> list[str]:
        """Return why each candidate is dropped, "" for a mention. ranked: candidates by descending probability.

        table: (candidates, FEATURES) in that order.
        """
        chosen: list[tuple[int, int, float]] = []
        reasons = [""] * len(ranked)
        for at in _with_articles_first(text, found, ranked, table):
            (first, last, _), probability = ranked[at]
            # Compared by characters, because one character ("½") can be two words.
            start, end = found[first].start, found[last - 1].end
            rival = next((c for c in chosen if c[0] < end and start < c[1]), None)
            least = self.spec.threshold
            if probability < least and _is_clear_typo(at, ranked, table, end - start):
                least *= _CLEAR
            if probability < least:
                reasons[at] = f"probability {probability:.2f} is below {least:g}"
            elif _is_ambiguous_typo(at, ranked, table):
                reasons[at] = "one letter away from another name too, which is as likely"
            elif rival is not None:
                why = "which is more likely" if rival[2] >= probability else "which has the article too"
                reasons[at] = f"overlaps {text[rival[0] : rival[1]]!r}, {why} ({rival[2]:.2f})"
            elif len(chosen) >= self.spec.most:
                reasons[at] = f"there are {self.spec.most} more likely mentions already"
            else:
                chosen.append((start, end, probability))
        return reasons


def _with_articles_first(
    text: str, found: Sequence[Word], ranked: Sequence[tuple[tuple[int, int, int], float]], table: Floats
) -> list[int]:
    """Return the order in which candidates are chosen: by probability, but a name with its article before one without.

    "The Hollow" comes before "Hollow" where it is written like that and is not much less likely. A small article before
    a capital ("the Hollow") is not part of the name.
    """
    places = [float(at) for at in range(len(ranked))]
    for longer, ((first, last, _), probability) in enumerate(ranked):
        small = text[found[first].start].islower() and text[found[last - 1].start].isupper()
        if found[first].plain not in _ARTICLES or small or not table[longer, _AS_WRITTEN]:
            continue
        for shorter, ((start, end, _), other) in enumerate(ranked[:longer]):
            if (start, end) == (first + 1, last) and probability >= _CLEAR * other:
                places[longer] = min(places[longer], shorter - 0.5)
    return sorted(range(len(ranked)), key=places.__getitem__)


def _is_clear_typo(
    at: int, ranked: Sequence[tuple[tuple[int, int, int], float]], table: Floats, characters: int
) -> bool:
    """Return whether a candidate is one letter away from the only name, of one word, that comes into question."""
    (first, last, _), probability = ranked[at]
    if last - first > 1 or characters < _LONG_TYPO or table[at, _EDITS] != 1 or table[at, _RIVALS] > 0:
        return False
    others = (other for place, other in enumerate(ranked) if place != at and other[0][0] < last and first < other[0][1])
    return all(other[1] < _CLEAR * probability for other in others)


def _is_ambiguous_typo(at: int, ranked: Sequence[tuple[tuple[int, int, int], float]], table: Floats) -> bool:
    """Return whether a misspelt name may as well be that of another entity, and nothing tells which."""
    (first, last, _), probability = ranked[at]
    return bool(table[at, _EDITS]) and any(
        place != at and span[:2] == (first, last) and math.isclose(other, probability)
        for place, (span, other) in enumerate(ranked)
    )


def _closest_names(span: Span, found: Sequence[Word]) -> dict[int, tuple[int, bool, int]]:
    """Return entity → (kind, whether written differently, shape) of its closest name in the records of a span."""
    form = form_of(found[span.first : span.last])
    closest: dict[int, tuple[int, bool, int]] = {}
    for entity, written, kind, shape in span.records.tolist():
        seen = (kind, written != form, shape)
        if entity not in closest or (seen[1], seen[0]) < (closest[entity][1], closest[entity][0]):
            closest[entity] = seen
    return closest
