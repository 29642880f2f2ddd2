"""Columns of the names and the values of attributes."""

from clew.indexer.sources.attribute_columns import AttributeColumns
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
