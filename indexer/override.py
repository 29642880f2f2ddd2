"""Publishing what the judged queries speak against: only with a reason, and only until a date.

The release keeps reason, date and the figures that were overridden. After that date it serves on, is reported, and is
not made live again by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from clew.core.clock import now, today
from clew.core.errors import QualityError, UsageError
from clew.search.versions import Release

if TYPE_CHECKING:
    from clew.indexer.live import Live
    from clew.indexer.quality import Verdict

MOST_DAYS = 366
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_HOW = '--override "REASON" --until YYYY-MM-DD'


@dataclass(frozen=True, slots=True)
class Override:
    """The word of whoever publishes against the figures. until: the last day on which it holds."""

    reason: str
    until: date

    @classmethod
    def of(cls, reason: str | None, until: str | None, day: date | None = None) -> Override | None:
        """The override that two options say; None where neither is given.

        until: YYYY-MM-DD. day: the day it is (None: as the clock says). Raises UsageError that names the option.
        """
        if reason is None and until is None:
            return None
        if until is None:
            raise UsageError("--override is given without --until", f"say how long it holds: {_HOW}")
        if reason is None:
            raise UsageError("--until is given without --override", f"say why: {_HOW}")
        words = " ".join(reason.split())
        if not words:
            raise UsageError("--override is empty", f"say why the release goes live all the same: {_HOW}")
        return cls(words, _day(until, day or today()))

    def record(self, verdict: Verdict) -> dict[str, Any]:
        """What the release keeps."""
        return {
            "reason": self.reason,
            "until": self.until.isoformat(),
            "when": now(),
            "against": verdict.against,
            "overrode": [objection.as_table() for objection in verdict.objections],
        }


def _day(text: str, day: date) -> date:
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise UsageError(f"--until is {text!r}, expected a date", "such as --until 2030-01-31")
    if found < day:
        raise UsageError(f"--until is {text}, which is past", f"give {day} or a later day")
    if found > day + timedelta(days=MOST_DAYS):
        last = day + timedelta(days=MOST_DAYS)
        raise UsageError(f"--until is {text}, more than {MOST_DAYS} days off", f"give {last} or an earlier day")
    return found


def settled(verdict: Verdict, given: Override | None, live: Live | None) -> tuple[dict[str, Any], str]:
    """(what a release keeps of the override that it needs, what the user should know of it; either may be empty).

    An override of the live release that still holds covers the next one with the same models where it overrode the
    same rules; one of an inferior version also covers that it cannot be compared any more. Raises QualityError where
    something speaks against the version and no override covers it.
    """
    if not verdict.objections:
        return {}, "" if given is None else f"--override was not needed and is not recorded: {verdict.why_good}"
    if given is not None:
        said = "; ".join(objection.said for objection in verdict.objections)
        return given.record(verdict), f"overridden until {given.until}: {said}"
    held = live.release if live is not None and live.models == verdict.models else None
    if held is not None and held.override and not has_ended(held) and _rules(held) >= verdict.rules:
        kept = {**held.override, "overrode": [objection.as_table() for objection in verdict.objections]}
        return kept, f"the override of release {held.id} covers this one until {until(held)}: {reason(held)}"
    ended = f" (that of release {held.id} ended on {until(held)})" if held is not None and has_ended(held) else ""
    raise QualityError(
        "; ".join(objection.said for objection in verdict.objections),
        f"{verdict.objections[0].mend}; to publish it all the same: {_HOW}{ended}",
    )


# ------------------------------------------------------------------ what a release keeps


def until(release: Release) -> str:
    """The last day on which a release's override holds, YYYY-MM-DD; "" where it has none."""
    return str(release.override.get("until", ""))


def reason(release: Release) -> str:
    """Why a release was published against the figures."""
    return str(release.override.get("reason", ""))


def has_ended(release: Release, day: date | None = None) -> bool:
    """Whether a release lives on an override that is over. day: the day it is (None: as the clock says)."""
    return bool(release.override) and until(release) < (day or today()).isoformat()


def described(release: Release) -> str:
    """What to say of a release's override; "" where it has none."""
    if not release.override:
        return ""
    return f"override {'ended on' if has_ended(release) else 'until'} {until(release)}: {reason(release)}"


def check_not_ended(release: Release) -> None:
    """Raises QualityError for a release whose override is over."""
    if has_ended(release):
        raise QualityError(
            f"release {release.id} of index {release.index!r} was published on an override that ended on "
            f"{until(release)}: {reason(release)}",
            f"take another release (`clew indexes show {release.index}`), or build again, with {_HOW} if need be",
        )


def _rules(release: Release) -> frozenset[str]:
    """The rules that a release's override covers."""
    overrode: Sequence[Mapping[str, Any]] = release.override.get("overrode", ())
    compared = {"non_inferior", "not_compared"} if release.override.get("against") else set()
    return frozenset(compared | {str(objection["rule"]) for objection in overrode})
