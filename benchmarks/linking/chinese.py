"""Make a Chinese set for the linker and for the graph: `python -m clew.benchmarks.linking.chinese FOLDER`.

No public set marks the entities in Chinese questions, so the labels are weak. They come from three sets in $CLEW_DATA:
drcd and cmrc2018 (questions about passages of Wikipedia) and shopify-taxonomy (product categories, attributes, values).

- Entities: the titles of the passages, joined by "mentions" where a passage holds the title of another one, and what
  shopify-taxonomy names. The passages are nodes without names, joined to their titles by "about".
- A question mentions the title of its passage wherever it holds it in full, without what a title has in brackets.
  Everything else that is linked counts as wrong, the names of shopify-taxonomy above all.
- A question that holds no title stays, as one that mentions nothing.
- Questions whose label is doubtful are left out: see `_doubtful`.
- Each train question with one mention is there once more with the name of a product category in its place, so that
  names of all lengths, and entities with few and many edges, are meant. Nothing made is in dev or test.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from clew.benchmarks.data.datasets import Dataset, open_dataset
from clew.benchmarks.linking.mentions import Mention, Question, find_file
from clew.core.chinese import simplified
from clew.core.errors import ClewError
from clew.core.files import write_atomic
from clew.core.measures.judged import data_folder, read_rows
from clew.core.words import Segment, Word, is_chinese, segments, words
from clew.kg.dictionary import LONGEST_NAME

QUESTIONS, NAMES = ("drcd", "cmrc2018"), "shopify-taxonomy"
SPLITS = ("train", "dev", "test")
SEED = 0
# What the bracketed part of a title says is not part of the name: 李晨 (演员).
_BRACKETS = re.compile(r"[ _]*[(（].*$")
# Parts of speech of names of people, places, organisations and other proper names.
_PROPER = ("nr", "ns", "nt", "nz")
_SHORT = 2
_MADE_LENGTHS = range(2, 9)

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Names:
    """The names of the graph.

    topics: words of a title → ids of its entities. every: the words of titles and of the names of shopify-taxonomy.
    """

    topics: Mapping[str, Collection[str]]
    every: Collection[str]


def key_of(found: Iterable[Word]) -> str:
    """Return the words of a name by which it is compared, as in the dictionary of a graph."""
    return " ".join(word.stem for word in found)


def make(to: Path, data: Path | None = None, seed: int = SEED) -> dict[str, int]:
    """Write the set to a folder and return how many questions and mentions each split has, and how many were left out.

    data: folder of the three sets (None: $CLEW_DATA). Raises NotFoundError or DataError.
    """
    sets = [open_dataset(data / name if data else Path(name)) for name in QUESTIONS]
    taxonomy = (data / NAMES if data else data_folder(Path(NAMES))) / "graph"
    products = [row for _, row in read_rows(find_file(taxonomy, "nodes.jsonl"))]
    joined = [row for _, row in read_rows(find_file(taxonomy, "edges.jsonl"))]
    passages = [(name, title, text) for each in sets for name, title, text in each.texts()]
    topic_nodes, topic_of = _topics(passages)
    product_nodes, kept = _products(products)
    topics = _keys((row["id"], (row["name"], *row["aliases"])) for row in topic_nodes)
    others = _keys((row["id"], (row["name"],)) for row in product_nodes)
    names = Names(topics, topics.keys() | others.keys())
    edges = [{"source": name, "relation": "about", "target": topic_of[name]} for name, _, _ in passages]
    edges += _mentions(passages, topic_of, names.topics)
    edges += _among(joined, kept)
    counts: Counter[str] = Counter()
    questions = list(_questions(sets, topic_of, names, product_nodes, counts, seed))
    nodes = [{"id": name, "type": "passage"} for name, _, _ in passages] + topic_nodes + product_nodes
    (to / "graph").mkdir(parents=True, exist_ok=True)
    (to / "qrels").mkdir(exist_ok=True)
    _write(to / "graph" / "nodes.jsonl.gz", nodes)
    _write(to / "graph" / "edges.jsonl.gz", edges)
    _write(to / "questions.jsonl.gz", map(_row, questions))
    _write(to / "corpus.jsonl.gz", ({"_id": name, "title": title, "text": text} for name, title, text in passages))
    asked = [row for each in sets for row in each.judged.queries.items()]
    _write(to / "queries.jsonl.gz", ({"_id": name, "text": text} for name, text in asked))
    for split in SPLITS:
        lines = [s.judged.splits[split].read_text(encoding="utf-8").splitlines() for s in sets]
        rows = [lines[0][0], *(line for each in lines for line in each[1:])]
        write_atomic(to / "qrels" / f"{split}.tsv", ("\n".join(rows) + "\n").encode())
    return dict(sorted(counts.items()))


# ------------------------------------------------------------------ the graph


def _topics(passages: Sequence[tuple[str, str, str]]) -> tuple[list[Row], dict[str, str]]:
    """Return the nodes of the titles, one for all scripts, and passage → id of its title."""
    nodes: dict[str, Row] = {}
    topic_of: dict[str, str] = {}
    for name, title, _ in passages:
        identity = f"topic:{simplified(title)}"
        short = _BRACKETS.sub("", title)
        aliases = [short] if short and short != title else []
        nodes.setdefault(identity, {"id": identity, "type": "topic", "name": title, "aliases": aliases})
        topic_of[name] = identity
    return list(nodes.values()), topic_of


def _products(rows: Iterable[Mapping[str, Any]]) -> tuple[list[Row], dict[str, str]]:
    """Return nodes with Chinese names, those of one type and name as one, and id in shopify-taxonomy → id here."""
    nodes: dict[tuple[str, str], Row] = {}
    kept: dict[str, str] = {}
    for row in rows:
        if name := (row.get("names") or {}).get("zh"):
            node = {"id": row["id"], "type": row["type"], "name": name}
            kept[row["id"]] = nodes.setdefault((row["type"], simplified(name)), node)["id"]
    return list(nodes.values()), kept


def _keys(named: Iterable[tuple[str, Iterable[str]]]) -> dict[str, set[str]]:
    keys: defaultdict[str, set[str]] = defaultdict(set)
    for identity, names in named:
        for name in names:
            if key := key_of(words(name)):
                keys[key].add(identity)
    return dict(keys)


def _mentions(
    passages: Iterable[tuple[str, str, str]], topic_of: Mapping[str, str], topics: Mapping[str, Collection[str]]
) -> Iterator[Row]:
    """Yield an edge from each title to every title of two characters or more that its passages hold as words."""
    seen: set[tuple[str, str]] = set()
    for name, _, text in passages:
        found = words(text)
        starts, ends = _borders(found, segments(found))
        for first, last, key in _runs(found, topics):
            if last - first < _SHORT or first not in starts or last not in ends:
                continue
            for target in sorted(topics[key]):
                edge = (topic_of[name], target)
                if edge[0] != target and edge not in seen:
                    seen.add(edge)
                    yield {"source": edge[0], "relation": "mentions", "target": target}


def _among(edges: Iterable[Mapping[str, Any]], kept: Mapping[str, str]) -> Iterator[Row]:
    """Yield the edges of shopify-taxonomy between nodes that were kept, each once."""
    seen: set[tuple[str, str, str]] = set()
    for row in edges:
        source, target = kept.get(row["source"]), kept.get(row["target"])
        if source and target and source != target and (edge := (source, row["relation"], target)) not in seen:
            seen.add(edge)
            yield {"source": source, "relation": row["relation"], "target": target}


# ------------------------------------------------------------------ the questions


def _questions(
    sets: Iterable[Dataset],
    topic_of: Mapping[str, str],
    names: Names,
    products: Sequence[Row],
    counts: Counter[str],
    seed: int,
) -> Iterator[Question]:
    """Yield the questions of all splits with their weak labels, and count them."""
    rng = random.Random(seed)  # noqa: S311 - reproducible questions, no secret
    drawn = [row for row in products if row["type"] == "category" and len(row["name"]) in _MADE_LENGTHS]
    drawn = [row for row in drawn if all(map(is_chinese, words(row["name"])))]
    for each in sets:
        for split in SPLITS:
            for query, judged in each.judged.qrels(split, None).items():
                own = topic_of[next(document for document, grade in judged.items() if grade > 0)]
                keys = {key for key, topics in names.topics.items() if own in topics}
                question = labelled(Question(query, each.judged.queries[query], (), split), own, keys, names)
                counts[f"{split}: doubtful"] += question is None
                if question is None:
                    continue
                made = _made(question, rng.choice(drawn), names) if split == "train" and drawn else None
                for kind, one in (("", question), (", made", made)):
                    if one is not None:
                        counts[f"{split}{kind}: questions"] += 1
                        counts[f"{split}{kind}: mentions"] += len(one.mentions)
                        yield one


def _made(question: Question, product: Row, names: Names) -> Question | None:
    """Return a question with its only mention replaced by a product's name; None if it has not one or is doubtful."""
    if len(question.mentions) != 1:
        return None
    (mention,) = question.mentions
    text = question.text[: mention.start] + product["name"] + question.text[mention.end :]
    renamed = replace(question, id=f"{question.id}-made", text=text, mentions=())
    return labelled(renamed, product["id"], {key_of(words(product["name"]))}, names)


