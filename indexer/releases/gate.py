"""The quality gate of a release: decide on judged queries whether a version may be published.

If the models are those of the live release, nDCG@10 may fall by at most `max_drop`. With other models the version must
be non-inferior in a comparison query by query (`indexer/releases/comparison.py`). If documents that nobody judged could
change the decision, the gate says which to judge first (`indexer/releases/undecided.py`). If a stage of the search did
not run, an error is raised, so that it cannot lower a measure unnoticed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.clock import now
from clew.core.errors import ClewError, QualityError
from clew.core.progress import Progress, Silent
from clew.indexer.releases.comparison import compare_with_release, inferior, measure_release, required_mean
from clew.indexer.releases.judged import GATE, Judged, Measured, measure
from clew.indexer.releases.live import Live
from clew.indexer.releases.models import Models, models_of
from clew.indexer.releases.override import HOW_TO_OVERRIDE, GateFailure, Override
from clew.indexer.releases.pending import save
from clew.indexer.releases.undecided import Undecided, undecided
from clew.indexer.spec import QualitySpec
from clew.search.versions import IndexFolder

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

_HINT = "find out what changed in the data, the spec or the judged queries"


@dataclass(frozen=True, slots=True)
class GateResult:
    """The result of the gate for one version.

    relevance: means by measure (0 to 1), empty if the spec names no judged queries. models: of the version. comparison:
    with a release that uses other models, empty if there was none. failures: the rules that the version violates.
    baseline: id of the release that the version is inferior to, "" if there is none. undecided: what judgements of
    unjudged documents could change about the decision, None if nothing.
    """

    relevance: Mapping[str, float] = field(default_factory=dict)
    models: Models = ("", "")
    comparison: Mapping[str, Any] = field(default_factory=dict)
    failures: tuple[GateFailure, ...] = ()
    baseline: str = ""
    undecided: Undecided | None = None

    @property
    def notice(self) -> str:
        """What to tell the user about a version that may be published, although judgements could change that; or ""."""
        if self.undecided is None or self.failures:
            return ""
        return f"better or worse than release {self.comparison.get('release')}: {self.undecided.said}"

    @property
    def rules(self) -> frozenset[str]:
        """The rules that the version violates."""
        return frozenset(failure.rule for failure in self.failures)

    @property
    def reason_passed(self) -> str:
        """The reason that the version may be published without an override."""
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
    measured: Measured | None = None,
) -> GateResult:
    """Measure an opened candidate on the judged queries and apply every rule.

    measured: its measures (None: it is measured here). live: the live release, None if nothing is live or if it cannot
    be read. unread: why it cannot be read, else "".
    Writes the pairs to judge first, if there are any, for `clew judge`. Raises QualityError if a stage of the candidate
    did not run.
    """
    found = _Gate(searcher, judged, spec, folder, home, progress or Silent()).result(live, unread, measured)
    save(folder, spec, judged, searcher, found.undecided)
    return found


@dataclass(frozen=True, slots=True)
class _Gate:
    """The gate of one candidate: what it is measured on, and where releases are."""

    searcher: Searcher
    judged: Judged
    spec: QualitySpec
    folder: IndexFolder
    home: Path
    progress: Progress

    def result(self, live: Live | None, unread: str, measured: Measured | None) -> GateResult:
        """Apply every rule."""
        measured = measured or measure(self.searcher, self.judged, self.progress)
        models = models_of(self.searcher.version, self.searcher.release)
        found = GateResult(measured.means, models)
        if failures := below_minimum(measured.means, self.spec):
            found = self._added(found, failures, undecided(self.judged.qrels, self.spec.minimum, measured.ranked))
        if live is None:
            unreadable = [_not_compared("the live release cannot be read", unread, "")] if unread else []
            return self._added(found, unreadable)
        if live.models == models:
            found = self._dropped(found, measured, live)
        name = baseline_id(self.folder, live, models)
        return self._compared(found, measured, name) if name else found

    def _dropped(self, found: GateResult, measured: Measured, live: Live) -> GateResult:
        """Apply the rule `max_drop`: to the figure stored with the live release, then to one on today's judgements."""
        failures = max_drop_failure(measured.means, live.version.relevance, self.spec)
        if not failures:
            return found
        try:
            before = measure_release(live, self.judged, self.folder, self.home, self.progress)
        except ClewError:
            return self._added(found, failures)
        doubt = undecided(self.judged.qrels, -self.spec.max_drop, measured.ranked, before.ranked)
        return self._added(found, max_drop_failure(measured.means, before.means, self.spec), doubt)

    def _compared(self, found: GateResult, measured: Measured, name: str) -> GateResult:
        """Compare with the release `name`, which uses other models."""
        place = self.folder, self.home, self.progress
        try:
            compared = compare_with_release(measured.evaluation, self.judged, Live.of(self.folder, name), *place)
        except ClewError as error:
            # There is nothing to compare with, whatever the reason: the build can continue only with an override.
            what = f"release {name} cannot be measured for comparison"
            return self._added(found, [_not_compared(what, error.message, error.hint)])
        worse = inferior(compared.record)
        required = required_mean(len(compared.counted))
        doubt = undecided(compared.counted, required, measured.ranked, compared.baseline.ranked)
        found = replace(found, comparison=compared.record, baseline=name if worse else "")
        return self._added(found, worse, doubt)

    def _added(self, found: GateResult, failures: Sequence[GateFailure], doubt: Undecided | None = None) -> GateResult:
        """Return the result with more failures; those that judgements could change say so."""
        if doubt is not None:
            failures = [_doubtful(failure, doubt, self.folder.name) for failure in failures]
        return replace(found, failures=(*found.failures, *failures), undecided=found.undecided or doubt)


