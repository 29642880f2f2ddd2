"""Every error a user can meet.

ClewError                      code, message, hint; exit code 1
├── UsageError                 the caller's words are off; exit code 2
│   ├── SpecError              a spec file or table: names file and key
│   ├── QueryError             a search request: names the parameter
│   └── UnknownNameError       a name that is in no table: lists the nearest and the known ones
├── DataError                  the caller's data are off: names file and line
├── NotFoundError              an index, version, release, document or file that is not there
├── StoreError                 what lies on disk cannot be used
│   ├── CorruptError           a file is not what its manifest says: names the file
│   ├── FormatError            written by another format version: names both
│   └── MismatchError          another encoder, tokenizer, reranker or analyzer than the index was built with
├── LockedError                another process writes this index now
├── QualityError               a version that missed its recall or relevance target was not published
├── MissingExtraError          an optional dependency is not installed: names the install command
└── StageUnavailable           one stage of a search cannot answer now; the pipeline goes on without it

Names of their own keep `raise` lines short; `code` is what programs read and never changes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ClewError(Exception):
    """Root of all errors Clew raises on purpose.

    message says what is wrong, with the value at fault; hint says what to do about it.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[ClewError], tuple[str, str]]:
        """Pickle by message and hint, so that an error crosses a process border whole."""
        return (type(self), (self.message, self.hint))


class UsageError(ClewError):
    """The caller's words are off."""

    code = "usage"
    exit_code = 2


class SpecError(UsageError):
    """A spec cannot be read: the message names the file and the key."""

    code = "spec"


class QueryError(UsageError):
    """A search request cannot be answered as asked: the message names the parameter."""

    code = "query"


class UnknownNameError(UsageError):
    """A name that no table knows."""

    code = "unknown_name"


class DataError(ClewError):
    """The caller's data are off: the message names file and line."""

    code = "data"


class NotFoundError(ClewError):
    """Something named is not there."""

    code = "not_found"


class StoreError(ClewError):
    """What lies on disk cannot be used."""

    code = "store"


class CorruptError(StoreError):
    """A file's bytes are not those its manifest records."""

    code = "corrupt"


class FormatError(StoreError):
    """A file was written by a format version this Clew does not read."""

    code = "format"


class MismatchError(StoreError):
    """An index was built by another encoder, tokenizer, reranker or analyzer than the one asked for."""

    code = "mismatch"


class LockedError(ClewError):
    """Another process is writing the same index, graph or training run."""

    code = "locked"


class QualityError(ClewError):
    """A version missed a target and was not published."""

    code = "quality"


class MissingExtraError(ClewError):
    """An optional dependency is not installed."""

    code = "missing_extra"


class StageUnavailable(ClewError):  # noqa: N818 - it is a state of a stage, not a fault of the caller
    """One stage cannot answer now. Only the pipeline catches this."""

    code = "stage_unavailable"


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """The error for a name outside a table: says the nearest known name, then all of them."""
    return UnknownNameError(f"unknown {kind} {str(name)!r}", nearest(str(name), known))


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint that offers the known name closest to `name`, and lists what is known."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return (f"did you mean {close[0]!r}? " if close else "") + (f"known: {listed}" if names else "none is known")
