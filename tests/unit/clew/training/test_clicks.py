"""Click logs become judged queries: corrected, cleaned, split; and what is wrong in them is named by file and line."""

import gzip
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.core.errors import DataError, NotFoundError, SpecError
from clew.training.clicks import (
    ClicksSpec,
    Impression,
    aggregate,
    click_rate,
    clicks_file,
    propensity,
    read_impressions,
)
from clew.training.data import gather
from clew.training.spec import spec_of

ALL = ClicksSpec(least=1)


def seen(shown: str, clicked: str = "", query: str = "q", time: float | None = None) -> Impression:
    return Impression(query, tuple(shown), frozenset(clicked), time)


def grades(impressions, spec=ALL, query=None):
    """The grades of the one query there is, or of the one with this text."""
    found = aggregate(impressions, spec)
    judged = {**found.train, **found.dev}
    wanted = [name for name, text in found.queries.items() if query in (None, text)]
    return judged[wanted[0]] if wanted else {}


def test_clicks_are_judgements_and_what_was_passed_over_is_none() -> None:
    found = grades([seen("abcd", "b")] * 20)
    # b: (20 clicks at the second place, twice each, and the prior's one) in 30, which is above 1.
    assert found == {"a": 0, "b": 100}


def test_the_rate_is_weighted_by_place_and_drawn_towards_the_prior() -> None:
    assert [propensity(rank, 1.0) for rank in (1, 2, 4, 50)] == [1.0, 0.5, 0.25, 0.1]
    assert propensity(7, 0.0) == 1.0
    assert click_rate(10, {1: 2, 3: 1}, ALL) == pytest.approx((2 + 3 + 1) / 20)
    assert click_rate(0, {}, ALL) == pytest.approx(0.1)
    assert click_rate(10, {9: 10}, ALL) == 1.0
    assert click_rate(10, {1: 2, 3: 1}, replace(ALL, eta=0.0)) == pytest.approx((3 + 1) / 20)


def test_equal_clicks_further_down_are_worth_more() -> None:
    found = grades([seen("abc", "a")] * 4 + [seen("abc", "c")] * 4 + [seen("abc")] * 12)
    assert found["c"] > found["a"] > found["b"] == 0


def test_a_document_clicked_hardly_ever_is_not_relevant() -> None:
    found = grades([seen("ab", "a")] + [seen("ab", "b")] * 40)
    assert found["a"] == 0
    assert found["b"] == 100


def test_queries_are_one_whatever_their_case_and_blanks_and_keep_their_usual_spelling() -> None:
    found = aggregate([seen("a", "a", query) for query in ("Red  shoe", "Red shoe", "red shoe ", "RED SHOE")], ALL)
    assert list(found.queries.values()) == ["Red shoe"]
    assert (found.impressions, len(found.train) + len(found.dev)) == (4, 1)


def test_rare_and_bot_like_queries_are_dropped_and_counted() -> None:
    log = [
        *[seen("a", "a", "rare")] * 2,
        *[seen("a", "a", "bot", time) for time in range(4)],
        *[seen("a", "a", "people", 60.0 * time) for time in range(4)],
        *[seen("a", "", "nobody")] * 3,
    ]
    spec = ClicksSpec(least=3, per_minute=3)
    found = aggregate(log, spec)
    assert list(found.queries.values()) == ["people"]
    assert (found.too_few, found.too_fast, found.unclicked, found.impressions) == (1, 1, 1, 13)
    told = found.notice(spec)
    assert "13 impressions" in told
    assert "1 shown fewer than 3 times, 1 shown more than 3 times a minute" in told


def test_a_query_is_on_one_side_for_good() -> None:
    log = [seen("ab", "b", f"query {at}") for at in range(400)]
    found = aggregate(log, replace(ALL, dev=0.25))
    assert not set(found.train) & set(found.dev)
    assert 60 < len(found.dev) < 140
    again = aggregate(log[:100], replace(ALL, dev=0.25))
    assert set(again.dev) <= set(found.dev)
    assert set(again.train) <= set(found.train)


