"""Answers over a really built index, with the scorer that needs no model: in process, over HTTP, as a command."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

import clew
from clew.api import answer_schemas
from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings
from clew.cli import app
from clew.core.errors import QueryError, UsageError
from clew.models.overlap import OverlapScorer
from clew.search import types
from clew.search.answer import SENTENCES
from clew.search.rerank.calibration import Calibration
from clew.search.types import AnswerRequest
from tests.builders import spec_table

FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "intro": {"type": "text"},
    "text": {"type": "text"},
    "brand": {"type": "keyword"},
}
PASSAGES = {"size": 24, "step": 16}
RERANK = {"model": "overlap", "budget_ms": 0}
FILLER = "Nothing of note is said in this one at all. " * 6
DOCUMENTS = [
    {"id": "rust", "title": "Rust", "intro": "On iron.",
     "text": f"Why does iron rust in water? Iron is a metal. {FILLER}Water and oxygen make iron rust. {FILLER}"
             "Paint keeps water from iron."},
    {"id": "tea", "title": "Tea", "text": "Green tea needs warm water.\nBlack tea needs boiling water", "brand": "A"},
    {"id": "茶", "title": "茶", "text": "绿茶要用温水泡。红茶要用开水泡！"},
    {"id": "empty", "title": "Iron water rust oxygen", "brand": "B"},
    *({"id": f"x{at}", "title": f"Note {at}", "text": f"Water runs in pipe {at}. " * 3, "brand": "C"}
      for at in range(12)),
]  # fmt: skip
QUERY = "why does iron rust in water and oxygen"
ASKED = types.SearchRequest(query=QUERY)


@pytest.fixture(scope="module")
def home(built_home):
    tables = {"texts": RERANK, "plain": None}
    # Every document matches, so that answers can be had from all.
    parts = {"fields": FIELDS, "passages": PASSAGES, "dense": {"model": "hashing-32", "floor": -1}}
    specs = [spec_table(name, rerank=rerank, **parts) for name, rerank in tables.items()]
    return built_home(*specs, docs=DOCUMENTS)


@pytest.fixture(scope="module")
def index(home):
    with clew.open("texts", home) as opened:
        yield opened


@pytest.fixture(scope="module")
def plain(home):
    with clew.open("plain", home) as opened:
        yield opened


class Counting(OverlapScorer):
    """Keeps what it was asked, call by call."""

    def __init__(self, answer=None) -> None:
        self.calls: list[list[str]] = []
        self.answer = answer

    def score(self, query, texts):
        self.calls.append(list(texts))
        found = super().score(query, texts)
        return found if self.answer is None else self.answer(len(self.calls), found)


def with_scorer(index, scorer, calibration=None):
    reranker = replace(index.searcher.reranker, scorer=scorer, calibration=calibration or Calibration())
    return replace(index.searcher, reranker=reranker)


def body_of(index, name: str) -> str:
    store = index.searcher.store
    return store.body(store.find(name))


def shown(response) -> list[tuple[str, str]]:
    return [(answer.id, answer.text) for answer in response.answers]


# ---------------------------------------------------------------- in process


@pytest.mark.parametrize("query", [QUERY, "boiling water", "红茶怎么泡", "pipe", "zebra"])
@pytest.mark.parametrize("rerank", [True, False])
def test_every_answer_is_a_slice_of_its_documents_body_in_its_passage(index, query, rerank) -> None:
    answers = index.answer(query, k=20, rerank=rerank).answers
    assert answers
    assert len({answer.id for answer in answers}) == len(answers)
    assert "empty" not in {answer.id for answer in answers}
    for rank, answer in enumerate(answers, 1):
        assert answer.rank == rank
        assert body_of(index, answer.id)[answer.start : answer.end] == answer.text
        assert answer.passage[0] <= answer.start < answer.end <= answer.passage[1]
        assert answer.passage not in answer.more
        assert len(answer.more) <= 2


def test_the_cross_encoder_chooses_the_sentence_and_its_log_odds_are_calibrated(index) -> None:
    searcher = with_scorer(index, OverlapScorer(), Calibration(1.5, 0.25, -0.75))
    response = searcher.answer(AnswerRequest(search=ASKED))
    best = response.answers[0]
    assert (best.id, best.title, best.field) == ("rust", "Rust", "text")
    # The question holds more of the query's words than what answers it: this scorer knows no better.
    assert best.text == "Why does iron rust in water?"
    pool = searcher.pool(QUERY, 200)
    for answer in response.answers:
        score = float(OverlapScorer().score(QUERY, [f"{answer.title}\n{answer.text}"])[0])
        fused = float(pool.prior[pool.index_of(searcher.store.find(answer.id))])
        assert answer.scored_by == "rerank"
        assert answer.score == pytest.approx(1.5 * score + 0.25 * fused - 0.75, abs=1e-6)
        assert answer.probability == pytest.approx(1 / (1 + np.exp(-answer.score)))
    hits = {hit.id: hit for hit in searcher.search(types.SearchRequest(query=QUERY, k=50)).hits}
    for answer in response.answers:
        assert answer.document_probability == hits[answer.id].probability is not None
    scores = [answer.score for answer in response.answers]
    assert scores == sorted(scores, reverse=True)
    assert response.degraded == ()
    assert {"rerank", "answer", "total"} <= set(response.timings_ms)


def test_the_terms_choose_without_a_reranker_and_documents_keep_their_order(index, plain) -> None:
    for response in (index.answer(QUERY, rerank=False), plain.answer(QUERY)):
        hits = index.search(QUERY, k=5, profile="qa", rerank=False).hits
        assert [answer.id for answer in response.answers] == [hit.id for hit in hits if hit.id != "empty"]
        best = next(answer for answer in response.answers if answer.id == "rust")
        # A question counts half, so the cross-encoder's choice is not this one's.
        assert best.text == "Water and oxygen make iron rust."
        assert (best.scored_by, best.probability, best.document_probability) == ("terms", None, None)
        assert best.score > 0
        assert (response.rerank, response.sentences, response.degraded) == (None, 0, ())


def test_a_document_answers_once_and_its_other_passages_are_more(index) -> None:
    store = index.searcher.store
    best = next(answer for answer in index.answer(QUERY).answers if answer.id == "rust")
    spans = {store.span(passage) for passage in range(*store.passage_range(store.find("rust")))}
    assert len(spans) > 3
    assert len(best.more) == 2
    assert {best.passage, *best.more} <= spans
    [single] = index.answer("green tea", filters={"brand": "A"}).answers
    assert (single.id, single.text, single.more) == ("tea", "Green tea needs warm water.", ())


def test_sentences_are_read_in_one_call_below_their_titles_and_bounded(index) -> None:
    scorer = Counting()
    response = with_scorer(index, scorer).answer(AnswerRequest(search=ASKED, k=50))
    documents = [call for call in scorer.calls if any("\n" in text and text.count(".") > 1 for text in call)]
    sentences = scorer.calls[-1]
    assert documents
    assert response.sentences == len(sentences) <= SENTENCES
    assert "Rust\nWater and oxygen make iron rust." in sentences
    assert "Tea\nBlack tea needs boiling water" in sentences
    assert len(scorer.calls) == 2  # 16 documents, then the sentences
    assert {answer.id for answer in response.answers} == {document["id"] for document in DOCUMENTS} - {"empty"}


def test_the_likeliest_answer_comes_first_whatever_the_order_of_documents(index) -> None:
    # The best sentence of each document is read first, in their order: here each is likelier than the one before.
    rising = Counting(lambda call, found: found if call == 1 else np.array([0, 1, 2] + [-9] * (len(found) - 3)))
    answers = (
        with_scorer(index, rising).answer(AnswerRequest(search=types.SearchRequest(query="pipe water"), k=3)).answers
    )
    documents = [hit.id for hit in index.search("pipe water", k=3).hits]
    assert [answer.score for answer in answers] == [2, 1, 0]
    assert [answer.id for answer in answers] == documents[::-1]


class Unreading(OverlapScorer):
    """Reads no query."""

    def unread_share(self, query: str) -> float:
        return 1.0


def test_a_question_that_the_cross_encoder_does_not_read_has_a_note_and_no_probabilities(index) -> None:
    response = with_scorer(index, Unreading()).answer(AnswerRequest(search=ASKED))
    assert {(answer.scored_by, answer.probability, answer.document_probability) for answer in response.answers} == {
        ("terms", None, None)
    }
    assert (response.rerank.stopped, response.rerank.reranked, response.sentences) == ("unread", 0, 0)
    assert any("the cross-encoder does not read 100% of the query's tokens" in note for note in response.notes)
    assert response.degraded == ()
    assert [answer.id for answer in response.answers] == [
        answer.id for answer in index.answer(QUERY, rerank=False).answers
    ]


@pytest.mark.parametrize(
    ("query", "good"),
    [
        ("does warm water make green tea", True),
        ("绿茶要用温水泡", True),
        ("mayoral election results", False),
        ("市长选举是谁赢了", False),
    ],
)
def test_nothing_is_good_if_the_words_are_about_something_else(plain, query, good) -> None:
    assert plain.answer(query).nothing_good is not good


def test_a_sentence_has_the_log_odds_of_its_document_and_what_it_adds(index) -> None:
    calibration = Calibration(1.5, 0.25, -0.75, lead=0.5, sentence=0.5, sentence_bias=-1.0)
    searcher = with_scorer(index, OverlapScorer(), calibration)
    hits = {hit.id: hit for hit in searcher.search(types.SearchRequest(query=QUERY, k=50, explain=True)).hits}
    answers = searcher.answer(AnswerRequest(search=ASKED)).answers
    assert [answer.score for answer in answers] == sorted((answer.score for answer in answers), reverse=True)
    for answer in answers:
        (stage,) = (why for why in hits[answer.id].why if why.stage == "rerank")
        passage = stage.parts[0].detail["score"]
        sentence = float(OverlapScorer().score(QUERY, [f"{answer.title}\n{answer.text}"])[0])
        assert sum(part.value for part in stage.parts) == pytest.approx(hits[answer.id].score)
        assert answer.score == pytest.approx(hits[answer.id].score + 0.5 * 1.5 * (sentence - passage) - 1.0)


def test_documents_of_which_nothing_was_read_follow_and_stay(index, monkeypatch) -> None:
    monkeypatch.setattr("clew.search.answer.SENTENCES", 2)
    response = index.answer(QUERY, k=8)
    documents = [hit.id for hit in index.search(QUERY, k=8).hits if hit.id != "empty"]
    assert response.sentences == 2
    assert [answer.id for answer in response.answers[2:]] == documents[2:] != []
    for answer in response.answers:
        unread = answer.id in documents[2:]
        assert (answer.scored_by, answer.probability is None) == (("terms", True) if unread else ("rerank", False))
    # With one of the two left, what was not judged stays; with none, nothing does.
    least = response.answers[0].probability
    left = index.answer(QUERY, k=8, min_probability=least).answers
    assert left == (response.answers[0], *(replace(answer, rank=answer.rank - 1) for answer in response.answers[2:]))
    assert index.answer(QUERY, k=8, min_probability=1).nothing_good


def test_only_the_first_k_documents_are_looked_at(index) -> None:
    filters = {"must_not": [{"brand": "B"}]}
    first = [hit.id for hit in index.search("tea water", k=2, filters=filters).hits]
    assert {answer.id for answer in index.answer("tea water", k=2, filters=filters).answers} == set(first)
    # A document without text takes a place and gives no answer.
    assert [hit.id for hit in index.search(QUERY, k=1, rerank=False, filters={"brand": "B"}).hits] == ["empty"]
    assert index.answer(QUERY, k=1, filters={"brand": "B"}).answers == ()


def test_nothing_good_is_an_empty_answer_with_the_best_probability_in_a_note(index) -> None:
    whole = index.answer(QUERY)
    assert whole.nothing_good is False
    left = index.answer(QUERY, min_probability=whole.answers[0].probability)
    assert left.answers == whole.answers[:1] != whole.answers
    assert (left.nothing_good, left.notes) == (False, ())
    none = index.answer(QUERY, min_probability=1)
    assert (none.answers, none.nothing_good) == ((), True)
    count, best = len(whole.answers), whole.answers[0].probability
    assert none.notes == (f"nothing good: none of {count} answers reaches min_probability 1, the best has {best:.2g}",)


def test_a_likely_sentence_counts_however_unlikely_its_document(index) -> None:
    """The threshold is the sentence's: documents whose passage reads worse are still looked at."""
    high_for_sentences = Counting(lambda call, found: np.full(len(found), -5.0 if call == 1 else 5.0, np.float32))
    response = with_scorer(index, high_for_sentences).answer(AnswerRequest(search=ASKED, min_probability=0.9))
    assert response.answers
    assert response.answers[0].document_probability < 0.1 < 0.9 < response.answers[0].probability


