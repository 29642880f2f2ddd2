"""Which product a record belongs to, and what cells and objects hold, as `clew init` proposes it."""

import csv
import json

import pytest

from clew.core.errors import DataError
from clew.indexer.spec import read_spec
from clew.indexer.suggest import suggest


@pytest.fixture
def propose(tmp_path):
    """Write records as JSON lines, or rows as CSV, and return the spec that is proposed and what is said about it."""

    def propose(records, name="shop.jsonl"):
        path, target = tmp_path / name, tmp_path / "shop.toml"
        if name.endswith(".jsonl"):
            path.write_text("".join(json.dumps(record) + "\n" for record in records))
        else:
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, list(dict.fromkeys(key for row in records for key in row)))
                writer.writeheader()
                writer.writerows(records)
        found = suggest(str(path), target)
        target.write_text(found.text)
        return read_spec(target), found.summary

    return propose


def coats(**changes):
    return [
        {"product_id": f"P{n}", "sku": f"P{n}-{size}", "title": f"Coat of wool {n}", "size": size} | changes
        for n in range(4)
        for size in "SML"
    ]


def test_records_that_share_a_product_and_its_title_are_variants(propose):
    spec, said = propose(coats(), "shop.csv")
    assert (spec.source.id, spec.source.group) == ("sku", "product_id")
    assert "  variants: records with the same product_id are one product" in said


def test_a_group_that_is_given_is_taken(tmp_path):
    rows = "".join(f"k{n},f{n // 2},lamp {n}\n" for n in range(6))
    (tmp_path / "a.csv").write_text(f"nr,family,title\n{rows}")
    found = suggest(str(tmp_path / "a.csv"), tmp_path / "a.toml", {"group": "family"})
    assert '\nid = "nr"\ngroup = "family"' in found.text


def test_rows_under_a_heading_that_is_no_id_are_products_of_their_own(propose):
    rows = [{"brand": f"b{n // 3}", "note": "" if n % 3 else "new here", "id": f"p{n}", "name": f"lamp {n}"}
            for n in range(9)]  # fmt: skip
    assert propose(rows, "shop.csv")[0].source.id == "id"


def test_reviews_of_a_product_are_no_variants_of_it(propose):
    text = "This is what customer number {} wrote about it at length and with care"
    rows = [{**row, "review": text.format(at)} for at, row in enumerate(coats())]
    assert propose(rows)[0].source.group == ""


def test_records_of_a_group_with_other_titles_are_no_variants(propose):
    titles = "oak lamp|red chair|tin mug|wool coat|clock|paper kite|stone|glass bowl|rug|bed|fan|pen".split("|")
    rows = [{**row, "title": title} for row, title in zip(coats(), titles, strict=True)]
    assert propose(rows)[0].source.group == ""


