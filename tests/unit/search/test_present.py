from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.text import Analyzer
from clew.search.fields import FieldSpec, body
from clew.search.present import Presenter
from clew.search.profile import ProfileSpec
from clew.search.protocols import ParsedQuery

FIELDS = {
    "title": FieldSpec("text"),
    "intro": FieldSpec("text"),
    "text": FieldSpec("text"),
    "brand": FieldSpec("keyword"),
}
ANALYZER = Analyzer()
WHOLE = (0, 1_000_000)


def presenter(query: str, extra=(), **profile) -> Presenter:
    terms = (*((term, 1.0) for term in ANALYZER.terms(query)), *extra)
    return Presenter(ANALYZER, ParsedQuery(query, terms), FIELDS, replace(ProfileSpec(), **profile))


def marked(highlight) -> list[str]:
    return [highlight.snippet[start:end] for start, end in highlight.spans]


def body_mark(query, text, span=WHOLE, **profile):
    """The highlight of the only body text of a document."""
    (mark,) = presenter(query, **profile).highlights({"text": text}, span)
    return mark


def test_the_title_is_whole_and_its_matches_are_marked_where_they_stand():
    found = presenter("wireless headphone").highlights({"title": "Wireless <b>Headphones</b> & case"}, (0, 0))
    (title,) = found
    assert (title.field, title.snippet, title.start) == ("title", "Wireless <b>Headphones</b> & case", 0)
    assert marked(title) == ["Wireless", "Headphones"]


def test_a_title_without_a_match_is_not_highlighted():
    assert presenter("kettle").highlights({"title": "Headphones", "brand": "kettle"}, (0, 0)) == ()


def test_overlapping_parts_of_an_identifier_are_one_span():
    (title,) = presenter("wh-1000xm5").highlights({"title": "Sony WH-1000XM5 black"}, (0, 0))
    assert marked(title) == ["WH-1000XM5"]


def test_chinese_and_full_width_text_is_marked_in_the_original():
    mark = body_mark("深圳大学", "我在深圳大學讀書。")
    assert "".join(marked(mark)) == "深圳大學"
    assert marked(body_mark("sony", "The ＳＯＮＹ store")) == ["ＳＯＮＹ"]


def test_stop_words_are_marked_only_where_the_query_has_nothing_else():
    text = "The Who were a band from London."
    assert marked(body_mark("the band", text)) == ["band"]
    assert marked(body_mark("to be or not to be", "It may be so.")) == ["be"]


def test_the_snippet_holds_the_most_distinct_terms():
    filler = "Nothing of note happens here at all. " * 8
    text = f"{filler}Kettle kettle kettle. {filler}A steel kettle boils water. {filler}"
    mark = body_mark("steel kettle boils water", text)
    assert set(marked(mark)) == {"steel", "kettle", "boils", "water"}
    assert mark.snippet.startswith("A steel kettle boils water.")
    assert text[mark.start : mark.start + len(mark.snippet)] == mark.snippet
    assert len(mark.snippet) <= 200


def test_heavier_terms_decide():
    filler = "x " * 150
    asked = presenter("sofa", extra=(("couch", 0.4), ("settee", 0.4)))
    (mark,) = asked.highlights({"text": f"couch settee {filler} sofa"}, WHOLE)
    assert marked(mark) == ["sofa"]


def test_a_snippet_ends_at_a_sentence_or_word():
    long = "some plain words " * 40 + "kettle" + " some plain words" * 40
    mark = body_mark("kettle", long)
    assert marked(mark) == ["kettle"]
    assert f" {mark.snippet} " in long
    assert 150 <= len(mark.snippet) <= 200
    first = (
        "One sentence of a good and certain length about kettles that goes on for quite a while, as some sentences do."
    )
    second = (
        "Another one that is so long that it cannot be in the snippet whole, whatever one tries to do about it " * 3
    )
    assert body_mark("kettles", f"{first} {second}").snippet == first


def test_without_a_match_the_passage_starts_the_snippet():
    text = "Skipped entirely. The passage starts here and has no match."
    mark = body_mark("zebra", text, (18, len(text)))
    assert (mark.snippet, mark.start, mark.spans) == (text[18:], 18, ())


def test_the_field_of_the_snippet_is_the_one_that_matches_and_start_is_in_it():
    values = {"title": "T", "intro": "An intro.", "text": "Words before. The kettle is hot."}
    text, places = body(values, FIELDS)
    (mark,) = presenter("kettle", answer=True).highlights(values, (0, len(text)))
    assert (mark.field, mark.snippet) == ("text", "The kettle is hot.")
    assert values["text"][mark.start :] == mark.snippet
    assert text[places[1][1] + mark.start :] == mark.snippet


def test_only_the_passage_is_searched():
    text = "The kettle is first. The passage has another kettle inside. A kettle after it."
    mark = body_mark("kettle", text, (21, 59))
    assert mark.snippet == "The passage has another kettle inside."
    assert mark.start == 21


def test_the_answer_is_the_sentence_with_the_most_terms_and_questions_count_less():
    text = "What causes rust? Iron is a metal. Rust is caused by water and oxygen! Rust is red."
    mark = body_mark("what causes rust", text, answer=True)
    assert mark.snippet == "Rust is caused by water and oxygen!"
    assert mark.start == text.index("Rust is caused")


def test_nothing_is_highlighted_where_the_profile_says_so_or_nothing_is_there():
    assert presenter("kettle", highlight=False).highlights({"title": "kettle", "text": "kettle"}, WHOLE) == ()
    assert presenter("kettle").highlights({"text": "  \n "}, WHOLE) == ()
    assert presenter("kettle").highlights({}, (0, 0)) == ()


def test_shown_fields_follow_the_profile():
    values = {"title": "T", "text": "B", "brand": "Sony", "intro": None}
    assert presenter("x").shown(values) == {"title": "T", "text": "B", "brand": "Sony"}
    assert presenter("x", body=False).shown(values) == {"title": "T", "brand": "Sony"}
    assert presenter("x", fields=["brand"]).shown(values) == {"brand": "Sony"}


words = st.lists(st.sampled_from(["kettle", "Sony", "the", "WH-1000XM5", "水壶。", "a.", "?", "\n", "long" * 60, "é"]))


@pytest.mark.parametrize("answer", [False, True])
@given(words=words, query=st.sampled_from(["kettle sony", "WH-1000XM5", "水壶", "the", "longlong", ""]),
       size=st.integers(40, 90), cut=st.tuples(st.integers(0, 60), st.integers(0, 300)))  # fmt: skip
def test_any_snippet_is_a_slice_of_its_field_with_ordered_spans(answer, words, query, size, cut):
    text = " ".join(words)
    asked = presenter(query, snippet=size, answer=answer)
    for mark in asked.highlights({"text": text}, (cut[0], cut[0] + cut[1])):
        assert mark.snippet
        assert mark.snippet == mark.snippet.strip()
        assert text[mark.start : mark.start + len(mark.snippet)] == mark.snippet
        assert answer or len(mark.snippet) <= size
        assert all(0 <= start < end <= len(mark.snippet) for start, end in mark.spans)
        assert all(before[1] <= after[0] for before, after in zip(mark.spans, mark.spans[1:], strict=False))
