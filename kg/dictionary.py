"""The dictionary of a graph: finds every name, alias and translation in the words of a text.

It is in the folder `dictionary` of a snapshot; all files are memory-mapped:

    names.marisa    word stems of each name, joined by spaces; the id of a key is its row in offsets
    offsets.npy     (keys + 1,) int64: start of the records of each key
    records.npy     (records,) RECORD: entities with the name and how it is written, by descending degree
    entities.npy    (entities,) ENTITY: what linking needs of each entity
    words.marisa    the words of all names and descriptions, by length, for fuzzy matching
    dictionary.json format, counts, entity types
"""

from __future__ import annotations

import json
import math
import zlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clew.core.errors import CorruptError, FormatError, NotFoundError
from clew.core.mapped import open_array, open_trie
from clew.core.tables import read_table
from clew.core.text import FUNCTION_WORDS
from clew.core.types import Bools, Ints
from clew.core.words import LONGEST_WORD, Word, stem, words
from clew.kg.manifest import AGAIN
from clew.kg.relations import relation_words
from clew.kg.types import Entity

FORMAT = 1
DICTIONARY = "dictionary"
LONGEST_NAME = 24
LONGEST_KEY = 1_000
NAMES, OFFSETS, RECORDS, ENTITIES, WORDS, TABLE = (
    "names.marisa", "offsets.npy", "records.npy", "entities.npy", "words.marisa", "dictionary.json",
)  # fmt: skip

# kind: NAME, ALIAS, TRANSLATION or LAST (the last name of a person that no other entity shares). form: checksum of the
# words as written, to distinguish "Cars" from "car". shape: LOWER, MIXED or UPPER.
RECORD = np.dtype([("entity", "<i4"), ("form", "<u4"), ("kind", "u1"), ("shape", "u1")])
# prominence: log(1 + degree), divided by the same of the entity with the highest degree. type: index in the types of
# dictionary.json.
ENTITY = np.dtype([("prominence", "<f4"), ("type", "<i4")])
NAME, ALIAS, TRANSLATION, LAST = 0, 1, 2, 3
LOWER, MIXED, UPPER = 0, 1, 2

# Words of the entity types of people, whose last names are names as well.
_PEOPLE = frozenset(
    "person people human actor actress author writer director artist musician singer composer player athlete "
    "politician scientist employee contact".split()
)
_SHORTEST_LAST_NAME = 3
_NOT_LAST_NAMES = frozenset({"jr", "sr", "ii", "iii", "iv", "phd", "md", "esq"})

# Shorter words, and words with other characters than letters, are never matched fuzzily.
_SHORTEST_TYPO = 4
_TWO_EDITS_FROM = 8
_MOST_CORRECTIONS = 3
_CACHED_WORDS = 1 << 14


class Span(NamedTuple):
    """Words of a text that match a name.

    first, last: the words are words[first:last]. records: records of the name. edits: how many letters were changed.
    """

    first: int
    last: int
    records: NDArray[Any]
    edits: int


def form_of(found: Iterable[Word]) -> int:
    """Return the checksum of words as they are written."""
    return zlib.crc32(" ".join(word.plain for word in found).encode())


def shape_of(text: str) -> int:
    """Return whether the letters of a text are all lower case (LOWER), all upper case (UPPER) or mixed (MIXED)."""
    letters = [c for c in text if c.isalpha()]
    if all(c.islower() or not c.isupper() for c in letters):
        return LOWER
    return UPPER if all(c.isupper() for c in letters) else MIXED