def test_a_failed_reranking_degrades_to_the_terms_and_is_named(index) -> None:
    by_terms = shown(index.answer(QUERY, rerank=False))
    broken = Counting(lambda _, found: np.full(len(found), np.nan, np.float32))
    response = with_scorer(index, broken).answer(AnswerRequest(search=ASKED, min_probability=0.99))
    assert [(lost.stage, "not a finite number" in lost.reason) for lost in response.degraded] == [("rerank", True)]
    assert shown(response) == by_terms
    assert (response.nothing_good, response.notes, response.sentences) == (False, (), 0)
    assert {answer.scored_by for answer in response.answers} == {"terms"}


def test_failed_or_late_sentences_degrade_to_the_terms_and_are_named(index) -> None:
    broken = Counting(lambda call, found: found if call == 1 else np.full(len(found), np.nan, np.float32))
    response = with_scorer(index, broken).answer(AnswerRequest(search=ASKED))
    assert [(lost.stage, "not a finite number" in lost.reason) for lost in response.degraded] == [("answer", True)]
    assert {answer.scored_by for answer in response.answers} == {"terms"}
    assert response.answers[0].document_probability is not None
    late = index.answer(QUERY, sources=["bm25"], budget_ms=1e-6)
    assert [(lost.stage, "budget" in lost.reason) for lost in late.degraded] == [("rerank", True)]
    assert shown(late) == shown(index.answer(QUERY, sources=["bm25"], rerank=False))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"query": " "}, "query is empty"),
        ({"k": 0}, "k is 0"),
        ({"k": 51}, "k is 51"),
        ({"min_probability": 2}, "min_probability is 2"),
        ({"budget_ms": 0}, "budget_ms is 0"),
        ({"rerank": False, "min_probability": 0.5}, "nothing is reranked"),
        ({"graph": "on"}, "no graph"),
    ],
)
def test_a_request_that_cannot_be_answered_names_its_parameter(index, changes, says) -> None:
    with pytest.raises(QueryError, match=says):
        index.answer(**({"query": QUERY} | changes))


