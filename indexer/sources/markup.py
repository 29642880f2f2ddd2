"""Pages to sections: HTML, plain text, PDF and DOCX."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clew.core.errors import MissingExtraError

_SPACES = re.compile(r"[ \t\r\f\v]+")
_BLANK_LINES = re.compile(r"\s*\n\s*")
_HTML_LEFT_OUT = ["script", "style", "noscript", "template", "nav", "footer", "aside", "svg"]
_HTML_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_HTML_INLINE = {
    "a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "kbd", "mark", "q", "s", "samp", "small", "span",
    "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "-text",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page. headings: those it stands under, outermost first. line: where it starts (page of a PDF)."""

    headings: tuple[str, ...]
    text: str
    line: int = 1
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page cut at its headings. title: what the page calls itself, "" where it does not."""

    title: str
    sections: Sequence[Section]


@dataclass(slots=True)
class Cutter:
    """Collects text under the heading that was seen last."""

    sections: list[Section] = field(default_factory=list)
    stack: list[tuple[int, str]] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    line: int = 1
    anchor: str = ""

    def heading(self, level: int, text: str, line: int = 1, anchor: str = "") -> None:
        """Start a section."""
        self.close()
        self.stack = [entry for entry in self.stack if entry[0] < level]
        self.stack.append((level, text))
        self.line, self.anchor = line, anchor

    def close(self) -> None:
        """End the section at hand."""
        text = "".join(self.parts).strip()
        if text or self.stack:
            self.sections.append(Section(tuple(name for _, name in self.stack), text, self.line, self.anchor))
        self.parts = []

    def page(self, title: str = "") -> Page:
        """All sections; the first top heading is the title unless there is a better one."""
        self.close()
        first = next((section.headings[0] for section in self.sections if section.headings), "")
        return Page(title or first, self.sections or [Section((), "")])


def parse_text(data: bytes) -> Page:
    """Plain text is one section. Raises UnicodeDecodeError."""
    return Page("", [Section((), data.decode("utf-8-sig").strip())])


def parse_html(data: bytes) -> Page:
    """HTML, cut at h1 to h6; navigation, scripts and forms are left out."""
    from selectolax.lexbor import LexborHTMLParser

    tree: Any = LexborHTMLParser(data)
    tree.strip_tags(_HTML_LEFT_OUT)
    title = tree.css_first("title")
    root = tree.css_first("main") or tree.body
    cutter = Cutter()
    if root is not None:
        _walk(root, cutter)
    page = cutter.page(_one_line(title.text()) if title is not None else "")
    return Page(page.title, [replace(section, text=_tidy(section.text)) for section in page.sections])


def _tidy(text: str) -> str:
    return _BLANK_LINES.sub("\n", _SPACES.sub(" ", text)).strip()


def _walk(root: Any, cutter: Cutter) -> None:
    """Texts in document order; deep pages are why this is a loop with a stack."""
    todo: list[Any] = [root]
    while todo:
        node = todo.pop()
        if isinstance(node, str):
            cutter.parts.append(node)
            continue
        tag = node.tag
        if tag in _HTML_HEADINGS:
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
    """A PDF; each of its pages is a section. Raises MissingExtraError, ValueError for a file that is no PDF."""
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
        raise ValueError(f"no readable PDF: {error}") from None
    return Page(title, [Section((), text, at, f"page-{at}") for at, text in enumerate(texts, 1)] or [Section((), "")])


def parse_docx(data: bytes) -> Page:
    """A DOCX, cut at paragraphs with a heading style. Raises MissingExtraError, ValueError for what is no DOCX."""
    import zipfile

    try:
        import docx
        from docx.opc.exceptions import OpcError
    except ImportError:
        raise _missing("DOCX", "python-docx") from None
    try:
        document = docx.Document(io.BytesIO(data))
    except (OpcError, zipfile.BadZipFile, KeyError) as error:
        raise ValueError(f"no readable DOCX: {error}") from None
    cutter = Cutter()
    for number, paragraph in enumerate(document.paragraphs, 1):
        style = paragraph.style.name if paragraph.style is not None else ""
        if style.startswith("Heading ") and style[8:].isdigit() and paragraph.text.strip():
            cutter.heading(int(style[8:]), paragraph.text.strip(), number)
        else:
            cutter.parts.append(paragraph.text + "\n")
    return cutter.page(document.core_properties.title or "")


def _missing(what: str, package: str) -> MissingExtraError:
    return MissingExtraError(f"reading {what} files needs {package}", "pip install 'clew[files]'")