def test_a_tree_of_categories_is_no_group(propose):
    rows = [{"id": n, "parent_id": n // 2 or "", "name": f"Category number {n}"} for n in range(1, 20)]
    spec, _ = propose(rows)
    assert (spec.source.id, spec.source.group) == ("id", "")


def test_the_id_is_what_the_parents_of_variants_are_named_by(propose):
    rows = [{"ID": 10 * n, "SKU": f"K{n}", "Name": f"Oak stool {n}", "Parent": ""} for n in range(1, 4)]
    rows += [{"ID": 10 * n + 1, "SKU": f"K{n}-S", "Name": f"Oak stool {n} - S", "Parent": f"K{n}"} for n in range(1, 4)]
    spec, _ = propose(rows, "shop.csv")
    assert (spec.source.id, spec.source.group) == ("SKU", "Parent")
    assert spec.search.fields["Name"].variant is False
    for row in rows:
        row |= {"SKU": "", "Parent": row["Parent"] and f"id:{row['ID'] - 1}"}
    spec, _ = propose(rows, "shop.csv")
    assert (spec.source.id, spec.source.group) == ("ID", "Parent")


def test_objects_of_an_array_with_another_name_are_variants(propose):
    rows = [
        {"id": f"p{n}", "name": f"Coat {n}", "skus": [{"skuId": f"p{n}-{s}", "size": s, "price": n} for s in "SM"]}
        for n in range(3)
    ]
    spec, _ = propose(rows)
    assert {name: (field.type, field.variant) for name, field in spec.search.fields.items() if name != "name"} == {
        "skus.skuId": ("keyword", True), "skus.size": ("keyword", True), "skus.price": ("number", True),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("Tags", ["oak, new", "tin", "oak"], {"type": "list", "separator": ", ", "facet": True}),
        ("Categories", ["A > B, C", "D", "A"], {"type": "list", "separator": ", ", "facet": "hierarchy"}),
        ("categories", ["R/A,R/B", "R/A", "R/B"], {"type": "list", "levels": "/", "facet": "hierarchy"}),
        ("category", ["A, B > C", "A, B > D", "A, B"], {"type": "keyword", "facet": "hierarchy"}),
        ("product_type", ["A, B > C", "A, B > D", "A, B > E > F"], {"type": "keyword", "facet": "hierarchy"}),
        ("EAN_UPCS", ["4006381333931;0123", "4006381333948", "1"], {"type": "list", "separator": ";"}),
        ("note", ["soft, warm", "red, wide", "old"], {"type": "keyword", "separator": ""}),
        ("breadcrumbs", [["A", "B"], ["A"], ["C"]], {"type": "keyword", "facet": "hierarchy"}),
        ("description", [["Many words are in this one.", "x"]] * 3, {"type": "text"}),
        ("colour", ["red &amp; blue", "red", "blue"], {"type": "keyword", "facet": True}),
        ("tags", ["R &amp; B, new", "old", "new"], {"type": "list", "separator": ", "}),
        ("is_in_stock", ["1", "0", "1"], {"type": "bool"}),
        ("stock", ["1", "0", "1"], {"type": "number"}),
        ("upc", ["400001190225", "400001190226", "1"], {"type": "keyword"}),
        ("created_at", [1715677511, 1715677512, 1715677513], {"type": "date"}),
        ("popularity", [1715677511, 1715677512, 1715677513], {"type": "number"}),
        ("created_at", ["5/14/24, 9:05 AM"] * 3, {"type": "date", "format": "%m/%d/%y, %I:%M %p"}),
        ("price_range", ["1 - 50", "50 - 100", "1 - 50"], {"type": "keyword"}),
        ("price", ["1 - 50", "50 - 100", "1 - 50"], {"type": "number"}),
        ("price", [{"amount": "1.50", "currency": "EUR"}] * 3, {"type": "number"}),
        ("location", [[52.5, 13.4], [1.5, 2.0], [3.0, 4.5]], {"type": "geo"}),
        ("model_no", ["X-1", "X-2", "Y-3"], {"type": "keyword", "identifier": True, "weight": 1.0}),
        ("related_skus", ["a1,b2", "b2", "c3"], {"type": "list", "identifier": False, "weight": None}),
        (
            "描述",
            ["柔软的羊毛毯子,适合冬天使用", "护眼台灯,三档亮度可以调节", "头戴式无线耳机续航三十小时"],
            {"type": "text"},
        ),
    ],
)
def test_what_columns_hold(propose, name, values, expected):
    spec, _ = propose([{"id": f"p{n}", "title": f"lamp {n}", name: value} for n, value in enumerate(values)])
    field = spec.search.fields[name]
    assert {key: getattr(field, key) for key in expected} == expected


def test_names_and_values_in_a_cell_become_fields(propose):
    rows = [{"id": f"p{n}", "title": f"lamp {n}", "more": f"color={n % 2},Fit=slim, long"} for n in range(4)]
    assert list(propose(rows)[0].search.fields) == ["title", "more.color", "more.Fit"]


def test_a_text_with_an_equation_stays_a_text(propose):
    rows = [{"id": f"p{n}", "title": f"lamp {n}", "text": f"here is some text {n}"} for n in range(9)]
    rows[3]["text"] = "a=b,c=d"
    assert list(propose(rows)[0].search.fields) == ["title", "text"]


def test_a_title_in_several_languages_comes_first(propose):
    rows = [{"id": f"p{n}", "kind": "x", "name": {"de": f"Lampe {n}", "en": f"Lamp {n}"}} for n in range(3)]
    spec, _ = propose(rows)
    assert list(spec.search.fields) == ["name.de", "name.en", "kind"]
    assert spec.search.fields["name.en"].weight == spec.search.fields["name.de"].weight == 3.0


def test_a_title_is_found_without_its_name(propose):
    rows = [{"MATNR": f"{n:018}", "MAKTX": f"Hobel aus Holz {n}", "Preis": f"{n},50"} for n in range(3)]
    spec, said = propose(rows)
    assert (spec.source.id, spec.search.fields["MAKTX"].weight) == ("MATNR", 3.0)
    assert "  title: MAKTX" in said


def test_what_is_left_out_is_said(propose):
    row = {"id": "1", "title": "lamp", "_highlightResult": {"title": {"value": "<em>lamp</em>"}}, "e": [0.5] * 8}
    spec, said = propose([row])
    assert list(spec.search.fields) == ["title"]
    assert "  left out: e (vectors), _highlightResult (a copy made for display)" in said


def test_quotes_that_enclose_nothing_are_noticed(tmp_path):
    rows = "".join(f'{n}\t"Smart lamp {n}\twide\n' for n in range(5))
    (tmp_path / "a.tsv").write_text(f"id\tname\tnote\n{rows}")
    found = suggest(str(tmp_path / "a.tsv"), tmp_path / "a.toml")
    assert "\nquoting = false\n" in found.text
    assert found.inspected == 5
    assert "without quoting" in found.summary[0]


def test_the_array_of_records_is_written(tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"total": 1, "results": [{"id": 1, "title": "lamp"}]}))
    found = suggest(str(tmp_path / "a.json"), tmp_path / "a.toml")
    assert '\nrecords = "results"\n' in found.text
    assert found.summary[0].endswith("a.json: JSON, the array 'results'; 1 record")


def test_some_field_is_searched_whatever_the_data_hold(propose):
    spec, _ = propose([{"id": n, "ok": True, "_source": f"s{n}"} for n in range(3)])
    assert {name: (field.type, field.weight) for name, field in spec.search.fields.items()} == {"ok": ("keyword", 1.0)}


def test_data_without_a_field_to_search_are_refused(propose):
    with pytest.raises(DataError, match=r"no field of .*shop.jsonl can be searched: x \(vectors\)"):
        propose([{"x": [0.5] * 8}] * 2)
