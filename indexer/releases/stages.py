"""Measure on judged queries what reranking, the graph and the vectors add, and leave out a stage that does harm.

From all stages on, one after another is left out and the rest is measured. A stage that lowers nDCG@10 by more than the
margin of non-inferiority stays out if its table says `enabled = "auto"`; with `enabled = true` it stays, with a notice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from clew.core.measures.significance import NON_INFERIOR_MEAN, compare
from clew.core.progress import Progress
from clew.indexer.releases.judged import CONDENSED, GATE, Judged, Measured, measure
from clew.indexer.releases.undecided import undecided
from clew.search.stages import STAGES, Stage, has_stage, without_stages

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher
    from clew.search.spec import SearchSpec


@dataclass(frozen=True, slots=True)
class Proof:
    """What one stage adds: mean nDCG@10 with and without it, the other stages being those that are used.

    low, high: 95 % interval of the difference. condensed_with, condensed_without: means of condensed nDCG@10. used:
    whether the release uses the stage. cannot_tell: whether judgements of the unjudged could change the sign of it.
    """

    stage: Stage
    with_stage: float
    without_stage: float
    low: float
    high: float
    condensed_with: float
    condensed_without: float
    used: bool
    cannot_tell: bool

    @property
    def difference(self) -> float:
        """What the stage adds to the mean nDCG@10; below 0: it does harm."""
        return self.with_stage - self.without_stage

    @property
    def notice(self) -> str:
        """What to tell the user about a stage that does harm; "" for one that does not."""
        if self.difference >= NON_INFERIOR_MEAN:
            return ""
        done = "stays on, because enabled = true" if self.used else "is left out of this release"
        doubt = "; documents that nobody judged could change that (`clew judge`)" if self.cannot_tell else ""
        return (
            f"[{self.stage}] lowers nDCG@10 on the judged queries from {self.without_stage:.4f} to "
            f"{self.with_stage:.4f} and {done}{doubt}"
        )

    def as_table(self) -> dict[str, Any]:
        """Return the proof as plain data, as a version's report stores it."""
        return asdict(self) | {"difference": self.difference}


@dataclass(frozen=True, slots=True)
class Proved:
    """The result: a proof for each stage, the searcher with the stages that are used, and its measures."""

    proofs: tuple[Proof, ...]
    searcher: Searcher
    measured: Measured

    @property
    def learned(self) -> dict[str, Any]:
        """The part of a release's learned parameters that leaves stages out; empty if all are used."""
        off = [proof.stage for proof in self.proofs if not proof.used]
        return {"stages": {"off": off}} if off else {}


def prove(searcher: Searcher, judged: Judged, spec: SearchSpec, progress: Progress) -> Proved:
    """Measure an opened version with all its stages, then without each of them. Raises QualityError as `measure`."""
    measured = measure(searcher, judged, progress)
    proofs = []
    for stage in STAGES:
        if not has_stage(searcher, stage):
            continue
        progress.start(f"judge without {stage}", len(judged.counted))
        fewer = without_stages(searcher, [stage])
        rest = measure(fewer, judged, progress)
        proof = _proof(stage, measured, rest, judged, is_forced=_enabled(spec, stage) is True)
        proofs.append(proof)
        if not proof.used:
            searcher, measured = fewer, rest
    return Proved(tuple(proofs), searcher, measured)


def describe_proofs(proofs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the lines of the table of stored proofs, aligned; empty if there are none."""
    if not proofs:
        return []
    lines = ["stage    nDCG@10 with  without  difference (95 % interval)     condensed with  without"]
    for each in proofs:
        state = "used" if each["used"] else "left out"
        doubt = ", cannot tell" if each["cannot_tell"] else ""
        lines.append(
            f"{each['stage']:<8} {each['with_stage']:>12.4f}  {each['without_stage']:>7.4f}  "
            f"{each['difference']:>+10.4f} ({each['low']:+.4f} to {each['high']:+.4f})  "
            f"{each['condensed_with']:>14.4f}  {each['condensed_without']:>7.4f}  {state}{doubt}"
        )
    return lines


def _proof(stage: Stage, full: Measured, rest: Measured, judged: Judged, *, is_forced: bool) -> Proof:
    found = compare(full.evaluation.per_query[GATE], rest.evaluation.per_query[GATE])
    harms = found.difference < NON_INFERIOR_MEAN
    return Proof(
        stage=stage,
        with_stage=full.means[GATE],
        without_stage=rest.means[GATE],
        low=found.low,
        high=found.high,
        condensed_with=full.means[CONDENSED],
        condensed_without=rest.means[CONDENSED],
        used=is_forced or not harms,
        cannot_tell=undecided(judged.qrels, 0.0, full.ranked, rest.ranked) is not None,
    )


def _enabled(spec: SearchSpec, stage: Stage) -> object:
    table = {"rerank": spec.rerank, "graph": spec.graph, "dense": spec.dense}[stage]
    return "auto" if table is None else table.enabled
