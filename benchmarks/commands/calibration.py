"""`clew bench calibration`: how far a reranker's probabilities can be trusted."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clew.cli.options import DEFAULT_HOME, Home, Json, note, out, out_json
from clew.core.errors import MissingExtraError, NotFoundError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from clew.benchmarks.data.datasets import Dataset
    from clew.benchmarks.relevance.options import Options

# Queries of each split of a collection that --learn reads, unless --sample says otherwise.
LEARN_QUERIES = 80


def calibration(
    targets: Annotated[
        list[str], typer.Argument(metavar="NAME_OR_DIR", help="Indexes by name, or BEIR folders by path or name.")
    ],
    judged: Annotated[
        Path | None, typer.Option("--judged", help="BEIR folder with the judged queries (for an index).")
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Qrels to measure with; never dev.")] = "test",
    reranker: Annotated[str, typer.Option("--reranker", help="Cross-encoder, if the index has none.")] = "default",
    gains: Annotated[str, typer.Option("--gains", help="Gain of grade 0, 1, 2, …, such as 0,0.01,0.1,1.")] = "",
    sample: Annotated[int | None, typer.Option("--sample", help="Number of queries at most, drawn by --seed.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of samples.")] = 0,
    to: Annotated[
        Path | None, typer.Option("--out", help="Write results.json, report.md and plots to this folder.")
    ] = None,
    allow_unknown: Annotated[
        bool, typer.Option("--allow-unknown", help="Accept judged ids that are not in the data set.")
    ] = False,
    model: Annotated[str, typer.Option("--model", help="Bi-encoder of a folder's index.")] = "default",
    learn: Annotated[
        bool,
        typer.Option(
            "--learn", help="Only learn the default probabilities on train queries, and check them on dev queries."
        ),
    ] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build a folder's index again.")] = False,
    home: Home = DEFAULT_HOME,
    json: Json = False,
) -> None:
    """Measure the calibration of a reranker.

    Reports calibration error and Brier score, and how often min_probability leaves a query without hits, rightly or
    wrongly. An index is measured with its own calibration. For a folder, a calibration is learned on its dev queries
    first. --learn takes several folders, and prints the constants of a reranker that is used without tuning.

    Example: clew bench calibration shop --judged examples/shop/judged --out results
    """
    from clew.benchmarks.calibration.measure import measure_folder, measure_index, options_for
    from clew.benchmarks.calibration.report import full, plain, table, write
    from clew.benchmarks.data.datasets import open_dataset
    from clew.benchmarks.signature import code, environment
    from clew.cli.options import print_table, shown_progress
    from clew.core.measures.gains import parse_gains
    from clew.search.versions import index_names

    if to is not None and find_spec("matplotlib") is None:
        raise MissingExtraError(
            "--out needs matplotlib, to draw plots", "run `pip install 'clew[train]'`, or omit --out"
        )
    options = options_for(
        split,
        gains=parse_gains(gains) if gains else None,
        sample=sample,
        seed=seed,
        allow_unknown=allow_unknown,
        model=model,
        rebuild=rebuild,
        reranker=reranker,
    )
    if learn and to is not None:
        raise UsageError("--learn and --out cannot be used together", "--learn writes nothing: omit one")
    known = set(index_names(home))
    chosen: dict[str, Dataset | None] = {}
    for target in targets:
        # A folder here comes before an index of its name, an index before a name under $CLEW_DATA.
        is_index = target in known and not Path(target).is_dir()
        try:
            chosen[target] = None if is_index else open_dataset(Path(target))
        except NotFoundError as error:
            raise NotFoundError(
                f"{error.message}, and there is no index of that name under {home}", error.hint
            ) from None
    if learn:
        _learn(chosen, options, home, json=json)
        return
    names = [dataset.name if dataset else target for target, dataset in chosen.items()]
    if twice := {name for name in names if names.count(name) > 1}:
        raise UsageError(
            f"two targets are named {min(twice)!r}", "results are listed by name: rename one, or measure it alone"
        )
    found = []
    for target, dataset in chosen.items():
        with shown_progress(target) as progress:
            if dataset is None:
                found.append(measure_index(target, home, judged, options, progress))
            else:
                found.append(measure_folder(dataset, home / "bench", options, progress, models=home))
        if not json:
            print_table(table(found[-1]))
    if to is not None:
        paths = write(to, found, full(found, environment(seed), code()))
        note(f"wrote {', '.join(map(str, paths))}")
    if json:
        out_json(plain(found))


def _learn(chosen: Mapping[str, Dataset | None], options: Options, home: Path, *, json: bool) -> None:
    from clew.benchmarks.calibration.examples import open_examples
    from clew.benchmarks.calibration.learn import held_out, learn_defaults, lines, plain
    from clew.cli.options import shown_progress

    if indexes := [target for target, dataset in chosen.items() if dataset is None]:
        raise UsageError(f"{indexes[0]} is an index, but --learn takes folders", "give BEIR folders")
    if len(chosen) < 2:
        raise UsageError("--learn needs at least two folders", "each is checked with what is learned on the others")
    train, dev = {}, {}
    for target, dataset in chosen.items():
        assert dataset is not None  # noqa: S101 - checked above
        with shown_progress(target) as progress:
            most = options.sample or LEARN_QUERIES
            train[dataset.name], dev[dataset.name], own = open_examples(dataset, home, options, most, progress)
    learned, found = learn_defaults(train, own), held_out(train, dev, own)
    if json:
        out_json(learned.as_table() | {"held_out": plain(found)})
        return
    for line in lines(found):
        out(line)
    for name, constants in learned.as_table().items():
        out(f"{name}: {constants}")
