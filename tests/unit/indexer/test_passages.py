"""Windows: nothing is skipped, nothing is too long, they end at sentences."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.sentences import sentence_ends
from clew.indexer.passages import PassagesSpec, cut, tokens, windows

PIECE = re.compile(r"\w+|[^\w\s]")


def pieces_of(text):
    return [match.span() for match in PIECE.finditer(text)]


texts = st.lists(
    st.sampled_from(["a", "lamp", "oak.", "Is it?", "8mm", "\n", "台灯。", "e.g. this", '"so!"', "-", "  "]),
    max_size=120,
).map(" ".join)


@given(texts, st.integers(4, 40), st.integers(1, 40))
def test_every_piece_is_in_a_window(text, room, step):
    found = windows(text, pieces_of(text), room, step)
    for start, end in pieces_of(text):
        assert any(first <= start and end <= last for first, last in found)


@given(texts, st.integers(4, 40), st.integers(1, 40))
def test_windows_hold_at_most_their_room_and_ascend(text, room, step):
    pieces = pieces_of(text)
    found = windows(text, pieces, room, step)
    for first, last in found:
        assert sum(first <= start and end <= last for start, end in pieces) <= room
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in itertools.pairwise(found))
    assert found[-1][1] == len(text)


@given(texts, st.integers(4, 40), st.integers(1, 40))
def test_neighbours_start_at_most_a_step_apart(text, room, step):
    pieces = pieces_of(text)
    at = {start: number for number, (start, _) in enumerate(pieces)}
    found = windows(text, pieces, room, step)
    if len(found) > 1:
        starts = [at[first] for first, _ in found]
        assert all(0 < after - before <= step for before, after in itertools.pairwise(starts))


def test_a_short_text_is_one_window_of_all_of_it():
    assert windows("  one two ", pieces_of("one two"), 10, 5) == [(0, 10)]
    assert windows("", [], 10, 5) == [(0, 0)]


def test_windows_end_at_sentences():
    text = "One two three four. Five six seven eight. Nine ten eleven twelve."
    first = windows(text, pieces_of(text), 8, 8)[0]
    assert text[slice(*first)] == "One two three four."


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three", ["One.", " Two!", " Three"]),
        ('He said "no." She left.', ['He said "no."', " She left."]),
        ("打开灯。关上门！好", ["打开灯。", "关上门！", "好"]),
        ("Version 3.11 is out. Yes", ["Version 3.11 is out.", " Yes"]),
        ("line\n\nline", ["line\n\n", "line"]),
    ],
)
def test_sentence_ends(text, sentences):
    ends = sentence_ends(text)
    assert [text[a:b] for a, b in zip([0, *ends], ends, strict=False)] == sentences


def test_the_title_takes_room_from_every_window():
    text = " ".join(["word"] * 100)
    spec = PassagesSpec(size=32, step=32)
    bare, titled, crowded = cut([text] * 3, ["", "a b c d", "x " * 90], spec)
    words = [[len(text[a:b].split()) for a, b in found] for found in (bare, titled, crowded)]
    assert words[0] == [28, 28, 28, 16]
    assert words[1][0] == 24
    assert words[2][0] == 16


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lamps", ["Lamps"]),
        ("headphones, 10ft", ["headph", "ones", ",", "1", "0", "ft"]),
        ("红色dress!", ["红", "色", "dress", "!"]),
        ("テレビ", ["テ", "レ", "ビ"]),
        ("snake_case", ["snake", "_", "case"]),
        ("  \n ", []),
    ],
)
def test_tokens_are_counted_without_a_vocabulary(text, expected):
    assert [text[start:end] for start, end in tokens(text)] == expected


@given(st.text(max_size=300))
def test_every_character_but_white_space_is_in_a_passage(text):
    ((*found,),) = cut([text], [""], PassagesSpec(8, 8))
    covered = {at for start, end in found for at in range(start, end)}
    assert all(at in covered for at, character in enumerate(text) if not character.isspace())


@given(st.lists(st.sampled_from(["cordless", "reading", "WH-1000XM5", "oak", "10ft", "台灯"]), min_size=1, max_size=90))
def test_no_word_is_cut(words):
    text = " ".join(words)
    ((*found,),) = cut([text], [""], PassagesSpec(24, 16))
    for start, end in found:
        assert set(text[start:end].split()) <= {*words, "台", "灯"}


def test_a_word_longer_than_a_passage_is_cut():
    ((*found,),) = cut(["x" * 1_000], [""], PassagesSpec(8, 8))
    assert {end - start for start, end in found[:-1]} == {24}


def test_passages_are_not_longer_than_the_encoder_reads():
    assert PassagesSpec(256, 192).fitting(128) == PassagesSpec(128, 128)
    assert PassagesSpec(256, 192).fitting(512) == PassagesSpec(256, 192)


def test_an_empty_text_has_one_empty_window():
    assert cut([""], ["title"], PassagesSpec()) == [[(0, 0)]]


@pytest.mark.parametrize(
    ("size", "step", "message"),
    [(7, 1, "size is 7"), (9000, 1, "size is 9000"), (64, 65, "step is 65"), (64, 0, "step")],
)
def test_a_spec_that_would_skip_text_is_refused(size, step, message):
    with pytest.raises(ValueError, match=message):
        PassagesSpec(size, step)
