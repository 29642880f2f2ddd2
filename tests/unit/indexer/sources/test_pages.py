"""Folders of pages: cut at headings, with title, section and path."""

import builtins
import io

import pytest

from clew.core.errors import MissingExtraError
from clew.indexer.sources.forms import SourceSpec
from clew.indexer.sources.markup import parse_html, parse_text
from clew.indexer.sources.pdf import parse_pdf
from clew.indexer.sources.read import read
from clew.indexer.sources.record import Fault
from clew.indexer.sources.word import parse_docx

MARKDOWN = b"""---
title: "The manual"
---
Before all.

# Install {#setup}
See [the site](https://example.org "t").

## Linux
```sh
# no heading
```
Windows
-------
Run `setup`.

## Linux
Again.

# Empty
"""


def texts(page):
    return {section.headings: section.text for section in page.sections}


def test_html_is_cut_at_headings_and_leaves_navigation_out():
    page = parse_html(
        b"""<html><head><title> The
        manual </title><style>p {}</style></head><body><nav>Home</nav>
        <p>Before <b>all</b>.</p><h1 id="setup">Install</h1><div><p>One</p><p>Two<br>three</p></div>
        <h2>On <i>Linux</i></h2><ul><li>a</li><li>b</li></ul><script>var x</script><h1>End</h1></body></html>"""
    )
    assert page.title == "The manual"
    assert texts(page) == {
        (): "Before all.",
        ("Install",): "One\nTwo\nthree",
        ("Install", "On Linux"): "a\nb",
        ("End",): "",
    }
    assert page.sections[1].anchor == "setup"


def test_broken_html_is_read_as_far_as_it_goes():
    assert texts(parse_html(b"<p>a<h1>b</h2><td>c"))[("b",)] == "c"
    assert parse_html(b"").sections[0].text == ""
    assert len(parse_html(b"<div>" * 3_000 + b"deep").sections) == 1


def test_plain_text_is_one_section():
    assert texts(parse_text(b"\xef\xbb\xbf# not markdown\n")) == {(): "# not markdown"}


def test_docx_is_cut_at_heading_styles():
    import docx

    document = docx.Document()
    document.core_properties.title = "The manual"
    document.add_paragraph("Before all.")
    document.add_heading("Install", 1)
    document.add_paragraph("One")
    document.add_heading("Linux", 2)
    document.add_paragraph("Two")
    data = io.BytesIO()
    document.save(data)
    page = parse_docx(data.getvalue())
    assert page.title == "The manual"
    assert texts(page) == {(): "Before all.", ("Install",): "One", ("Install", "Linux"): "Two"}


def test_pdf_pages_are_sections():
    page = parse_pdf(pdf("Hello oak", "Second"))
    assert [(section.text, section.anchor) for section in page.sections] == [
        ("Hello oak", "page-1"),
        ("Second", "page-2"),
    ]


@pytest.mark.parametrize("parse", [parse_pdf, parse_docx])
def test_what_is_no_such_file_is_said(parse):
    with pytest.raises(ValueError, match="is not a valid"):
        parse(b"something else")


@pytest.mark.parametrize(("parse", "module"), [(parse_pdf, "pypdf"), (parse_docx, "docx")])
def test_a_missing_library_names_the_install_command(parse, module, monkeypatch):
    original = builtins.__import__

    def without(name, *rest):
        if name.split(".")[0] == module:
            raise ImportError(name)
        return original(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingExtraError) as error:
        parse(b"")
    assert error.value.hint == "run `pip install 'clew[files]'`"


def test_a_folder_gives_sections_with_ids_and_paths(tmp_path):
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "manual.md").write_bytes(MARKDOWN)
    (tmp_path / "notes.txt").write_text("Some notes.")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xfa")
    (tmp_path / "bad.pdf").write_bytes(b"no pdf")
    (tmp_path / "picture.png").touch()
    found = list(read(SourceSpec(str(tmp_path)), "folder"))
    faults = [fault for fault in found if isinstance(fault, Fault)]
    assert [fault.origin for fault in faults] == [f"{tmp_path}/bad.pdf", f"{tmp_path}/bad.txt"]
    assert "the file is not a valid PDF" in faults[0].reason
    assert "not utf-16" in faults[1].reason
    records = [record for record in found if not isinstance(record, Fault)]
    assert [record.values["id"] for record in records] == [
        "guide/manual.md", "guide/manual.md#setup", "guide/manual.md#linux", "guide/manual.md#windows",
        "guide/manual.md#linux-2", "notes.txt",
    ]  # fmt: skip
    assert records[3].values == {
        "id": "guide/manual.md#windows",
        "title": "The manual",
        "section": "Install > Windows",
        "text": "Run setup.",
        "path": "guide/manual.md",
    }
    assert records[3].origin == f"{tmp_path}/guide/manual.md:13"
    assert records[5].values["title"] == "notes"


def test_a_page_of_only_headings_keeps_one(tmp_path):
    (tmp_path / "a.md").write_text("# One\n## Two\n")
    (record,) = read(SourceSpec(str(tmp_path)), "folder")
    assert (record.values["id"], record.values["section"]) == ("a.md#one", "One")


def pdf(*pages):
    """The smallest PDF with these texts."""
    bodies = [f"BT /F1 12 Tf 20 50 Td ({text}) Tj ET".encode() for text in pages]
    kids = " ".join(f"{4 + 2 * at} 0 R" for at in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for at, body in enumerate(bodies):
        fonts = "/Resources << /Font << /F1 3 0 R >> >>"
        page = f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 100] /Contents {5 + 2 * at} 0 R {fonts} >>"
        objects += [page.encode(), b"<< /Length %d >>\nstream\n%s\nendstream" % (len(body), body)]
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    tail = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (size, len(data))
    return data + b"xref\n0 %d\n0000000000 65535 f \n%s" % (size, table) + tail
