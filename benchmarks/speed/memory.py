"""How much memory a process took."""

from __future__ import annotations

import re
from pathlib import Path


def resident_bytes() -> int:
    """What this process has resident now. Raises RuntimeError where the system does not say."""
    status = Path("/proc/self/status")
    if status.exists() and (mark := re.search(r"VmRSS:\s*(\d+) kB", status.read_text(encoding="utf-8"))):
        return int(mark[1]) * 1024
    raise RuntimeError("the system does not say how much memory a process has")


def peak_bytes() -> int:
    """The most memory that this process had resident.

    Linux hands `ru_maxrss` on from the process that spawned this one, so there the program's own mark is read.
    """
    status = Path("/proc/self/status")
    if status.exists() and (mark := re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"))):
        return int(mark[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, where there is no /proc