def write_dictionary(entities: Iterable[Entity], degrees: Ints, snapshot: Path) -> dict[str, int]:
    """Write the dictionary of a snapshot and return its counts.

    entities: in row order. degrees: (entities,) int64.
    The same entities give the same bytes. Names of more than 24 words or 1,000 characters are left out, because a query
    does not contain such a name in full.
    """
    import marisa_trie

    gathered = _Names()
    for row, entity in enumerate(entities):
        gathered.add(row, entity)
    gathered.add_last_names()
    directory = snapshot / DICTIONARY
    directory.mkdir(parents=True, exist_ok=True)
    trie = marisa_trie.Trie(sorted(set(gathered.keys)))
    key = np.fromiter(map(trie.__getitem__, gathered.keys), np.int64, len(gathered.keys))
    records = gathered.records()
    # By descending degree, so that a limit on the entities of a name leaves out those with the fewest edges.
    order = np.lexsort((records["kind"], records["entity"], -degrees[records["entity"]], key))
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(np.bincount(key, minlength=len(trie)))])
    facts = np.empty(len(gathered.types), ENTITY)
    most = math.log1p(int(degrees.max(initial=0))) or 1.0
    facts["prominence"] = np.log1p(degrees) / most
    types = sorted(set(gathered.types))
    facts["type"] = np.searchsorted(types, gathered.types) if types else 0
    known = sorted(map(by_length, gathered.words))
    (directory / NAMES).write_bytes(trie.tobytes())
    (directory / WORDS).write_bytes(marisa_trie.Trie(known).tobytes())
    for name, values in ((OFFSETS, offsets), (RECORDS, records[order]), (ENTITIES, facts)):
        np.save(directory / name, values)
    counts = {"entities": len(facts), "names": len(trie), "records": len(records), "words": len(known)}
    table = {"format": FORMAT, **counts, "types": types}
    (directory / TABLE).write_text(json.dumps(table, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return counts


def is_current(snapshot: Path) -> bool:
    """Return whether a snapshot has a dictionary in the format of this version of Clew."""
    try:
        read_table(snapshot / DICTIONARY / TABLE, FORMAT)
    except (NotFoundError, CorruptError, FormatError):
        return False
    return True


class _Names:
    """Names in the order they were added.

    If several names of an entity are the same, only the first is stored: the name, then aliases, then translations.
    """

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.types: list[str] = []
        # Word → row of the only entity with this word in its names or description, -1 if there are several.
        self.words: dict[str, int] = {}
        # Last name of a person → form, key and shape of its record.
        self._last: dict[str, tuple[int, str, int]] = {}
        # Columns, because a tuple for each of a million names would take more memory than everything else.
        self._entities, self._forms, self._kinds, self._shapes = array("i"), array("I"), array("B"), array("B")

    def add(self, row: int, entity: Entity) -> None:
        self.types.append(entity.type)
        seen: set[tuple[str, int]] = set()
        for kind, name in _names(entity):
            found = words(name)
            self._add_words(row, found)
            key, form = " ".join(word.stem for word in found), form_of(found)
            if 1 <= len(found) <= LONGEST_NAME and len(key) <= LONGEST_KEY and (key, form) not in seen:
                seen.add((key, form))
                self._append(key, row, form, kind, shape_of(name))
        # A word that occurs in a description is not a misspelt name.
        self._add_words(row, words(entity.description))
        person = words(entity.name)
        if len(person) > 1 and _PEOPLE & set(relation_words(entity.type).split()) and _is_last_name(person[-1].plain):
            name = entity.name[person[-1].start :]
            self._last[person[-1].plain] = (form_of(person[-1:]), person[-1].stem, shape_of(name))

    def add_last_names(self) -> None:
        """Add the last names of people that are in no name and no description of another entity; call it last."""
        known = set(self.keys)
        for word, (form, key, shape) in self._last.items():
            if (row := self.words[word]) >= 0 and key not in known:
                self._append(key, row, form, LAST, shape)

    def _append(self, key: str, row: int, form: int, kind: int, shape: int) -> None:
        self.keys.append(key)
        self._entities.append(row)
        self._forms.append(form)
        self._kinds.append(kind)
        self._shapes.append(shape)

    def records(self) -> NDArray[Any]:
        """Return the records, (keys,) RECORD, in the order of the keys."""
        found = np.empty(len(self.keys), RECORD)
        columns = (self._entities, self._forms, self._kinds, self._shapes)
        for name, column in zip(("entity", "form", "kind", "shape"), columns, strict=True):
            found[name] = column
        return found

    def _add_words(self, row: int, found: Iterable[Word]) -> None:
        for word in found:
            if len(word.plain) <= LONGEST_WORD and self.words.setdefault(word.plain, row) != row:
                self.words[word.plain] = -1


def _is_last_name(word: str) -> bool:
    return (
        _SHORTEST_LAST_NAME <= len(word) <= LONGEST_WORD
        and word.isalpha()
        and word not in _NOT_LAST_NAMES
        and word not in FUNCTION_WORDS
    )


def _names(entity: Entity) -> Iterator[tuple[int, str]]:
    yield NAME, entity.name
    for alias in entity.aliases:
        yield ALIAS, alias
    for name in entity.names.values():
        yield TRANSLATION, name


def by_length(word: str) -> str:
    """Return the key of a word in the list of words: its length, then the word, so that words are grouped by length."""
    return f"{len(word):02d}{word}"


@dataclass(frozen=True, slots=True)
class _Start:
    """The start of a possible name: word `first`, with the stems of the text.

    at, edits: the stem at position `at` was corrected by `edits` letters (-1, 0: no correction).
    """

    first: int
    stems: tuple[str, ...]
    at: int = -1
    edits: int = 0


class Dictionary:
    """An opened dictionary. Safe for concurrent use by several threads."""

    def __init__(self, snapshot: Path) -> None:
        """Open what `write_dictionary` wrote. Raises NotFoundError, CorruptError or FormatError that names the file."""
        directory = snapshot / DICTIONARY
        table = read_table(directory / TABLE, FORMAT)
        self._names = open_trie(directory / NAMES)
        self._words = open_trie(directory / WORDS)
        self._offsets = open_array(directory / OFFSETS)
        self.records: NDArray[Any] = open_array(directory / RECORDS)
        self.entities: NDArray[Any] = open_array(directory / ENTITIES)
        self._check(directory, table)
        self.types: list[str] = table["types"]
        self.size: int = table["entities"]
        # Caches of the words of one length and first letter, and of the corrections of unknown words.
        self._words_like = lru_cache(maxsize=512)(self._load_words)
        self.corrections = lru_cache(maxsize=_CACHED_WORDS)(self._find_corrections)

    def spans(self, text: Sequence[Word], *, most: int, fuzzy: bool = True, linked: Bools | None = None) -> list[Span]:
        """Return every run of words that is a name, by ascending start and length; runs with a corrected word are last.

        A run can be part of a longer one. most: maximum number of records of a name; those of the entities with the
        highest degrees are taken. fuzzy: for a word that is in no name and no description, and that no exact name
        covers, also try the known words that differ from it by a typing error. linked: (types,) bool, the entity types
        to use (None: all).
        """
        stems = tuple(word.stem for word in text)
        found = [span for first in range(len(text)) for span in self._spans_from(_Start(first, stems), most, linked)]
        if fuzzy:
            covered = {at for span in found for at in range(span.first, span.last)}
            for at, word in enumerate(text):
                if at not in covered:
                    for corrected, edits in self.corrections(word.plain):
                        changed = (*stems[:at], stem(corrected), *stems[at + 1 :])
                        for first in range(max(0, at - LONGEST_NAME + 1), at + 1):
                            found += self._spans_from(_Start(first, changed, at, edits), most, linked)
        return found

    def _find_corrections(self, word: str) -> tuple[tuple[str, int], ...]:
        """Return known words a typing error away from an unknown one, with the number of edits, nearest first."""
        if not _SHORTEST_TYPO <= len(word) <= LONGEST_WORD or not word.isalpha():
            return ()
        if word in FUNCTION_WORDS or by_length(word) in self._words:
            return ()
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        edits = 1 if len(word) < _TWO_EDITS_FROM else 2
        lengths = range(len(word) - edits, len(word) + edits + 1)
        pool = [alike for length in lengths for alike in self._words_like(length, word[0])]
        close = extract(word, pool, scorer=OSA.distance, score_cutoff=edits, limit=_MOST_CORRECTIONS)
        return tuple(sorted(((corrected, int(n)) for corrected, n, _ in close), key=lambda pair: (pair[1], pair[0])))

    def _load_words(self, length: int, letter: str) -> tuple[str, ...]:
        return tuple(word[2:] for word in self._words.keys(f"{length:02d}{letter}"))

    def _spans_from(self, start: _Start, most: int, linked: Bools | None) -> Iterator[Span]:
        """Yield the names that begin at a word and, if a word was corrected, include that word."""
        stems = start.stems[start.first : start.first + LONGEST_NAME]
        joined = " ".join(stems)
        keys = set(self._names.prefixes(joined))
        if not keys:
            return
        length = -1
        for last, cut in enumerate(stems, start.first + 1):
            length += 1 + len(cut)
            key = joined[:length]
            if key in keys and last > start.at:
                records = self._records(self._names[key], most, linked)
                if len(records):
                    yield Span(start.first, last, records, start.edits)

    def _records(self, key: int, most: int, linked: Bools | None) -> NDArray[Any]:
        low, high = int(self._offsets[key]), int(self._offsets[key + 1])
        if linked is None:
            return self.records[low : min(high, low + most)]
        records = self.records[low:high]
        selected: NDArray[Any] = records[linked[self.entities["type"][records["entity"]]]]
        return selected[:most]

    def _check(self, directory: Path, table: dict[str, Any]) -> None:
        """Check that the files belong together. Raises CorruptError that names the file."""
        try:
            entities, names, records, known = (int(table[name]) for name in ("entities", "names", "records", "words"))
            _ = [str(name) for name in table["types"]]
        except (KeyError, TypeError, ValueError):
            raise CorruptError(f"{directory / TABLE} has a missing or invalid key", AGAIN) from None
        fits = {
            NAMES: len(self._names) == names,
            WORDS: len(self._words) == known,
            OFFSETS: self._offsets.shape == (names + 1,)
            and self._offsets.dtype == np.int64
            and (int(self._offsets[0]), int(self._offsets[-1])) == (0, records),
            RECORDS: self.records.shape == (records,) and self.records.dtype == RECORD,
            ENTITIES: self.entities.shape == (entities,) and self.entities.dtype == ENTITY,
        }
        for name, fitting in fits.items():
            if not fitting:
                raise CorruptError(f"{directory / name} does not match {TABLE} in the same folder", AGAIN)