def labelled(question: Question, own: str, keys: Collection[str], names: Names) -> Question | None:
    """Return a question with each place that holds a name of one entity as a mention of it; None if that is doubtful.

    own: the entity. keys: its names, as `key_of` returns them.
    """
    found = words(question.text)
    cut = segments(found)
    gold: list[tuple[int, int]] = []
    # The longest of the entity's own names in a place.
    for first, last, _ in sorted(_runs(found, keys), key=lambda run: run[0] - run[1]):
        if all(last <= start or end <= first for start, end in gold):
            gold.append((first, last))
    if _doubtful(found, cut, gold, names):
        return None
    mentions = (Mention(found[first].start, found[last - 1].end, own) for first, last in sorted(gold))
    return replace(question, mentions=tuple(mentions))


def _doubtful(found: Sequence[Word], cut: Sequence[Segment], gold: Sequence[tuple[int, int]], names: Names) -> bool:
    """Return whether it is doubtful which entities a question mentions.

    It is if the name of its entity is part of a longer name, or one or two characters of a longer word of the Chinese
    dictionary; or if another name stands there as words that may be a proper name: any title but a common word of the
    dictionary, and a name of shopify-taxonomy that the dictionary has as that of a person, place or organisation.
    """
    starts, ends = _borders(found, cut)
    if any(last - first <= _SHORT and not (first in starts and last in ends) for first, last in gold):
        return True
    word_tags = {(segment.first, segment.last): segment.tag for segment in cut}
    for first, last, key in _runs(found, names.every):
        over = [place for place in gold if place[0] < last and first < place[1]]
        if over:
            if any(first <= start and end <= last and (first, last) != (start, end) for start, end in over):
                return True
            continue
        if first not in starts or last not in ends:
            continue
        tag = word_tags.get((first, last), "")
        if tag.startswith(_PROPER) or (key in names.topics and not tag and any(map(is_chinese, found[first:last]))):
            return True
    return False


