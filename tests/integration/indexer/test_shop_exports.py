"""Exports of shop systems: `clew init` and `clew build` need no edit, and searches find what a shop expects."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import clew
from clew.cli import app
from tests import shop_json, shop_tables
from tests.shop_products import ITEMS


@dataclass(frozen=True)
class Export:
    """What is expected of an export.

    title, price, brand, size: fields; feature: one with the colour, made of names and values in cells; hierarchy,
    html: fields with category paths and with markup ("": there is none). lamp: the id of the oak lamp. code: an
    identifier of another product, whose id is found. variant: the field of the variant with that code ("id": its
    id; "": the product has no variants). said: parts of what `clew init` prints.
    """

    write: Callable[[Path], Path]
    title: str
    lamp: str
    brand: str
    code: str
    found: str
    said: tuple[str, ...]
    price: str = ""
    currency: str = ""
    variant: str = ""
    size: str = ""
    html: str = ""
    hierarchy: str = ""
    feature: str = ""
    documents: int = len(ITEMS)
    # A title, the price of its product, a word that a product of a brand has, and that brand.
    asked: tuple[str, float, str, str] = ("Oak reading lamp", 89.0, "oak", "kestrio")


CT = "masterData.current"
EXPORTS = {
    "shopify": Export(
        shop_tables.shopify, "Title", "oak-reading-lamp", "Vendor", "MR-CARD-L", "plum-cardigan",
        ("CSV with commas; 29 records", "id: Handle", "rows with the same Handle are one product", "images: Image Src"),
        price="Variant Price", variant="Variant SKU", size="Option.Size", html="Body (HTML)",
        hierarchy="Product Category",
    ),
    "woocommerce": Export(
        shop_tables.woocommerce, "Name", "VL-1042", "Categories", "MR-CARD-L", "MR-CARD",
        ("id: SKU", "records with the same Parent are one product", "prices: Regular price, Sale price"),
        price="Regular price", variant="id", size="Attribute.Size", html="Description", hierarchy="Categories",
        asked=("Oak reading lamp", 89.0, "oak", "Brands > Kestrio"),
    ),
    "magento": Export(
        shop_tables.magento, "name", "VL-1042", "additional_attributes.manufacturer", "MR-CARD-L", "MR-CARD",
        ("id: sku", "records with the same parent_sku are one product", "HTML: description"), price="price",
        variant="id", size="additional_attributes.size", html="description", hierarchy="categories",
    ),
    "magento_products": Export(
        shop_tables.magento_products, "name", "VL-1042", "additional_attributes.manufacturer", "MR-CARD-L", "MR-CARD",
        ("id: sku", "each object in configurable_variations is one"), price="price",
        variant="configurable_variations.sku", size="configurable_variations.size", html="description",
        hierarchy="categories",
    ),
    "prestashop": Export(
        shop_tables.prestashop, "Name *", "1", "Manufacturer", "TN-XM5", "8",
        ("CSV with semicolons", "id: Product ID", "Feature.Colour"), price="Price tax excluded", html="Description",
        feature="Feature.Colour",
    ),
    "commercetools": Export(
        shop_json.commercetools, f"{CT}.name.en", "b7c3a2e0-0000-4000-8000-000000008900",
        f"{CT}.variants.attributes.brand", "MR-CARD-L", "b7c3a2e0-0000-4000-8000-000000006000",
        ("JSON, the array 'results'", f"each object in {CT}.variants is one"),
        price=f"{CT}.variants.prices.value", currency="EUR", variant=f"{CT}.variants.sku",
        size=f"{CT}.variants.attributes.size.label",
    ),
    "algolia": Export(
        shop_json.algolia, "name", "VL-1042", "brand", "TN-XM5", "TN-XM5",
        ("JSON; 12 records", "id: objectID", "left out: _highlightResult (a copy made for display)"),
        price="price", hierarchy="hierarchicalCategories.lvl1",
    ),
    "typesense": Export(
        shop_json.typesense, "product_name", "90000", "brand", "TN-XM5", "90007",
        ("JSON lines", "left out: embedding (vectors)"), price="price",
    ),
    "icecat": Export(
        shop_tables.icecat, "Model_Name", "9000", "Supplier", "TN-XM5", "9007",
        ("CSV with tabs", "id: Product_ID", "identifiers: Prod_ID, EAN_UPCS"),
    ),
    "best_buy": Export(
        shop_json.best_buy, "name", "6505727", "manufacturer", "TN-XM5", "6506434",
        ("the array 'products'", "id: sku"), price="salePrice", html="longDescription", hierarchy="categoryPath.name",
    ),
    "merchant": Export(
        shop_tables.merchant, "title", "VL-1042", "brand", "MR-CARD-L", "MR-CARD",
        ("records with the same item_group_id are one product", "prices: price (USD), sale_price (USD)"),
        price="price", currency="USD", variant="id", size="size", html="description",
        hierarchy="google_product_category",
    ),
    "chinese": Export(
        shop_tables.chinese, "商品名称", "10045874", "品牌", "10045875", "10045875",
        ("encoding gb18030", "id: 商品编号"), price="价格", currency="¥", hierarchy="类目", documents=10,
        asked=("木鹿橡木台灯", 1299.0, "鞋", "云步"),
    ),
}  # fmt: skip


@pytest.fixture(scope="module", params=EXPORTS)
def shop(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The opened index of an export, what is expected of it, and what init and build printed."""
    export, run = EXPORTS[request.param], CliRunner()
    root = tmp_path_factory.mktemp(request.param)
    data, spec = export.write(root), root / "shop.toml"
    said = run.invoke(app, ["init", str(data), "--output", str(spec)])
    assert said.exit_code == 0, said.output
    built = run.invoke(app, ["build", str(spec), "--home", str(root / "home")])
    assert built.exit_code == 0, built.output
    with clew.open("shop", root / "home") as index:
        yield index, export, said.output, built.output


