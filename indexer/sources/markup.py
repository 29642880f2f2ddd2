"""Parse HTML and plain text pages into sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from clew.indexer.sources.encodings import decoded, decoded_html, detected_note

_SPACES = re.compile(r"[ \t\r\f\v]+")
_BLANK_LINES = re.compile(r"\s*\n\s*")
_HTML_HIDDEN = ["script", "style", "template"]
_HTML_LEFT_OUT = ["script", "style", "noscript", "template", "nav", "footer", "aside", "svg"]
_HTML_HEADINGS = {"h1": 1, "h2": 2, "h3": 3, "h4": 4, "h5": 5, "h6": 6}
_HTML_CELLS = {"td", "th"}
# Between the cells of a table's row, until spaces are removed around it.
_CELL_BREAK = "\x01"
_AROUND_CELLS = re.compile(rf"\s*{_CELL_BREAK}\s*")
BETWEEN_CELLS = " | "
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
    """A page split at its headings.

    title: the title that the page declares, "" if it has none. note: what the user should know about how it was read.
    """

    title: str
    sections: Sequence[Section]
    note: str = ""


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


def parse_text(data: bytes, encoding: str = "") -> Page:
    """Return plain text as a page of one section. encoding: as for `decoded`. Raises ValueError."""
    text, used = decoded(data, encoding)
    return Page("", [Section((), text.strip().removeprefix("\ufeff"))], detected_note(used, encoding))


def parse_html(data: bytes, encoding: str = "") -> Page:
    """Split an HTML page at h1 to h6; scripts, styles, navigation, footers and asides are left out.

    A row of a table is a line, with its cells between "|". encoding: as for `decoded_html`. Raises ValueError.
    """
    from selectolax.lexbor import LexborHTMLParser

    text, used = decoded_html(data, encoding)
    tree: Any = LexborHTMLParser(text)
    tree.strip_tags(_HTML_LEFT_OUT)
    title = tree.css_first("title")
    root = tree.css_first("main") or tree.body
    cutter = Cutter()
    if root is not None:
        _walk(root, cutter)
    page = cutter.page(_one_line(title.text()) if title is not None else "")
    sections = [replace(section, text=_collapse_spaces(section.text)) for section in page.sections]
    return Page(page.title, sections, detected_note(used, encoding))


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
    lines = _BLANK_LINES.sub("\n", _SPACES.sub(" ", text)).strip(" \n" + _CELL_BREAK)
    return _AROUND_CELLS.sub(BETWEEN_CELLS, lines)


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
            if tag in _HTML_CELLS:
                cutter.parts.append(_CELL_BREAK if _follows_a_cell(node) else "")
            elif tag not in _HTML_INLINE:
                cutter.parts.append("\n")
                todo.append("\n")
            todo.extend(reversed(list(node.iter(include_text=True))))


def _follows_a_cell(node: Any) -> bool:
    before = node.prev
    while before is not None and before.tag.startswith("-"):
        before = before.prev
    return before is not None and before.tag in _HTML_CELLS


def _one_line(text: str) -> str:
    return " ".join(text.split())
