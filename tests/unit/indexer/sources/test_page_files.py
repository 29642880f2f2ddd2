"""Pages as programs write them: encodings, tables, encrypted and damaged files."""

import io
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.markup import parse_html
from clew.indexer.sources.pdf import joined_words, parse_pdf
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault, Record
from clew.indexer.sources.word import parse_docx


def pdf_file(password=None, algorithm="AES-256"):
    """A PDF with one page, encrypted if a password is given ("": it opens without one)."""
    import pypdf

    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 100)
    writer.add_metadata({"/Title": "The manual"})
    if password is not None:
        writer.encrypt(password, "owner", algorithm=algorithm)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()


def docx_file():
    import docx

    document = docx.Document()
    document.add_heading("Gears", 1)
    document.add_paragraph("Before.")
    table = document.add_table(rows=2, cols=2)
    for at, text in enumerate(("part", "metal", "case", "magnesium")):
        table.cell(at // 2, at % 2).text = text
    table.cell(1, 1).add_table(rows=1, cols=1).cell(0, 0).text = "inner"
    document.add_paragraph("After.")
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


@pytest.mark.parametrize("algorithm", ["RC4-128", "AES-128", "AES-256"])
def test_a_pdf_that_needs_no_password_is_opened(algorithm):
    assert parse_pdf(pdf_file("", algorithm)).title == "The manual"


def test_a_pdf_that_needs_a_password_costs_only_itself(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf_file("secret"))
    (tmp_path / "b.txt").write_text("words")
    bad, good = read(SourceSpec(str(tmp_path)), "folder")
    assert (bad.origin, bad.reason) == (f"{tmp_path}/a.pdf", "cannot be read: the PDF needs a password")
    assert good.values["text"] == "words"


def test_rows_of_tables_are_lines():
    assert parse_docx(docx_file()).sections[0].text == "Before.\npart | metal\ncase | magnesium inner\nAfter."
    page = parse_html(
        b"<p>Before.</p><table><tr><th>part</th> <th>metal</th></tr><tr><td><p>case</p><td>magnesium</table>After."
    )
    assert page.sections[0].text == "Before.\npart | metal\ncase | magnesium\nAfter."


@pytest.mark.parametrize(
    ("head", "encoding"),
    [
        ('<meta charset="iso-8859-1">', "cp1252"),
        ('<meta http-equiv="Content-Type" content="text/html; charset=windows-1251">', "cp1251"),
        ('<?xml version="1.0" encoding="ISO-8859-2"?><title>a</title>', "iso8859-2"),
        ("<meta charset=gb2312>", "gb18030"),
        ("<meta charset='Shift_JIS'>", "cp932"),
        ("<meta charset=utf-8>", "utf-8"),
        ("", "utf-16"),
        ("", "utf-8-sig"),
    ],
)
def test_the_encoding_that_a_page_declares_is_used(head, encoding):
    word = {"cp1252": "“Käse”", "cp1251": "Чайник", "iso8859-2": "Żółw", "gb18030": "茶壶", "cp932": "ガラス"}.get(
        encoding, "灯ä"
    )
    page = parse_html(f"{head}<p>{word}</p>".encode(encoding))
    assert (page.sections[0].text, page.note) == (word, "")


def test_pages_in_other_encodings(tmp_path):
    (tmp_path / "a.txt").write_bytes("Ein großer Käse".encode("cp1252"))
    (tmp_path / "b.md").write_bytes("# Größe\nKäse".encode("utf-16"))
    (tmp_path / "c.txt").write_bytes("ガラスのポット".encode("shift_jis"))
    western, utf16, japanese = read(SourceSpec(str(tmp_path)), "folder")
    assert western.values["text"] == "Ein großer Käse"
    assert western.note.startswith(f"{tmp_path}/a.txt is not UTF-8 and was read as cp1252")
    assert (utf16.values["section"], utf16.note) == ("Größe", "")
    assert isinstance(japanese, Fault)
    assert (
        next(iter(read(SourceSpec(f"{tmp_path}/c.txt", encoding="shift_jis"), "folder"))).values["text"]
        == "ガラスのポット"
    )


def test_words_cut_at_line_ends_are_joined():
    text = "All infor-\nmation is well-\nknown, as a well-known Jean-\nPaul said; soft\u00ad\nly, 1-\n2 - \nx"
    assert joined_words([text]) == [
        "All information is well-known, as a well-known Jean-Paul said; softly, 1-\n2 - \nx"
    ]


@pytest.mark.parametrize("ending", [".pdf", ".docx", ".html", ".md", ".txt"])
@given(data=st.binary(max_size=300))
def test_any_bytes_give_sections_or_a_fault(tmp_path_factory, ending, data):
    path = tmp_path_factory.mktemp("pages") / f"a{ending}"
    path.write_bytes(data)
    assert all(isinstance(found, Record | Fault) for found in read(SourceSpec(str(path)), "folder"))


@pytest.mark.parametrize(("ending", "make"), [(".pdf", pdf_file), (".docx", docx_file)])
def test_damaged_files_give_sections_or_a_fault(tmp_path, ending, make):
    whole, chance = make(), random.Random(0)
    path = tmp_path / f"a{ending}"
    for _ in range(60):
        data = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.randrange(1, 20)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        found = list(read(SourceSpec(str(path)), "folder"))
        assert all(one.origin.startswith(str(path)) for one in found)


def test_a_compressed_page_that_is_cut_short_costs_only_itself(tmp_path):
    import gzip

    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"words " * 1000)[:-8])
    (tmp_path / "b.txt").write_text("words")
    bad, good = read(SourceSpec(str(tmp_path)), "folder")
    assert "a.txt.gz cannot be decompressed" in bad.reason
    assert good.values["text"] == "words"
