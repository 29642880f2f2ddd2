"""The dictionary of a graph: every name, alias and translation, to be found word by word in a text.

It lies in the folder `dictionary` of a snapshot; all files are opened memory-mapped:

    names.marisa    word stems of each name, joined by spaces; a key's id is its row in offsets
    offsets.npy     (keys + 1,) int64: where each key's records begin
    records.npy     (records,) RECORD: who bears the name and how it is written, the best connected entity first
    entities.npy    (entities,) ENTITY: what linking needs of each entity
    words.marisa    the words of all names and descriptions, by length, for mending typing errors
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

from clew.core.errors import CorruptError
from clew.core.mapped import open_array, open_trie
from clew.core.tables import read_table
from clew.core.text import FUNCTION_WORDS
from clew.core.types import Bools, Ints
from clew.core.words import LONGEST_WORD, Word, stem, words
from clew.kg.manifest import AGAIN
from clew.kg.types import Entity

FORMAT = 1
DICTIONARY = "dictionary"
LONGEST_NAME = 24
LONGEST_KEY = 1_000
NAMES, OFFSETS, RECORDS, ENTITIES, WORDS, TABLE = (
    "names.marisa", "offsets.npy", "records.npy", "entities.npy", "words.marisa", "dictionary.json",
)  # fmt: skip

# kind: one of KINDS. form: checksum of the words as written, which tells "Cars" from "car". shape: one of SHAPES.
RECORD = np.dtype([("entity", "<i4"), ("form", "<u4"), ("kind", "u1"), ("shape", "u1")])
# prominence: log(1 + degree) over that of the best connected entity. type: row in the table's types.
ENTITY = np.dtype([("prominence", "<f4"), ("type", "<i4")])
NAME, ALIAS, TRANSLATION = 0, 1, 2
LOWER, MIXED, UPPER = 0, 1, 2

# Words shorter than this, or with digits, are not taken for misspelt.
_SHORTEST_TYPO = 4
_TWO_EDITS_FROM = 8
_MOST_MENDS = 3
_REMEMBERED = 1 << 14


class Span(NamedTuple):
    """Words of a text that are a name: words[first:last], the records of the name, and how many letters were mended."""

    first: int
    last: int
    records: NDArray[Any]
    edits: int


def form_of(found: Iterable[Word]) -> int:
    """Checksum of words as they are written."""
    return zlib.crc32(" ".join(word.plain for word in found).encode())


def shape_of(text: str) -> int:
    """Whether the letters of a text are all small, all capital, or neither."""
    letters = [c for c in text if c.isalpha()]
    if all(c.islower() or not c.isupper() for c in letters):
        return LOWER
    return UPPER if all(c.isupper() for c in letters) else MIXED


def write_dictionary(entities: Iterable[Entity], degrees: Ints, snapshot: Path) -> dict[str, int]:
    """Write the dictionary of a snapshot's entities, given in row order; degrees: (entities,) int64. Returns counts.

    The same entities give the same bytes. Names of more than 24 words or 1,000 letters are left out: nobody writes
    them out in a query.
    """
    import marisa_trie

    gathered = _Gathered()
    for row, entity in enumerate(entities):
        gathered.add(row, entity)
    directory = snapshot / DICTIONARY
    directory.mkdir(parents=True, exist_ok=True)
    trie = marisa_trie.Trie(sorted(set(gathered.keys)))
    key = np.fromiter(map(trie.__getitem__, gathered.keys), np.int64, len(gathered.keys))
    records = gathered.records()
    # Those cut off where a name has very many bearers are the least connected ones.
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


class _Gathered:
    """Names in the order they were met; one entity's names that read the same count once, the best kind first."""

    def __init__(self) -> None:
        self.keys: list[str] = []
        self.types: list[str] = []
        self.words: set[str] = set()
        # Columns, since a tuple for each of a million names would take more room than all the rest.
        self._entities, self._forms, self._kinds, self._shapes = array("i"), array("I"), array("B"), array("B")

    def add(self, row: int, entity: Entity) -> None:
        self.types.append(entity.type)
        seen: set[tuple[str, int]] = set()
        for kind, name in _names(entity):
            found = words(name)
            self._know(found)
            key, form = " ".join(word.stem for word in found), form_of(found)
            if 1 <= len(found) <= LONGEST_NAME and len(key) <= LONGEST_KEY and (key, form) not in seen:
                seen.add((key, form))
                self.keys.append(key)
                self._entities.append(row)
                self._forms.append(form)
                self._kinds.append(kind)
                self._shapes.append(shape_of(name))
        # A word that descriptions use is no misspelt name.
        self._know(words(entity.description))

    def records(self) -> NDArray[Any]:
        """(keys,) RECORD, in the order of the keys."""
        found = np.empty(len(self.keys), RECORD)
        columns = (self._entities, self._forms, self._kinds, self._shapes)
        for name, column in zip(("entity", "form", "kind", "shape"), columns, strict=True):
            found[name] = column
        return found

    def _know(self, found: Iterable[Word]) -> None:
        self.words.update(word.plain for word in found if len(word.plain) <= LONGEST_WORD)


