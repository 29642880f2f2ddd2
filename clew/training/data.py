"""Gather the training examples and dev lists of a run: read its data sets, clean them, sample and mine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.errors import DataError
from clew.core.measures.evaluation import judged_queries
from clew.core.measures.gains import parse_gains, to_gains
from clew.core.measures.judged import first_file, id_of, open_queries, read_rows
from clew.core.measures.runs import Qrels
from clew.core.progress import Progress
from clew.models.passage import embedded_text
from clew.training.clicks import aggregate, clicks_file, read_impressions
from clew.training.examples import Example, clean_queries, judged_example, sample_queries
from clew.training.negatives import candidates_example, indexed_texts, mined_example
from clew.training.spec import DataSpec, TrainSpec

if TYPE_CHECKING:
    from clew.training.candidates import CandidateSource, CandidateSources


@dataclass(slots=True)
class GatheredData:
    """The gathered data of a run.

    examples: training examples. dev: data set → the lists to evaluate. notices: messages about what was left out.
    """

    examples: list[Example] = field(default_factory=list)
    dev: dict[str, list[Example]] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)


def gather(spec: TrainSpec, sources: CandidateSources, progress: Progress) -> GatheredData:
    """Read every data set of a run, and retrieve candidates if the spec asks for them.

    sources: opens the indexes, which are closed afterwards. progress: called with (stage, done, total). Raises
    DataError for a data set without a usable train or dev query and for qrels with unknown ids, NotFoundError for
    missing data.
    """
    found = GatheredData()
    for data in spec.data:
        _gather_data_set(spec, data, sources, found, progress)
    return found


@dataclass(frozen=True, slots=True)
class _Queries:
    """The queries of a data set.

    name: the name of the data set in results. where: its file or folder, for messages. texts: query → text. train, dev:
    qrels. held_out: queries of the other splits, which must not be trained on.
    """

    name: str
    where: str
    texts: Mapping[str, str]
    train: Qrels
    dev: Qrels
    held_out: list[str]


def _gather_data_set(
    spec: TrainSpec, data: DataSpec, sources: CandidateSources, found: GatheredData, progress: Progress
) -> None:
    read = _click_queries(spec, data, found) if data.clicks else _folder_queries(data)
    if read.name in found.dev:
        raise DataError(
            f"{read.where}: another data set is already named {read.name!r}",
            "give one of them a name of its own in [[data]]; results are listed by it",
        )
    names, dropped = clean_queries(read.texts, judged_queries(read.train), read.held_out)
    if dropped:
        found.notices.append(
            f"{read.name}: {dropped} train queries left out: blank, duplicate, or also in another split"
        )
    keys = {query: max(read.train[query], key=lambda document: read.train[query][document]) for query in names}
    names = sample_queries(names, keys, data.queries, spec.seed)
    dev_queries = sample_queries(judged_queries(read.dev), {}, spec.fit.dev_queries, spec.seed)
    if data.candidates == "judged" and not data.clicks:
        make = _judged_example_maker(spec, Path(read.where), read)
        examples = [each for query in names if (each := make(query, read.train, spec.negatives.count + 1)) is not None]
        rows = [each for query in dev_queries if (each := make(query, read.dev, spec.fit.dev_candidates)) is not None]
    else:
        source = sources.open(data)
        try:
            make_examples = _shown_examples if data.candidates == "judged" else _mine_examples
            examples, rows = make_examples(spec, source, read, names, dev_queries, progress)
        finally:
            source.close()
    for what, kept in ((data.split, examples), (data.dev, rows)):
        if not kept:
            raise DataError(
                f"{read.where}: no query of split {what!r} has both a relevant and a less relevant passage",
                "check the log, least and dev in [clicks], and that the index contains the documents that were shown"
                if data.clicks
                else "check the qrels and gains, and that the index contains the judged documents",
            )
    if len(examples) < len(names):
        found.notices.append(
            f"{read.name}: {len(names) - len(examples)} train queries left out: no relevant passage or no negative"
        )
    found.examples += examples
    found.dev[read.name] = rows


def _folder_queries(data: DataSpec) -> _Queries:
    """Read the queries of a BEIR folder."""
    judged = open_queries(Path(data.folder))
    gains = parse_gains(data.gains) if data.gains else None
    integers = gains is not None
    train, dev = (to_gains(judged.qrels(split, None, integers=integers), gains) for split in (data.split, data.dev))
    held_out = [query for split in judged.splits if split != data.split for query in judged.qrels(split, None)]
    return _Queries(data.name or judged.folder.name, str(judged.folder), judged.queries, train, dev, held_out)


def _click_queries(spec: TrainSpec, data: DataSpec, found: GatheredData) -> _Queries:
    """Make judged queries from a click log."""
    path = clicks_file(Path(data.clicks))
    made = aggregate(read_impressions(path), spec.clicks)
    found.notices.append(f"{data.label}: {made.notice(spec.clicks)}")
    return _Queries(data.label, str(path), made.queries, made.train, made.dev, list(made.dev))


def _mine_examples(
    spec: TrainSpec,
    source: CandidateSource,
    read: _Queries,
    names: list[str],
    dev_queries: list[str],
    progress: Progress,
) -> tuple[list[Example], list[Example]]:
    """Return (examples, dev lists) of a data set whose candidates are retrieved from its index."""
    examples: list[Example] = []
    for done, query in enumerate(names, 1):
        text = read.texts[query]
        example = mined_example(source, read.name, query, text, read.train[query], spec.negatives, spec.seed)
        if example is not None:
            examples.append(example)
        progress(f"mining {read.name}", done, len(names))
    rows = []
    for query in dev_queries:
        text = read.texts[query]
        row = candidates_example(source, read.name, query, text, read.dev[query], spec.fit.dev_candidates)
        if row is not None:
            rows.append(row)
    return examples, rows


def _shown_examples(
    spec: TrainSpec,
    source: CandidateSource,
    read: _Queries,
    names: list[str],
    dev_queries: list[str],
    progress: Progress,
) -> tuple[list[Example], list[Example]]:
    """Return (examples, dev lists) of a click log, with the shown documents that the index still contains."""

    def made(query: str, qrels: Qrels, most: int) -> Example | None:
        texts = indexed_texts(source, read.texts[query], list(qrels[query]), spec.negatives.depth)
        return judged_example(read.name, query, read.texts[query], qrels[query], texts, most, spec.seed)

    examples: list[Example] = []
    for done, query in enumerate(names, 1):
        if (example := made(query, read.train, spec.negatives.count + 1)) is not None:
            examples.append(example)
        progress(f"reading {read.name}", done, len(names))
    rows = [row for query in dev_queries if (row := made(query, read.dev, spec.fit.dev_candidates)) is not None]
    return examples, rows


def _judged_example_maker(spec: TrainSpec, folder: Path, read: _Queries) -> Callable[[str, Qrels, int], Example | None]:
    """Return a function that makes a query's example of its judged documents.

    Raises DataError for judged documents that are missing from the corpus.
    """
    wanted = {document for qrels in (read.train, read.dev) for query in qrels.values() for document in query}
    texts = _corpus_texts(folder, wanted)
    if missing := sorted(wanted - texts.keys()):
        raise DataError(
            f"{folder}: {len(missing)} judged documents are missing from its corpus, such as {missing[0]!r}",
            "use the ids of corpus.jsonl in the qrels",
        )

    def make(query: str, qrels: Qrels, most: int) -> Example | None:
        return judged_example(read.name, query, read.texts[query], qrels[query], texts, most, spec.seed)

    return make


def _corpus_texts(folder: Path, wanted: set[str]) -> Mapping[str, str]:
    """Return document → the text of it that the model reads, from a BEIR corpus."""
    corpus = first_file(folder, "corpus.jsonl")
    if corpus is None:
        raise DataError(
            f"{folder} has no corpus.jsonl",
            'candidates = "judged" reads documents from it; use candidates = "mined" to retrieve them from an index',
        )
    found: dict[str, str] = {}
    for number, row in read_rows(corpus):
        name = id_of(row, corpus, number)
        if name in wanted:
            found[name] = embedded_text(str(row.get("title") or ""), str(row.get("text") or "")).strip()
    return found