def test_a_closed_index_says_so(home) -> None:
    opened = clew.open("plain", home)
    opened.close()
    with pytest.raises(UsageError, match="closed"):
        opened.answer(QUERY)


# ---------------------------------------------------------------- over HTTP


@pytest.fixture(scope="module")
def client(home):
    with TestClient(create_app(Engine(home), Settings(home=home))) as opened:
        yield opened


def test_http_answers_what_the_searcher_answers(client, index) -> None:
    wanted = {"query": QUERY, "k": 3, "min_probability": 0.1, "filters": {"must_not": [{"brand": "B"}]}}
    response = client.post("/v1/answer", json={"index": "texts", **wanted})
    assert response.status_code == 200, response.text
    answer = response.json()
    known = json.loads(json.dumps(dataclasses.asdict(index.answer(**wanted))))
    assert answer.pop("request_id") == response.headers["x-request-id"]
    assert [part.split(";")[0] for part in response.headers["server-timing"].split(", ")] == list(answer["timings_ms"])
    assert answer.pop("timings_ms").keys() == known.pop("timings_ms").keys()
    assert answer == known
    assert answer["answers"][0]["id"] == "rust"
    assert 'clew_search_stage_seconds_count{stage="answer"}' in client.get("/metrics").text


@pytest.mark.parametrize(
    ("model", "mirrored"),
    [(answer_schemas.AnswerSentence, types.Answer), (answer_schemas.AnswerResult, types.AnswerResponse)],
)
def test_the_wire_has_every_field(model, mirrored) -> None:
    assert set(model.model_fields) - {"request_id"} == {field.name for field in dataclasses.fields(mirrored)}


