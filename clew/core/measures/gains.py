"""Convert grades to gains. trec_eval supports integer gains only, so fractions are scaled to the smallest integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from math import lcm

from clew.core.errors import DataError, UsageError


def parse_gains(text: str) -> tuple[str, ...]:
    """Parse gains from a comma-separated list such as "0,0.01,0.1,1": the gains of grades 0, 1, 2 and 3.

    Returns them as decimal text, in which 0.1 is exact. Raises UsageError unless they are ascending numbers from 0.
    """
    gains = tuple(part.strip() for part in text.split(","))
    try:
        values = [Fraction(gain) for gain in gains]
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"gains {text!r} are not all numbers", "write, for example, 0,0.01,0.1,1") from None
    if values[0] != 0 or any(low > high for low, high in pairwise(values)) or values[-1] == 0:
        raise UsageError(
            f"gains {text!r} do not ascend from 0", "write one gain per grade, first that of grade 0: 0,0.01,0.1,1"
        )
    return gains


def integer_gains(gains: Sequence[str]) -> list[int]:
    """Return the gains multiplied by the smallest integer that makes all of them integers: 0,0.01,0.1,1 → 0,1,10,100.

    nDCG is a quotient of sums of gains, so a common factor does not change it.
    """
    values = [Fraction(gain) for gain in gains]
    scale = lcm(*(value.denominator for value in values))
    return [int(value * scale) for value in values]


def to_gains(qrels: Mapping[str, Mapping[str, int]], gains: Sequence[str] | None = None) -> dict[str, dict[str, int]]:
    """Return qrels in which every grade is replaced by its integer gain.

    gains: gain of grade 0, 1, 2, … as decimal text; None: the grades are the gains. Grades below 0 have gain 0.
    A document is relevant if its gain is above 0. Raises DataError for a grade without a gain.
    """
    if gains is None:
        return {query: {doc: max(grade, 0) for doc, grade in judged.items()} for query, judged in qrels.items()}
    scaled = integer_gains(gains)
    found: dict[str, dict[str, int]] = {}
    for query, judged in qrels.items():
        for doc, grade in judged.items():
            if grade >= len(scaled):
                raise DataError(
                    f"query {query!r} judges {doc!r} with grade {grade}, but gains end at grade {len(scaled) - 1}",
                    f"give at least {grade + 1} gains, one for each grade from 0: {','.join(gains)},…",
                )
        found[query] = {doc: scaled[max(grade, 0)] for doc, grade in judged.items()}
    return found
