"""Configurable products of Magento's exports: which rows of simple products are variants of which product.

The row of a configurable product names its variants, "sku=HOOD-S,size=S|sku=HOOD-M,size=M" in configurable_variations,
and each of them has a row of its own, which does not name the product.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from clew.indexer.sources.record import Read, Record, pairs_of

SKU, VARIATIONS, LABELS = "sku", "configurable_variations", "configurable_variation_labels"
# The field that rows of variants get: the SKU of their product.
PARENT = "parent_sku"
_NEXT_VARIATION = re.compile(r"\|(?=[\w-]+=)")


def has_configurable(names: Collection[str]) -> bool:
    """Return whether a table with these columns has configurable products, and does not name them in another way."""
    return {SKU, VARIATIONS} <= set(names) and PARENT not in names


def variations_of(text: str) -> Iterator[dict[str, str]]:
    """Yield the names and values of each variant in a cell: {"sku": "HOOD-S", "size": "S"}."""
    for part in _NEXT_VARIATION.split(text):
        if (values := dict(pairs_of(part))).get(SKU):
            yield values


class Configurable:
    """The variants of the configurable products of one file."""

    def __init__(self, rows: Iterable[Read] = ()) -> None:
        """Find the products and their variants in all rows of the file."""
        self._parents: dict[str, str] = {}
        rows_of: set[str] = set()
        for row in rows:
            if isinstance(row, Record) and isinstance(sku := row.values.get(SKU), str):
                rows_of.add(sku)
                for values in variations_of(row.values.get(VARIATIONS, "")):
                    self._parents.setdefault(values[SKU], sku)
        self._with_rows = rows_of & self._parents.keys()

    def applied(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of a row, with the SKU of its product if it is a variant.

        Variants that have no row of their own are an array of objects in the row of their product.
        """
        found = {name: value for name, value in values.items() if name not in {VARIATIONS, LABELS}}
        if (sku := values.get(SKU)) in self._with_rows and sku is not None:
            found[PARENT] = self._parents[sku]
        without = [one for one in variations_of(values.get(VARIATIONS, "")) if one[SKU] not in self._with_rows]
        return found | ({VARIATIONS: without} if without else {})
