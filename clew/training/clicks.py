"""Make judged queries from click logs: aggregate, correct for position bias, clean and split.

Users click the first documents most, so a click is weighted by the inverse propensity of its rank, with propensity
(1 / rank)^eta (Joachims et al. 2017). Documents that were skipped above a click count as not relevant (Joachims 2002).
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from clew.core.errors import DataError, NotFoundError, nearest
from clew.core.measures.judged import data_home, read_rows
from clew.core.measures.runs import Qrels
from clew.training.examples import normalised

KEYS = ("query", "shown", "clicked", "time")
# Grades are integers. A click rate of 1 gives this grade.
TOP_GRADE = 100
# Weights are clipped at 10, so that one click at a low rank does not outweigh all others (Strehl et al. 2010).
LEAST_PROPENSITY = 0.1
_MINUTE = 60.0
_LAYOUT = (
    'write one JSON object per line: {"query": "…", "shown": ["id", …], "clicked": ["id"], "time": "2026-01-31T12:00Z"}'
)


@dataclass(frozen=True, slots=True)
class ClicksSpec:
    """How click logs are read.

    eta: how fast attention decreases with the rank (0: not at all, to 3). least: queries with fewer impressions are
    dropped. per_minute: queries with more impressions than this within a minute are dropped, because a program sent
    them. prior_clicks, prior_shown: the Beta prior of a click rate, as a number of clicks in a number of impressions; a
    document is relevant only if its rate is above that of the prior. dev: share of the queries held out for dev (0 to
    1).
    """

    eta: float = 1.0
    least: int = 3
    per_minute: int = 30
    prior_clicks: float = 1.0
    prior_shown: float = 10.0
    dev: float = 0.1

    def __post_init__(self) -> None:
        if not 0 <= self.eta <= 3:
            raise ValueError(f"eta is {self.eta}, expected 0 (attention does not depend on the rank) to 3")
        for name in ("least", "per_minute"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")
        if not 0 < self.prior_clicks < self.prior_shown < float("inf"):
            raise ValueError(
                f"prior_clicks is {self.prior_clicks} and prior_shown {self.prior_shown}, expected 0 < clicks < shown"
            )
        if not 0 < self.dev < 1:
            raise ValueError(f"dev is {self.dev}, expected more than 0 and less than 1")


@dataclass(frozen=True, slots=True)
class Impression:
    """One answered query. shown: document ids by rank. clicked: those that were clicked. time: Unix seconds."""

    query: str
    shown: tuple[str, ...]
    clicked: frozenset[str] = frozenset()
    time: float | None = None


@dataclass(frozen=True, slots=True)
class ClickedQueries:
    """Judged queries made from clicks.

    queries: id → text in its most frequent spelling. train, dev: query → document → grade (0 to 100; 0: skipped); no
    query is in both. impressions: number read. too_few, too_fast, unclicked: numbers of queries dropped for too few
    impressions, for too many within a minute, and because no document is relevant.
    """

    queries: Mapping[str, str]
    train: Qrels
    dev: Qrels
    impressions: int
    too_few: int
    too_fast: int
    unclicked: int

    def notice(self, spec: ClicksSpec) -> str:
        """Return one line for the user: what was read and what was left out."""
        return (
            f"{self.impressions:,} impressions gave {len(self.train):,} train and {len(self.dev):,} dev queries; "
            f"left out: {self.too_few:,} shown fewer than {spec.least} times, {self.too_fast:,} shown more than "
            f"{spec.per_minute} times a minute, {self.unclicked:,} with nothing clicked often enough"
        )


@dataclass(slots=True)
class _Tally:
    """Counts of one query: impressions, and clicks by document and rank."""

    impressions: int = 0
    spellings: Counter[str] = field(default_factory=Counter)
    times: list[float] = field(default_factory=list)
    shown: Counter[str] = field(default_factory=Counter)
    clicks: dict[str, Counter[int]] = field(default_factory=dict)
    skipped: set[str] = field(default_factory=set)

    def add(self, impression: Impression) -> None:
        self.impressions += 1
        self.spellings[" ".join(impression.query.split())] += 1
        if impression.time is not None:
            self.times.append(impression.time)
        self.shown.update(impression.shown)
        last = max((rank for rank, name in enumerate(impression.shown, 1) if name in impression.clicked), default=0)
        for rank, name in enumerate(impression.shown[:last], 1):
            if name in impression.clicked:
                self.clicks.setdefault(name, Counter())[rank] += 1
            else:
                self.skipped.add(name)

    def grades(self, spec: ClicksSpec) -> dict[str, int]:
        """Return document → grade; documents that were neither clicked often enough nor skipped are not judged."""
        base, found = spec.prior_clicks / spec.prior_shown, {}
        for name in sorted({*self.clicks, *self.skipped}):
            rate = click_rate(self.shown[name], self.clicks.get(name, {}), spec)
            if rate > base:
                found[name] = max(1, round(TOP_GRADE * rate))
            elif name in self.skipped:
                found[name] = 0
        return found


def propensity(rank: int, eta: float) -> float:
    """Return how likely users look at a rank (from 1), relative to the first: (1 / rank)^eta, clipped from below."""
    return max(math.pow(rank, -eta), LEAST_PROPENSITY)


def click_rate(shown: int, clicks: Mapping[int, int], spec: ClicksSpec) -> float:
    """Return the smoothed rate (0 to 1) at which users who look at a document click it.

    shown: number of impressions. clicks: rank → number of clicks; each is weighted by its inverse propensity.
    """
    # Sorted by rank, so that the sum does not depend on the order of the log.
    weighted = math.fsum(clicks[rank] / propensity(rank, spec.eta) for rank in sorted(clicks))
    return min(1.0, (weighted + spec.prior_clicks) / (shown + spec.prior_shown))


def aggregate(impressions: Iterable[Impression], spec: ClicksSpec) -> ClickedQueries:
    """Aggregate impressions, in any order, into judged queries.

    Queries that differ only in case and white space are one query. A hash of its text assigns a query to train or dev,
    so it stays in its split when the log grows.
    """
    tallies: dict[str, _Tally] = {}
    count = too_few = too_fast = unclicked = 0
    for impression in impressions:
        count += 1
        if text := normalised(impression.query):
            tallies.setdefault(text, _Tally()).add(impression)
    queries: dict[str, str] = {}
    train: Qrels = {}
    dev: Qrels = {}
    for text in sorted(tallies):
        tally = tallies[text]
        if tally.impressions < spec.least:
            too_few += 1
        elif _is_bot_like(tally.times, spec.per_minute):
            too_fast += 1
        else:
            grades = tally.grades(spec)
            if not any(grades.values()):
                unclicked += 1
                continue
            digest = hashlib.sha256(text.encode()).hexdigest()
            most = max(tally.spellings.values())
            queries[digest[:16]] = min(each for each, times in tally.spellings.items() if times == most)
            (dev if int(digest[:13], 16) < spec.dev * 16**13 else train)[digest[:16]] = grades
    return ClickedQueries(queries, train, dev, count, too_few, too_fast, unclicked)


def _is_bot_like(times: Sequence[float], per_minute: int) -> bool:
    """Return whether more than `per_minute` of these times fall within some minute."""
    ordered = sorted(times)
    return any(late - early < _MINUTE for early, late in zip(ordered, ordered[per_minute:], strict=False))


def clicks_file(path: Path) -> Path:
    """Find a click log by path, or by name under $CLEW_DATA. Raises NotFoundError that names both places."""
    found = path if path.is_file() else data_home() / path
    if not found.is_file():
        raise NotFoundError(
            f"{path}: no such file, here or under {data_home()}",
            f"set clicks to a click log, plain or compressed; {_LAYOUT}",
        )
    return found


def read_impressions(path: Path) -> Iterator[Impression]:
    """Read the impressions of a .jsonl log, plain or compressed. Raises DataError that names file, line and key."""
    for number, row in read_rows(path):
        where = f"{path}:{number}"
        for key in row:
            if key not in KEYS:
                raise DataError(f"{where}: unknown key {key!r}", nearest(key, KEYS))
        query = row.get("query")
        if not isinstance(query, str) or not query.strip():
            raise DataError(f"{where}: query is {query!r}, expected a non-empty string", _LAYOUT)
        shown = _ids(row, "shown", where)
        if twice := next((name for name, times in Counter(shown).items() if times > 1), ""):
            raise DataError(f"{where}: shown contains {twice!r} twice", "list each document once")
        clicked = _ids(row, "clicked", where)
        if strange := next((name for name in clicked if name not in shown), ""):
            raise DataError(
                f"{where}: clicked contains {strange!r}, which is not in shown",
                "log every document that was shown, in order",
            )
        yield Impression(query, shown, frozenset(clicked), _time(row.get("time"), where))


def _ids(row: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    value = row.get(key)
    if not isinstance(value, list):
        raise DataError(f"{where}: {key} is {value!r}, expected a list of document ids", _LAYOUT)
    for name in value:
        if not isinstance(name, str) or not name:
            raise DataError(
                f"{where}: {key} contains {name!r}, expected a document id", "write ids as strings, as in the index"
            )
    return tuple(value)


def _time(value: object, where: str) -> float | None:
    """Return Unix seconds from a number or an ISO 8601 string, which is in UTC unless it has a time zone."""
    if value is None:
        return None
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
        read = datetime.fromisoformat(value if isinstance(value, str) else "")
    except (ValueError, OverflowError):
        raise DataError(
            f"{where}: time is {value!r}, expected Unix seconds, or a date and time in ISO 8601",
            "write it as 2026-01-31T12:00:00Z, or omit it",
        ) from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