def test_the_body_takes_every_field_of_a_request_and_its_examples_are_accepted(client) -> None:
    schema = client.get("/openapi.json").json()["components"]["schemas"]["AnswerBody"]
    of_search = {field.name for field in dataclasses.fields(types.SearchRequest)}
    of_answer = {field.name for field in dataclasses.fields(AnswerRequest)}
    listing = {"sort", "search_after", "fields", "group_by", "group_limit"}
    no_effect = {"facet_limit", "offset", "facets", "disjunctive", "profile", "explain"} | listing
    assert set(schema["properties"]) - {"index", "expand"} == (of_search | of_answer) - no_effect - {"search"}
    assert schema["properties"]["k"]["maximum"] == types.MAX_ANSWERS
    for example in schema["examples"]:
        assert client.post("/v1/answer", json=example | {"index": "texts"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"k": 51}, 422, "k is 51"),
        ({"min_probability": 1.5}, 422, "min_probability is 1.5"),
        ({"offset": 3}, 422, "unknown key 'offset'"),
        ({"query": "  "}, 422, "query"),
        ({"rerank": False, "min_probability": 0.5}, 422, "nothing is reranked"),
        ({"index": "text"}, 404, "text"),
    ],
)
def test_what_cannot_be_answered_is_a_problem(client, body, status, says) -> None:
    response = client.post("/v1/answer", json={"index": "texts", "query": QUERY} | body)
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert says in response.json()["detail"]