def _borders(found: Sequence[Word], cut: Sequence[Segment]) -> tuple[set[int], set[int]]:
    """Return the words at which a word of the language starts, and those behind which one ends."""
    inside_start = {at for segment in cut for at in range(segment.first + 1, segment.last)}
    inside_end = {at for segment in cut for at in range(segment.first + 1, segment.last)}
    return set(range(len(found))) - inside_start, set(range(1, len(found) + 1)) - inside_end


def _runs(found: Sequence[Word], keys: Collection[str]) -> Iterator[tuple[int, int, str]]:
    """Yield (first, last, key) of the words of a text that are a name."""
    for first in range(len(found)):
        for last in range(first + 1, min(first + LONGEST_NAME, len(found)) + 1):
            if (key := key_of(found[first:last])) in keys:
                yield first, last, key


# ------------------------------------------------------------------ files


def _row(question: Question) -> Row:
    mentions = [asdict(mention) for mention in question.mentions]
    return {"_id": question.id, "text": question.text, "split": question.split, "mentions": mentions}


def _write(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as compressed JSON lines; the same rows give the same bytes."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    write_atomic(path, gzip.compress(lines.encode(), mtime=0))


def main(arguments: Sequence[str]) -> int:
    """Make the set in the folder that is named and report its counts. Returns the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m clew.benchmarks.linking.chinese FOLDER\n")
        return 2
    try:
        counts = make(Path(arguments[0]))
    except ClewError as error:
        sys.stderr.write(f"{error.message}\n  {error.hint}\n")
        return 1
    sys.stderr.write("".join(f"{what}: {count:,}\n" for what, count in counts.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
