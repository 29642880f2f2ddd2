"""The spec of a training run: its data, the negatives, and how the network is fitted."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from clew.core.errors import SpecError, UsageError, nearest
from clew.core.spec import as_table, parse, read_toml
from clew.models.save import check_name
from clew.training.clicks import ClicksSpec

MOST_LAYERS = 1_000


@dataclass(frozen=True, slots=True)
class DataSpec:
    """A data set: judged queries of a folder, or made from a click log.

    folder: BEIR folder (queries, qrels, a corpus if candidates are judged), or its name under $CLEW_DATA. index: the
    published index that candidates are retrieved from ("": one over the folder, built if needed). split, dev: qrels to
    train on and to measure on. queries: largest number of train queries, sampled by the run's seed (0: all).
    candidates: "mined": negatives are retrieved from the index; "judged": each query's judged documents are its
    candidates. gains: gain of grade 0, 1, 2, … ("": the grades themselves), such as "0,0.01,0.1,1". clicks: a click log
    instead of a folder, or its name under $CLEW_DATA; `index` then holds its documents, [clicks] says how to read it,
    and with candidates "judged" the skipped documents are the negatives. licence: of the data, for the model's card.
    name: in results ("": that of the folder or of the log), needed if the run has two data sets of one folder.
    """

    folder: str = ""
    index: str = ""
    split: str = "train"
    dev: str = "dev"
    queries: int = 0
    candidates: Literal["mined", "judged"] = "mined"
    gains: str = ""
    clicks: str = ""
    licence: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        if bool(self.folder) == bool(self.clicks):
            both = "both folder and clicks are given" if self.folder else "neither folder nor clicks is given"
            raise ValueError(f"{both}, expected one of them: a folder with queries and qrels, or a click log")
        if self.clicks and not self.index:
            raise ValueError("clicks needs index: name the published index that holds the clicked documents")
        if self.clicks and self.gains:
            raise ValueError(
                f"gains is {self.gains!r}, but the grades of a click log come from its clicks: remove gains"
            )
        if self.queries < 0:
            raise ValueError(f"queries is {self.queries}, expected 0 (all) or more")
        if self.split == self.dev:
            raise ValueError(f"split and dev are both {self.split!r}, expected two different splits")

    @property
    def label(self) -> str:
        """Return the name of the data set in results: its own, that of the folder, or of the log without suffixes."""
        if self.name:
            return self.name
        return Path(self.folder).name if self.folder else Path(self.clicks).name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class NegativesSpec:
    """How negatives are chosen among the candidates retrieved from an index.

    count: negatives per query (1 to 100). depth: candidates considered (more than count, at most 1,000). top: share of
    the negatives taken from the first fifth of the candidates, the others from further down (0 to 1). similar: skip
    candidates whose words overlap with a relevant passage by more than this (Jaccard, 0 to 1). margin: skip
    candidates whose cosine with the query exceeds that of the best relevant passage by more than this (0 to 2), since
    they may be relevant and unjudged. model: bi-encoder of the index that is built if no index is named.
    """

    count: int = 7
    depth: int = 50
    top: float = 0.6
    similar: float = 0.8
    margin: float = 0.1
    model: str = "default"

    def __post_init__(self) -> None:
        if not 1 <= self.count <= 100:
            raise ValueError(f"count is {self.count}, expected 1 to 100")
        if not self.count < self.depth <= 1_000:
            raise ValueError(f"depth is {self.depth}, expected more than count and at most 1000")
        for name, value, most in (("top", self.top, 1), ("similar", self.similar, 1), ("margin", self.margin, 2)):
            if not 0 <= value <= most:
                raise ValueError(f"{name} is {value}, expected 0 to {most}")


@dataclass(frozen=True, slots=True)
class FitSpec:
    """How the network is fitted.

    loss: see clew.training.losses. point: weight of the pointwise part of the listwise loss (0 to 10). smoothing:
    distance of the pointwise targets from 0 and 1 (0 to 0.4). temperature: of the contrastive loss, which divides
    cosines by it (above 0, at most 1). order: weight of a teacher's order when a cross-encoder learns from gains (0 to
    10). epochs: passes over the examples. batch: queries per step; accumulate: steps whose gradients are summed
    before the weights are updated; tokens_per_pass: tokens per forward pass, which bounds memory and has no other
    effect (0: a number that suits the device). learning_rate, warmup (share of the steps), schedule, weight_decay,
    clip (largest gradient norm, 0: no limit), dropout (None: as in the model). precision: of the forward pass.
    evaluations: number of measurements on dev queries; patience: stop after this many without an improvement (0:
    never). dev_queries, dev_candidates: of each data set. checkpoint_minutes: between checkpoints.
    """

    RENAMED: ClassVar[Mapping[str, str]] = {"pieces": "tokens_per_pass"}

    loss: Literal["listwise", "pointwise"] = "listwise"
    point: float = 0.2
    smoothing: float = 0.0
    order: float = 1.0
    temperature: float = 0.05
    epochs: float = 1.0
    batch: int = 8
    accumulate: int = 1
    learning_rate: float = 5e-5
    warmup: float = 0.1
    schedule: Literal["linear", "cosine", "constant"] = "linear"
    weight_decay: float = 0.01
    clip: float = 1.0
    dropout: float | None = None
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    tokens_per_pass: int = 0
    evaluations: int = 4
    patience: int = 0
    dev_queries: int = 100
    dev_candidates: int = 20
    checkpoint_minutes: float = 10.0

    def __post_init__(self) -> None:
        for name in (
            "temperature",
            "epochs",
            "batch",
            "accumulate",
            "learning_rate",
            "evaluations",
            "dev_queries",
            "dev_candidates",
        ):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a finite number above 0")
        for name, most in (
            ("warmup", 1.0),
            ("smoothing", 0.4),
            ("point", 10.0),
            ("temperature", 1.0),
            ("order", 10.0),
            ("dropout", 0.9),
        ):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= most:
                raise ValueError(f"{name} is {value}, expected 0 to {most:g}")
        for name in ("weight_decay", "clip", "patience", "checkpoint_minutes", "tokens_per_pass"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a finite number, 0 or more")


@dataclass(frozen=True, slots=True)
class TrainSpec:
    """One training run.

    name: of the resulting model. base: weights to start from ("default": those of the default encoder; or a folder, a
    model of `clew models list`, a Hugging Face name; for an 8-bit model its float32 weights). max_length: tokens of a
    query and a passage together (8 or more, at most what the base reads). seed: of sampling, initial weights and order
    (0 to 2**32 - 1). licence: of the result, for its card. data: the data sets, mixed in proportion to their size.
    teacher: the cross-encoder or bi-encoder that a student imitates, or the cross-encoder whose order another one
    learns besides the gains; layers: how many of its layers the student has, evenly spaced (0: all), or which, counted
    from 0. clicks: how click logs are read. paths_as_written: absolute path → the path as the spec file has it.
    """

    name: str
    data: tuple[DataSpec, ...]
    base: str = "default"
    max_length: int = 256
    seed: int = 0
    licence: str = ""
    teacher: str = ""
    layers: int | tuple[int, ...] = 0
    negatives: NegativesSpec = field(default_factory=NegativesSpec)
    fit: FitSpec = field(default_factory=FitSpec)
    clicks: ClicksSpec = field(default_factory=ClicksSpec)
    paths_as_written: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            check_name(self.name)
        except UsageError as error:
            raise ValueError(f"{error.message}: {error.hint}") from None
        for name, least, most in (("max_length", 8, 100_000), ("seed", 0, 2**32 - 1)):
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name} is {getattr(self, name)}, expected {least} to {most}")
        if isinstance(self.layers, int):
            if not 0 <= self.layers <= MOST_LAYERS:
                raise ValueError(f"layers is {self.layers}, expected 0 to {MOST_LAYERS}")
        elif not self.layers or list(self.layers) != sorted({*self.layers}) or self.layers[0] < 0:
            raise ValueError(
                f"layers is {list(self.layers)}, expected numbers from 0 in ascending order, such as [0, 2, 4]"
            )

    def as_table(self) -> dict[str, Any]:
        """Return the table from which the spec can be parsed again.

        Keys that were added later appear only if they are used, and `tokens_per_pass` has its old name, `pieces`,
        because runs and models are identified by this table. Paths are as in the spec file, so that the table reveals
        no folders of this machine.
        """
        table = as_table(self)
        del table["paths_as_written"]
        table["fit"]["pieces"] = table["fit"].pop("tokens_per_pass")
        rows = ((row, ("folder", "clicks")) for row in table["data"])
        for row, keys in ((table, ("base", "teacher")), (table["negatives"], ("model",)), *rows):
            row |= {key: self.paths_as_written.get(row[key], row[key]) for key in keys}
        if self.clicks == ClicksSpec():
            del table["clicks"]
        for key in ("order", "temperature"):
            if table["fit"][key] == getattr(FitSpec(), key):
                del table["fit"][key]
        if self.negatives.model == "default":
            del table["negatives"]["model"]
        for row in table["data"]:
            for key in ("clicks", "licence", "name"):
                if not row[key]:
                    del row[key]
        return table


_PARTS = {"negatives": NegativesSpec, "fit": FitSpec, "clicks": ClicksSpec}
_PAGE = "docs/training.md"
# These are never paths, even if the folder of the spec contains files with these names.
_NEVER_PATHS = {"", "default"}
_PLAIN = ("name", "base", "max_length", "seed", "licence", "teacher", "layers")


def load_spec(path: Path) -> TrainSpec:
    """Read the TOML spec of a run. Raises SpecError that names the file, the table and the key.

    Paths that exist relative to the spec's folder are resolved there.
    """
    folder = path.absolute().parent
    spec = spec_of(read_toml(path, f"see {_PAGE} for an example"), str(path))
    models = {spec.base, spec.teacher, spec.negatives.model}
    named = models | {name for data in spec.data for name in (data.folder, data.clicks)}
    # Path's own `exists` raises for names that are too long for a file.
    absolute = {name: str(folder / name) for name in named - _NEVER_PATHS if os.path.exists(folder / name)}  # noqa: PTH110
    data = tuple(
        replace(row, folder=absolute.get(row.folder, row.folder), clicks=absolute.get(row.clicks, row.clicks))
        for row in spec.data
    )
    return replace(
        spec,
        base=absolute.get(spec.base, spec.base),
        teacher=absolute.get(spec.teacher, spec.teacher),
        data=data,
        negatives=replace(spec.negatives, model=absolute.get(spec.negatives.model, spec.negatives.model)),
        paths_as_written={path: name for name, path in absolute.items()},
    )


def spec_of(table: Mapping[str, Any], where: str, *, stored: bool = False) -> TrainSpec:
    """Parse a spec from a table.

    where: name of the file in messages. stored: the table is from `TrainSpec.as_table`, so old names give no warning.
    Raises SpecError that names table and key.
    """
    known = [*_PLAIN, "data", *_PARTS]
    for key in table:
        if key not in known:
            raise SpecError(f"{where}: unknown key {key!r}", nearest(key, known))
    rows = table.get("data")
    if not isinstance(rows, list | tuple) or not rows:
        raise SpecError(
            f"{where}: [[data]] is missing", "add at least one: a folder with queries and qrels, or a click log"
        )
    parts: dict[str, Any] = {key: table[key] for key in _PLAIN if key in table}
    parts["data"] = tuple(parse(DataSpec, row, f"{where} [[data]] {at}", _PAGE) for at, row in enumerate(rows, 1))
    for key, cls in _PARTS.items():
        if key in table:
            parts[key] = parse(cls, table[key], f"{where} [{key}]", _PAGE, stored=stored)
    return parse(TrainSpec, parts, where, _PAGE)
