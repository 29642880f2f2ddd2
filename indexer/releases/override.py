"""Overrides: publish a release although it fails the quality gate, with a reason and until a date.

The release records the reason, the date and the overridden failures. After the date it continues to serve, but
`clew indexes list` and `clew doctor` report it, and it cannot be activated by name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any, Literal

from clew.core.clock import today
from clew.core.errors import CorruptError, QualityError, UsageError
from clew.search.versions import Release

Rule = Literal["minimum", "max_drop", "non_inferior", "not_compared"]

MOST_DAYS = 366
HOW_TO_OVERRIDE = '--override "REASON" --until YYYY-MM-DD'
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class GateFailure:
    """A rule of the gate that a version violates.

    said: the message, one line with the numbers. hint: what to do about it; empty if read from a release. figures: the
    numbers that were compared, by name.
    """

    rule: Rule
    said: str
    hint: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of_table(cls, table: Mapping[str, Any]) -> GateFailure:
        """Read a failure from the record of a release."""
        figures = {name: value for name, value in table.items() if name not in {"rule", "said"}}
        return cls(table["rule"], str(table["said"]), figures=figures)

    def as_table(self) -> dict[str, Any]:
        """Return the record that a release stores."""
        return {"rule": self.rule, "said": self.said, **self.figures}


@dataclass(frozen=True, slots=True)
class Override:
    """A user's decision to publish a release that the gate would refuse.

    reason: why, as given by the user. until: the last day of the override (UTC).
    The build adds: when: the time of the build; baseline: id of the better release that it was compared with, "" if
    there is none; overrode: the failures that were overridden.
    """

    reason: str
    until: date
    when: str = ""
    baseline: str = ""
    overrode: tuple[GateFailure, ...] = ()

    @classmethod
    def of(cls, reason: str | None, until: str | None, day: date | None = None) -> Override | None:
        """Return the override that the options --override and --until describe; None if neither is given.

        until: YYYY-MM-DD. day: today (None: from the clock). Raises UsageError that names the option at fault.
        """
        if reason is None and until is None:
            return None
        if until is None:
            raise UsageError("--override is given without --until", f"add its last day: {HOW_TO_OVERRIDE}")
        if reason is None:
            raise UsageError("--until is given without --override", f"add the reason: {HOW_TO_OVERRIDE}")
        words = " ".join(reason.split())
        if not words:
            raise UsageError("--override is empty", f"give the reason for publishing anyway: {HOW_TO_OVERRIDE}")
        return cls(words, _parse_day(until, day or today()))

    @classmethod
    def of_release(cls, release: Release) -> Override | None:
        """Read the override that a release was published with; None if it has none.

        Raises CorruptError if the record cannot be read.
        """
        table = release.override
        if not table:
            return None
        try:
            return cls(
                reason=str(table["reason"]),
                until=date.fromisoformat(table["until"]),
                when=str(table.get("when", "")),
                baseline=str(table.get("against", "")),
                overrode=tuple(map(GateFailure.of_table, table.get("overrode", ()))),
            )
        except (KeyError, TypeError, ValueError):
            raise CorruptError(
                f"release {release.id} of index {release.index!r} has an override that cannot be read",
                "rebuild with `clew build`, or roll back",
            ) from None

    def as_table(self) -> dict[str, Any]:
        """Return the record that a release stores."""
        return {
            "reason": self.reason,
            "until": self.until.isoformat(),
            "when": self.when,
            "against": self.baseline,
            "overrode": [failure.as_table() for failure in self.overrode],
        }

    def has_ended(self, day: date | None = None) -> bool:
        """Return whether the last day is over. day: today (None: from the clock)."""
        return self.until < (day or today())

    def describe(self, day: date | None = None) -> str:
        """Describe the override in one line: the date and the reason."""
        return f"override {'ended on' if self.has_ended(day) else 'until'} {self.until}: {self.reason}"

    @property
    def rules(self) -> frozenset[str]:
        """The rules that the override covers in later builds with the same models.

        An override of a comparison also covers a later build for which the comparison is no longer possible.
        """
        compared = {"non_inferior", "not_compared"} if self.baseline else set()
        return frozenset(compared | {failure.rule for failure in self.overrode})


def check_not_ended(release: Release) -> None:
    """Raise QualityError for a release whose override has ended."""
    override = Override.of_release(release)
    if override is not None and override.has_ended():
        raise QualityError(
            f"release {release.id} of index {release.index!r} was published with an override that ended on "
            f"{override.until}: {override.reason}",
            f"choose another release (listed by `clew indexes show {release.index}`), or build again, if necessary "
            f"with {HOW_TO_OVERRIDE}",
        )


def _parse_day(text: str, day: date) -> date:
    try:
        found = date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        found = None
    if found is None:
        raise UsageError(f"--until is {text!r}, which is not a date", "give a date such as --until 2030-01-31")
    if found < day:
        raise UsageError(f"--until is {text}, which is in the past", f"give {day} or a later day")
    last = day + timedelta(days=MOST_DAYS)
    if found > last:
        raise UsageError(f"--until is {text}, more than {MOST_DAYS} days ahead", f"give {last} or an earlier day")
    return found