DOCUMENTS = "abcdef"
IMPRESSIONS = st.builds(
    lambda query, shown, picks, time: Impression(
        query, tuple(shown), frozenset(name for name, pick in zip(shown, picks, strict=False) if pick), time
    ),
    st.sampled_from(["red shoe", "Red  Shoe", "blue hat"]),
    st.permutations(DOCUMENTS).flatmap(lambda order: st.integers(0, 6).map(lambda n: order[:n])),
    st.lists(st.booleans(), min_size=6, max_size=6),
    st.none() | st.floats(0, 600),
)


@given(st.lists(IMPRESSIONS, max_size=25), st.randoms(use_true_random=False))
def test_the_order_of_the_log_plays_no_part(log, random) -> None:
    spec = ClicksSpec(least=2, per_minute=5, eta=0.7)
    other = list(log)
    random.shuffle(other)
    assert aggregate(other, spec) == aggregate(log, spec)


@given(st.lists(IMPRESSIONS, min_size=1, max_size=25), st.data())
def test_more_clicks_at_the_same_place_never_lower_a_grade(log, data) -> None:
    spec = replace(ALL, eta=data.draw(st.floats(0, 3)), per_minute=1_000)
    at = data.draw(st.integers(0, len(log) - 1))
    log[at] = replace(log[at], shown=log[at].shown or ("a",))
    name = data.draw(st.sampled_from(log[at].shown))
    clicked = replace(log[at], clicked=log[at].clicked | {name})
    text = " ".join(log[at].query.casefold().split())

    def grade(rows):
        found = aggregate(rows, spec)
        names = [each for each, asked in found.queries.items() if asked.casefold() == text]
        return {**found.train, **found.dev}[names[0]].get(name, 0) if names else 0

    before = grade(log)
    assert grade([*log[:at], clicked, *log[at + 1 :]]) >= before
    assert grade([*log, replace(clicked, clicked=frozenset({name}))]) >= before


# ---------------------------------------------------------------- the file

GOOD = {"query": "red shoe", "shown": ["a", "b"], "clicked": ["b"], "time": "2026-01-31T12:00:00Z"}


def test_a_log_is_read_plain_or_compressed(tmp_path) -> None:
    rows = [GOOD, {"query": "x", "shown": [], "clicked": []}, {**GOOD, "time": 1_769_860_800}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "events.jsonl").write_text(text)
    (tmp_path / "events.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    plain = list(read_impressions(tmp_path / "events.jsonl"))
    assert plain == list(read_impressions(tmp_path / "events.jsonl.gz"))
    assert plain[0] == plain[2] == Impression("red shoe", ("a", "b"), frozenset("b"), 1_769_860_800.0)
    assert plain[1].time is None


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"user": "u1"}, "unknown key 'user'"),
        ({"clicks": ["b"]}, "unknown key 'clicks'"),
        ({"query": " "}, "query is ' '"),
        ({"query": None}, "query is None"),
        ({"shown": "ab"}, "shown is 'ab', expected a list"),
        ({"shown": ["a", 7]}, "shown contains 7"),
        ({"shown": ["b", "a", "b"]}, "shown contains 'b' twice"),
        ({"clicked": ["c"]}, "clicked contains 'c', which is not in shown"),
        ({"clicked": None}, "clicked is None"),
        ({"time": "yesterday"}, "time is 'yesterday'"),
        ({"time": True}, "time is True"),
        ({"time": 10**400}, "time is 1000"),
    ],
)
def test_what_is_wrong_in_a_log_is_named_by_file_and_line(tmp_path, change, says) -> None:
    path = tmp_path / "events.jsonl"
    path.write_text(json.dumps(GOOD) + "\n" + json.dumps({**GOOD, **change}) + "\n")
    with pytest.raises(DataError, match=re.escape(f"{path}:2: {says}")) as caught:
        list(read_impressions(path))
    assert caught.value.hint


def test_a_log_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFoundError, match="no-such-log"):
        clicks_file(Path("no-such-log.jsonl"))


# ---------------------------------------------------------------- the spec, and a run's examples


