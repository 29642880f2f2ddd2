"""Run checks of untrusted files in a process of its own, with limits on time and memory.

A library can crash, hang or take all memory on a file that was made to harm. The process gets no environment variable
that Python and the libraries do not need. It is a module that calls `answer_lines` and is run with `python -m`. For
each line of its input, a JSON value, it writes one line: null, or an error.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from typing import Any

from clew.core import errors
from clew.core.errors import ClewError, CorruptError

# The time limit in seconds, and besides these the bytes that are checked in a second on a slow disk.
SECONDS, BYTES_PER_SECOND = 180, 5_000_000
# The memory limit in bytes, and besides these so many times the size of the files.
_MEMORY, _TIMES = 16 << 30, 4
_ENVIRONMENT = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "NUMBA_CACHE_DIR", "PATH", "SYSTEMROOT", "TMPDIR")


def check_isolated(module: str, questions: Sequence[Any], size: int) -> list[ClewError | None]:
    """Return the error of each question, None for one without fault.

    module: name of the module to run. questions: JSON values. size: bytes of all files that are read. If the process
    ends early, the question that it was at has the error, and those after it are asked of another process.
    """
    waiting = list(questions)
    found: list[ClewError | None] = []
    while waiting:
        answers, ending = _run(module, waiting, size)
        found += answers
        waiting = waiting[len(answers) :]
        if waiting:
            found.append(CorruptError(f"its files cannot be checked: the process that reads them {ending}"))
            waiting = waiting[1:]
    return found


def _run(module: str, questions: list[Any], size: int) -> tuple[list[ClewError | None], str]:
    """Return the answers of one process in order, and how it ended."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    environment |= {"PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    seconds = SECONDS + size / BYTES_PER_SECOND
    with subprocess.Popen(
        [sys.executable, "-m", module, str(_MEMORY + _TIMES * size)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        try:
            out, err = process.communicate(lines, timeout=seconds)
            ending = _ending(process.returncode, err)
        except subprocess.TimeoutExpired:
            process.kill()
            out, _ = process.communicate()
            ending = f"took longer than {seconds:.0f} seconds"
    return [_error(json.loads(line)) for line in out.splitlines()], ending


def _ending(code: int, err: str) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    last = err.strip().splitlines()[-1:] or ["no message"]
    return f"ended with code {code} ({last[0][:200]})"


def _error(answer: list[str] | None) -> ClewError | None:
    if answer is None:
        return None
    kind, message, hint = answer
    made: ClewError = getattr(errors, kind)(message, hint)
    return made


# ------------------------------------------------------------------ in the other process


def answer_lines(check: Callable[[Any], None]) -> None:
    """Call `check` with the JSON value of each line of the input; write its error, or null, as a line of JSON."""
    import resource

    limit = int(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(check, json.loads(line))) + "\n")
        sys.stdout.flush()


def _answer(check: Callable[[Any], None], question: Any) -> list[str] | None:
    try:
        check(question)
    except ClewError as error:
        return [type(error).__name__, error.message, error.hint]
    except Exception as error:  # noqa: BLE001 - whatever a library says of such a file, the file is at fault
        reason = next(iter(str(error).splitlines()), "")[:200]
        return [CorruptError.__name__, f"its files cannot be checked: {type(error).__name__}: {reason}", ""]
    return None
