"""The open indexes of a home. An index is opened on first use and replaced by a new release while requests run.

A release serves requests once a few searches have warmed it up.

If a new release cannot be opened, the old one continues to serve and the failure is reported.
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

from clew.core.errors import ClewError, NotFoundError, QueryError, StoreError
from clew.search.versions import IndexFolder, index_names, nearest_index

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

log = logging.getLogger("clew.engine")

# A release that failed to open is tried again after this time, because its files may have been repaired.
RETRY_SECONDS = 30.0

Opener = Callable[[Path, str], "Searcher"]


def _open(home: Path, name: str) -> Searcher:
    from clew.search.assemble import open_index
    from clew.search.warm_up import warm_up

    searcher = open_index(home, name)
    try:
        warm_up(searcher)
    except Exception:
        # The requests that fail in the same way will report it; others can be answered.
        log.exception("index %s: a search before the first request failed", name)
    return searcher


@dataclass(slots=True)
class _Live:
    """An open release. users: number of requests that use it now; retired: whether it is closed after the last one."""

    searcher: Searcher
    users: int = 0
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Failure:
    """A failure to open a release. release: its id, "" if CURRENT cannot be read. at: its time (time.monotonic())."""

    release: str
    error: ClewError
    at: float


@dataclass(slots=True)
class _Slot:
    """One index: the open release, the last failure, and the lock that lets only one thread open a release."""

    live: _Live | None = None
    failure: Failure | None = None
    opening: Lock = field(default_factory=Lock)


@dataclass(frozen=True, slots=True)
class IndexState:
    """The state of an index.

    searcher: of the open release, only to read its metadata (use a lease to search). failure: why the newest release
    could not be opened, None if it did not fail.
    """

    name: str
    searcher: Searcher | None
    failure: Failure | None

    @property
    def status(self) -> Literal["opening", "serving", "failed"]:
        """The status: serving if a release is open, failed if none could be opened, opening if none was tried yet."""
        if self.searcher is not None:
            return "serving"
        return "failed" if self.failure is not None else "opening"


class Engine:
    """The open indexes of one home. It is thread-safe and does nothing between calls."""

    def __init__(self, home: Path, opener: Opener = _open) -> None:
        self.home = home
        self._opener = opener
        self._slots: dict[str, _Slot] = {}
        self._lock = Lock()

    def names(self) -> list[str]:
        """Return the names of the indexes in the home. Raises StoreError if the folder cannot be listed."""
        try:
            return index_names(self.home)
        except OSError as error:
            raise StoreError(f"{self.home} cannot be listed: {error}", "check the folder's permissions") from error

    def resolve(self, name: str | None) -> str:
        """Return the name of the index to use: the given one, or the only one if none is given.

        Raises NotFoundError with the nearest name, QueryError if none is given and there are several.
        """
        # Only names from the listing of the home are opened, so that no name can lead to a folder outside it.
        if name is not None and name in self._slots:
            return name
        known = self.names()
        if name is not None:
            if name not in known:
                raise NotFoundError(f"there is no index {name!r}", nearest_index(name, known))
            return name
        if not known:
            raise NotFoundError("there is no index yet", "build one with `clew build SPEC.toml` or `clew demo`")
        if len(known) > 1:
            raise QueryError("index is missing, and there are several indexes", f"give one of {', '.join(known)}")
        return known[0]

    @contextmanager
    def lease(self, name: str | None) -> Iterator[Searcher]:
        """Yield the searcher of an index for one request; the searcher stays open until its last lease ends."""
        live = self._acquire(self.resolve(name))
        try:
            yield live.searcher
        finally:
            self._release(live)

    def refresh(self) -> None:
        """Open indexes that are not open yet, replace those with a new release, and close those that were removed.

        Returns after everything is opened; meanwhile requests use the releases that are open.
        """
        try:
            names = self.names()
        except StoreError as error:
            log.warning("cannot check for new releases: %s", error.message)
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
        """Return the state of every index, sorted by name; opens nothing."""
        names = self.names()
        with self._lock:
            return [
                IndexState(name, slot.live.searcher if slot.live else None, slot.failure)
                for name in names
                for slot in [self._slots.get(name, _Slot())]
            ]

    def close(self) -> None:
        """Close every searcher; one in use is closed when its last lease ends."""
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

    def _release(self, live: _Live) -> None:
        with self._lock:
            live.users -= 1
            last = live.retired and live.users == 0
        if last:
            live.searcher.close()

    def _retire(self, live: _Live | None) -> None:
        """Close a searcher that is no longer given to new requests, now or when its last lease ends."""
        if live is None:
            return
        with self._lock:
            live.retired = True
            unused = live.users == 0
        if unused:
            live.searcher.close()

    def _update(self, name: str) -> None:
        """Make the index serve the release that CURRENT names. Raises ClewError if it cannot be opened."""
        with self._lock:
            slot = self._slots.setdefault(name, _Slot())
        with slot.opening:
            try:
                wanted = self._current_release(name)
            except StoreError as error:
                self._record_failure(name, slot, Failure("", _without_traceback(error), time.monotonic()))
                raise
            if slot.live is not None and slot.live.searcher.release.id == wanted:
                slot.failure = None
                return
            known = slot.failure
            if known is not None and known.release == wanted and time.monotonic() < known.at + RETRY_SECONDS:
                # It failed a moment ago: raise the same error again instead of reading all its files again.
                raise _without_traceback(known.error)
            try:
                searcher = self._open(name)
            except ClewError as error:
                self._record_failure(name, slot, Failure(wanted, _without_traceback(error), time.monotonic()))
                raise
            with self._lock:
                old, slot.live, slot.failure = slot.live, _Live(searcher), None
            log.info("index %s serves release %s", name, searcher.release.id)
            self._retire(old)

    def _current_release(self, name: str) -> str:
        """Return the id of the release that CURRENT names."""
        try:
            return IndexFolder.of(self.home, name).live()[0]
        except OSError as error:
            raise StoreError(f"index {name!r} cannot be read: {error}", "check the file and its permissions") from error

    def _open(self, name: str) -> Searcher:
        try:
            return self._opener(self.home, name)
        except OSError as error:
            hint = "check the file and its permissions"
            raise StoreError(f"index {name!r} cannot be opened: {error}", hint) from error

    def _record_failure(self, name: str, slot: _Slot, failure: Failure) -> None:
        last = slot.failure
        slot.failure = failure
        if last is None or (last.release, last.error.message) != (failure.release, failure.error.message):
            serving = f"; {slot.live.searcher.release.id} continues to serve" if slot.live else ""
            log.error(
                "index %s: cannot open %s: %s%s", name, failure.release or "CURRENT", failure.error.message, serving
            )


def _without_traceback(error: ClewError) -> ClewError:
    """Return a copy of the error without its traceback, which would keep files open and grow each time it is raised."""
    return type(error)(error.message, error.hint)
