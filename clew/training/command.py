"""`clew train`: train models on judged queries. Opens the indexes that training retrieves candidates from."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json

if TYPE_CHECKING:
    from clew.core.types import Bools, Floats, Ints
    from clew.search.fusion import FusedCandidates
    from clew.search.pipeline import Searcher
    from clew.training.run import Kind
    from clew.training.spec import DataSpec

app = typer.Typer(
    help="Train rerankers and encoders on judged queries or click logs.\n\n"
    "Example: clew train cross-encoder reranker.toml",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)
Spec = Annotated[
    Path, typer.Argument(metavar="SPEC", help='Training spec, a TOML file; see "Training" in the documentation.')
]


@app.command("cross-encoder")
def cross_encoder(spec: Spec, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Train a reranker on relevant and irrelevant passages.

    If the run was interrupted, the same command resumes it from its last checkpoint.

    Example: clew train cross-encoder reranker.toml
    """
    _train("cross-encoder", spec, home, as_json)


@app.command("bi-encoder")
def bi_encoder(spec: Spec, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Train an encoder of queries and passages.

    An index uses it if [dense] model in its spec names it. If the run was interrupted, the same command resumes it from
    its last checkpoint.

    Example: clew train bi-encoder encoder.toml
    """
    _train("bi-encoder", spec, home, as_json)


@app.command("distil")
def distil(spec: Spec, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Train a smaller reranker or encoder that imitates a larger one.

    The spec names the larger one as its teacher. If the run was interrupted, the same command resumes it from its last
    checkpoint.

    Example: clew train distil student.toml
    """
    _train("distil", spec, home, as_json)


@app.command("titles")
def titles(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="BEIR folder, or its name under $CLEW_DATA.")],
    to: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the data set.")],
    same: Annotated[
        str, typer.Option("--same", help="Metadata that negatives share with a document, such as brand,category.")
    ] = "",
    negatives: Annotated[int, typer.Option("--negatives", min=1, help="Number of negatives of each title.")] = 7,
    words: Annotated[int, typer.Option("--words", min=1, help="Least number of words of a text.")] = 12,
    dev: Annotated[float, typer.Option("--dev", min=0, max=0.9, help="Share of titles for measuring.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the negatives and of the split.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a data set for training from documents without judgements: each title with its text.

    Example: clew train titles data/shop shop-titles --same brand,category
    """
    from clew.training.pairs import title_pairs

    keys = tuple(key for each in same.split(",") if (key := each.strip()))
    _written(
        title_pairs(source, same=keys, negatives=negatives, words=words, dev=dev, seed=seed).write(to), to, as_json
    )


@app.command("kinds")
def kinds(
    source: Annotated[Path, typer.Argument(metavar="DIR", help="BEIR folder, or its name under $CLEW_DATA.")],
    to: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the data set.")],
    negatives: Annotated[int, typer.Option("--negatives", min=1, help="Number of negatives of each query.")] = 7,
    most: Annotated[int, typer.Option("--most", min=0, help="Largest number of queries (0: no limit).")] = 0,
    dev: Annotated[float, typer.Option("--dev", min=0, max=0.9, help="Share of queries for measuring.")] = 0.05,
    seed: Annotated[int, typer.Option("--seed", help="Seed of queries, negatives and the split.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a data set for training from titles of products: what each names, against products that only mention it.

    Example: clew train kinds data/shop shop-kinds
    """
    from clew.training.kinds import kind_pairs

    _written(kind_pairs(source, negatives=negatives, most=most, dev=dev, seed=seed).write(to), to, as_json)


@app.command("names")
def names(
    nodes: Annotated[Path, typer.Argument(metavar="NODES", help="nodes.jsonl of a graph, plain or compressed.")],
    to: Annotated[Path, typer.Argument(metavar="OUT", help="New folder for the data set.")],
    languages: Annotated[
        str, typer.Option("--languages", help="Languages of queries and of documents, such as en,zh.")
    ] = "en,zh",
    dev: Annotated[float, typer.Option("--dev", min=0, max=0.5, help="Share of names for measuring.")] = 0.05,
    test: Annotated[float, typer.Option("--test", min=0, max=0.5, help="Share of names for testing.")] = 0.1,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the split.")] = 0,
    as_json: Json = False,
) -> None:
    """Make a data set for training from a graph: each entity's name in one language with its name in another.

    Example: clew train names graph/nodes.jsonl names-en-zh --languages en,zh
    """
    from clew.core.errors import UsageError
    from clew.training.pairs import name_pairs

    asked, _, wanted = languages.partition(",")
    if not asked or not wanted or "," in wanted or asked == wanted:
        raise UsageError(f"--languages is {languages!r}, expected two languages", "give two, such as --languages en,zh")
    _written(name_pairs(nodes, (asked, wanted), dev=dev, test=test, seed=seed).write(to), to, as_json)


def _written(counts: dict[str, int], folder: Path, as_json: bool) -> None:
    if as_json:
        out_json({"folder": str(folder), "queries": counts})
        return
    shown = ", ".join(f"{split} {count:,}" for split, count in counts.items())
    out(f"wrote {folder}; queries: {shown}")


def _train(kind: Kind, spec: Path, home: Path, as_json: bool) -> None:
    from importlib.util import find_spec

    from clew.core.errors import MissingExtraError

    if missing := [name for name in ("datasets", "accelerate", "matplotlib") if find_spec(name) is None]:
        raise MissingExtraError(f"training needs {', '.join(missing)}", "run `pip install 'clew[train]'`")
    from clew.cli.options import shown_progress
    from clew.core.progress import Silent
    from clew.training.processes import process_group
    from clew.training.spec import load_spec

    ranks = process_group()
    with ranks.first_process_first():
        read = load_spec(spec)
    from clew.training.run import train

    with shown_progress("train") if ranks.is_first else nullcontext(Silent()) as progress:
        found = train(kind, read, home, Indexes(home, read.negatives.model), calibrate, progress, note)
    ranks.shut_down()
    if not ranks.is_first:
        return
    if as_json:
        out_json(asdict(found))
        return
    fitted = found.fitted
    out(f"trained on {found.pairs:,} pairs of {found.queries:,} queries in {fitted.seconds / 60:.1f} minutes")
    out("dev nDCG@10: " + ", ".join(f"{name} {value:.3f}" for name, value in fitted.measures.items()))
    out(f"best at step {fitted.step} of {fitted.steps}; curve: {found.run / 'curve.png'}")
    out(f"saved as {read.name}: {found.model}")


def calibrate(scores: Floats, fused: Floats, relevant: Bools, query: Ints) -> dict[str, Any]:
    """Fit the calibration of a reranker on n judged pairs; return it in the form of a model's manifest.

    scores, fused: (n,) scores of the cross-encoder and of fusion. relevant: (n,) bool. query: (n,) int64 number of each
    pair's query. Raises DataError for scores that are not finite, and if all pairs or none are relevant.
    """
    from clew.indexer.tuning.calibration import learn

    return learn(scores, fused, relevant, query=query).as_table()


@dataclass(frozen=True, slots=True)
class Indexes:
    """The `CandidateSources` of a home: published indexes, and indexes built over the folder of a data set.

    model: the bi-encoder of an index that is built; "default": the default encoder, or what a spec in the folder names.
    """

    home: Path
    model: str = "default"

    def open(self, data: DataSpec) -> OpenedIndex:
        """Open the index that a data set names; without a name, build one over its folder unless it exists already."""
        from clew.search.assemble import open_index

        if data.index:
            return OpenedIndex(open_index(self.home, data.index))
        from clew.indexer.tuning.judged import open_folder
        from clew.models.store import resolve_to_path

        # Named by path, because `bench` is another home with other models.
        model = self.model if self.model == "default" else resolve_to_path(self.model, self.home, "bi_encoder")
        searcher, _ = open_folder(Path(data.folder), self.home / "bench", model, models=self.home)
        return OpenedIndex(searcher)

    def content(self, index: str) -> str:
        """Return the sha256, in hex, of an index's live version. Raises NotFoundError if there is none."""
        from clew.search.versions import IndexFolder

        folder = IndexFolder.of(self.home, index)
        return folder.read_version(folder.read_release()).content


@dataclass(frozen=True, slots=True)
class OpenedIndex:
    """A `CandidateSource` over an open index."""

    searcher: Searcher

    def candidates(self, query: str, depth: int) -> IndexCandidates | None:
        """Retrieve candidates with BM25 and vectors, without the graph; None for a query that search rejects."""
        from clew.core.errors import QueryError

        sources = tuple(name for name in self.searcher.sources if name in {"bm25", "dense"})
        try:
            pool = self.searcher.pool(query, depth, sources=sources, graph="off")
        except QueryError:
            return None
        return IndexCandidates.of(self.searcher, pool)

    def close(self) -> None:
        """Release the files of the index."""
        self.searcher.close()


@dataclass(frozen=True, slots=True)
class IndexCandidates:
    """The `Candidates` of one query, retrieved from an open index."""

    searcher: Searcher
    pool: FusedCandidates
    ids: tuple[str, ...]
    scores: Floats
    cosines: Floats | None

    @classmethod
    def of(cls, searcher: Searcher, pool: FusedCandidates) -> IndexCandidates:
        """Sort the candidates of a pool by their fused scores."""
        import numpy as np

        order = pool.order()
        cosines = None
        if "dense" in pool.sources:
            cosines = np.nan_to_num(pool.scores[pool.sources.index("dense")], nan=-1.0)[order]
        return cls(searcher, pool, tuple(searcher.store.ids(pool.documents[order])), pool.totals[order], cosines)

    def passage(self, document: str) -> str | None:
        """Return the text of a document that a model reads; None if the index does not contain it."""
        store = self.searcher.store
        ordinal = store.find(document)
        if ordinal is None:
            return None
        at = self.pool.index_of(ordinal)
        return store.embedded_text(store.passage_range(ordinal)[0] if at is None else self.pool.best_passage(at))
