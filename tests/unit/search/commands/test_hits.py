from clew.core.types import Contribution
from clew.search.commands.hits import BOLD, PLAIN, Page, explanation_lines, printable, verdict
from clew.search.fields import FieldSpec
from clew.search.types import FacetValue, GraphUse, Highlight, Hit, LinkedEntity, SearchResponse, StageScore, WhyNot

FIELDS = {
    "title": FieldSpec("text"),
    "text": FieldSpec("text"),
    "brand": FieldSpec("keyword"),
    "price": FieldSpec("number"),
}
HIT = Hit(
    id="P-1",
    rank=1,
    score=0.91234,
    scored_by="fusion",
    fields={"title": "Travel headphones", "text": "Quiet headphones.", "brand": "Sony", "price": 99.5},
    highlights=(
        Highlight("title", "Travel headphones", ((7, 17),)),
        Highlight("text", "Quiet headphones.", ((6, 16),)),
    ),
)


def lines(page=None, **changes):
    response = SearchResponse(query="q", hits=(HIT,), considered=1, release="r1", index="shop", **changes)
    return list((page or Page(FIELDS)).answer(response))


def test_a_hit_shows_rank_title_id_score_snippet_and_facts():
    assert lines() == [
        "  1. Travel headphones",
        "     P-1  (fusion 0.9123)",
        "     Quiet headphones.",
        "     brand: Sony · price: 99.5",
        "",
    ]


def test_matches_are_bold_only_where_asked():
    assert lines(Page(FIELDS, bold=True))[0] == f"  1. Travel {BOLD}headphones{PLAIN}"
    assert "\x1b" not in "".join(lines())


def test_control_characters_of_documents_never_reach_the_terminal():
    hit = Hit(id="a\x1b[2J", rank=1, score=1.0, scored_by="bm25", fields={"title": "x\x1b]0;evil\x07\ny", "text": "t"})
    shown = "\n".join(Page(FIELDS).hit(hit))
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert printable("a\tb\u200bc\r\n") == "a b c  "


def test_facets_and_an_empty_answer():
    assert (
        lines(facets={"brand": (FacetValue("Sony", 1200), FacetValue("Bose", 1))})[-1]
        == "brand: Sony (1,200), Bose (1)"
    )
    assert list(Page(FIELDS).answer(SearchResponse(query="q", hits=(), considered=0, release="r1", index="shop"))) == [
        "no hits"
    ]


NAVY = LinkedEntity(id="colour:navy", name="navy", type="colour", start=0, end=9, text="dark blue", probability=0.5637)
ODD = LinkedEntity(id="e1", name="Odd\x1b[2J", type="", start=10, end=13, text="odd", probability=1.0)


def test_what_the_graph_did_is_one_line_below_the_hits():
    used = GraphUse(used=True, reason="asked for", entities=(NAVY, ODD), reached=1_200)
    assert lines(graph=used)[-1] == (
        "graph used: 'dark blue' = navy (colour, 0.56), 'odd' = Odd [2J (1.00); 1,200 entities reached (asked for)"
    )
    assert lines(graph=GraphUse(used=False, reason="the query names no entity of the graph"))[-1] == (
        "graph not used (the query names no entity of the graph)"
    )


def test_candidates_of_the_graph_that_do_not_count_stand_below_that_line():
    assert lines(graph=GraphUse(used=True, reason="asked for", outmatched=1_024))[-1] == (
        "  1,024 candidates that it leads to do not count: other documents hold more of the query"
    )


def test_what_the_gate_weighed_stands_below_that_line():
    parts = (Contribution("gate", "bias", -0.5, {"value": 1.0}), Contribution("gate", "words", 0.0, {"value": 0.3}))
    shown = lines(
        graph=GraphUse(used=False, reason="the gate", entities=(NAVY,), reached=1, probability=0.4, parts=parts)
    )
    assert shown[-2].startswith("graph not used: 'dark blue'")
    assert shown[-1] == "     -0.5000  bias  1"


WHY = (
    StageScore(
        "bm25",
        3.5,
        2,
        (
            Contribution("bm25", "term 'sony'", 1.25, {"tf": 1.0, "df": 12}),
            Contribution("bm25", "term 'headphon'", 2.25),
        ),
    ),
    StageScore("dense", None, None),
)


def test_the_explanation_shows_each_stage_and_its_parts():
    assert list(explanation_lines(WHY)) == [
        "bm25 = 3.5000, rank 2",
        "     +1.2500  term 'sony'      tf 1  df 12",
        "     +2.2500  term 'headphon'",
        "dense = no score, not among its candidates",
    ]


def test_a_verdict_names_the_stage():
    lost = WhyNot(id="P-9", found=False, lost_at="fusion", reason="fused rank 40 is outside hits 1 to 10", stages=WHY)
    assert next(verdict(lost)) == "P-9 was lost at: fusion (fused rank 40 is outside hits 1 to 10)"
    kept = WhyNot(id="P-9", found=True, lost_at=None, reason="it is hit 2", stages=())
    assert list(verdict(kept)) == ["P-9 is among the hits (it is hit 2)"]


def test_a_source_without_rank_or_score_is_said_in_words():
    parts = (
        Contribution("fusion", "bm25", 0.25, {"score": 1.5, "rank": None, "weight": 0.5}),
        Contribution("fusion", "dense", 0.0, {"score": None, "rank": None, "weight": 1.0}),
    )
    shown = list(explanation_lines([StageScore("fusion", 0.25, 1, parts)]))[1:]
    assert [line.split(maxsplit=2)[2] for line in shown] == [
        "score 1.5  not ranked  weight 0.5",
        "no score  not ranked  weight 1",
    ]
