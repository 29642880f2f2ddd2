"""Markdown is cut at its headings and read as a reader would see it, in time that grows with its length."""

import time

import pytest

from clew.indexer.sources.markdown import parse_markdown

MANUAL = """---
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


def sections(text):
    return [(section.headings, section.text) for section in parse_markdown(text.encode()).sections]


def test_a_page_is_cut_at_headings_outside_code():
    page = parse_markdown(MANUAL.encode())
    assert page.title == "The manual"
    assert [(section.headings, section.line) for section in page.sections] == [
        ((), 1), (("Install",), 6), (("Install", "Linux"), 9), (("Install", "Windows"), 13),
        (("Install", "Linux"), 17), (("Empty",), 20),
    ]  # fmt: skip
    assert page.sections[0].text == "Before all."
    assert (page.sections[1].text, page.sections[1].anchor) == ("See the site.", "setup")
    assert page.sections[2].text == "# no heading"
    assert page.sections[3].text == "Run setup."


def test_line_ends_of_windows_change_nothing():
    assert parse_markdown(MANUAL.replace("\n", "\r\n").encode()) == parse_markdown(MANUAL.encode())


def test_a_page_without_front_matter_is_named_by_its_first_heading():
    assert parse_markdown(b"# Install\ntext").title == "Install"
    assert parse_markdown(b"text").title == ""
    assert parse_markdown(b"").sections[0].text == ""
    assert parse_markdown(b"---\nno end").sections[0].text.endswith("no end")


@pytest.mark.parametrize(
    ("text", "headings"),
    [
        ("## C#\nA language", ("C#",)),
        ("## C# ##\nA language", ("C#",)),
        ("#hashtag\ntext", ()),
        ("#\ntext", ()),
        ("A title of\ntwo lines\n===\ntext", ("A title of two lines",)),
        ("<!--\n# old\n-->\ntext", ()),
        ("- one\n- two\n---\nafter", ()),
        ("- # in a list\n\ntext", ()),
        ("> # in a quote\n\ntext", ()),
        ("> quoted\nlazy\n===\n", ()),
        ("| a |\n| - |\n| b |\n---\ntext", ()),
        ("# *Set* [up](/u) `x`\ntext", ("Set up x",)),
        ("# Use {#a.b-c} more\ntext", ("Use {#a.b-c} more",)),
    ],
)
def test_what_is_a_heading(text, headings):
    assert sections(text)[0][0] == headings
    assert len(sections(text)) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("```frobnicate --now```\n\nThen", "frobnicate --now\n\nThen"),
        ("~~~\n```\n~~~\nafter", "```\n\nafter"),
        ("![a *lamp*](l.png) and [this](<a b> 'c'), [that][1], [[x]]\n\n[1]: /u", "a lamp and this, that, [[x]]"),
        ("2 * 3 and snake_case, **bold** &amp; \\*", "2 * 3 and snake_case, bold & *"),
        ("- one\n- two\n  - three\n\nafter", "one\ntwo\nthree\n\nafter"),
        ("| a | b |\n|---|---|\n| c | d |\n", "a | b\nc | d"),
        ("Vec<T> <!-- hidden --> shown\n\n<p>as it is</p><!-- not --> this\n", "Vec<T>  shown\n\n<p>as it is</p> this"),
        ("first\nsecond  \nthird", "first\nsecond\nthird"),
        ("> " * 90 + "deep", "deep"),
    ],
)
def test_a_text_is_what_a_reader_sees(text, shown):
    assert sections(text) == [((), shown)]


@pytest.mark.parametrize(
    "text",
    ["[" * 20_000, "![" * 10_000, "# " + "#" * 30_000 + "x", "# a" + " " * 30_000 + "b", "[a\n" * 5_000,
     "`x " * 10_000, "*a_ " * 10_000, ">" * 20_000, "- x\n" * 5_000, "<!-- " * 20_000, "<" * 20_000,
     "title: " + " " * 30_000 + "x", "---\ntitle: " + " " * 30_000 + "x\n---\n", "# {#" * 10_000],
)  # fmt: skip
def test_hostile_text_takes_seconds_at_most(text):
    start = time.process_time()
    parse_markdown(text.encode())
    assert time.process_time() - start < 5
