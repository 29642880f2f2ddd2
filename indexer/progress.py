"""What a build says while it runs: on stderr, a bar on a terminal and plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol


class Progress(Protocol):
    """Where a build reports to."""

    def start(self, step: str, total: int = 0) -> None:
        """A step begins. total: what `advance` will add up to (0: not known)."""
        ...

    def advance(self, count: int) -> None:
        """So much more of the step is done."""
        ...

    def notice(self, text: str) -> None:
        """Something the user should know."""
        ...

    def close(self) -> None:
        """The build ended, one way or the other."""
        ...


class Silent:
    """Says nothing."""

    def start(self, step: str, total: int = 0) -> None:
        """Nothing."""

    def advance(self, count: int) -> None:
        """Nothing."""

    def notice(self, text: str) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line for each step, and one every few seconds of a long one."""

    EVERY_SECONDS = 5.0

    def __init__(self) -> None:
        self._step, self._total, self._done = "", 0, 0
        self._last = 0.0

    def start(self, step: str, total: int = 0) -> None:
        """Name the step."""
        self._step, self._total, self._done = step, total, 0
        self._last = time.monotonic()
        self.notice(step)

    def advance(self, count: int) -> None:
        """Say how far the step is, now and then."""
        self._done += count
        if time.monotonic() - self._last >= self.EVERY_SECONDS:
            self._last = time.monotonic()
            of = f" of {self._total:,} ({self._done / self._total:.0%})" if self._total else ""
            self.notice(f"{self._step}: {self._done:,}{of}")

    def notice(self, text: str) -> None:
        """Print a line."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Nothing to close."""


class Bar:
    """A bar with the rate and the time left."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        self._bars: Any = RichProgress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )
        self._bars.start()
        self._task: Any = None

    def start(self, step: str, total: int = 0) -> None:
        """A new bar; the one before is finished."""
        self._finish()
        self._task = self._bars.add_task(step, total=total or None)

    def advance(self, count: int) -> None:
        """Move the bar."""
        if self._task is not None:
            self._bars.advance(self._task, count)

    def notice(self, text: str) -> None:
        """Print above the bars."""
        self._bars.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Leave the bars as they are."""
        self._finish()
        self._bars.stop()

    def _finish(self) -> None:
        if self._task is not None:
            done = max(self._bars.tasks[self._task].completed, 1)
            self._bars.update(self._task, total=done, completed=done)


def for_terminal() -> Progress:
    """A bar where stderr is a terminal, else lines."""
    return Bar() if sys.stderr.isatty() else Lines()
