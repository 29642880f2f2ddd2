"""All errors that Clew raises on purpose.

ClewError                      code, message, hint; exit code 1
├── UsageError                 the caller's arguments are invalid; exit code 2
│   ├── SpecError              a spec file or table: names file and key
│   ├── QueryError             a search request: names the parameter
│   └── UnknownNameError       a name that is not known: suggests the closest one, lists the known ones
├── DataError                  the caller's data are invalid: names file and line
├── NotFoundError              an index, version, release, document or file does not exist
├── StaleError                 a page of hits cannot be continued, because the index or the order has changed
├── StoreError                 stored files cannot be used
│   ├── CorruptError           a file differs from what its manifest records: names the file
│   ├── FormatError            written by another format version: names both
│   └── MismatchError          an encoder, tokenizer, reranker or analyzer that the index was not built with
├── LockedError                another process is writing the same index
├── QualityError               a version that missed its recall or relevance target was not published
├── MissingExtraError          an optional dependency is not installed: names the install command
└── StageUnavailable           one stage of a search cannot answer now; the search continues without it

`code` is for programs and never changes.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ClewError(Exception):
    """The base class of all errors that Clew raises on purpose.

    message: what is wrong, with the value at fault. hint: what to do about it.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __reduce__(self) -> tuple[type[ClewError], tuple[str, str]]:
        """Pickle the message and the hint, so that an error can be passed between processes."""
        return (type(self), (self.message, self.hint))


class UsageError(ClewError):
    """The caller's arguments are invalid."""

    code = "usage"
    exit_code = 2


class SpecError(UsageError):
    """A spec cannot be read: the message names the file and the key."""

    code = "spec"


class QueryError(UsageError):
    """A search request is invalid: the message names the parameter."""

    code = "query"


class UnknownNameError(UsageError):
    """A name is not one of the known names."""

    code = "unknown_name"


class DataError(ClewError):
    """The caller's data are invalid: the message names file and line."""

    code = "data"


class NotFoundError(ClewError):
    """Something that was named does not exist."""

    code = "not_found"


class StaleError(ClewError):
    """What a request continues has changed: a release was published, or the hits have another order."""

    code = "stale"


class StoreError(ClewError):
    """Stored files cannot be used."""

    code = "store"


class CorruptError(StoreError):
    """The bytes of a file differ from those its manifest records."""

    code = "corrupt"


class FormatError(StoreError):
    """A file was written in a format version that this Clew does not read."""

    code = "format"


class MismatchError(StoreError):
    """The requested encoder, tokenizer, reranker or analyzer is not the one that the index was built with."""

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


class StageUnavailable(ClewError):  # noqa: N818 - a state of a stage, not an error of the caller
    """A stage of a search cannot answer now. Only the pipeline catches this."""

    code = "stage_unavailable"


def unknown_name(kind: str, name: object, known: Iterable[str]) -> UnknownNameError:
    """Return the error for an unknown name; its hint suggests the closest known name and lists the known ones."""
    return UnknownNameError(f"unknown {kind} {str(name)!r}", nearest(str(name), known))


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint that suggests the known name closest to `name` and lists the known names (at most 20)."""
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    listed = ", ".join(names[:20]) + (", …" if len(names) > 20 else "")
    return (f"did you mean {close[0]!r}? " if close else "") + (f"known: {listed}" if names else "none is known")
