"""Questions with gold mentions: as written, in lower case, and with a typing error in one mention."""

from __future__ import annotations

import random
import string
from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path

from clew.core.chinese import han_runs
from clew.core.errors import DataError, NotFoundError
from clew.core.files import COMPRESSED
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault

_LAYOUT = "a row has _id, text, split and mentions: [{start, end, entity}]; see docs/benchmarks/method.md"


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters of a question, end exclusive, that name an entity.

    entity: its id, or the value of the property that gold mentions refer to.
    """

    start: int
    end: int
    entity: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question and its gold mentions."""

    id: str
    text: str
    mentions: tuple[Mention, ...]
    split: str

    def restricted_to(self, entities: Container[str]) -> Question:
        """Return the question with only the mentions of some entities."""
        return replace(self, mentions=tuple(m for m in self.mentions if m.entity in entities))


def find_file(folder: Path, name: str) -> Path:
    """Return the path of a file in a folder, plain or compressed. Raises NotFoundError."""
    for ending in ("", *COMPRESSED):
        if (folder / f"{name}{ending}").is_file():
            return folder / f"{name}{ending}"
    raise NotFoundError(
        f"{folder} contains no {name}, plain or compressed",
        "docs/benchmarks/method.md describes the files of a data set",
    )


def read_questions(path: Path) -> list[Question]:
    """Read every question of a file. Raises DataError with file and line."""
    questions = []
    for row in read(SourceSpec(str(path), form="jsonl"), "jsonl"):
        if isinstance(row, Fault):
            raise DataError(f"{row.origin}: {row.reason}", row.hint or _LAYOUT)
        texts = [row.values.get(key) for key in ("_id", "text", "split")]
        mentions = row.values.get("mentions")
        if not all(isinstance(text, str) and text for text in texts) or not isinstance(mentions, list):
            raise DataError(f"{row.origin}: _id, text or split is missing or empty, or mentions is not a list", _LAYOUT)
        name, text, split = map(str, texts)
        questions.append(Question(name, text, tuple(_mention(m, text, row.origin) for m in mentions), split))
    return questions


def _mention(row: object, text: str, origin: str) -> Mention:
    values = row if isinstance(row, dict) else {}
    start, end, entity = (values.get(key) for key in ("start", "end", "entity"))
    places = isinstance(start, int) and isinstance(end, int) and 0 <= start < end <= len(text)
    if not places or not isinstance(entity, str) or not entity:
        raise DataError(f"{origin}: the mention {row!r} has no valid start, end and entity", _LAYOUT)
    return Mention(int(values["start"]), int(values["end"]), entity)


def lowercased(question: Question) -> Question:
    """Return a question in lower case; the positions of mentions stay the same."""
    text = "".join(small if len(small := sign.lower()) == 1 else sign for sign in question.text)
    return replace(question, text=text)


def with_typo(question: Question, seed: int = 0) -> Question:
    """Return a question with one typing error in one of its mentions, or unchanged if none is long enough.

    Two letters are swapped, or one is dropped, doubled or replaced; never the first letter of a word. Chinese
    characters stay: they are not typed letter by letter.
    """
    rng = random.Random(f"{seed} {question.id}")  # noqa: S311 - reproducible, no secret
    inner = [places for mention in question.mentions if len(places := _inner_letters(question.text, mention)) > 2]
    if not inner:
        return question
    while True:
        at = rng.choice(rng.choice(inner))
        letter, after = question.text[at], question.text[at + 1]
        old, new = rng.choice(
            (
                (letter + after, after + letter),
                (letter, ""),
                (letter, letter * 2),
                (letter, rng.choice(string.ascii_lowercase)),
            )
        )
        if old != new:
            return _replaced(question, at, old, new)


def _inner_letters(text: str, mention: Mention) -> list[int]:
    """Return the positions in a mention of letters between two other letters, Chinese characters not counted."""
    places = range(mention.start + 1, mention.end - 1)
    chinese = {at for first, last, han in han_runs(text) if han for at in range(first, last)}
    return [at for at in places if text[at - 1 : at + 2].isalpha() and chinese.isdisjoint({at - 1, at, at + 1})]


def _replaced(question: Question, at: int, old: str, new: str) -> Question:
    """Return a question with part of its text replaced, and the positions of its mentions adjusted."""
    behind, shift = at + len(old), len(new) - len(old)
    moved = tuple(
        replace(
            mention,
            start=mention.start + shift * (mention.start >= behind),
            end=mention.end + shift * (mention.end >= behind),
        )
        for mention in question.mentions
    )
    return replace(question, text=question.text[:at] + new + question.text[behind:], mentions=moved)
