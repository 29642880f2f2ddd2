"""How well a relation fits what a question asks: "what disease did X die of" leads along cause_of_death.

A step is a relation walked in one direction. Its fit is the cosine of the question's vector with that of the
relation's name in words and, where questions with known answers were there to learn from, how much likelier the words
around the mention are in questions that this step answered than in all of them (a unigram model with Dirichlet
smoothing, regularised towards the relation's own name; Zhai and Lafferty, SIGIR 2001).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from clew.core.words import stem, words

# Log-odds for a cosine of 1, for the learned model's log-likelihood, and for each log-odds of the link; without and
# with a learned model. Fitted on the train questions of fb15k237-simpleqa.
COSINE, LIKELIHOOD, LINK = (5.0, 1.6), 1.2, (0.6, 0.4)
# The strengths of the smoothing, in words: towards all questions, and towards the relation's name.
_SMOOTHING, _NAME_WORDS = 20.0, 3.0
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BREAK = re.compile(r"[\W_]+")


class Step(NamedTuple):
    """A relation walked in one direction; outgoing: from source to target."""

    relation: str
    outgoing: bool

    @property
    def key(self) -> str:
        """As it is stored: the relation's name, marked where it is walked backwards."""
        return self.relation if self.outgoing else f"<{self.relation}"

    @property
    def said(self) -> str:
        """The step in plain words, before the name of what it leads to: "has brand", "brand of", "subcategory"."""
        name = short(self.relation)
        if self.outgoing:
            return name
        if name.endswith(" of"):
            return name.removesuffix(" of")
        return f"{name.removeprefix('has ').removeprefix('in ')} of"


def spoken(relation: str) -> str:
    """A relation's name in plain words: /people/deceased_person/cause_of_death, hasBrand, MADE_BY."""
    parts = _BREAK.split(_CAMEL.sub(" ", relation))
    return " ".join(part.lower() for part in parts if part)


def short(relation: str) -> str:
    """A relation as a person is shown it: the last part of a path of names, in plain words."""
    last = [part.rsplit("/", 1)[-1] for part in relation.split(".") if part.strip("/")]
    return " ".join(spoken(part) for part in last if part) or relation


def remainder(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Stems of the words of a question outside some (start, end) characters of it."""
    return tuple(
        word.stem for word in words(text) if not any(start < word.end and word.start < end for start, end in spans)
    )


@dataclass(frozen=True)
class RelationModel:
    """What questions with known answers said of the steps.

    words: step key → word stem → how often it was in questions that the step answered. all: the same over all
    questions. questions: how many there were.
    """

    words: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    all: Mapping[str, float] = field(default_factory=dict)
    questions: int = 0

    def __bool__(self) -> bool:
        return self.questions > 0

    def as_table(self) -> dict[str, Any]:
        """As it is stored in a release."""
        return {
            "words": {k: dict(v) for k, v in self.words.items()},
            "all": dict(self.all),
            "questions": self.questions,
        }

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> RelationModel:
        """From what `as_table` gave."""
        return cls(table.get("words", {}), table.get("all", {}), int(table.get("questions", 0)))

    @cached_property
    def _every(self) -> float:
        """How many words all questions have."""
        return sum(self.all.values())

    @cached_property
    def _lengths(self) -> dict[str, float]:
        """The same for the questions that each step answered."""
        return {key: sum(counts.values()) for key, counts in self.words.items()}

    def fit(self, rest: Sequence[str], step: Step) -> float:
        """How much likelier a question's remaining words are for a step than in general, in nats per root of words."""
        if not rest:
            return 0.0
        counts = self.words.get(step.key, {})
        named = Counter(stem(word) for word in spoken(step.relation).split())
        length = self._lengths.get(step.key, 0.0)
        total = 0.0
        for word in rest:
            general = (self.all.get(word, 0.0) + 0.5) / (self._every + 0.5 * len(self.all) + 1.0)
            name = _NAME_WORDS * named[word] / max(1, named.total())
            seen = counts.get(word, 0.0) + name + _SMOOTHING * general
            total += math.log(seen / (length + _NAME_WORDS + _SMOOTHING) / general)
        return total / math.sqrt(len(rest))
