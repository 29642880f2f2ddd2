"""Report the progress of long work on stderr: a bar on a terminal, else plain lines."""

from __future__ import annotations

import sys
import time
from typing import Any, Protocol


class Progress(Protocol):
    """A receiver of progress: by `start` and then `advance`, or by one call of the object for each state of a step."""

    def start(self, step: str, total: int = 0) -> None:
        """Begin a step. total: the sum of all counts that `advance` will get (0: unknown)."""
        ...

    def advance(self, count: int) -> None:
        """Report that `count` more units of the step are done."""
        ...

    def __call__(self, step: str, done: int, total: int) -> None:
        """Report how much of a step is done, and begin the step if it is not the current one."""
        ...

    def notice(self, text: str) -> None:
        """Show a message to the user."""
        ...

    def close(self) -> None:
        """End the reports, after success or failure."""
        ...


class Silent:
    """A progress that shows nothing."""

    def start(self, step: str, total: int = 0) -> None:
        """Do nothing."""

    def advance(self, count: int) -> None:
        """Do nothing."""

    def __call__(self, step: str, done: int, total: int) -> None:
        """Do nothing."""

    def notice(self, text: str) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""


class _Steps:
    """The state of the current step: base class of those that show it."""

    def __init__(self, title: str) -> None:
        self._prefix = f"{title}: " if title else ""
        self._step, self._total, self._done = "", 0, 0

    def start(self, step: str, total: int = 0) -> None:
        """See Progress."""
        self._step, self._total, self._done = step, total, 0

    def advance(self, count: int) -> None:
        """See Progress."""
        self._done += count

    def __call__(self, step: str, done: int, total: int) -> None:
        """See Progress."""
        if step != self._step or done < self._done:
            self.start(step, total)
        self.advance(done - self._done)


class Lines(_Steps):
    """A progress that prints a line every few seconds and, without a title, also at the start of each step."""

    def __init__(self, title: str = "") -> None:
        super().__init__(title)
        self._seconds = 10.0 if title else 5.0
        self._last = time.monotonic()

    def start(self, step: str, total: int = 0) -> None:
        """Begin a step, and print its name if there is no title."""
        super().start(step, total)
        if not self._prefix:
            self._last = time.monotonic()
            self.notice(step)

    def advance(self, count: int) -> None:
        """Add to the step, and print its state if the last line is old enough."""
        super().advance(count)
        now = time.monotonic()
        if now - self._last >= self._seconds:
            self._last = now
            of = f" of {self._total:,} ({self._done / self._total:.0%})" if self._total else ""
            self.notice(f"{self._prefix}{self._step}: {self._done:,}{of}")

    def notice(self, text: str) -> None:
        """Print a line."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Do nothing: there is nothing to close."""


class Bar(_Steps):
    """A progress bar for each step, with elapsed and remaining time. With a title, the bars are removed at the end."""

    def __init__(self, title: str = "") -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
        from rich.progress import Progress as RichProgress

        super().__init__(title)
        self._bars: Any = RichProgress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=bool(title),
        )
        self._bars.start()
        self._task: Any = None

    def start(self, step: str, total: int = 0) -> None:
        """Finish the previous bar and add one for this step."""
        self._finish()
        super().start(step, total)
        self._task = self._bars.add_task(self._prefix + step, total=total or None)

    def advance(self, count: int) -> None:
        """Move the bar."""
        super().advance(count)
        if self._task is not None:
            self._bars.advance(self._task, count)

    def notice(self, text: str) -> None:
        """Print a message above the bars."""
        self._bars.console.print(text, markup=False, highlight=False)

    def close(self) -> None:
        """Finish the bars; with a title, remove them."""
        self._finish()
        self._bars.stop()

    def _finish(self) -> None:
        if self._task is not None:
            done = max(self._bars.tasks[self._task].completed, 1)
            self._bars.update(self._task, total=done, completed=done)


def for_terminal(title: str = "") -> Progress:
    """Return a bar if stderr is a terminal, else lines. title: what all steps belong to."""
    return Bar(title) if sys.stderr.isatty() else Lines(title)
