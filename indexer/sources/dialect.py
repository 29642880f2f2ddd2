"""Detect the delimiter of a CSV file."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from typing import Literal, TypeAlias

Quoting: TypeAlias = Literal[0, 3]  # QUOTE_MINIMAL, QUOTE_NONE of csv
# The comma is last, because cells contain commas more often than the others.
DELIMITERS = ("\t", ";", "|", ",")
# The first line of files that Excel writes may name the delimiter.
_SEP_LINE = re.compile(r'"?sep=(.)"?[,;\t|]*\s*', re.IGNORECASE)
_FEWEST = 0.5


def sep_line(line: str) -> str:
    """Return the delimiter that a line such as "sep=;" names; "" if it is another line."""
    found = _SEP_LINE.fullmatch(line)
    return found[1] if found and found[1] not in '"\r\n' else ""


def detected_delimiter(lines: Sequence[str], *, quoting: bool = True) -> str:
    """Return the delimiter that cuts the first lines of a file into rows as wide as the header; "" if none does.

    lines: the header and some rows; the last row may be incomplete. Of delimiters that fit equally many rows, the one
    that gives the most columns is returned. Quotes are respected.
    """
    how: Quoting = csv.QUOTE_MINIMAL if quoting else csv.QUOTE_NONE
    best = (_FEWEST, 1, "")
    for delimiter in DELIMITERS:
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter, quoting=how) if any(row)]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        if width < 2:
            continue
        inner = rows[1:-1] or rows[1:]
        fitting = sum(len(row) == width or (len(row) > width and not any(row[width:])) for row in inner)
        share = fitting / len(inner) if inner else 1.0
        if share >= _FEWEST and (share, width) > best[:2]:
            best = (share, width, delimiter)
    return best[2]
