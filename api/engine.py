"""The indexes of a home, opened when first wanted, swapped for a newly promoted release while requests run.

A release that cannot be opened does not stop the one before it: the old one serves on and the failure is reported.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

from clew.core.errors import ClewError, NotFoundError, QueryError, StoreError, nearest
from clew.search.versions import IndexFolder, index_names

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

log = logging.getLogger("clew.engine")

# A release that failed to open is tried again after this long: files may have been mended in place.
RETRY_SECONDS = 30.0

Opener = Callable[[Path, str], "Searcher"]


def _open(home: Path, name: str) -> Searcher:
    from clew.search.assemble import open_index

    return open_index(home, name)


@dataclass(slots=True)
class _Live:
    """An opened release and how many requests use it now."""

    searcher: Searcher
    users: int = 0
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A release that could not be opened. release: its id, "" where CURRENT itself cannot be read."""

    release: str
    error: ClewError
    at: float


@dataclass(slots=True)
class _Slot:
    """One index: what serves it, what went wrong last, and the lock that lets one thread open at a time."""

    live: _Live | None = None
    failure: Failure | None = None
    opening: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class IndexState:
    """How an index stands. searcher: what serves it, for its facts only (lease it to search); failure: the newest."""

    name: str
    searcher: Searcher | None
    failure: Failure | None

    @property
    def status(self) -> Literal["opening", "serving", "failed"]:
        """serving where any release of it is open, failed where none could be opened, else opening."""
        if self.searcher is not None:
            return "serving"
        return "failed" if self.failure is not None else "opening"


class Engine:
    """Opened indexes of one home. Safe for use from many threads; does no work of its own between calls."""

    def __init__(self, home: Path, opener: Opener = _open) -> None:
        self.home = home
        self._opener = opener
        self._slots: dict[str, _Slot] = {}
        self._lock = Lock()

    def names(self) -> list[str]:
        """Names of the indexes the home has now. Raises StoreError where the system does not let it be listed."""
        try:
            return index_names(self.home)
        except OSError as error:
            raise StoreError(f"{self.home} cannot be listed: {error}", "see the folder and its permissions") from error

    def resolve(self, name: str | None) -> str:
        """The index that is meant: the one named, or the only one there is.

        Raises NotFoundError with the nearest name, QueryError where none is named and there are several.
        """
        # Only names found by listing the home are ever opened, so that no name can lead out of it.
        if name is not None and name in self._slots:
            return name
        known = self.names()
        if name is not None:
            if name not in known:
                raise NotFoundError(f"no index {name!r}", nearest(name, known))
            return name
        if not known:
            raise NotFoundError("there is no index yet", "build one: `clew build SPEC.toml`, or `clew demo`")
        if len(known) > 1:
            raise QueryError("index is missing and there are several", f"known: {', '.join(known)}")
        return known[0]

    @contextmanager
    def lease(self, name: str | None) -> Iterator[Searcher]:
        """The searcher of an index for the length of one request; it stays open until the last lease ends."""
        live = self._acquire(self.resolve(name))
        try:
            yield live.searcher
        finally:
            self._give_back(live)

    def refresh(self) -> None:
        """Open what is not open yet, swap what has a new release, drop what is gone.

        Takes as long as opening takes; requests go on meanwhile with what is open.
        """
        try:
            names = self.names()
        except StoreError as error:
            log.warning("no look for new releases: %s", error.message)
            return
        for name in names:
            try:
                self._update(name)
            except ClewError as error:
                log.debug("index %s: %s", name, error.message)
        with self._lock:
            gone = [self._slots.pop(name) for name in list(self._slots) if name not in names]
        for slot in gone:
            self._retire(slot.live)

    def states(self) -> list[IndexState]:
        """How every index stands, by name; opens nothing."""
        names = self.names()
        with self._lock:
            return [
                IndexState(name, slot.live.searcher if slot.live else None, slot.failure)
                for name in names
                for slot in [self._slots.get(name, _Slot())]
            ]

    def close(self) -> None:
        """Close every searcher, those in use when their last lease ends."""
        with self._lock:
            slots = list(self._slots.values())
            self._slots.clear()
        for slot in slots:
            self._retire(slot.live)

    # ------------------------------------------------------------------

    def _acquire(self, name: str) -> _Live:
        while True:
            with self._lock:
                slot = self._slots.get(name)
                if slot is not None and slot.live is not None:
                    slot.live.users += 1
                    return slot.live
            self._update(name)

    def _give_back(self, live: _Live) -> None:
        with self._lock:
            live.users -= 1
            last = live.retired and live.users == 0
        if last:
            live.searcher.close()

    def _retire(self, live: _Live | None) -> None:
        """Close a searcher that no new request will get, now or when its last lease ends."""
        if live is None:
            return
        with self._lock:
            live.retired = True
            unused = live.users == 0
        if unused:
            live.searcher.close()

    def _update(self, name: str) -> None:
        """Make the index serve the release that CURRENT names. Raises ClewError where that cannot be opened."""
        with self._lock:
            slot = self._slots.setdefault(name, _Slot())
        with slot.opening:
            try:
                wanted = self._wanted(name)
            except StoreError as error:
                self._note(name, slot, Failure("", _bare(error), time.monotonic()))
                raise
            if slot.live is not None and slot.live.searcher.release.id == wanted:
                slot.failure = None
                return
            known = slot.failure
            if known is not None and known.release == wanted and time.monotonic() < known.at + RETRY_SECONDS:
                # Tried a moment ago: say so again rather than read all its files again.
                raise _bare(known.error)
            try:
                searcher = self._opened(name)
            except ClewError as error:
                self._note(name, slot, Failure(wanted, _bare(error), time.monotonic()))
                raise
            with self._lock:
                old, slot.live, slot.failure = slot.live, _Live(searcher), None
            log.info("index %s serves release %s", name, searcher.release.id)
            self._retire(old)

    def _wanted(self, name: str) -> str:
        """Id of the release that CURRENT names."""
        try:
            return IndexFolder.of(self.home, name).live()[0]
        except OSError as error:
            raise StoreError(f"index {name!r} cannot be read: {error}", "see the file and its permissions") from error

    def _opened(self, name: str) -> Searcher:
        try:
            return self._opener(self.home, name)
        except OSError as error:
            raise StoreError(f"index {name!r} cannot be opened: {error}", "see the file and its permissions") from error

    def _note(self, name: str, slot: _Slot, failure: Failure) -> None:
        last = slot.failure
        slot.failure = failure
        if last is None or (last.release, last.error.message) != (failure.release, failure.error.message):
            serving = f"; {slot.live.searcher.release.id} serves on" if slot.live else ""
            log.error(
                "index %s: cannot open %s: %s%s", name, failure.release or "CURRENT", failure.error.message, serving
            )


def _bare(error: ClewError) -> ClewError:
    """The same error without its traceback, which would keep half-opened files alive and grow with every raise."""
    return type(error)(error.message, error.hint)
