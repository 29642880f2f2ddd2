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
        target.write_text(suggest(str(path), target)[0])
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
    text, count = suggest(str(tmp_path / "set"), tmp_path / "set.toml")
    (tmp_path / "set.toml").write_text(text)
    spec = read_spec(tmp_path / "set.toml")
    assert (count, spec.source.id, list(spec.search.fields)) == (1, "", ["brand", "title", "text"])


def test_keywords_are_searched_where_there_is_no_text(look):
    spec = look([{"id": str(n), "brand": "a"} for n in range(3)])
    assert spec.search.fields["brand"].weight == 1.0


def test_data_without_an_id_are_refused(look):
    with pytest.raises(DataError, match="no field can be the id"):
        look([{"title": "a b c d"}, {"title": "a b c d"}])


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
    text, count = suggest(f"{tmp_path}/a.txt", tmp_path / "a.toml", given)
    assert count == 2
    for line in ('form = "csv"', 'id = "sku"', 'delimiter = ";"', 'encoding = "cp1252"'):
        assert f"\n{line}\n" in text
    with pytest.raises(DataError, match="no record has the field 'skus'"):
        suggest(f"{tmp_path}/a.txt", tmp_path / "a.toml", {**given, "id": "skus"})
