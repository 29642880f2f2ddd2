"""What a run learns from and is measured on, gathered from its data sets: read, cleaned, sampled, mined."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.errors import DataError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import gained, parse_gains
from clew.core.measures.judged import JudgedQueries, first_file, open_queries, read_rows, text_of
from clew.core.measures.runs import Qrels
from clew.training.examples import Example, cleaned, judged_example, sampled
from clew.training.negatives import candidates_example, mined_example
from clew.training.spec import DataSpec, TrainSpec
from search.fields import embedded_text

if TYPE_CHECKING:
    from search.pipeline import Searcher

Progress = Callable[[str, int, int], None]
# Data set → its opened index; the caller closes nothing, gathering does.
OpenIndex = Callable[[DataSpec], "Searcher"]


@dataclass(slots=True)
class Gathered:
    """Examples to learn from, dev candidates by data set, and what was left out on the way."""

    examples: list[Example] = field(default_factory=list)
    dev: dict[str, list[Example]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def gather(spec: TrainSpec, open_index: OpenIndex, progress: Progress) -> Gathered:
    """Read every data set of a run.

    Raises DataError for one without a usable train or dev query, and for qrels with ids that are nowhere.
    """
    found = Gathered()
    for data in spec.data:
        _gather(spec, data, open_index, found, progress)
    return found


def _gather(spec: TrainSpec, data: DataSpec, open_index: OpenIndex, found: Gathered, progress: Progress) -> None:
    judged = open_queries(Path(data.folder))
    name = judged.folder.name
    gains = parse_gains(data.gains) if data.gains else None
    train, dev = (gained(judged.qrels(split, None), gains) for split in (data.split, data.dev))
    held_out = [query for split in judged.splits if split != data.split for query in judged.qrels(split, None)]
    names, dropped = cleaned(judged.queries, judged_queries(train), held_out)
    if dropped:
        found.notices.append(f"{name}: {dropped} train queries dropped: blank, asked twice, or asked on another split")
    keys = {query: max(train[query], key=lambda document: train[query][document]) for query in names}
    names = sampled(names, keys, data.queries, spec.seed)
    measured = sampled(judged_queries(dev), {}, spec.fit.dev_queries, spec.seed)
    make = _judged(spec, judged, train, dev) if data.candidates == "judged" else None
    if make is None:
        searcher = open_index(data)
        try:
            examples, rows = _mined(spec, searcher, judged, train, dev, names, measured, progress)
        finally:
            searcher.close()
    else:
        examples = [each for query in names if (each := make(query, train, spec.negatives.count + 1)) is not None]
        rows = [each for query in measured if (each := make(query, dev, spec.fit.dev_candidates)) is not None]
    for what, kept in ((data.split, examples), (data.dev, rows)):
        if not kept:
            raise DataError(
                f"{judged.folder}: no query of split {what!r} has both a relevant and another passage",
                "check the qrels, the gains, and that the index holds the judged documents",
            )
    if len(examples) < len(names):
        found.notices.append(f"{name}: {len(names) - len(examples)} train queries have nothing to compare")
    found.examples += examples
    found.dev[name] = rows


def _mined(
    spec: TrainSpec,
    searcher: Searcher,
    judged: JudgedQueries,
    train: Qrels,
    dev: Qrels,
    names: list[str],
    measured: list[str],
    progress: Progress,
) -> tuple[list[Example], list[Example]]:
    """(examples, dev candidates) of a set whose candidates come from its index."""
    set_name = judged.folder.name
    examples: list[Example] = []
    for done, query in enumerate(names, 1):
        text = judged.queries[query]
        example = mined_example(searcher, set_name, query, text, train[query], spec.negatives, spec.seed)
        if example is not None:
            examples.append(example)
        progress(f"mining {set_name}", done, len(names))
    rows = []
    for query in measured:
        text = judged.queries[query]
        row = candidates_example(searcher, set_name, query, text, dev[query], spec.fit.dev_candidates)
        if row is not None:
            rows.append(row)
    return examples, rows


def _judged(
    spec: TrainSpec, judged: JudgedQueries, train: Qrels, dev: Qrels
) -> Callable[[str, Qrels, int], Example | None]:
    """What makes a query's example out of its judged documents. Raises DataError for documents that are nowhere."""
    wanted = {document for qrels in (train, dev) for query in qrels.values() for document in query}
    texts = _texts(judged.folder, wanted)
    if missing := sorted(wanted - texts.keys()):
        raise DataError(
            f"{judged.folder}: {len(missing)} judged documents are not in its corpus, such as {missing[0]!r}",
            "judge documents by their ids in corpus.jsonl",
        )
    name = judged.folder.name

    def make(query: str, qrels: Qrels, most: int) -> Example | None:
        return judged_example(name, query, judged.queries[query], qrels[query], texts, most, spec.seed)

    return make


def _texts(folder: Path, wanted: set[str]) -> Mapping[str, str]:
    """Document → what the model reads of it, of a BEIR corpus."""
    corpus = first_file(folder, "corpus.jsonl")
    if corpus is None:
        raise DataError(
            f"{folder} holds no corpus.jsonl", 'judged candidates are read from it; or use candidates = "mined"'
        )
    found: dict[str, str] = {}
    for number, row in read_rows(corpus):
        name = text_of(row, "_id", corpus, number)
        if name in wanted:
            found[name] = embedded_text(str(row.get("title") or ""), str(row.get("text") or "")).strip()
    return found