# ---------------------------------------------------------------- on the command line


@pytest.fixture
def run(home):
    def run_answer(*words):
        return CliRunner().invoke(app, ["answer", *words, "--home", str(home)])

    return run_answer


def test_the_command_line_shows_sentence_document_and_probability(run, index) -> None:
    result = run("texts", QUERY, "-k", "3")
    assert result.exit_code == 0, result.output
    best = index.answer(QUERY, k=3).answers[0]
    lines = result.stdout.splitlines()
    assert lines[0] == f"  1. {best.text}"
    assert lines[1] == f"     Rust  rust  text, body {best.start:,}–{best.end:,}"
    assert f"probability {best.probability:.2f}, of its document {best.document_probability:.2f}" in lines[2]
    assert lines[3].startswith("     more in this document: ")
    assert "sentences read" in lines[-1]
    assert "matching documents" in result.stderr
    given = json.loads(run("texts", QUERY, "--json").stdout)
    known = json.loads(json.dumps(dataclasses.asdict(index.answer(QUERY))))
    assert given["answers"] == known["answers"]


def test_the_command_line_says_that_nothing_is_good(run) -> None:
    result = run("texts", QUERY, "--min-probability", "1")
    assert result.stdout.startswith("no answers\n")
    assert "note: nothing good: none of " in result.stderr
