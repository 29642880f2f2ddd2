"""`clew init`: types from a look at the data, in a spec that can be built."""

import json
import tomllib

import pytest

from clew.core.errors import DataError, SpecError
from clew.indexer.spec import read_spec
from clew.indexer.suggest import default_target, suggest
from clew.search.rerank.spec import RerankSpec


@pytest.fixture
def look(tmp_path):
    def look(records, name="shop.jsonl"):
        path = tmp_path / name
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        target = tmp_path / "shop.toml"
        target.write_text(suggest(str(path), target).text)
        return read_spec(target)

    return look


CATALOGUE = [
    {
        "sku": f"P{number}",
        "title": f"Lamp number {number}",
        "description": f"A lamp of oak and brass with a long cable, number {number}.",
        "brand": ["Ambrel", "Kvist"][number % 2],
        "category": "Home > Light",
        "price": number * 7.5,
        "in_stock": number % 3 == 0,
        "released": f"2024-05-{number % 28 + 1:02}",
        "tags": ["oak", "brass"],
        "place": {"lat": 1.0, "lon": number},
        "size": {"cm": number},
        "odd": number if number % 2 else ["x"],
        "note": None,
    }
    for number in range(40)
]


def test_types_weights_and_facets(look):
    spec = look(CATALOGUE)
    assert (spec.name, spec.source.id) == ("shop", "sku")
    assert {name: field.type for name, field in spec.search.fields.items()} == {
        "title": "text", "description": "text", "brand": "keyword", "category": "keyword", "price": "number",
        "in_stock": "bool", "released": "date", "tags": "list", "place": "geo", "size.cm": "number",
        "odd": "list",
    }  # fmt: skip
    assert spec.search.fields["title"].weight == 3.0
    assert spec.search.fields["brand"].facet is True
    assert spec.search.fields["category"].facet == "hierarchy"
    assert spec.search.fields["price"].facet == [80, 200]


def test_what_is_left_to_switch_on_is_written_as_a_spec_takes_it(tmp_path, look):
    assert look(CATALOGUE).search.rerank is None
    text = (tmp_path / "shop.toml").read_text()
    begin = text.index("# [rerank]")
    table = "".join(line.removeprefix("# ") + "\n" for line in text[begin:].split("\n\n")[0].splitlines())
    (tmp_path / "shop.toml").write_text(text + table)
    assert read_spec(tmp_path / "shop.toml").search.rerank == RerankSpec()


def test_the_path_is_relative_to_the_spec(tmp_path, look):
    look(CATALOGUE)
    assert tomllib.loads((tmp_path / "shop.toml").read_text())["source"]["path"] == "shop.jsonl"


def test_strange_keys_and_values_stay_valid_toml(look):
    spec = look([{"id": str(n), 'a "b"': "x", "title": "\x7f\n# no comment " + str(n), "灯": "y"} for n in range(3)])
    assert "灯" in spec.search.fields


def test_beir_and_pages_need_no_id(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "corpus.jsonl").write_text(
        '{"_id": "1", "title": "a b", "text": "some longer text of a passage", "metadata": {"brand": "x"}}\n'
    )
    found = suggest(str(tmp_path / "set"), tmp_path / "set.toml")
    (tmp_path / "set.toml").write_text(found.text)
    spec = read_spec(tmp_path / "set.toml")
    assert (found.inspected, spec.source.id, list(spec.search.fields)) == (1, "", ["brand", "title", "text"])


def test_keywords_are_searched_where_there_is_no_text(look):
    spec = look([{"id": str(n), "brand": "a"} for n in range(3)])
    assert spec.search.fields["brand"].weight == 1.0


def test_data_without_an_id_get_one_from_their_contents(look, tmp_path):
    assert look([{"title": "a b c d", "n": 1}, {"title": "a b c d", "n": 1}]).source.id == "#content"
    assert "# No field has a value of its own in every record" in (tmp_path / "shop.toml").read_text()


def test_an_id_is_unique_in_the_whole_source_and_not_only_in_what_is_inspected(look, monkeypatch):
    monkeypatch.setattr("clew.indexer.inspection.INSPECTED", 10)
    records = [{"id": str(n % 90), "nr": f"x{n}", "title": f"lamp {n}", "usb": "3.0"} for n in range(100)]
    assert look(records).source.id == "nr"


