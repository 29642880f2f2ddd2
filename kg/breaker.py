"""A circuit breaker: after a few failures in a row, calls fail at once until a probe finds the server working.

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

    Closed: every call is admitted. Open: no call is admitted; when the waiting time is over, the owner sends a probe.
    Half-open: the probe is on its way. No call of a user is ever a probe, so none waits for a server that is gone.

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
        how long it stays open at first; each failed probe doubles this time, up to longest_seconds, and so does opening
        again before any call has succeeded.
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
        """The current state; still "open" if the waiting time is over but no probe was sent."""
        with self._lock:
            return self._state

    @property
    def problem(self) -> str:
        """Why the server is not called now; "" if it is called."""
        with self._lock:
            return "" if self._state == "closed" else f"{self._reason}; no calls since {self._since}"

    @property
    def left_seconds(self) -> float | None:
        """How long to wait before a probe (0 or more); None if no probe is needed, or one is on its way."""
        with self._lock:
            return max(0.0, self._until - self._clock()) if self._state == "open" else None

    def admit(self) -> int:
        """Admit one call and return its ticket. Raises StageUnavailable at once if no call is admitted now."""
        with self._lock:
            if self._state != "closed":
                left = max(0.0, self._until - self._clock())
                again = "it is asked now" if self._state == "half-open" else f"next try in {left:.1f} s"
                raise StageUnavailable(f"{self._reason}; no calls since {self._since}, {again}", self._what)
            return self._epoch

    def probe(self) -> int | None:
        """Return the ticket of a probe; None if the breaker is not open or the waiting time is not over."""
        with self._lock:
            if self._state != "open" or self._until > self._clock():
                return None
            self._enter("half-open")
            return self._epoch

    def succeeded(self, ticket: int) -> None:
        """Record that the server answered, even if the answer is an error caused by the caller."""
        with self._lock:
            if ticket != self._epoch:
                return
            self._failed = 0
            if self._state == "half-open":
                # A server can answer a probe and still be too slow for calls, so only a call resets the waiting time.
                self._wait = min(2 * self._wait, self._waits[1])
                self._enter("closed")
            else:
                self._wait = self._waits[0]

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
            self._enter("open")

    def inconclusive(self, ticket: int) -> None:
        """Record that the call or probe said nothing about the server; another probe may be sent at once."""
        with self._lock:
            if ticket == self._epoch and self._state == "half-open":
                self._enter("open")

    def _enter(self, state: State) -> None:
        self._state = state
        self._epoch += 1
        self._failed = 0
