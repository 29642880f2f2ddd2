"""Parse Markdown pages (CommonMark with GitHub's tables) into sections of plain text, with markdown-it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from clew.indexer.sources.encodings import decoded, detected_note
from clew.indexer.sources.markup import BETWEEN_CELLS, Cutter, Page

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

_ANCHOR = re.compile(r"\{#([\w.-]+)\}")
# Maximum nesting of lists and quotes; deeper blocks are left out.
_MAX_BLOCK_NESTING = 100
# Maximum nesting of links and emphasis; deeper ones are text. The time to parse a line of "[" grows with it.
_MAX_SPAN_NESTING = 20
_CELLS = {"th_close", "td_close"}


def parse_markdown(data: bytes, encoding: str = "") -> Page:
    """Split a page at its headings; headings inside lists and quotes are text.

    A section's text is what a reader sees, without markup: the words of links and images, the content of code, the
    rows of tables. HTML is left unchanged, except that its comments are removed. encoding: as for
    `decoded`. Raises ValueError.
    """
    text, used = decoded(data, encoding)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    title, start = _front_matter(text.split("\n"))
    references: dict[str, Any] = {}
    tokens = _blocks().parse("\n".join(text.split("\n")[start:]), references)
    cutter = Cutter()
    for before, token, after in _with_neighbours(tokens):
        if token.type == "inline":
            shown = _plain_text(token.content, references)
            if before.type == "heading_open" and before.level == 0:
                name, anchor = _name_and_anchor(shown)
                if name:
                    line = before.map[0] if before.map else 0
                    cutter.heading(int(before.tag[1:]), name, start + line + 1, anchor)
            else:
                cutter.parts.append(shown + (BETWEEN_CELLS if after.type in _CELLS else "\n"))
        elif token.type in {"fence", "code_block"}:
            cutter.parts.append(token.content)
        elif token.type == "html_block":
            cutter.parts.append(_without_comments(token.content))
        elif token.type == "tr_close":
            cutter.parts[-1] = cutter.parts[-1].removesuffix(BETWEEN_CELLS) + "\n"
        if token.level == 0 and token.nesting <= 0:
            cutter.parts.append("\n")
    return replace(cutter.page(title), note=detected_note(used, encoding))


def _with_neighbours(tokens: Sequence[Token]) -> Iterator[tuple[Token, Token, Token]]:
    """Yield each token with the one before and the one after it; the first and the last are their own neighbours."""
    last = len(tokens) - 1
    return ((tokens[max(at - 1, 0)], token, tokens[min(at + 1, last)]) for at, token in enumerate(tokens))


def _plain_text(content: str, references: dict[str, Any]) -> str:
    """Return the text of a paragraph, heading or cell without its markup."""
    (inline,) = _spans().parseInline(content, references)
    return "".join(map(_words, inline.children or []))


def _words(span: Token) -> str:
    if span.type in {"softbreak", "hardbreak"}:
        return "\n"
    if span.type == "image":
        return "".join(map(_words, span.children or []))
    return "" if span.type == "html_inline" and span.content.startswith("<!--") else span.content


def _name_and_anchor(heading: str) -> tuple[str, str]:
    """Return the name of a heading, and the anchor at its end, written {#anchor}; "" if there is none."""
    name = " ".join(heading.split())
    at = max(name.rfind("{#"), 0)
    anchor = _ANCHOR.fullmatch(name, at)
    return (name[:at].rstrip(), anchor[1]) if anchor else (name, "")


def _without_comments(html: str) -> str:
    start, *comments = html.split("<!--")
    return start + "".join(comment.partition("-->")[2] for comment in comments)


def _front_matter(lines: Sequence[str]) -> tuple[str, int]:
    """Return the title in the front matter, and how many lines the front matter takes; ("", 0) if there is none."""
    if lines[0].strip() != "---":
        return "", 0
    end = next((at for at, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if end is None:
        return "", 0
    title = next((line.removeprefix("title:") for line in lines[1:end] if line.startswith("title:")), "")
    return title.strip().strip("\"'"), end + 1


@cache
def _blocks() -> MarkdownIt:
    """Return a parser of blocks, which leaves the text in them unparsed."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"maxNesting": _MAX_BLOCK_NESTING}).enable("table").disable(["inline", "text_join"])


@cache
def _spans() -> MarkdownIt:
    """Return a parser of the text in a block."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"maxNesting": _MAX_SPAN_NESTING})
