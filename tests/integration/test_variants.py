"""Products with variants, from the file to the hits: Python, the command line and HTTP."""

import json

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

import clew
from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings
from clew.cli import app
from tests.builders import build_home, spec_table

SHOPIFY = """Handle,Title,Body (HTML),Vendor,Option1 Value,Option2 Value,Variant SKU,Variant Price,Image Src
plum-cardigan,Plum cardigan,Soft knit,Velorin,Small,plum,PC-100-S,60,1.jpg
plum-cardigan,,,,Medium,plum,PC-100-M,60,2.jpg
plum-cardigan,,,,Large,green,PC-100-L,65,
plum-cardigan,,,,,,,,3.jpg
oak-stool,Oak stool,Stool of solid oak,Kestrio,Default Title,,OS-7,45,4.jpg
moss-cardigan,Moss cardigan,Warm knit,Kestrio,Small,green,MC-S,40,5.jpg
moss-cardigan,,,,Large,plum,MC-L,80,
"""
FIELDS = {
    "Title": {"type": "text", "weight": 3.0},
    "Body (HTML)": {"type": "html"},
    "Vendor": {"type": "keyword", "facet": True},
    "Option1 Value": {"type": "keyword", "facet": True},
    "Option2 Value": {"type": "keyword", "facet": True, "weight": 1.0},
    "Variant SKU": {"type": "keyword", "weight": 1.0},
    "Variant Price": {"type": "number", "facet": [50, 70]},
    "Image Src": {"type": "keyword"},
}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("shopify")
    (root / "products.csv").write_text(SHOPIFY)
    source = {"path": "products.csv", "id": "Handle"}
    build_home(root, spec_table(source=source, fields=FIELDS), spec_table("two", source=source, fields=FIELDS,
               build={"shards": 2}))  # fmt: skip
    return root / "home"


@pytest.fixture(scope="module", params=["shop", "two"])
def shop(home, request):
    with clew.open(request.param, home) as index:
        yield index


def test_a_product_is_found_by_the_sku_of_each_variant_which_the_hit_names(shop):
    for sku, size, at in (("PC-100-S", "Small", 0), ("PC-100-M", "Medium", 1), ("pc-100-l", "Large", 2)):
        (hit, *_) = shop.search(sku, sources=("bm25",)).hits
        assert (hit.id, hit.variant.index, hit.variant.of) == ("plum-cardigan", at, 3)
        assert hit.variant.fields["Option1 Value"] == size


def test_conditions_hold_on_one_variant_and_the_hit_names_it(shop):
    found = shop.search("cardigan", filters={"Option2 Value": "plum", "Variant Price": {"gt": 60}})
    assert [(hit.id, hit.variant.index, hit.variant.fields["Variant Price"]) for hit in found.hits] == [
        ("moss-cardigan", 1, 80.0)
    ]
    both = {hit.id: hit for hit in shop.search("green cardigan", sources=("bm25",)).hits}
    assert [both[name].variant.fields["Option1 Value"] for name in ("plum-cardigan", "moss-cardigan")] == [
        "Large", "Small",
    ]  # fmt: skip
    assert both["plum-cardigan"].fields["Variant Price"] == [60.0, 65.0]
    assert both["plum-cardigan"].fields["Image Src"] == "1.jpg"


def test_facets_count_products(shop):
    facets = ("Vendor", "Option1 Value", "Variant Price")
    found = shop.search("cardigan", sources=("bm25",), facets=facets)
    assert {name: {one.value: one.count for one in values} for name, values in found.facets.items()} == {
        "Vendor": {"Kestrio": 1, "Velorin": 1},
        "Option1 Value": {"Small": 2, "Large": 2, "Medium": 1},
        "Variant Price": {"<50": 1, "50–70": 1, ">=70": 1},
    }


def test_the_command_line_and_http_show_the_variant(home):
    words = ["search", "shop", "cardigan", "--home", str(home), "--filter", '"Option1 Value"=Medium']
    printed = CliRunner().invoke(app, words).output
    assert "variant 2 of 3: Option1 Value: Medium · Option2 Value: plum · Variant SKU: PC-100-M" in printed
    with TestClient(create_app(Engine(home), Settings(home=home))) as client:
        hits = client.get("/v1/search", params={"q": "PC-100-L", "index": "shop"}).json()["hits"]
        hit = next(hit for hit in hits if hit["id"] == "plum-cardigan")
        assert (hit["variant"]["index"], hit["variant"]["of"], hit["variant"]["id"]) == (2, 3, "")
        shown = client.get("/v1/documents", params={"id": "plum-cardigan", "index": "shop"}).json()
        assert [variant["fields"]["Option1 Value"] for variant in shown["variants"]] == ["Small", "Medium", "Large"]


def test_records_with_a_group_keep_their_ids(tmp_path):
    rows = [
        {"sku": "1-S", "parent": "1", "title": "Shirt small", "size": "S"},
        {"sku": "2", "title": "Hat"},
        {"sku": "1-M", "parent": "1", "title": "Shirt medium", "size": "M"},
    ]
    fields = {"title": {"type": "text"}, "sku": {"type": "keyword", "weight": 1.0}, "size": {"type": "keyword"}}
    source = {"path": "feed.jsonl", "id": "sku", "group": "parent"}
    home = build_home(tmp_path, spec_table(source=source, fields=fields, dense=False), feed=rows)
    with clew.open("shop", home) as index:
        (hit,) = index.search("medium").hits
        assert (hit.id, hit.variant.id, hit.variant.fields["title"]) == ("1", "1-M", "Shirt medium")
        assert hit.fields["title"] == "Shirt small"
        (hit,) = index.search("shirt", filters={"size": "S"}).hits
        assert hit.variant.id == "1-S"


def test_the_id_of_a_variant_finds_its_product_where_no_field_has_it(tmp_path):
    rows = [
        {"sku": f"QV-77{at}-{size}", "parent": f"QV-77{at}", "title": "Cap", "size": size}
        for at in range(3)
        for size in ("S", "M")
    ]
    fields = {"title": {"type": "text"}, "size": {"type": "keyword"}}
    source = {"path": "feed.jsonl", "id": "sku", "group": "parent"}
    home = build_home(tmp_path, spec_table(source=source, fields=fields, dense=False), feed=rows)
    with clew.open("shop", home) as index:
        for query in ("QV-771-M", "qv771m"):
            (hit,) = index.search(query).hits
            assert (hit.id, hit.variant.id) == ("QV-771", "QV-771-M")
        assert index.search("QV-771").hits[0].id == "QV-771"


def test_variants_in_an_array_of_a_record(tmp_path):
    rows = [
        {"id": "1", "title": "Shirt", "variants": [{"sku": "A1", "price": 10}, {"sku": "A2", "price": 20}]},
        {"id": "2", "title": "Hat", "variants": [{"sku": "B1", "price": 15}]},
    ]
    fields = {
        "title": {"type": "text"},
        "variants.sku": {"type": "keyword", "weight": 1.0},
        "variants.price": {"type": "number", "facet": True},
    }
    home = build_home(tmp_path, spec_table(source={"path": "shop.jsonl"}, fields=fields, dense=False), shop=rows)
    with clew.open("shop", home) as index:
        (hit,) = index.search("A2", filters={"variants.price": {"gte": 15}}).hits
        assert (hit.id, hit.variant.fields) == ("1", {"variants.sku": "A2", "variants.price": 20.0})
        assert json.loads(json.dumps(hit.fields))["variants.price"] == [10.0, 20.0]
        assert not index.search("A2", filters={"variants.price": 12}).hits
