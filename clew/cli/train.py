"""`clew train`: models from judged queries."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher
    from clew.training.run import Kind
    from clew.training.spec import DataSpec

app = typer.Typer(
    help="Train models on judged queries, such as `clew train cross-encoder SPEC`.",
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
)
Spec = Annotated[Path, typer.Argument(help="Training spec, a TOML file.")]


@app.command("cross-encoder")
def cross_encoder(spec: Spec, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Train a reranker on lists of relevant and irrelevant passages.

    A run that was stopped goes on from its last checkpoint when it is called again.

    Example: clew train cross-encoder reranker.toml
    """
    _train("cross-encoder", spec, home, as_json)


@app.command("bi-encoder")
def bi_encoder(spec: Spec, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Train an encoder of queries and passages.

    A run that was stopped goes on from its last checkpoint when it is called again.

    Example: clew train bi-encoder encoder.toml
    """
    _train("bi-encoder", spec, home, as_json)


@app.command("distil")
def distil(spec: Spec, home: Home = DEFAULT_HOME, as_json: Json = False) -> None:
    """Train a smaller reranker to order as the spec's teacher does.

    A run that was stopped goes on from its last checkpoint when it is called again.

    Example: clew train distil student.toml
    """
    _train("distil", spec, home, as_json)


def _train(kind: Kind, spec: Path, home: Path, as_json: bool) -> None:
    from importlib.util import find_spec

    from clew.core.errors import MissingExtraError

    if missing := [name for name in ("datasets", "accelerate", "matplotlib") if find_spec(name) is None]:
        raise MissingExtraError(f"training needs {', '.join(missing)}", "pip install 'clew[train]'")
    from clew.cli.options import shown_progress
    from clew.core.progress import Silent
    from clew.training.ranks import joined
    from clew.training.spec import load_spec

    ranks = joined()
    with ranks.in_turn():
        read = load_spec(spec)
    from clew.training.run import train

    with shown_progress("train") if ranks.first else nullcontext(Silent()) as progress:
        found = train(kind, read, home, lambda data: _index(data, read.negatives.model, home), progress, note)
    ranks.leave()
    if not ranks.first:
        return
    if as_json:
        out_json(asdict(found))
        return
    fitted = found.fitted
    out(f"trained on {found.pairs:,} pairs of {found.queries:,} queries in {fitted.seconds / 60:.1f} minutes")
    out("dev nDCG@10: " + ", ".join(f"{name} {value:.3f}" for name, value in fitted.measures.items()))
    out(f"best at step {fitted.step} of {fitted.steps}; curve: {found.run / 'curve.png'}")
    out(f"kept as {read.name}: {found.model}")


def _index(data: DataSpec, model: str, home: Path) -> Searcher:
    """The index that negatives are mined through: the one named, or one over the data set's documents."""
    from clew.search.assemble import open_index

    if data.index:
        return open_index(home, data.index)
    from clew.benchmarks.datasets import open_dataset
    from clew.benchmarks.index import ensure, open_built, varied
    from clew.models.store import placed

    dataset = open_dataset(Path(data.folder))
    bench = home / "bench"
    # By path, since that home holds other models; "default" leaves a folder's own spec what it says.
    table = varied(dataset.spec, model=model if model == "default" else placed(model, home, "bi_encoder"))
    return open_built(bench, ensure(table, dataset.sources, dataset.base, bench))
