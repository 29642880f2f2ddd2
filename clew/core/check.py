"""Check the content of stored files before anything relies on it: values in range, offsets in order, tries, tables.

Opening a file checks its header only, because reading all of it would cost every start; the code that searches then
trusts what is in it. Files that were written elsewhere are therefore checked whole, once, when they are imported.
All functions raise CorruptError that names the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa

from clew.core.errors import CorruptError
from clew.core.mapped import open_trie
from clew.core.tables import REBUILD
from clew.core.types import Ints

# How deeply lists and objects may be nested in a JSON file.
MOST_DEPTH = 64
_ROWS = 1 << 20


def refuse(path: Path, reason: str) -> NoReturn:
    """Raise CorruptError that names a file and what is wrong in it."""
    raise CorruptError(f"{path}: {reason}", REBUILD)


def require(fine: object, path: Path, reason: str) -> None:
    """Raise CorruptError with the reason unless the condition holds."""
    if not fine:
        refuse(path, reason)


def check_range(values: Any, low: float, high: float, path: Path) -> None:
    """Check that every number is at least `low` and at most `high`, and not NaN."""
    flat = values.reshape(-1)
    for first in range(0, len(flat), _ROWS):
        part = flat[first : first + _ROWS]
        wrong = np.flatnonzero(~((part >= low) & (part <= high)))
        if len(wrong):
            refuse(path, f"value {first + int(wrong[0])} is {part[wrong[0]]}, expected {low:g} to {high:g}")


def check_ordinals(values: Ints, count: int, path: Path) -> None:
    """Check that every number is from 0 to count - 1."""
    check_range(values, 0, count - 1, path)


def check_offsets(offsets: Ints, total: int, path: Path) -> None:
    """Check that offsets begin at 0, never fall and end at `total`."""
    require(len(offsets) and int(offsets[0]) == 0, path, "the first offset is not 0")
    require(not np.any(offsets[1:] < offsets[:-1]), path, "the offsets are not in ascending order")
    require(int(offsets[-1]) == total, path, f"the last offset is {int(offsets[-1])}, expected {total}")


def check_rising(values: Ints, path: Path, offsets: Ints | None = None) -> None:
    """Check that numbers rise strictly, within each list if `offsets` says where lists begin and end."""
    rises = np.asarray(values[1:] > values[:-1])
    if offsets is not None:
        starts = offsets[1:-1]
        rises[starts[(starts > 0) & (starts < len(values))] - 1] = True
    require(rises.all(), path, "the numbers of a list are not in ascending order, each once")


def read_trie(path: Path, count: int) -> list[str]:
    """Return the `count` keys of a trie, sorted, after checking that it is the trie which is built from these keys.

    A trie is a succinct structure that is read without bounds checks, so it is compared byte by byte with the one that
    is built from its keys. Reading the keys of a damaged one can crash or never end: call this in a process of its own.
    """
    found = open_trie(path)
    require(len(found) == count, path, f"it has {len(found)} keys, expected {count}")
    try:
        keys = sorted(islice(found.iterkeys(), count + 1))
    except (UnicodeDecodeError, RuntimeError, MemoryError) as error:
        refuse(path, f"its keys cannot be read: {error}")
    check_trie(path, keys)
    return keys


def check_trie(path: Path, keys: Sequence[str]) -> None:
    """Check that a file is the trie which is built from these keys, sorted, without opening it."""
    import marisa_trie

    try:
        same = marisa_trie.Trie(keys).tobytes() == path.read_bytes()
    except OSError as error:
        refuse(path, f"it cannot be read: {error.strerror}")
    require(same, path, "it is not the term list that belongs to its keys")


def read_arrow(path: Path, schema: Any) -> Any:
    """Return the table of an Arrow file, after checking its columns, every buffer of it and that it is uncompressed."""
    try:
        with pa.memory_map(str(path)) as source:
            file = pa.ipc.open_file(source)
            require(file.schema.equals(schema), path, f"its columns are {_shown(file.schema)}")
            table = file.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError, MemoryError, OverflowError) as error:
        refuse(path, f"it cannot be read: {str(error).splitlines()[0] if str(error) else type(error).__name__}")
    size = path.stat().st_size
    require(table.get_total_buffer_size() <= size, path, f"it has {size:,} bytes but unpacks to more")
    return table


def check_no_nulls(column: Any, path: Path, name: str) -> None:
    """Check that an Arrow column has a value in each row."""
    require(not column.null_count, path, f"column {name!r} has rows without a value")


def check_ids(ids: Sequence[str], path: Path, *, ascending: bool = False) -> None:
    """Check that ids are not empty, contain no NUL and occur once; ascending: that they are sorted."""
    require(all(name and "\0" not in name for name in ids), path, "an id is empty or contains NUL")
    if ascending:
        require(all(first < second for first, second in pairwise(ids)), path, "the ids are not sorted, each once")
    else:
        require(len(set(ids)) == len(ids), path, "an id occurs twice")


def check_json(value: Any, path: Path, depth: int = MOST_DEPTH) -> None:
    """Check that a parsed JSON value is not nested too deeply and has only finite numbers."""
    level = [value]
    for _ in range(depth):
        if not level:
            return
        for each in level:
            require(not isinstance(each, float) or abs(each) < float("inf"), path, "a number is not finite")
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    require(not level, path, f"it is nested more than {depth} deep")


def read_json(path: Path) -> Any:
    """Return the value of a JSON file after `check_json`."""
    try:
        value = json.loads(path.read_bytes())
    except OSError as error:
        refuse(path, f"it cannot be read: {error.strerror}")
    except (ValueError, RecursionError):
        refuse(path, "it is not valid JSON")
    check_json(value, path)
    return value


def int_of(table: Mapping[str, Any], key: str, low: int, high: int, path: Path) -> int:
    """Return an integer of a JSON table after checking that it is at least `low` and at most `high`."""
    value = table.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        refuse(path, f"{key} is {str(value)[:80]}, expected an integer from {low:,} to {high:,}")
    return value


def _shown(schema: Any) -> str:
    return ", ".join(f"{field.name[:40]} ({field.type})" for field in list(schema)[:20])
