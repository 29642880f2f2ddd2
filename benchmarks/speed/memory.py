"""Measure the memory of this process."""

from __future__ import annotations

import re
from pathlib import Path


def resident_bytes() -> int:
    """Return the resident memory of this process, in bytes. Raises RuntimeError if the system does not report it."""
    status = Path("/proc/self/status")
    if status.exists() and (mark := re.search(r"VmRSS:\s*(\d+) kB", status.read_text(encoding="utf-8"))):
        return int(mark[1]) * 1024
    raise RuntimeError("the system does not report the memory of a process")


def peak_bytes() -> int:
    """Return the peak resident memory of this process, in bytes.

    On Linux `ru_maxrss` is inherited from the process that spawned this one, so VmHWM is read there.
    """
    status = Path("/proc/self/status")
    if status.exists() and (mark := re.search(r"VmHWM:\s*(\d+) kB", status.read_text(encoding="utf-8"))):
        return int(mark[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # bytes, where there is no /proc