def test_nothing_is_rejected_and_a_product_is_one_document(shop: Any) -> None:
    _, export, _, built = shop
    assert f"{export.documents} documents" in built
    assert "left out" not in built


def test_init_says_what_it_found(shop: Any) -> None:
    _, export, said, _ = shop
    for part in (*export.said, f"title: {export.title}", "searched too: "):
        assert part in said
    assert len(said.splitlines()) < 15


def test_a_code_finds_its_product_and_variant(shop: Any) -> None:
    index, export, _, _ = shop
    hit = index.search(export.code).hits[0]
    assert hit.id == export.found
    if export.variant:
        assert hit.variant.of == 4
        own = hit.variant.id if export.variant == "id" else hit.variant.fields[export.variant]
        assert own == export.code


def test_sizes_of_variants_are_a_filter(shop: Any) -> None:
    index, export, _, _ = shop
    if export.size:
        (hit,) = index.search("cardigan", filters={export.size: "XL"}).hits
        assert (hit.id, hit.variant.index) == (export.found, 3)


def test_a_title_finds_its_product_first(shop: Any) -> None:
    index, export, _, _ = shop
    hit = index.search(export.asked[0].lower()).hits[0]
    assert (hit.id, hit.fields[export.title]) == (export.lamp, export.asked[0])


def test_prices_are_numbers_with_a_currency(shop: Any) -> None:
    index, export, _, _ = shop
    if export.price:
        title, price, *_ = export.asked
        (hit,) = index.search(title, filters={export.price: price}).hits
        assert (hit.id, hit.fields[export.price] in (price, [price])) == (export.lamp, True)
    if export.currency:
        assert hit.fields[f"{export.price}_currency"] in (export.currency, [export.currency])


def test_a_brand_is_a_filter_and_categories_are_paths(shop: Any) -> None:
    index, export, _, _ = shop
    _, _, query, brand = export.asked
    facets = (export.hierarchy,) if export.hierarchy else ()
    found = index.search(query, filters={export.brand: brand}, facets=facets)
    everything = index.search(query, facets=facets)
    assert 0 < len(found.hits) <= len(everything.hits)
    assert len(index.search(query, filters={export.brand: {"ne": brand}}).hits) == len(everything.hits) - len(
        found.hits
    )
    if export.hierarchy:
        assert any(" > " in one.value for one in found.facets[export.hierarchy])


def test_names_and_values_in_columns_are_fields_and_the_columns_are_not(shop: Any) -> None:
    index, export, _, _ = shop
    if name := export.feature or export.size:
        made = index.searcher.fields
        assert name in made
        assert not [one for one in made if re.search(r"\d (name|value)|name:value", one.lower())]
    if export.feature:
        assert {hit.fields["Name *"] for hit in index.search("oak", filters={export.feature: "oak"}).hits} == {
            "Oak reading lamp",
            "Three-legged oak stool",
        }


def test_markup_is_not_shown(shop: Any) -> None:
    index, export, _, _ = shop
    hit = index.search(export.asked[0]).hits[0]
    shown = [value for value in hit.fields.values() if isinstance(value, str)]
    assert not any("<" in text or "&amp;" in text for text in (*shown, *(one.snippet for one in hit.highlights)))
    if export.html:
        assert "Made for Velorin & friends" in hit.fields[export.html]
