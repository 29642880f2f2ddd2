"""Wait for what happens in another thread or process."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(holds: Callable[[], bool]) -> None:
    """Wait until something holds; fails only after a time far beyond what it should take."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.02)
