"""Make data sets of pairs that nobody had to judge: titles with their texts, and names in two languages.

A data set is a BEIR folder, so that training reads, samples, mines and measures it like any other.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clew.core.errors import DataError, UsageError
from clew.core.files import write_atomic
from clew.core.measures.judged import data_folder, first_file, id_of, open_queries, read_rows

TRAIN, DEV, TEST = "train", "dev", "test"
# A title with fewer words than this says little about a text, and so does a text.
FEWEST_WORDS = 3


@dataclass(slots=True)
class PairData:
    """A data set in memory. documents, queries: id → text. qrels: split → query → document → grade."""

    documents: dict[str, str] = field(default_factory=dict)
    queries: dict[str, str] = field(default_factory=dict)
    qrels: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)

    def judge(self, split: str, query: str, document: str, grade: int) -> None:
        """Add a judgement."""
        self.qrels.setdefault(split, {}).setdefault(query, {})[document] = grade

    def write(self, folder: Path) -> dict[str, int]:
        """Write a BEIR folder; return split → number of queries. Raises UsageError for a folder that is not empty."""
        if folder.exists() and any(folder.iterdir()):
            raise UsageError(f"{folder} is not empty", "name a new folder")
        corpus = ({"_id": name, "title": "", "text": text} for name, text in self.documents.items())
        write_atomic(folder / "corpus.jsonl", _lines(corpus))
        write_atomic(folder / "queries.jsonl", _lines({"_id": n, "text": t} for n, t in self.queries.items()))
        for split, judged in sorted(self.qrels.items()):
            rows = [f"{q}\t{d}\t{grade}\n" for q, documents in judged.items() for d, grade in documents.items()]
            write_atomic(folder / "qrels" / f"{split}.tsv", ("query-id\tcorpus-id\tscore\n" + "".join(rows)).encode())
        return {split: len(judged) for split, judged in sorted(self.qrels.items())}


def title_pairs(
    source: Path, *, same: Sequence[str] = (), negatives: int = 7, words: int = 12, dev: float = 0.05, seed: int = 0
) -> PairData:
    """Make a query of each document's title, whose relevant document is the rest of the text.

    source: a BEIR folder, or its name under $CLEW_DATA; it needs no queries. Documents that the qrels of splits other
    than train judge are left out. same: keys of a document's metadata, such as brand; the negatives of a title are
    texts of other documents with the same value of one of them (of a list: the last value), taken in turn, filled up
    with any others. words: least number of words (Chinese: pairs of characters) of a text. dev: share of the titles
    that are for measuring. Raises DataError if no document has both.
    """
    folder = data_folder(source)
    corpus = first_file(folder, "corpus.jsonl")
    if corpus is None:
        raise DataError(f"{folder} has no corpus.jsonl", "give a BEIR folder; each document needs _id, title and text")
    hidden = held_out(folder)
    found, alike = PairData(), {key: dict[str, list[str]]() for key in same}
    values: dict[str, dict[str, str]] = {}
    titles: set[str] = set()
    for number, row in read_rows(corpus):
        name = id_of(row, corpus, number)
        title, text = str(row.get("title") or "").strip(), str(row.get("text") or "").strip()
        if name in hidden or title.casefold() in titles or not (_long(title, FEWEST_WORDS) and _long(text, words)):
            continue
        titles.add(title.casefold())
        found.documents[name], found.queries[f"t-{name}"] = text, title
        values[name] = {key: value for key in same if (value := _value(row.get("metadata"), key))}
        for key, value in values[name].items():
            alike[key].setdefault(value, []).append(name)
    every = list(found.documents)
    if len(every) < 2:
        raise DataError(f"{corpus}: fewer than two documents have both a title and a text of {words} words")
    for name in every:
        split = DEV if share(f"{seed}/{found.queries[f't-{name}']}") < dev else TRAIN
        found.judge(split, f"t-{name}", name, 1)
        groups = [alike[key][value] for key, value in values[name].items()]
        for other in _negatives(name, groups, every, negatives, random.Random(f"{seed}/{name}")):  # noqa: S311 - a reproducible choice
            if found.documents[other] != found.documents[name]:
                found.judge(split, f"t-{name}", other, 0)
    return found


def name_pairs(
    nodes: Path, languages: tuple[str, str], *, dev: float = 0.05, test: float = 0.1, seed: int = 0
) -> PairData:
    """Make a query of each name of a graph's nodes in one language; its relevant documents are its names in another.

    nodes: nodes.jsonl of a graph: a row has `name`, which is English, and `names`, language → name. languages: of the
    queries and of the documents. A name that several nodes have is one query or one document. dev, test: share of the
    nodes for measuring and for testing, by a hash of their English name, so that a name is in the same split whichever
    the languages are; the documents are those of all nodes. Raises DataError if no node has names in both.
    """
    found = PairData()
    ids: tuple[dict[str, str], dict[str, str]] = {}, {}
    splits: dict[str, str] = {}
    for _, row in read_rows(nodes):
        others = row.get("names")
        names = {"en": row.get("name"), **(others if isinstance(others, dict) else {})}
        asked, wanted = (names.get(language) for language in languages)
        if not (isinstance(asked, str) and isinstance(wanted, str) and asked.strip() and wanted.strip()):
            continue
        if asked.casefold() == wanted.casefold():  # a brand or a number says nothing about either language
            continue
        query = ids[0].setdefault(asked.casefold(), f"q{len(ids[0])}")
        document = ids[1].setdefault(wanted, f"d{len(ids[1])}")
        found.queries.setdefault(query, asked)
        found.documents[document] = wanted
        drawn = share(f"{seed}/{str(names['en']).casefold()}")
        split = TEST if drawn < test else DEV if drawn < test + dev else TRAIN
        # Two nodes with one Chinese name may have two English ones; the first of them decides.
        found.judge(splits.setdefault(query, split), query, document, 1)
    if not found.queries:
        raise DataError(
            f"{nodes}: no node has names in both {languages[0]} and {languages[1]}",
            'a row needs "name" (English) and "names", such as {"zh": "沙发"}',
        )
    return found


def held_out(folder: Path) -> set[str]:
    """Return the documents that splits other than train judge; none if the folder has no qrels."""
    if first_file(folder, "queries.jsonl") is None:
        return set()
    judged = open_queries(folder)
    splits = [judged.qrels(split, None, allow_unknown=True) for split in judged.splits if split != TRAIN]
    return {document for qrels in splits for documents in qrels.values() for document in documents}


def _negatives(
    name: str, groups: Sequence[Sequence[str]], every: Sequence[str], count: int, generator: random.Random
) -> list[str]:
    """Choose up to `count` documents: in turn from each group, then any."""
    pools: list[Iterator[str]] = [iter(generator.sample(group, len(group))) for group in groups]
    chosen: dict[str, None] = {}
    while pools and len(chosen) < count:
        pool = pools.pop(0)
        other = next((each for each in pool if each != name and each not in chosen), None)
        if other is not None:
            chosen[other] = None
            pools.append(pool)
    rest = generator.sample(every, min(len(every), count + len(chosen) + 1))
    for other in rest:
        if len(chosen) < count and other != name:
            chosen[other] = None
    return list(chosen)


def _value(metadata: object, key: str) -> str:
    """Return the value of a document's metadata under a key, folded; of a list its last; "" if there is none."""
    value = metadata.get(key) if isinstance(metadata, Mapping) else None
    if isinstance(value, list):
        value = value[-1] if value else None
    return str(value).strip().casefold() if value is not None else ""


def _long(text: str, words: int) -> bool:
    """Return whether a text has that many words; one without spaces counts as a word for every two characters."""
    return max(len(text.split()), 0 if text.isascii() else len(text) // 2) >= words


def share(key: str) -> float:
    """Return a number from 0 to 1 (exclusive) that depends on a key only."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6]) / 2**48


def _lines(rows: Iterable[Mapping[str, str]]) -> bytes:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
