"""CSV and TSV files, as programs write them."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import DataError
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Record


def rows(path, **options):
    return list(read(SourceSpec(str(path), **options), "csv"))


def test_csv_rows_with_their_lines(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes('\ufeffid,title,price\r\n1,"a, ""b""\nc",\r\n\r\n2,灯,3.5\r\n'.encode())
    assert rows(path) == [
        Record({"id": "1", "title": 'a, "b"\nc'}, f"{path}:3"),
        Record({"id": "2", "title": "灯", "price": "3.5"}, f"{path}:5"),
    ]


def test_tabs_and_other_delimiters(tmp_path):
    (tmp_path / "a.tsv").write_text("id\ttitle\n1\ta,b\n")
    (tmp_path / "a.csv").write_text("id;title\n1;a,b\n")
    assert rows(tmp_path / "a.tsv")[0].values == {"id": "1", "title": "a,b"}
    assert rows(tmp_path / "a.csv", delimiter=";")[0].values == {"id": "1", "title": "a,b"}


def test_a_row_of_another_width_is_a_fault(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,title\n1,a,b\n2\n3,c\n")
    wide, narrow, good = rows(path)
    assert isinstance(wide, Fault)
    assert (wide.origin, wide.reason) == (f"{path}:2", "3 columns, but the header has 2")
    assert narrow.reason == "1 columns, but the header has 2"
    assert good.values["id"] == "3"


def test_a_row_that_is_not_utf8_is_a_fault_with_its_own_line(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("id,title\n1,灯\n2,".encode() + b"caf\xe9\n3,c\n")
    first, bad, last = rows(path)
    assert (bad.origin, bad.reason) == (f"{path}:3", "not UTF-8 text")
    assert (first.values["title"], last.values["title"]) == ("灯", "c")


def test_blank_lines_before_the_header_are_passed_over(tmp_path):
    (tmp_path / "a.csv").write_text("\n\nid,title\n1,a\n")
    assert rows(tmp_path / "a.csv") == [Record({"id": "1", "title": "a"}, f"{tmp_path}/a.csv:4")]


def test_a_cell_may_be_long(tmp_path):
    (tmp_path / "a.csv").write_text("id,text\n1," + "word " * 100_000)
    assert len(rows(tmp_path / "a.csv")[0].values["text"]) == 500_000


def test_an_empty_csv_has_no_rows(tmp_path):
    (tmp_path / "a.csv").touch()
    assert rows(tmp_path / "a.csv") == []


def values(path, text, written="utf-8", **options):
    path.write_bytes(text.encode(written))
    return [row.values if isinstance(row, Record) else row.reason for row in rows(path, **options)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected(tmp_path, delimiter):
    cut = "\n".join(delimiter.join(row) for row in (("id", '"n, o"', "price"), ("1", '"a,b;c|d"', "2"), ("2", "", "")))
    assert values(tmp_path / "a.csv", cut) == [{"id": "1", "n, o": "a,b;c|d", "price": "2"}, {"id": "2"}]


def test_decimal_commas_are_no_delimiters(tmp_path):
    assert values(tmp_path / "a.csv", "id;price\n1;2,5\n2;3,0\n") == [
        {"id": "1", "price": "2,5"},
        {"id": "2", "price": "3,0"},
    ]
    assert values(tmp_path / "b.csv", "id;size, cm\n1;2,5\n2;3,0\n")[0] == {"id": "1", "size, cm": "2,5"}


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;\r"])
def test_a_line_that_names_the_delimiter_is_left_out(tmp_path, line):
    (row,) = rows_of(tmp_path / "a.csv", f"{line}\nid;title, b\n1;x, y\n")
    assert (row.values, row.origin[-2:]) == ({"id": "1", "title, b": "x, y"}, ":3")


def rows_of(path, text, **options):
    path.write_text(text)
    return rows(path, **options)


def test_empty_columns_and_rows_at_the_end_are_left_out(tmp_path):
    text = "id;title;;\n1;a;;\n2;b\n3;c;;;;;\n;;;\n \n;\n"
    assert values(tmp_path / "a.csv", text) == [{"id": str(at + 1), "title": "abc"[at]} for at in range(3)]


def test_columns_without_or_with_the_same_name_get_one(tmp_path):
    first, second = rows_of(tmp_path / "a.csv", ",title,title, id \n0,a,b,1\n1,c,,2\n")
    assert first.values == {"column_1": "0", "title": "a", "title_2": "b", "id": "1"}
    assert "column 'title' occurs more than once; column 3 is called 'title_2'" in first.note
    assert (second.values, second.note) == ({"column_1": "1", "title": "c", "id": "2"}, "")


def test_quotes_in_cells_are_text(tmp_path):
    text = 'id,title\n1,24" monitor\n2,"a ""b"" c"\n3,"Best" chair\n4,"x, y"\n'
    found = [row["title"] for row in values(tmp_path / "a.csv", text)]
    assert found == ['24" monitor', 'a "b" c', '"Best" chair', "x, y"]


def test_a_quote_that_is_not_closed_costs_its_row(tmp_path):
    first, bad, last = rows_of(tmp_path / "a.csv", 'id,title\n1,a\n2,"b\n3,c\n')
    assert (first.values["id"], last.values["id"], last.origin[-2:]) == ("1", "3", ":4")
    assert bad.origin == f"{tmp_path}/a.csv:3"
    assert bad.reason.startswith("invalid CSV")
    assert "quoting = false" in bad.hint


def test_many_quotes_that_are_not_closed_take_linear_time(tmp_path):
    assert len(values(tmp_path / "a.csv", "id,title\n" + '1,"a\n' * 50_000)) == 50_000
    assert len(values(tmp_path / "a.csv", "id,title\n" + '1,""","\n' * 50_000)) > 1


