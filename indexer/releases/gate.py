"""Judged queries as the gate of a release: decide whether a version may be published.

With the models of the live release a version may lose `max_drop`; with other models it has to be non-inferior, query
by query (`indexer/releases/comparison.py`). A stage that did not run is an error; it never lowers a figure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.clock import now
from clew.core.errors import ClewError, QualityError
from clew.core.progress import Progress, Silent
from clew.indexer.releases.comparison import compare_with_release, inferior
from clew.indexer.releases.judged import GATE, Judged, measure
from clew.indexer.releases.live import Live
from clew.indexer.releases.models import Models, models_of
from clew.indexer.releases.override import HOW_TO_OVERRIDE, GateFailure, Override
from clew.indexer.spec import QualitySpec
from clew.search.versions import IndexFolder

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher


@dataclass(frozen=True, slots=True)
class GateResult:
    """What the judged queries say about a version.

    relevance: means by measure (0 to 1), empty where the spec names no queries. models: of the version. comparison:
    with a release of other models, empty where there was none to compare with. objections: the rules it violates.
    against: id of the release it is inferior to, "" where there is none.
    """

    relevance: Mapping[str, float] = field(default_factory=dict)
    models: Models = ("", "")
    comparison: Mapping[str, Any] = field(default_factory=dict)
    objections: tuple[GateFailure, ...] = ()
    against: str = ""

    @property
    def rules(self) -> frozenset[str]:
        """The rules it violates."""
        return frozenset(objection.rule for objection in self.objections)

    @property
    def why_good(self) -> str:
        """Why it may be published."""
        return "this version violates no rule" if self.relevance else "[quality] names no queries"


def judge(
    searcher: Searcher,
    judged: Judged,
    spec: QualitySpec,
    folder: IndexFolder,
    home: Path,
    live: Live | None,
    unread: str = "",
    progress: Progress | None = None,
) -> GateResult:
    """Measure an opened candidate on the judged queries and apply every rule.

    live: the live release, None where nothing is live or where it cannot be read; `unread` then says why. Raises
    QualityError where a stage of the candidate did not run.
    """
    progress = progress or Silent()
    measured = measure(searcher, judged, progress)
    found, models = measured.means, models_of(searcher.version, searcher.release)
    objections = below_minimum(found, spec)
    if live is None:
        objections += [_not_compared("the live release cannot be read", unread, "")] if unread else []
        return GateResult(found, models, {}, tuple(objections))
    if live.models == models:
        objections += fallen(found, live.version.relevance, spec)
    name = opponent_id(folder, live, models)
    if not name:
        return GateResult(found, models, {}, tuple(objections))
    try:
        record = compare_with_release(measured, judged, Live.of(folder, name), folder, home, progress)
    except ClewError as error:
        # Whatever is missing, there is no figure to compare with; the build can continue only with an override.
        lost = _not_compared(f"release {name} cannot be measured for comparison", error.message, error.hint)
        return GateResult(found, models, {}, (*objections, lost))
    worse = inferior(record)
    return GateResult(found, models, record, (*objections, *worse), name if worse else "")


def opponent_id(folder: IndexFolder, live: Live, models: Models) -> str:
    """Return the release with other models that a candidate is compared with; "" where there is none.

    It is the live one, or, where that was published with an override, the one it was found inferior to: a release that
    needed an override does not become the baseline of the next one.
    """
    before = live.override.against if live.override else ""
    if before:
        try:
            same = Live.of(folder, before).models == models
        except ClewError:
            same = False  # comparing with it fails in the same way, and that error names it
        if not same:
            return before
    return live.release.id if live.models != models else ""


def apply_override(verdict: GateResult, given: Override | None, live: Live | None) -> tuple[Override | None, str]:
    """Return (the override that the release is published with, a notice for the user); either may be empty.

    given: the override of this build. Without one, the override of the live release covers a version with the same
    models while it holds, for the rules it overrode. Raises QualityError where the version violates a rule that no
    override covers.
    """
    if not verdict.objections:
        return None, "" if given is None else f"--override was not needed and is not recorded: {verdict.why_good}"
    said = "; ".join(objection.said for objection in verdict.objections)
    if given is not None:
        used = replace(given, when=now(), against=verdict.against, overrode=verdict.objections)
        return used, f"overridden until {given.until}: {said}"
    release, held = (live.release.id, live.override) if live and live.models == verdict.models else ("", None)
    if held is not None and not held.has_ended() and held.rules >= verdict.rules:
        used = replace(held, overrode=verdict.objections)
        return used, f"the override of release {release} covers this one until {held.until}: {held.reason}"
    ended = f" (that of release {release} ended on {held.until})" if held is not None and held.has_ended() else ""
    raise QualityError(said, f"{verdict.objections[0].hint}; to publish it anyway: {HOW_TO_OVERRIDE}{ended}")


# ------------------------------------------------------------------ the rules


def below_minimum(found: Mapping[str, float], spec: QualitySpec) -> list[GateFailure]:
    """Apply the rule `minimum`. found: means by measure."""
    if found[GATE] >= spec.minimum:
        return []
    said = f"{GATE} is {found[GATE]:.4f} on the judged queries, [quality] minimum is {spec.minimum}"
    return [GateFailure("minimum", said, "find out what changed", {"after": found[GATE], "minimum": spec.minimum})]


def fallen(found: Mapping[str, float], live: Mapping[str, float], spec: QualitySpec) -> list[GateFailure]:
    """Apply the rule `max_drop` against a live release with the same models; live: its means, may lack the measure."""
    before = live.get(GATE)
    if before is None or found[GATE] >= before - spec.max_drop:
        return []
    said = f"{GATE} fell from {before:.4f} (live release) to {found[GATE]:.4f}, [quality] max_drop is {spec.max_drop}"
    figures = {"before": before, "after": found[GATE], "max_drop": spec.max_drop}
    return [GateFailure("max_drop", said, "find out what changed", figures)]


def _not_compared(what: str, why: str, hint: str) -> GateFailure:
    return GateFailure("not_compared", f"{what}: {why}", hint or "restore what is missing")
