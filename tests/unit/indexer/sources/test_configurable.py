"""Configurable products of Magento: rows of variants learn the SKU of their product."""

from __future__ import annotations

from pathlib import Path

import pytest

from clew.indexer.sources.configurable import variations_of
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.read import read

HEADER = "sku,product_type,name,configurable_variations,configurable_variation_labels"
HOOD = 'HOOD,configurable,Hood,"sku=HOOD-S,size=S|sku=HOOD-M,size=M","size=Size"'
ROWS = ["HOOD-S,simple,Hood-S,,", "HOOD-M,simple,Hood-M,,", "CUP,simple,Cup,,"]


def rows(folder: Path, *lines: str, header: str = HEADER) -> list[dict[str, object]]:
    (folder / "a.csv").write_text("\n".join([header, *lines]) + "\n")
    return [dict(one.values) for one in read(SourceSpec(str(folder / "a.csv")), "csv")]  # type: ignore[union-attr]


@pytest.mark.parametrize("lines", [[HOOD, *ROWS], [*ROWS, HOOD]])
def test_a_row_of_a_variant_names_its_product_wherever_it_stands(tmp_path, lines) -> None:
    found = {row["sku"]: row for row in rows(tmp_path, *lines)}
    assert {sku: row.get("parent_sku") for sku, row in found.items()} == {
        "HOOD": None, "HOOD-S": "HOOD", "HOOD-M": "HOOD", "CUP": None,
    }  # fmt: skip
    assert found["HOOD"] == {"sku": "HOOD", "product_type": "configurable", "name": "Hood"}


def test_variants_without_a_row_are_an_array_of_their_product(tmp_path) -> None:
    first, second = rows(tmp_path, HOOD, ROWS[1])
    assert first["configurable_variations"] == [{"sku": "HOOD-S", "size": "S"}]
    assert second["parent_sku"] == "HOOD"


@pytest.mark.parametrize("header", [HEADER.replace("sku,", "code,", 1), HEADER.replace("product_type", "parent_sku")])
def test_another_table_is_left_as_it_is(tmp_path, header) -> None:
    first, second, *_ = rows(tmp_path, HOOD, *ROWS, header=header)
    assert first["configurable_variations"] == "sku=HOOD-S,size=S|sku=HOOD-M,size=M"
    assert second.get("parent_sku") in {None, "simple"}


@pytest.mark.parametrize(
    ("cell", "skus"),
    [
        ("sku=A-1,size=S,color=Navy|sku=A-2,size=M,color=Navy", ["A-1", "A-2"]),
        ("size=S,sku=A 1|size=M,sku=A|2", ["A 1", "A|2"]),
        ("sku=A,1,size=S", ["A,1"]),
        ("size=S", []),
        ("", []),
        ("no variations | at all", []),
    ],
)
def test_a_cell_names_its_variants(cell, skus) -> None:
    assert [one["sku"] for one in variations_of(cell)] == skus
