"""Parse HTML, plain text, PDF and DOCX pages into sections."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clew.core.errors import MissingExtraError

_SPACES = re.compile(r"[ \t\r\f\v]+")
_BLANK_LINES = re.compile(r"\s*\n\s*")
_HTML_HIDDEN = ["script", "style", "template"]
_HTML_LEFT_OUT = ["script", "style", "noscript", "template", "nav", "footer", "aside", "svg"]
_HTML_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_HTML_INLINE = {
    "a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "samp", "small", "span",
    "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "-text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page. headings: those above it, outermost first. line: where it starts (the page, in a PDF)."""

    headings: tuple[str, ...]
    text: str
    line: int = 1
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page split at its headings. title: the title that the page declares, "" if it has none."""

    title: str
    sections: Sequence[Section]


@dataclass(slots=True)
class Cutter:
    """A builder of sections: it collects text under the last heading."""

    sections: list[Section] = field(default_factory=list)
    stack: list[tuple[int, str]] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    line: int = 1
    anchor: str = ""

    def heading(self, level: int, text: str, line: int = 1, anchor: str = "") -> None:
        """Start a section at a heading."""
        self.close()
        self.stack = [entry for entry in self.stack if entry[0] < level]
        self.stack.append((level, text))
        self.line, self.anchor = line, anchor

    def close(self) -> None:
        """End the current section."""
        text = "".join(self.parts).strip()
        if text or self.stack:
            self.sections.append(Section(tuple(name for _, name in self.stack), text, self.line, self.anchor))
        self.parts = []

    def page(self, title: str = "") -> Page:
        """Return all sections as a page; the outermost heading of the first section is the title if none is given."""
        self.close()
        first = next((section.headings[0] for section in self.sections if section.headings), "")
        return Page(title or first, self.sections or [Section((), "")])


def parse_text(data: bytes) -> Page:
    """Return plain text as a page of one section. Raises UnicodeDecodeError."""
    return Page("", [Section((), data.decode("utf-8-sig").strip())])


def parse_html(data: bytes) -> Page:
    """Split an HTML page at h1 to h6; scripts, styles, navigation, footers and asides are left out."""
    from selectolax.lexbor import LexborHTMLParser

    tree: Any = LexborHTMLParser(data)
    tree.strip_tags(_HTML_LEFT_OUT)
    title = tree.css_first("title")
    root = tree.css_first("main") or tree.body
    cutter = Cutter()
    if root is not None:
        _walk(root, cutter)
    page = cutter.page(_one_line(title.text()) if title is not None else "")
    return Page(page.title, [replace(section, text=_collapse_spaces(section.text)) for section in page.sections])


def html_text(text: str) -> str:
    """Return the text of a piece of HTML; scripts and styles are left out, blocks start a new line."""
    from selectolax.lexbor import LexborHTMLParser

    tree: Any = LexborHTMLParser(text)
    tree.strip_tags(_HTML_HIDDEN)
    cutter = Cutter()
    if tree.body is not None:
        _walk(tree.body, cutter, sections=False)
    return _collapse_spaces("".join(cutter.parts).replace("\xa0", " "))


def _collapse_spaces(text: str) -> str:
    return _BLANK_LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def _walk(root: Any, cutter: Cutter, *, sections: bool = True) -> None:
    """Collect texts in document order; a heading starts a section if `sections`, else it is a block of text.

    A loop with a stack, not a recursion, because pages can be nested deeply.
    """
    todo: list[Any] = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, str):
            cutter.parts.append(node)
            continue
        tag = node.tag
        if sections and tag in _HTML_HEADINGS:
            name = _one_line(node.text())
            if name:
                cutter.heading(_HTML_HEADINGS[tag], name, 1, node.attributes.get("id") or "")
        elif tag == "-text":
            cutter.parts.append(node.text_content or "")
        elif not tag.startswith("-"):
            if tag not in _HTML_INLINE:
                cutter.parts.append("\n")
                todo.append("\n")
            todo.extend(reversed(list(node.iter(include_text=True))))


def _one_line(text: str) -> str:
    return " ".join(text.split())


def parse_pdf(data: bytes) -> Page:
    """Return each page of a PDF as a section.

    Raises MissingExtraError if pypdf is not installed, ValueError if the file is not a PDF.
    """
    try:
        from pypdf import PdfReader
        from pypdf.errors import PyPdfError
    except ImportError:
        raise _missing("PDF", "pypdf") from None
    try:
        reader = PdfReader(io.BytesIO(data))
        title = str(reader.metadata.title or "") if reader.metadata else ""
        texts = [page.extract_text().strip() for page in reader.pages]
    except PyPdfError as error:
        raise ValueError(f"the file is not a valid PDF: {error}") from None
    return Page(title, [Section((), text, at, f"page-{at}") for at, text in enumerate(texts, 1)] or [Section((), "")])


def parse_docx(data: bytes) -> Page:
    """Split a DOCX at paragraphs with a heading style.

    Raises MissingExtraError if python-docx is not installed, ValueError if the file is not a DOCX.
    """
    import zipfile

    try:
        import docx
        from docx.opc.exceptions import OpcError
    except ImportError:
        raise _missing("DOCX", "python-docx") from None
    try:
        document = docx.Document(io.BytesIO(data))
    except (OpcError, zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"the file is not a valid DOCX: {error}") from None
    cutter = Cutter()
    for number, paragraph in enumerate(document.paragraphs, 1):
        style = paragraph.style.name if paragraph.style is not None else ""
        if style.startswith("Heading ") and style[8:].isdigit() and paragraph.text.strip():
            cutter.heading(int(style[8:]), paragraph.text.strip(), number)
        else:
            cutter.parts.append(paragraph.text + "\n")
    return cutter.page(document.core_properties.title or "")


def _missing(what: str, package: str) -> MissingExtraError:
    return MissingExtraError(f"reading {what} files needs {package}", "run `pip install 'clew[files]'`")
