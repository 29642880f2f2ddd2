"""Read JSON files: an array of objects, an object that contains one, or objects one after another.

Files are read as streams: only one record, and no array, is in memory as a whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import IO, Any

from clew.core.errors import DataError

# Longest record in characters, and deepest nesting of objects around the array of records.
LONGEST_RECORD = 64 << 20
_DEEPEST = 8
_CHUNK = 1 << 20
_SPACES = " \t\r\n"
# Keys under which exports have their records.
WRAPPERS = ("products", "items", "data", "hits", "records", "documents", "docs", "results", "entries", "rows", "nodes")


class JSONStream:
    """A JSON text that is parsed value by value. name: the file, for errors."""

    def __init__(self, text: IO[str], name: str) -> None:
        self._text = text
        self._name = name
        self._decoder = json.JSONDecoder()
        self._buffer = ""
        self._at = 0
        self._ended = False
        self._line = 1

    @property
    def line(self) -> int:
        """The line number of what is read next, from 1."""
        return self._line

    def peek(self) -> str:
        """Skip white space and return the next character; "" at the end of the file."""
        while True:
            while self._at < len(self._buffer):
                character = self._buffer[self._at]
                if character not in _SPACES:
                    return character
                self._line += character == "\n"
                self._at += 1
            if not self._more(_CHUNK):
                return ""

    def take(self, *expected: str) -> str:
        """Read the next character. Raises DataError if it is none of the expected ones."""
        found = self.peek()
        if found not in expected or not found:
            self.fail(f"found {found!r}" if found else "the file ends", " or ".join(map(repr, expected)))
        self._at += 1
        return found

    def value(self) -> Any:
        """Read a whole value. Raises DataError if it is invalid or longer than `LONGEST_RECORD`."""
        if not self.peek():
            self.fail("the file ends", "a value")
        want = _CHUNK
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                # The value may continue in what was not read yet.
                if self._ended or len(self._buffer) - self._at > LONGEST_RECORD:
                    line = self._line + self._buffer.count("\n", self._at, error.pos)
                    raise self._error(line, f"invalid JSON: {error.msg}") from None
            except (ValueError, RecursionError) as error:
                raise self._error(self._line, f"invalid JSON: {error}") from None
            else:
                # A number at the end of the buffer may continue.
                if end < len(self._buffer) or self._ended or not isinstance(value, int | float):
                    self._line += self._buffer.count("\n", self._at, end)
                    self._at = end
                    return value
            self._more(want)
            want *= 2

    def fail(self, found: str, expected: str) -> None:
        """Raise the DataError of an invalid file."""
        raise self._error(self._line, f"invalid JSON: {found}, expected {expected}")

    def _error(self, line: int, reason: str) -> DataError:
        return DataError(
            f"{self._name}:{line}: {reason}", "replace the file, which is damaged or cut short, or correct it there"
        )

    def _more(self, size: int) -> bool:
        """Read on; return False at the end of the file."""
        try:
            chunk = self._text.read(size)
        except UnicodeDecodeError as error:
            raise self._error(self._line, f"not {error.encoding} text ({error.reason})") from None
        self._ended = not chunk
        self._buffer = self._buffer[self._at :] + chunk
        self._at = 0
        return bool(chunk)


def elements(stream: JSONStream) -> Iterator[tuple[Any, int]]:
    """Yield each element of the array that the stream is at, with the line where it starts."""
    stream.take("[")
    if stream.peek() == "]":
        stream.take("]")
        return
    while True:
        stream.peek()
        line = stream.line
        yield stream.value(), line
        if stream.take(",", "]") == "]":
            return


def members(stream: JSONStream) -> Iterator[str]:
    """Yield each key of the object that the stream is at; the caller must read the value before the next key."""
    stream.take("{")
    if stream.peek() == "}":
        stream.take("}")
        return
    while True:
        if stream.peek() != '"':
            stream.fail(f"found {stream.peek()!r}", "a key")
        key = stream.value()
        stream.take(":")
        yield str(key)
        if stream.take(",", "}") == "}":
            return


def arrays(stream: JSONStream, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], bool]]:
    """Read an object, and yield the path of each array of objects in objects in it.

    Each comes with whether it contains records (False: it is empty).
    """
    for key in members(stream):
        here = (*path, key)
        if stream.peek() == "{" and len(here) < _DEEPEST:
            yield from arrays(stream, here)
        elif stream.peek() == "[":
            kinds = {isinstance(element, dict) for element, _ in elements(stream)}
            if False not in kinds:
                yield here, bool(kinds)
        else:
            stream.value()


def at_path(stream: JSONStream, path: tuple[str, ...]) -> Iterator[tuple[Any, int]]:
    """Read an object, and yield the elements of the array at the path in it."""
    for key in members(stream):
        if key != path[0]:
            _skip(stream)
        elif len(path) > 1 and stream.peek() == "{":
            yield from at_path(stream, path[1:])
        elif len(path) == 1 and stream.peek() == "[":
            yield from elements(stream)
        else:
            _skip(stream)


def has_member(stream: JSONStream, key: str) -> bool:
    """Read an object until a key whose value is no array or object; return whether it has one."""
    for name in members(stream):
        if name == key and stream.peek() not in {"[", "{"}:
            return True
        _skip(stream)
    return False


def _skip(stream: JSONStream, depth: int = 0) -> None:
    """Read a value of any length; only its parts are in memory."""
    if stream.peek() == "[":
        for _ in elements(stream):
            pass
    elif stream.peek() == "{" and depth < _DEEPEST:
        for _ in members(stream):
            _skip(stream, depth + 1)
    else:
        stream.value()
