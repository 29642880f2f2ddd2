"""Parse Word documents (DOCX) into sections, with python-docx."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from typing import Any

from clew.core.errors import MissingExtraError
from clew.indexer.sources.markup import BETWEEN_CELLS, Cutter, Page

# Largest size of a document after decompression, in bytes.
LARGEST = 1 << 29
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FOOTNOTES = ("/word/footnotes.xml", "/word/endnotes.xml")
# Elements that only group others, and marks in a text.
_GROUPS = {f"{_W}{name}" for name in ("sdt", "sdtContent", "customXml", "ins", "moveTo")}
_MARKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}


def parse_docx(data: bytes, encoding: str = "") -> Page:  # noqa: ARG001 - as the other parsers
    """Split a DOCX at paragraphs with a heading style.

    A row of a table is a line, with its cells between "|". Footnotes and endnotes follow the text. Raises
    MissingExtraError if python-docx is not installed, ValueError if the file is damaged or too large.
    """
    try:
        import docx
    except ImportError:
        raise MissingExtraError("reading DOCX files needs python-docx", "run `pip install 'clew[files]'`") from None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            size = sum(member.file_size for member in archive.infolist())
        if size > LARGEST:
            raise ValueError(f"it has {size:,} bytes after decompression, expected at most {LARGEST:,}")
        return _page(docx.Document(io.BytesIO(data)))
    except Exception as error:
        # python-docx and lxml raise errors of many kinds on damaged files.
        raise ValueError(f"the file is not a valid DOCX: {str(error) or type(error).__name__}") from error


def _page(document: Any) -> Page:
    cutter = Cutter()
    styles = {style.style_id: style.name or "" for style in document.styles}
    number = 0
    for block in _blocks(document.element.body):
        if block.tag == f"{_W}tbl":
            cutter.parts += [f"{row}\n" for row in _rows(block)]
            continue
        number += 1
        text, style = _text(block), styles.get(getattr(block, "style", None), "")
        if style.startswith("Heading ") and style[8:].isdigit() and text.strip():
            cutter.heading(int(style[8:]), text.strip(), number)
        else:
            cutter.parts.append(text + "\n")
    for part in document.part.package.iter_parts():
        if str(part.partname) in _FOOTNOTES:
            cutter.parts += [f"{text}\n" for text in _notes(part.blob) if text.strip()]
    return cutter.page(document.core_properties.title or "")


def _blocks(parent: Any) -> Iterator[Any]:
    """Yield the paragraphs and tables of an element in order."""
    for child in parent:
        if child.tag in {f"{_W}p", f"{_W}tbl"}:
            yield child
        elif child.tag in _GROUPS:
            yield from _blocks(child)


def _rows(table: Any) -> Iterator[str]:
    """Yield each row of a table as a line; a table inside a cell is part of the cell."""
    for row in _inside(table, "tr"):
        cells = [" ".join(" ".join(_lines(cell)).split()) for cell in _inside(row, "tc")]
        if any(cells):
            yield BETWEEN_CELLS.join(cells)


def _inside(parent: Any, name: str) -> Iterator[Any]:
    for child in parent:
        if child.tag == f"{_W}{name}":
            yield child
        elif child.tag in _GROUPS:
            yield from _inside(child, name)


def _lines(cell: Any) -> Iterator[str]:
    for block in _blocks(cell):
        if block.tag == f"{_W}tbl":
            yield from _rows(block)
        else:
            yield _text(block)


def _text(paragraph: Any) -> str:
    """Return the text of a paragraph, with that of links and inserted text and without that of deleted text."""
    found = paragraph.iter(f"{_W}t", *_MARKS)
    # A tab is also the element of a tab stop, in the properties of the paragraph.
    return "".join(
        part.text or "" if part.tag == f"{_W}t" else _MARKS[part.tag]
        for part in found
        if part.tag == f"{_W}t" or part.getparent().tag == f"{_W}r"
    )


def _notes(blob: bytes) -> Iterator[str]:
    from docx.oxml import parse_xml

    for note in parse_xml(blob):
        yield " ".join(map(_text, note.iter(f"{_W}p")))