def test_types_hold_for_values_that_come_late(look):
    records = [{"id": str(n), "title": f"hub {n}", "usb": "3.0" if n < 2_000 else "3.2 Gen 1"} for n in range(2_100)]
    assert look(records).search.fields["usb"].type == "keyword"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["04433", "04434", "00012"], {"type": "keyword"}),
        ([4006381333931, 4006381333948, 4006381333955], {"type": "number"}),
        (["$1,029.00", "$12.50", "$3"], {"type": "number"}),
        (["1.029,00 €", "12,50 €", "3 €"], {"type": "number", "decimal": ","}),
        (["2,5 kg", "300 g", "1 kg"], {"type": "keyword"}),
        (["2.5kg", "3kg", "1 kg"], {"type": "number"}),
        ([42, 42.5, "M"], {"type": "keyword"}),
        ([True, "n/a", False], {"type": "bool"}),
        (["Casablanca", 1984, "Alien"], {"type": "keyword"}),
        (["01/05/2024", "31/05/2024", "02/03/2024"], {"type": "date", "format": "%d/%m/%Y"}),
        (["01/05/2024", "02/05/2024", "02/03/2024"], {"type": "keyword"}),
        (["2024/05/01", "2024年5月1日", "2024-05-01"], {"type": "date"}),
        (["<p>a</p>", "b &amp; c", "d"], {"type": "text", "html": True}),
        (["https://a.example/1.jpg", "//b.example/2", "http://c.example"], {"type": "keyword", "facet": False}),
        ([["a"], "b", ["c", 3]], {"type": "list"}),
        ([0, 1, 0], {"type": "number"}),
        (["yes", "no", "yes"], {"type": "bool"}),
    ],
)
def test_proposed_types_hold_for_all_values(look, values, expected):
    records = [{"id": f"p{n}", "title": f"lamp {n}", "it": value} for n, value in enumerate(values)]
    field = look(records).search.fields["it"]
    assert {name: getattr(field, name) for name in expected} == expected


def test_a_column_named_as_an_identifier_is_a_searched_keyword(look):
    records = [{"id": f"p{n}", "title": f"lamp {n}", "gtin": 4006381333931 + n, "postcode": 10115} for n in range(3)]
    fields = look(records).search.fields
    assert (fields["gtin"].type, fields["gtin"].weight, fields["postcode"].type) == ("keyword", 1.0, "keyword")


def test_what_people_search_for_has_a_weight(look):
    records = [
        {"id": str(n), "title": f"lamp {n}", "brand": "Kvist", "Farbe": "rot", "itemColor": "red", "status": "active"}
        for n in range(3)
    ]
    fields = look(records).search.fields
    assert {name: field.weight for name, field in fields.items()} == {
        "title": 3.0, "brand": 1.0, "Farbe": 1.0, "itemColor": 1.0, "status": None,
    }  # fmt: skip


def test_attributes_become_fields_and_prices_their_currency(look):
    records = [
        {
            "sku": f"p{n}", "title": f"shirt {n}", "price": f"${n}.50",
            "attributes": [{"name": "Colour", "value": "red"}, {"name": "Fit", "value": "slim"}],
            "images": [{"src": "https://a.example/1.jpg"}, {"src": "https://a.example/2.jpg"}],
        }
        for n in range(3)
    ]  # fmt: skip
    fields = look(records).search.fields
    assert {name: field.type for name, field in fields.items()} == {
        "title": "text", "price": "number", "price_currency": "keyword", "attributes.Colour": "keyword",
        "attributes.Fit": "keyword", "images.src": "list",
    }  # fmt: skip
    assert fields["price_currency"].currency_of == "price"


def test_records_that_cannot_be_read_are_said_in_the_spec(tmp_path):
    (tmp_path / "b.jsonl").write_text('{"id": "1", "title": "a"}\n{\n{"id": "2", "title": "b"}\n')
    found = suggest(str(tmp_path / "b.jsonl"), tmp_path / "b.toml")
    assert found.inspected == 2
    assert "# 1 records cannot be read and will be left out" in found.text


def test_empty_and_broken_data_are_named(look, tmp_path):
    with pytest.raises(DataError, match=r"shop\.jsonl is empty"):
        look([])
    (tmp_path / "b.jsonl").write_text("{")
    with pytest.raises(DataError, match=r"b\.jsonl:1: invalid JSON"):
        suggest(str(tmp_path / "b.jsonl"), tmp_path / "b.toml")


@pytest.mark.parametrize(
    ("path", "target"),
    [("data/My Shop.jsonl.gz", "my-shop.toml"), ("docs/", "docs.toml"), ("s3://b/x/*.csv", "index.toml")],
)
def test_default_target(path, target):
    assert str(default_target(path)) == target


def test_what_no_spec_can_hold_is_left_out(look):
    spec = look([{"id": str(n), "title": f"lamp {n}", "\ud800": "x", "huge": 10**400} for n in range(3)])
    assert list(spec.search.fields) == ["title"]


def test_numbers_with_a_fraction_lists_and_truth_values_are_no_ids(look):
    records = [{"id": n + 0.5, "uid": [n], "name": f"lamp {n}", "code": n} for n in range(3)]
    assert look(records).source.id == "code"


def test_no_path_is_named(tmp_path):
    with pytest.raises(SpecError, match="path is empty"):
        suggest("", tmp_path / "a.toml")


def test_what_is_given_or_detected_is_written(tmp_path):
    (tmp_path / "a.txt").write_bytes("nr;sku;title\n1;a;Käse\n2;b;Brot\n".encode("cp1252"))
    given = {"form": "csv", "id": "sku"}
    found = suggest(f"{tmp_path}/a.txt", tmp_path / "a.toml", given)
    assert found.inspected == 2
    for line in ('form = "csv"', 'id = "sku"', 'delimiter = ";"', 'encoding = "cp1252"'):
        assert f"\n{line}\n" in found.text
    with pytest.raises(DataError, match="no record has the field 'skus'"):
        suggest(f"{tmp_path}/a.txt", tmp_path / "a.toml", {**given, "id": "skus"})
