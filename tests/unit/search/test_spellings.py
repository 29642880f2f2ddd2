"""Other spellings of a query's words, over a small real index of words."""

import pytest

from clew.core.text import Analyzer
from clew.search.candidates.bm25 import BM25Kind, BM25Spec
from clew.search.protocols import CandidateRequest, PassageSet
from clew.search.query_analysis import QueryAnalyzer
from clew.search.terms import QueryTerms, coverage, importance

TEXTS = [
    "WH-1000XM5", "WH-1000XM4", "XM5 case", "1000 piece puzzle", "OV 700 NC headset", "TM 4 kettle",
    "OtterBox phone case", "Otterbox tablet case", "carpet cleaner", "pet hair brush", "car wax", "car mat", "pet bowl",
    "rain coat yellow", "rain coat blue", "notebook", "note pad", "book light", "gift box",
    *(f"filler {word}" for word in "one two three four five six seven eight nine ten eleven twelve".split()),
]  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spellings")
    kind = BM25Kind(BM25Spec(), {"text": 1.0}, Analyzer())
    passages = PassageSet({"text": TEXTS})
    kind.save(kind.local_statistics(passages, folder / "shard"), folder / "whole")
    kind.build(passages, kind.local_statistics(passages, folder / "shard"), folder / "shard")
    return kind.open([folder / "shard"], folder / "whole")


@pytest.fixture(scope="module")
def ask(index):
    def ask(text):
        analyzer = QueryAnalyzer(Analyzer(), None)
        query = analyzer.respelled(analyzer.terms(text), index)
        return [TEXTS[at] for at in index.candidates(CandidateRequest(query, 3)).ordinals]

    return ask


@pytest.mark.parametrize(
    "query", ["WH-1000XM5", "wh1000xm5", "WH 1000 XM5", "wh1000 xm5", "WH-1000 XM5", "wh 1000xm5", "wh 1000 xm 5"]
)
def test_a_model_number_is_found_in_any_number_of_parts(ask, query):
    assert ask(query)[0] == "WH-1000XM5"


@pytest.mark.parametrize("query", ["OV700NC", "OV-700NC", "ov700 nc", "OV 700 NC"])
def test_a_model_number_that_the_index_has_in_parts_is_found_too(ask, query):
    assert ask(query)[0] == "OV 700 NC headset"


def test_a_compound_is_found_apart_and_together(ask):
    assert set(ask("otter box")[:2]) == {"OtterBox phone case", "Otterbox tablet case"}
    assert set(ask("raincoat")) == {"rain coat yellow", "rain coat blue"}


def test_words_that_only_happen_to_join_are_left_alone(ask):
    assert "carpet cleaner" not in ask("car pet")
    assert ask("notebook") == ["notebook"]


def test_the_words_of_a_compound_count_half_and_the_others_as_before(index):
    analyzer = QueryAnalyzer(Analyzer(), None)
    query = analyzer.terms("the otter box for a phone")
    found = analyzer.respelled(query, index).terms
    halved = {"otter", "box"}
    assert found[:-1] == tuple((term, weight / 2 if term in halved else weight) for term, weight in query.terms)
    assert found[-1] == ("otterbox", 1.0)


@pytest.fixture(scope="module")
def share(index):
    """The share of a query's content that a title has, as reranking counts it."""

    def share(query, title):
        analyzer = QueryAnalyzer(Analyzer(), None)
        terms = QueryTerms(Analyzer(), analyzer.respelled(analyzer.terms(query), index))
        worth = importance(terms.content, index, len(TEXTS))
        return coverage(worth, terms.shares(title))

    return share


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("otter box case", ["otter box case", "OtterBox case", "Otterbox case, otter box"]),
        ("raincoat", ["raincoat", "rain coat"]),
        ("WH 1000 XM5", ["WH 1000 XM5", "WH-1000XM5", "WH1000XM5"]),
        ("WH-1000XM5", ["WH 1000 XM5", "WH-1000XM5", "WH1000XM5"]),
        ("OV700NC headset", ["OV 700 NC headset", "OV700NC headset", "OV-700NC headset"]),
    ],
)
def test_a_title_with_any_spelling_of_a_word_has_the_whole_word(share, query, titles):
    assert [share(query, title) for title in titles] == pytest.approx([1.0] * len(titles))


@pytest.mark.parametrize(
    ("query", "title"),
    [("otter box case", "box case"), ("raincoat", "coat"), ("WH1000XM5", "WH-1000XM4"), ("xm5", "5")],
)
def test_a_title_with_a_part_of_a_word_has_a_part_of_it(share, query, title):
    assert 0 < share(query, title) < 0.95


def test_a_word_counts_once_against_the_other_words(share):
    # Before, the compound and its two words counted twice as much as any other word.
    assert share("raincoat yellow", "yellow") == pytest.approx(share("notebook yellow", "yellow"), abs=0.1)


def test_a_long_query_is_read_in_bounded_time(index):
    analyzer = QueryAnalyzer(Analyzer(), None)
    assert len(analyzer.respelled(analyzer.terms("a1 b2 " * 1_500), index).terms) < 12_000
