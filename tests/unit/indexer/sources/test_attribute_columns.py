"""Columns of the names and the values of attributes, and of both in one cell."""

import pytest

from clew.indexer.sources.attribute_columns import AttributeColumns, features_of
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.read import read


def test_names_and_values_are_joined_and_a_name_holds_for_the_rows_below(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        "Handle,Option1 Name,Option1 Value,Option2 Name,Option2 Value\n"
        "coat,Size,S,Colour,red\ncoat,,M,,\nhat,Title,Default Title,,\nrug,,,,\n"
    )
    assert [record.values.get("Option") for record in read(SourceSpec(str(path)), "csv")] == [
        [{"name": "Size", "value": "S"}, {"name": "Colour", "value": "red"}],
        [{"name": "Size", "value": "M"}],
        [{"name": "Title", "value": "Default Title"}],
        None,
    ]


def test_the_columns_of_woocommerce():
    columns = AttributeColumns(["SKU", "Attribute 1 name", "Attribute 1 value(s)", "Attribute 1 visible"])
    assert columns.columns() == {"Attribute 1 name", "Attribute 1 value(s)"}
    assert columns.of({"Attribute 1 name": "Size", "Attribute 1 value(s)": "S, M"}) == {
        "Attribute": [{"name": "Size", "value": "S, M"}]
    }


def test_other_columns_are_none():
    assert not AttributeColumns(["Team 1 name", "Team 2 value", "name", "value", "Option1 Name"])
    assert not AttributeColumns(["Option", "Option1 Name", "Option1 Value"])


@pytest.mark.parametrize(
    ("cell", "features"),
    [
        ("Colour:Red:1", {"Colour": ["Red"]}),
        ("Colour:Red:1,Width:60 cm:2", {"Colour": ["Red"], "Width": ["60 cm"]}),
        ("Colour:Red:1:0; Fit:Slim (for sport):2:1", {"Colour": ["Red"], "Fit": ["Slim (for sport)"]}),
        ("Colour:Red:1,Colour:Blue:2,Colour:Red:3", {"Colour": ["Red", "Blue"]}),
        ("Ratio:16:9:2,Éclat:très fort:3", {"Ratio": ["16:9"], "Éclat": ["très fort"]}),
        ("Colour:Red, Weight: 3 kg", {"Colour": ["Red"], "Weight": ["3 kg"]}),
        ("颜色:红:1,尺码:大:2", {"颜色": ["红"], "尺码": ["大"]}),
        ("Colour:Red:1,", {"Colour": ["Red"]}),
        ("waterproof, light", {}),
        ("Colour:", {}),
        ("", {}),
    ],
)
def test_a_cell_has_names_and_values(cell, features) -> None:
    assert features_of(cell) == features


def test_without_positions_a_cell_may_be_a_text() -> None:
    assert features_of("Note: wash by hand, then: dry flat", positions=True) == {}
    assert features_of("Colour:Red:1,Width:60:2", positions=True) == {"Colour": ["Red"], "Width": ["60"]}


@pytest.mark.parametrize(
    ("header", "base", "made"),
    [
        ("Feature(Name:Value:Position)", "Feature", True),
        ("Features (Name:Value:Position:Customized)", "Features", True),
        ("Caractéristique (Nom:Valeur:Position)", "Caractéristique", True),
        ("features", "features", False),
    ],
)
def test_features_are_an_array_of_names_and_values(header, base, made) -> None:
    columns = AttributeColumns(["id", header])
    assert columns.of({"id": "1", header: "Colour:Red:1,Colour:Blue:2,Width:60 cm:3"}) == {
        base: [{"name": "Colour", "value": ["Red", "Blue"]}, {"name": "Width", "value": "60 cm"}]
    }
    assert columns.columns() == ({header} if made else set())
    assert columns.of({"id": "1"}) == {}
    assert columns.of({"id": "1", header: "soft and warm"}) == {}


def test_other_columns_are_no_features() -> None:
    assert not AttributeColumns(["id", "Attribute (Name:Type:Position)", "Featured", "feature_count"])
    assert not AttributeColumns(["Feature", "Feature(Name:Value:Position)"]).columns()


def test_a_long_cell_takes_no_long_time() -> None:
    assert features_of("a" * 500_000 + ":" * 500_000) == {}
    assert features_of("a:" + " " * 500_000 + "," * 500_000) == {}
