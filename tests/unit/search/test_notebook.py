"""Responses as tables and as HTML."""

import sys

import pytest

from clew.core.errors import MissingExtraError
from clew.core.types import Contribution
from clew.search.types import Answer, AnswerResponse, Highlight, Hit, MatchedVariant, SearchResponse, StageScore


def hit(rank, **changes):
    values = {"id": f"K-{rank}", "rank": rank, "score": 1.5, "scored_by": "fusion", "fields": {"title": f"Lamp {rank}"}}
    return Hit(**(values | changes))


def response(*hits, **changes):
    return SearchResponse(
        **({"query": "<b>lamp", "hits": hits, "considered": 9, "release": "r1", "index": "shop"} | changes)
    )


ANSWERS = AnswerResponse(
    query="how warm?",
    answers=(
        Answer(
            id="K-1", rank=1, text="Very <warm>.", title="Lamp", field="text", start=0, end=12, passage=(0, 12),
            score=2.0, scored_by="rerank", probability=0.88,
        ),
    ),
    nothing_good=False, considered=3, sentences=4, release="r1", index="shop",
)  # fmt: skip


def test_hits_are_rows_with_their_fields():
    table = response(hit(1, fields={"title": "Lamp", "price": 3.5}), hit(2, fields={"title": "Oak"})).to_arrow()
    assert table.column_names == ["rank", "id", "score", "scored_by", "probability", "title", "price"]
    assert table.to_pylist()[1] == {
        "rank": 2, "id": "K-2", "score": 1.5, "scored_by": "fusion", "probability": None, "title": "Oak", "price": None,
    }  # fmt: skip


def test_a_field_with_the_name_of_a_column_keeps_both():
    row = response(hit(1, fields={"score": 7})).to_arrow().to_pylist()[0]
    assert (row["score"], row["field.score"]) == (1.5, 7)


def test_the_matched_variant_has_columns_of_its_own():
    variant = MatchedVariant(1, 3, "K-1-M", {"size": "M", "id": 7})
    row = response(hit(1, fields={"size": ["S", "M"]}, variant=variant)).to_arrow().to_pylist()[0]
    assert {name: value for name, value in row.items() if name.startswith("variant.")} == {
        "variant.index": 1, "variant.of": 3, "variant.id": "K-1-M", "variant.size": "M", "variant.field.id": 7,
    }  # fmt: skip
    assert (row["id"], row["size"]) == ("K-1", ["S", "M"])


def test_no_hits_are_an_empty_table():
    assert response().to_arrow().num_rows == 0
    assert len(response().to_pandas()) == 0


def test_pandas_and_arrow_agree():
    found = response(hit(1), hit(2))
    assert found.to_pandas()["id"].tolist() == found.to_arrow()["id"].to_pylist() == ["K-1", "K-2"]
    assert ANSWERS.to_pandas()["text"].tolist() == ANSWERS.to_arrow()["text"].to_pylist() == ["Very <warm>."]


def test_without_pandas_the_error_names_the_other_way(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MissingExtraError, match="needs pandas") as error:
        response(hit(1)).to_pandas()
    assert "to_arrow" in error.value.hint


def test_the_notebook_shows_marks_explanations_and_escapes():
    why = (StageScore("bm25", 2.0, 1, (Contribution("bm25", "term 'lamp' <x>", 2.0),)), StageScore("dense", None, None))
    shown = hit(1, highlights=(Highlight("title", "Oak <lamp> here", ((4, 10),)),), why=why, probability=0.25)
    html = response(shown, notes=("a & b",))._repr_html_()
    assert "&lt;b&gt;lamp" in html
    assert "&lt;lamp&gt;</mark> here" in html
    assert "25%" in html
    assert "+2.0000 term &#x27;lamp&#x27; &lt;x&gt;" in html
    assert "dense: not among its candidates" in html
    assert "a &amp; b" in html
    assert "Very &lt;warm&gt;." in ANSWERS._repr_html_()
