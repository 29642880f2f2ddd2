"""A circuit breaker: after a few failures in a row, calls fail at once until a trial call finds the server working.

This is our own class because pybreaker 1.4 runs the guarded call under its lock, so that a hanging call would block all
others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Literal

from clew.core.errors import StageUnavailable

State = Literal["closed", "open", "half-open"]


def _now() -> datetime:
    return datetime.now().astimezone()


class CircuitBreaker:
    """A circuit breaker for the calls to one server.

    Closed: every call is admitted. Open: no call is admitted until the waiting time is over. Half-open: one trial call
    is admitted.

    Thread-safe. An admitted call gets a ticket and returns it with the outcome. The outcome of a call that was admitted
    before the last change of state is ignored, because it says nothing about the server now.
    """

    def __init__(
        self,
        what: str,
        *,
        failures: int = 3,
        wait_seconds: float = 1.0,
        longest_seconds: float = 15.0,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = _now,
    ) -> None:
        """Create a closed breaker.

        what: name of the server in messages. failures: how many in a row open the breaker (1 or more). wait_seconds:
        how long it stays open at first; each failed trial call doubles this time, up to longest_seconds.
        """
        self._what = what
        self._most = failures
        self._waits = (wait_seconds, longest_seconds)
        self._clock, self._now = clock, now
        self._lock = threading.Lock()
        self._state: State = "closed"
        self._epoch = 0
        self._failed = 0
        self._wait = wait_seconds
        self._until = 0.0
        self._reason = ""
        self._since = ""

    @property
    def state(self) -> State:
        """The current state; still "open" if the waiting time is over but there was no call since."""
        with self._lock:
            return self._state

    @property
    def trouble(self) -> str:
        """Why the server is not called now; "" if it is called."""
        with self._lock:
            return "" if self._state == "closed" else f"{self._reason}; no calls since {self._since}"

    def admit(self) -> int:
        """Admit one call and return its ticket. Raises StageUnavailable at once if no call is admitted now."""
        with self._lock:
            left = self._until - self._clock()
            if self._state == "half-open" or (self._state == "open" and left > 0):
                again = "a trial call is in progress" if self._state == "half-open" else f"next try in {left:.1f} s"
                raise StageUnavailable(f"{self._reason}; no calls since {self._since}, {again}", self._what)
            if self._state == "open":
                self._become("half-open")
            return self._epoch

    def succeeded(self, ticket: int) -> None:
        """Record that the server answered the call, even if the answer is an error caused by the caller."""
        with self._lock:
            if ticket != self._epoch:
                return
            self._failed = 0
            if self._state == "half-open":
                self._wait = self._waits[0]
                self._become("closed")

    def failed(self, ticket: int, reason: str) -> None:
        """Record that the server did not work; `reason` goes into the errors of the calls that are not admitted."""
        with self._lock:
            if ticket != self._epoch:
                return
            self._failed += 1
            if self._state == "half-open":
                self._wait = min(2 * self._wait, self._waits[1])
            elif self._failed < self._most:
                return
            else:
                self._since = self._now().strftime("%H:%M:%S")
            self._reason = reason
            self._until = self._clock() + self._wait
            self._become("open")

    def abandoned(self, ticket: int) -> None:
        """Record that the call showed nothing about the server; the next call replaces it if it was the trial call."""
        with self._lock:
            if ticket == self._epoch and self._state == "half-open":
                self._become("open")

    def _become(self, state: State) -> None:
        self._state = state
        self._epoch += 1
        self._failed = 0
