"""The default segmentation of the comparison is that of the analyzer, and each way to cut has the terms it names."""

import pytest

from clew.benchmarks.words.segmentation import SEGMENTATIONS, Segmentation, SegmentedAnalyzer, ranked
from clew.core.text import Analyzer
from clew.search.query_analysis import QueryAnalyzer

TEXTS = ["羊毛毯子", "臺灣後來發現 8mm 的頭髮", "中国科学院计算所", "red 毯 café"]


@pytest.mark.parametrize("text", TEXTS)
def test_the_default_has_the_terms_and_weights_of_a_query(text):
    analyzer = SegmentedAnalyzer(next(iter(SEGMENTATIONS.values())))
    assert tuple(analyzer.weighted(text)) == QueryAnalyzer(Analyzer(), None).terms(text).terms
    assert analyzer.terms(text) == Analyzer().terms(text)


@pytest.mark.parametrize(
    ("segmentation", "terms"),
    [
        (Segmentation("", (1,)), ["羊", "毛", "毯", "子"]),
        (Segmentation("", (2,)), ["羊毛", "毛毯", "毯子"]),
        (Segmentation("default", ()), ["羊毛", "毯子"]),
        (Segmentation("", (3,)), ["羊毛毯", "毛毯子"]),
    ],
)
def test_a_way_to_cut_has_the_terms_it_names(segmentation, terms):
    assert SegmentedAnalyzer(segmentation).terms("羊毛毯子") == terms


def test_texts_are_ranked_by_the_terms():
    texts = {"a": "羊毛毯子", "b": "羊毛衫", "c": "水壶"}
    assert list(ranked(Segmentation(), texts, {"q": "毯子"})["q"]) == ["a"]
    assert list(ranked(Segmentation(), texts, {"q": "羊毛毯"})["q"]) == ["a", "b"]