def _names(entity: Entity) -> Iterator[tuple[int, str]]:
    yield NAME, entity.name
    for alias in entity.aliases:
        yield ALIAS, alias
    for name in entity.names.values():
        yield TRANSLATION, name


def by_length(word: str) -> str:
    """A word as it is kept in the list of words: behind its length, so that words of one length lie together."""
    return f"{len(word):02d}{word}"


@dataclass(frozen=True, slots=True)
class _Start:
    """A start of a name: the stems from there on, with at most one of them mended by `edits` letters at `at`."""

    first: int
    stems: tuple[str, ...]
    at: int = -1
    edits: int = 0


class Dictionary:
    """An opened dictionary. Safe to ask from several threads."""

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
        # Words of one length and first letter, and what unknown words were mended to: both come again.
        self._alike = lru_cache(maxsize=512)(self._read_alike)
        self.mends = lru_cache(maxsize=_REMEMBERED)(self._mends)

    def spans(self, text: Sequence[Word], *, most: int, fuzzy: bool = True, linked: Bools | None = None) -> list[Span]:
        """Every run of words that is a name, also inside another, by ascending start and length; mended ones last.

        most: records of a name that are given, those of the best connected entities. mend: where a word is in no name
        and no description, also try words a typing error away. linked: (types,) which entity types count (None: all).
        """
        stems = tuple(word.stem for word in text)
        found = [span for first in range(len(text)) for span in self._from(_Start(first, stems), most, linked)]
        if fuzzy:
            covered = {at for span in found for at in range(span.first, span.last)}
            for at, word in enumerate(text):
                if at not in covered:
                    for mended, edits in self.mends(word.plain):
                        changed = (*stems[:at], stem(mended), *stems[at + 1 :])
                        for first in range(max(0, at - LONGEST_NAME + 1), at + 1):
                            found += self._from(_Start(first, changed, at, edits), most, linked)
        return found

    def _mends(self, word: str) -> tuple[tuple[str, int], ...]:
        """Known words a typing error away from an unknown one, with the number of letters changed, nearest first."""
        if not _SHORTEST_TYPO <= len(word) <= LONGEST_WORD or not word.isalpha():
            return ()
        if word in FUNCTION_WORDS or by_length(word) in self._words:
            return ()
        from rapidfuzz.distance import OSA
        from rapidfuzz.process import extract

        edits = 1 if len(word) < _TWO_EDITS_FROM else 2
        lengths = range(len(word) - edits, len(word) + edits + 1)
        pool = [alike for length in lengths for alike in self._alike(length, word[0])]
        close = extract(word, pool, scorer=OSA.distance, score_cutoff=edits, limit=_MOST_MENDS)
        return tuple(sorted(((mended, int(n)) for mended, n, _ in close), key=lambda pair: (pair[1], pair[0])))

    def _read_alike(self, length: int, letter: str) -> tuple[str, ...]:
        return tuple(word[2:] for word in self._words.keys(f"{length:02d}{letter}"))

    def _from(self, start: _Start, most: int, linked: Bools | None) -> Iterator[Span]:
        """Names that begin at a word (and, where one was mended, reach it)."""
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
        kept: NDArray[Any] = records[linked[self.entities["type"][records["entity"]]]]
        return kept[:most]

    def _check(self, directory: Path, table: dict[str, Any]) -> None:
        """Whether the files fit each other."""
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