def _doubtful(failure: GateFailure, doubt: Undecided, index: str) -> GateFailure:
    hint = f"judge them with `clew judge {index}` and build again, or {failure.hint}"
    figures = {**failure.figures, "unjudged": len(doubt.pairs), "judge_first": doubt.first}
    return replace(failure, said=f"{doubt.said}: {failure.said}", hint=hint, figures=figures)


def baseline_id(folder: IndexFolder, live: Live, models: Models) -> str:
    """Return the id of the release with other models that a candidate is compared with; "" if there is none.

    It is the live release. If that was published with an override, it is the release that the live one was found
    inferior to: a release that needed an override does not become the baseline of later ones.
    """
    before = live.override.baseline if live.override else ""
    if before:
        try:
            same = Live.of(folder, before).models == models
        except ClewError:
            same = False  # the comparison fails with the same error, and that message names the release
        if not same:
            return before
    return live.release.id if live.models != models else ""


def apply_override(result: GateResult, given: Override | None, live: Live | None) -> tuple[Override | None, str]:
    """Return (the override that the release is published with, a notice for the user); either may be empty.

    given: the override of this build. Without one, the override of the live release also covers a version with the
    same models, for the rules that it overrode and until its date. Raises QualityError if the version violates a rule
    that no override covers.
    """
    if not result.failures:
        return None, "" if given is None else f"--override was not needed and is not recorded: {result.reason_passed}"
    said = "; ".join(failure.said for failure in result.failures)
    if given is not None:
        used = replace(given, when=now(), baseline=result.baseline, overrode=result.failures)
        return used, f"overridden until {given.until}: {said}"
    release, earlier = (live.release.id, live.override) if live and live.models == result.models else ("", None)
    has_ended = earlier is not None and earlier.has_ended()
    if earlier is not None and not has_ended and earlier.rules >= result.rules:
        used = replace(earlier, overrode=result.failures)
        return used, f"the override of release {release} covers this one until {earlier.until}: {earlier.reason}"
    ended = f" (the override of release {release} ended on {earlier.until})" if earlier and has_ended else ""
    raise QualityError(said, f"{result.failures[0].hint}; to publish it anyway: {HOW_TO_OVERRIDE}{ended}")


# ------------------------------------------------------------------ the rules


def below_minimum(found: Mapping[str, float], spec: QualitySpec) -> list[GateFailure]:
    """Return the failure of the rule `minimum`, if there is one. found: means by measure."""
    if found[GATE] >= spec.minimum:
        return []
    said = f"{GATE} is {found[GATE]:.4f} on the judged queries, below [quality] minimum = {spec.minimum}"
    return [GateFailure("minimum", said, _HINT, {"after": found[GATE], "minimum": spec.minimum})]


def max_drop_failure(found: Mapping[str, float], live: Mapping[str, float], spec: QualitySpec) -> list[GateFailure]:
    """Return the failure of the rule `max_drop`, if there is one, for a live release with the same models.

    found, live: means by measure of the version and of the live release; `live` may lack the measure.
    """
    before = live.get(GATE)
    if before is None or found[GATE] >= before - spec.max_drop:
        return []
    said = f"{GATE} fell from {before:.4f} (live release) to {found[GATE]:.4f}; [quality] max_drop is {spec.max_drop}"
    figures = {"before": before, "after": found[GATE], "max_drop": spec.max_drop}
    return [GateFailure("max_drop", said, _HINT, figures)]


def _not_compared(what: str, why: str, hint: str) -> GateFailure:
    return GateFailure("not_compared", f"{what}: {why}", hint or "restore the missing files")