@pytest.mark.parametrize(
    ("data", "clicks", "says"),
    [
        ({"clicks": "e.jsonl"}, {}, "clicks needs index"),
        ({"clicks": "e.jsonl", "index": "i", "folder": "f"}, {}, "both folder and clicks"),
        ({"index": "i"}, {}, "neither folder nor clicks"),
        ({"clicks": "e.jsonl", "index": "i", "gains": "0,1"}, {}, "remove gains"),
        ({"clicks": "e.jsonl", "index": "i"}, {"eta": 4}, r"\[clicks\].*eta is 4"),
        ({"clicks": "e.jsonl", "index": "i"}, {"least": 0}, "least is 0"),
        ({"clicks": "e.jsonl", "index": "i"}, {"prior_clicks": 20}, "prior_clicks is 20"),
        ({"clicks": "e.jsonl", "index": "i"}, {"dev": 1}, "dev is 1"),
        ({"clicks": "e.jsonl", "index": "i"}, {"leest": 1}, "unknown key 'leest'"),
    ],
)
def test_a_spec_that_cannot_be_is_named(data, clicks, says) -> None:
    with pytest.raises(SpecError, match=says):
        spec_of({"name": "x", "data": [data], "clicks": clicks}, "run.toml")


def test_runs_without_clicks_are_known_by_the_table_they_always_had() -> None:
    table = spec_of({"name": "x", "data": [{"folder": "f"}]}, "run.toml").as_table()
    assert "clicks" not in table
    assert "clicks" not in table["data"][0]
    spec = spec_of(
        {"name": "x", "data": [{"clicks": "logs/e.jsonl.gz", "index": "i"}], "clicks": {"least": 2}}, "run.toml"
    )
    assert spec_of(spec.as_table(), "again", stored=True) == spec
    assert spec.data[0].label == "e"


@pytest.fixture(scope="module")
def shoes(tmp_path_factory, word_index):
    """(index of shoes, log of clicks on them, one of which is not indexed any more)."""
    root = tmp_path_factory.mktemp("clicks")
    colours = ["red", "blue", "green", "black", "white", "brown", "grey", "pink"]
    index = word_index({colour: f"{colour} shoe\nA shoe that is {colour}." for colour in colours})
    rows = [
        {"query": f"{colour} shoe", "shown": [colours[at - 1], "gone", colour, colours[at - 2]], "clicked": [colour]}
        for at, colour in enumerate(colours)
    ]
    (root / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows * 5))
    return index, root / "events.jsonl"


def gathered(shoes, candidates):
    index, log = shoes
    row = {"clicks": str(log), "index": "shoes", "candidates": candidates}
    table = {"name": "x", "data": [row], "negatives": {"count": 3, "depth": 8}, "clicks": {"dev": 0.4}}
    return gather(spec_of(table, "run.toml"), index, lambda *_: None)


def test_shown_documents_are_the_candidates_as_the_index_holds_them(shoes) -> None:
    found = gathered(shoes, "judged")
    assert found.dev.keys() == {"events"}
    assert len(found.examples) + len(found.dev["events"]) == 8
    for example in [*found.examples, *found.dev["events"]]:
        colour = example.text.split()[0]
        assert example.ids[0] == colour
        assert "gone" not in example.ids
        assert example.gains == (1.0, 0.0)
        assert example.passages[0] == f"{colour} shoe\nA shoe that is {colour}."
    assert "40 impressions" in found.notices[0]


def test_or_negatives_come_from_the_index(shoes) -> None:
    found = gathered(shoes, "mined")
    assert all(example.gains[0] == 1.0 and len(example.ids) > 1 for example in found.examples)
    assert all(row.fused for row in found.dev["events"])


def test_a_log_that_teaches_nothing_is_named(shoes, tmp_path) -> None:
    path = tmp_path / "few.jsonl"
    path.write_text(json.dumps({"query": "red shoe", "shown": ["red"], "clicked": ["red"]}) + "\n")
    with pytest.raises(DataError, match=r"few\.jsonl: no query") as caught:
        gathered((shoes[0], path), "mined")
    assert "least" in caught.value.hint
