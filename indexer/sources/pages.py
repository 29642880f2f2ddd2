"""Read a folder of pages (Markdown, HTML, text, PDF, DOCX), split at headings; each section is a document.

Its id is "path#section" (only the path for text before the first heading). Its fields are title (of the page), section
(the headings above it), text and path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from clew.core.errors import DataError
from clew.core.files import open_source, reading
from clew.indexer.sources import markup
from clew.indexer.sources.forms import SourceSpec, pages_of, plain_name
from clew.indexer.sources.markdown import parse_markdown
from clew.indexer.sources.markup import Page, Section
from clew.indexer.sources.pdf import parse_pdf
from clew.indexer.sources.record import Fault, Read, Record
from clew.indexer.sources.word import parse_docx

_PARSERS: Mapping[str, Callable[[bytes, str], Page]] = {
    ".md": parse_markdown,
    ".markdown": parse_markdown,
    ".html": markup.parse_html,
    ".htm": markup.parse_html,
    ".txt": markup.parse_text,
    ".text": markup.parse_text,
    ".rst": markup.parse_text,
    ".pdf": parse_pdf,
    ".docx": parse_docx,
}
_NOT_IN_SLUG = re.compile(r"[^\w]+")


def read_pages(source: SourceSpec) -> Iterator[Read]:
    """Yield the sections of every page of a folder, or of a single page."""
    for path, url in pages_of(source):
        try:
            with reading(url), open_source(url) as file:
                data = file.read()
        except DataError as error:
            yield Fault(url, error.message, error.hint)
            continue
        name = plain_name(path)
        parse = next(parse for ending, parse in _PARSERS.items() if name.endswith(ending))
        try:
            page = parse(data, source.encoding)
        except UnicodeDecodeError as error:
            hint = "save the file as UTF-8, or set [source] encoding"
            yield Fault(url, f"not {error.encoding} text ({error.reason} at byte {error.start})", hint)
            continue
        except ValueError as error:
            yield Fault(url, f"cannot be read: {error}", "open it and save it again with the program that wrote it")
            continue
        yield from _records(page, path, url)


def _records(page: Page, path: str, url: str) -> Iterator[Record]:
    stem = path.rsplit("/", 1)[-1].split(".", 1)[0]
    title = page.title or stem
    # A heading without text of its own is part of the sections below it. Only a page without any text keeps one.
    sections = [section for section in page.sections if section.text] or list(page.sections[:1])
    taken: set[str] = set()
    for section in sections:
        anchor = _anchor(section, taken)
        values = {
            "id": f"{path}#{anchor}" if anchor else path,
            "title": title,
            "section": " > ".join(section.headings),
            "text": section.text,
            "path": path,
        }
        note = f"{url} {page.note}" if page.note and section is sections[0] else ""
        yield Record(values, f"{url}:{section.line}", note)


def _anchor(section: Section, taken: set[str]) -> str:
    """Return a unique name for the section: its own anchor or its heading in lower case, numbered if it is taken."""
    heading = section.headings[-1] if section.headings else ""
    base = section.anchor or _NOT_IN_SLUG.sub("-", heading.lower()).strip("-")
    anchor, count = base, 1
    while anchor in taken:
        count += 1
        anchor = f"{base}-{count}" if base else f"part-{count}"
    taken.add(anchor)
    return anchor
