"""Make a data set of product kinds from titles: "camera battery" brings camera batteries, not cameras.

The kind is what the first part of a title ends with, as most titles name a product before they describe it:

    Zenit BX-4 Camera Battery, 2 Pack → camera battery      Wool Gloves for Women → wool gloves

Relevant are the products whose titles have it there. Not relevant are those that only mention it in their text, and
those whose titles have its first words without its last one, which says what a product is.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from clew.core.errors import DataError
from clew.core.measures.judged import data_folder, first_file, id_of, read_rows
from clew.core.text import FUNCTION_WORDS
from clew.core.words import is_chinese, words
from clew.training.pairs import DEV, TRAIN, PairData, held_out, share

# What ends the first part of a title: a sign, a number, or a word that begins a description.
_END = re.compile(r"[^\w\s'&/-]| [-&/] |\s(?=\d)|\b(?:and|by|for|from|in|of|on|or|to|with|without)\b", re.IGNORECASE)
_LENGTHS = (2, 3)
_LEAST_LETTERS = 3
# A word says what a product is if the first part of at least so many titles ends with it, and of this share of the
# titles that have it: "battery", but neither "black" nor the name of one model.
_LEAST_TITLES, _LEAST_SHARE = 3, 0.25
# A query has at most so many relevant products, so that common kinds do not outweigh all others.
_MOST_RELEVANT = 8

# Stems of a kind → product that names it → the words as it writes them.
Kinds = Mapping[tuple[str, ...], Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class _Product:
    """A product: its text as it is encoded, the stems of its title, and of title and text together."""

    text: str
    title: frozenset[str]
    everything: frozenset[str]


def kind_pairs(source: Path, *, negatives: int = 7, most: int = 0, dev: float = 0.05, seed: int = 0) -> PairData:
    """Make queries of the kinds of products that titles name.

    source: a BEIR folder, or its name under $CLEW_DATA; it needs no queries. Documents that the qrels of splits other
    than train judge are left out. negatives: number for each query, half of each sort if there are so many. most:
    largest number of queries (0: no limit), drawn by the seed. dev: share of the queries that are for measuring. Raises
    DataError if no title names a kind that other products mention.
    """
    folder = data_folder(source)
    corpus = first_file(folder, "corpus.jsonl")
    if corpus is None:
        raise DataError(f"{folder} has no corpus.jsonl", "give a BEIR folder; each document needs _id, title and text")
    hidden = held_out(folder)
    products: dict[str, _Product] = {}
    kinds: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    with_stem: dict[str, set[str]] = defaultdict(set)
    for number, row in read_rows(corpus):
        name = id_of(row, corpus, number)
        title, text = str(row.get("title") or "").strip(), str(row.get("text") or "").strip()
        if name in hidden or not title:
            continue
        stems = frozenset(word.stem for word in words(title))
        products[name] = _Product(f"{title}\n{text}".strip(), stems, stems | {word.stem for word in words(text)})
        for stem in products[name].everything:
            with_stem[stem].add(name)
        for kind, shown in _kinds(title):
            kinds[kind].setdefault(name, shown)
    found = PairData()
    chosen = _common(kinds, products)
    random.Random(seed).shuffle(chosen)  # noqa: S311 - a reproducible choice
    for kind in chosen:
        if most and len(found.queries) >= most:
            break
        generator = random.Random(f"{seed}/{kind}")  # noqa: S311 - a reproducible choice
        wrong = _wrong(kind, products, with_stem, negatives, generator)
        if not wrong:
            continue
        named = kinds[kind]
        query = f"k{len(found.queries)}"
        found.queries[query] = next(iter(named.values()))
        split = DEV if share(f"{seed}/{kind}") < dev else TRAIN
        right = generator.sample(sorted(named), min(len(named), _MOST_RELEVANT))
        for grade, names in ((1, right), (0, wrong)):
            for name in names:
                found.documents[name] = products[name].text
                found.judge(split, query, name, grade)
    if not found.queries:
        raise DataError(
            f"{corpus}: no title names a kind of product that other products mention",
            "titles name a product first, such as 'Acme BX-4 Camera Battery, 2 Pack'",
        )
    return found


def _kinds(title: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the stems of two and of three words that end the first part of a title, and the words."""
    end = _END.search(title)
    first = words(title[: end.start()] if end else title)
    for length in _LENGTHS:
        taken = first[-length:]
        # The first word of a title is most often a brand.
        if len(taken) < length or (len(first) == length and not is_chinese(first[0])):
            return
        plain = [word.plain for word in taken]
        if any(not word.isalpha() or word in FUNCTION_WORDS for word in plain):
            return
        if not is_chinese(taken[-1]) and min(map(len, plain)) < _LEAST_LETTERS:
            return
        yield tuple(word.stem for word in taken), ("" if is_chinese(taken[-1]) else " ").join(plain)


def _common(kinds: Kinds, products: Mapping[str, _Product]) -> list[tuple[str, ...]]:
    """Return the kinds whose last word says what a product is, in a fixed order."""
    ends: dict[str, set[str]] = defaultdict(set)
    for kind, named in kinds.items():
        ends[kind[-1]].update(named)
    titles = Counter(stem for product in products.values() for stem in product.title)
    heads = {stem for stem, named in ends.items() if len(named) >= max(_LEAST_TITLES, _LEAST_SHARE * titles[stem])}
    return sorted(kind for kind in kinds if kind[-1] in heads)


def _wrong(
    kind: tuple[str, ...],
    products: Mapping[str, _Product],
    with_stem: Mapping[str, set[str]],
    count: int,
    generator: random.Random,
) -> list[str]:
    """Choose products of other kinds: half that mention it in their text, half with its first words in their title."""
    *first, head = kind
    every = set.intersection(*(with_stem[stem] for stem in kind))
    mention = sorted(name for name in every if head not in products[name].title)
    described = set.intersection(*(with_stem[stem] for stem in first))
    beside = sorted(
        name for name in described if head not in products[name].everything and products[name].title.issuperset(first)
    )
    half = min(len(mention), max(count - count // 2, count - len(beside)))
    chosen = generator.sample(mention, half)
    return chosen + generator.sample(beside, min(len(beside), count - half))