def test_quoting_can_be_turned_off(tmp_path):
    assert values(tmp_path / "a.csv", 'id\ttitle\n1\t"a\n2\tb"\n', quoting=False) == [
        {"id": "1", "title": '"a'},
        {"id": "2", "title": 'b"'},
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings_are_detected(tmp_path, encoding):
    text = "id;title\n1;Théière émaillée\n2;Käse\n"
    assert values(tmp_path / "a.csv", text, encoding)[0] == {"id": "1", "title": "Théière émaillée"}


@pytest.mark.parametrize(
    ("encoding", "word"), [("gb18030", "玻璃茶壶"), ("cp1251", "Чайник"), ("shift_jis", "ガラス"), ("cp1250", "Żółw")]
)
def test_declared_encodings_are_used(tmp_path, encoding, word):
    assert values(tmp_path / "a.csv", f"id,title\n1,{word}\n", encoding, encoding=encoding)[0]["title"] == word


@pytest.mark.parametrize(
    ("encoding", "word"), [("gb18030", "玻璃茶壶带手柄"), ("cp1251", "Чайник стеклянный"), ("cp1252", "Käse")]
)
def test_what_was_detected_is_said(tmp_path, encoding, word):
    (tmp_path / "a.csv").write_bytes(f"id,title\n1,{word}\n2,{word}\n".encode(encoding))
    first, second = rows(tmp_path / "a.csv")
    assert (first.values["title"], second.note) == (word, "")
    assert f"was read as {encoding}" in first.note


def test_an_unclear_encoding_is_refused(tmp_path):
    (tmp_path / "a.csv").write_bytes("id,title\n1,ガラスのティーポット\n".encode("shift_jis"))
    with pytest.raises(DataError, match=r"a\.csv: not UTF-8 text") as error:
        rows(tmp_path / "a.csv")
    assert "[source] encoding" in error.value.hint


def test_utf16_cut_short_is_named(tmp_path):
    (tmp_path / "a.csv").write_bytes("id,title\n1,ä\n".encode("utf-16")[:-1])
    with pytest.raises(DataError, match=r"a\.csv:\d: not utf-16"):
        rows(tmp_path / "a.csv")


@given(
    st.one_of(
        st.binary(max_size=200),
        st.text(alphabet=st.sampled_from('a1",;\t\n\r|\0é灯 \ufeff')).map(lambda text: text.encode("utf-16")),
        st.text(alphabet=st.sampled_from('a1",;\t\n\r|\0é灯 \ufeff')).map(lambda text: text.encode()),
    ),
    st.booleans(),
)
def test_any_bytes_give_rows_or_a_data_error(tmp_path_factory, data, quoting):
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(data)
    with suppress(DataError):
        assert all(isinstance(row, Record | Fault) for row in rows(path, quoting=quoting))
