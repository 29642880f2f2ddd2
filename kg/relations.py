"""How well a relation fits a question: "what disease did X die of" fits cause_of_death.

A step is a relation followed in one direction. Its fit has two parts: the cosine between the vector of the question and
the vector of the relation's name in words and, if there were questions with known answers to learn from, the
log-likelihood ratio of the words around the mention between the questions that this step answered and all questions (a
unigram model with Dirichlet smoothing, regularised towards the relation's own name; Zhai and Lafferty, SIGIR 2001).
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from clew.core.words import is_chinese, words

# Weights in log-odds of the cosine (in deviations), of the log-likelihood of the learned model, and of the log-odds of
# the link. Pairs: without and with a learned model. Fitted on the train questions of fb15k237-simpleqa, when cosines
# were taken as they are; `clew bench graph --fits` prints those of a choice among steps, where the cosine counts more.
COSINE, LIKELIHOOD, LINK = (0.32, 0.1), 1.2, (0.6, 0.4)
# Strength of the smoothing, in words: towards all questions, and towards the name of the relation.
_SMOOTHING, _NAME_WORDS = 20.0, 3.0
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_BREAK = re.compile(r"[\W_]+")


class Step(NamedTuple):
    """A relation followed in one direction; outgoing: from source to target."""

    relation: str
    outgoing: bool

    @property
    def key(self) -> str:
        """The key in stored models: the name of the relation, after "<" if it is followed backwards."""
        return self.relation if self.outgoing else f"<{self.relation}"

    @property
    def direction(self) -> Literal["out", "in"]:
        """The direction in which the relation is followed."""
        return "out" if self.outgoing else "in"

    @property
    def text(self) -> str:
        """The step in words, as shown before the name of the entity: "has brand", "brand of", "directed"."""
        name = short_name(self.relation)
        if self.outgoing:
            return name
        if name.endswith(" of"):
            return name.removesuffix(" of")
        if name.endswith(" by"):
            return name.removesuffix(" by")
        return f"{name.removeprefix('has ').removeprefix('in ')} of"


Path = tuple[Step, ...]
"""One step, or two that are followed as if they were one relation (clew.kg.paths)."""
_THEN = "\n"


def path_key(path: Path) -> str:
    """Return the key of a path in stored models: the keys of its steps, one per line."""
    return _THEN.join(step.key for step in path)


def path_of(key: str) -> Path:
    """Return the path of a key."""
    return tuple(Step(part.removeprefix("<"), not part.startswith("<")) for part in key.split(_THEN))


def relation_words(relation: str) -> str:
    """Return the name of a relation as words, such as for /people/deceased_person/cause_of_death, hasBrand, MADE_BY."""
    parts = _BREAK.split(_CAMEL.sub(" ", relation))
    return " ".join(part.lower() for part in parts if part)


def short_name(relation: str) -> str:
    """Return a relation as it is displayed: the last part of a path of names, as words."""
    last = [part.rsplit("/", 1)[-1] for part in relation.split(".") if part.strip("/")]
    return " ".join(relation_words(part) for part in last if part) or relation


def name_units(text: str) -> frozenset[str]:
    """Return what names of relations and questions are compared by: word stems, and pairs of Chinese characters.

    A Chinese word that both have counts more than its characters alone: 出生地 is closer to 出生在哪里 than to 生出.
    """
    found = words(text)
    pairs = (
        before.plain + after.plain
        for before, after in pairwise(found)
        if before.end == after.start and is_chinese(before) and is_chinese(after)
    )
    return frozenset((*(word.stem for word in found), *pairs))


def named_share(relation: str, asked: Set[str]) -> float:
    """Return the share (0 to 1) of the name of a relation that a question has. asked: its `name_units`."""
    name = name_units(relation_words(relation))
    return len(name & asked) / max(1, len(name))


def remainder(text: str, spans: Sequence[tuple[int, int]]) -> tuple[str, ...]:
    """Return the stems of the words of a question that do not overlap any of the (start, end) characters."""
    return tuple(
        word.stem for word in words(text) if not any(start < word.end and word.start < end for start, end in spans)
    )


@dataclass(frozen=True)
class RelationModel:
    """Word counts per step or path of two steps, learned from questions with known answers.

    words: key of the path → word stem → its count in the questions that the path answered. all: word stem → its count
    in all questions. questions: number of questions.
    """

    words: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    all: Mapping[str, float] = field(default_factory=dict)
    questions: int = 0

    def __bool__(self) -> bool:
        return self.questions > 0

    def as_table(self) -> dict[str, Any]:
        """Return the table that is stored in a release."""
        return {
            "words": {k: dict(v) for k, v in self.words.items()},
            "all": dict(self.all),
            "questions": self.questions,
        }

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> RelationModel:
        """Make a model from the result of `as_table`."""
        return cls(table.get("words", {}), table.get("all", {}), int(table.get("questions", 0)))

    @cached_property
    def paths(self) -> tuple[Path, ...]:
        """The learned paths of more than one step."""
        return tuple(path for path in map(path_of, self.words) if len(path) > 1)

    def described(self, most: int) -> list[tuple[str, list[str]]]:
        """Return the paths in words, the most frequent first, each with up to `most` stems that point to it."""
        found = []
        for key, counts in sorted(self.words.items(), key=lambda item: (-self._lengths[item[0]], item[0])):
            told = {word: count * math.log(count / self._lengths[key] * self._word_count / self.all[word])
                    for word, count in counts.items() if count > 0 and self.all.get(word)}  # fmt: skip
            best = sorted((word for word, value in told.items() if value > 0), key=lambda word: (-told[word], word))
            found.append((" → ".join(step.text for step in path_of(key)), best[:most]))
        return found

    @cached_property
    def _word_count(self) -> float:
        """Number of words in all questions."""
        return sum(self.all.values())

    @cached_property
    def _lengths(self) -> dict[str, float]:
        """Number of words in the questions that each path answered."""
        return {key: sum(counts.values()) for key, counts in self.words.items()}

    def fit(self, rest: Sequence[str], *path: Step) -> float:
        """Return how much likelier a question's remaining words are in the questions that a path answered than in all.

        A log-likelihood ratio in nats, divided by the square root of the number of words; 0.0 without words.
        """
        if not rest:
            return 0.0
        key = path_key(path)
        counts = self.words.get(key, {})
        named = Counter(word.stem for step in path for word in words(relation_words(step.relation)))
        length = self._lengths.get(key, 0.0)
        total = 0.0
        for word in rest:
            general = (self.all.get(word, 0.0) + 0.5) / (self._word_count + 0.5 * len(self.all) + 1.0)
            name = _NAME_WORDS * named[word] / max(1, named.total())
            seen = counts.get(word, 0.0) + name + _SMOOTHING * general
            total += math.log(seen / (length + _NAME_WORDS + _SMOOTHING) / general)
        return total / math.sqrt(len(rest))
