"""Reranking over a really built index, with the scorer that needs no model: what is served, what a release keeps."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest

import clew
from clew.core.errors import MismatchError, NotFoundError, QueryError, StageUnavailable
from clew.core.files import write_atomic
from clew.indexer.build import build
from clew.indexer.releases import history, judged
from clew.indexer.releases.transfer import export, import_
from clew.indexer.spec import spec_of
from clew.models.overlap import OverlapScorer
from clew.search.assemble import open_index
from clew.search.fusion import TITLE_WEIGHT
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.spec import RerankSpec
from clew.search.types import RerankUse, SearchRequest
from clew.search.versions import IndexFolder, dumps

WORDS = "lamp desk oak walnut steel brass reading floor bright warm quiet kettle toaster cordless travel blue".split()
QUERY = "warm oak reading lamp"
TOP = 20
# No budget: these tests must not depend on how busy a machine is.
TABLE = {
    "name": "shop",
    "dense": {"model": "hashing-32"},
    "source": {"path": "docs.jsonl"},
    "fields": {"title": {"type": "text", "weight": 2.0}, "text": {"type": "text"}, "price": {"type": "number"}},
    "passages": {"size": 24, "step": 16},
    "rerank": {"model": "overlap", "top": TOP, "budget_ms": 0},
}
RERANK = RerankSpec("overlap", TOP, 0.0)
# Equal requests at the same time; `make soak` makes 250.
REQUESTS = int(os.environ.get("CLEW_REQUESTS", "24"))


def write_documents(folder) -> None:
    rng = random.Random(18)
    with (folder / "docs.jsonl").open("w") as sink:
        for number in range(120):
            text = ". ".join(" ".join(rng.choices(WORDS, k=6)) for _ in range(rng.choice([1, 1, 4])))
            title = " ".join(rng.choices(WORDS, k=3))
            sink.write(json.dumps({"id": f"d{number}", "title": title, "text": text, "price": number}) + "\n")


def spec(folder, **tables):
    return spec_of({**TABLE, **tables}, "shop.toml", folder)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("rerank")
    write_documents(root)
    build(spec(root), root / "home")
    return root


@pytest.fixture(scope="module")
def index(built):
    with clew.open("shop", built / "home") as opened:
        yield opened


@pytest.fixture
def root(built, tmp_path):
    shutil.copytree(built, tmp_path / "copy")
    return tmp_path / "copy"


def fused_ids(index, count=200, **filters):
    return [hit.id for hit in index.search(QUERY, k=count, rerank=False, **filters).hits]


def overlap(index, document) -> float:
    """The scorer's own word on a document's best passage, found another way than the stage does."""
    pool = index.searcher.pool(QUERY, 200)
    at = pool.index_of(index.searcher.store.find(document))
    text = index.searcher.store.embedded_text(pool.best_passage(at))
    return float(OverlapScorer().score(QUERY, [text])[0])


# ---------------------------------------------------------------- what a search answers


def test_the_first_of_the_fused_order_are_reranked_the_others_follow_as_they_were(index):
    fused = fused_ids(index)
    answer = index.search(QUERY, k=200)
    ids = [hit.id for hit in answer.hits]
    assert ids[:TOP] == sorted(fused[:TOP], key=lambda name: -overlap(index, name))
    assert ids[:TOP] != fused[:TOP]
    assert ids[TOP:] == fused[TOP:]
    assert answer.rerank == RerankUse(
        model="overlap", reranked=TOP, of=TOP, dropped=0, unjudged=len(ids) - TOP, stopped="all"
    )
    assert answer.timings_ms["rerank"] > 0
    assert answer.degraded == ()


def test_a_reranked_hit_has_log_odds_and_their_probability(index):
    hits = index.search(QUERY, k=30).hits
    for hit in hits[:TOP]:
        assert hit.scored_by == "rerank"
        assert hit.score == pytest.approx(overlap(index, hit.id), abs=1e-6)
        assert hit.probability == pytest.approx(1 / (1 + np.exp(-hit.score)))
    for hit in hits[TOP:]:
        assert (hit.scored_by, hit.probability) == ("fusion", None)


def test_the_receipt_adds_up_and_names_the_rank_in_every_stage(built, index):
    calibrated = replace(index.searcher.reranker, calibration=Calibration(1.5, 0.25, -0.75))
    searcher = replace(index.searcher, reranker=calibrated)
    fused = {name: rank for rank, name in enumerate(fused_ids(index), 1)}
    for hit in searcher.search(SearchRequest(query=QUERY, k=40, explain=True)).hits:
        assert [stage.stage for stage in hit.why] == ["bm25", "dense", "fusion", "rerank"]
        for stage in hit.why:
            if stage.score is not None:
                assert sum(part.value for part in stage.parts) == pytest.approx(stage.score, abs=1e-6)
        by_name = {stage.stage: stage for stage in hit.why}
        assert by_name["fusion"].rank == fused[hit.id]
        if hit.rank <= TOP:
            assert (by_name["rerank"].score, by_name["rerank"].rank) == (hit.score, hit.rank)
            title = next(part.value for part in by_name["rerank"].parts if part.what == "title")
            assert 0 <= title <= 0.25 * TITLE_WEIGHT
            expected = 1.5 * overlap(index, hit.id) + 0.25 * by_name["fusion"].score + title - 0.75
            assert hit.score == pytest.approx(expected, abs=1e-5)
        else:
            assert (by_name["rerank"].score, by_name["rerank"].rank, by_name["rerank"].parts) == (None, None, ())
            assert hit.score == by_name["fusion"].score


def test_pages_continue_each_other_over_the_border(index):
    whole = index.search(QUERY, k=40).hits
    pages = [index.search(QUERY, k=10, offset=offset) for offset in (0, 10, 15, 20, 30)]
    for offset, page in zip((0, 10, 15, 20, 30), pages, strict=True):
        assert page.hits == whole[offset : offset + 10]
    assert [page.rerank.unjudged for page in pages] == [0, 0, 5, 10, 10]


def test_a_least_probability_drops_reranked_hits_only_and_pages_count_what_is_left(index):
    whole = index.search(QUERY, k=200).hits
    least = sorted(hit.probability for hit in whole[:TOP])[TOP // 2]
    left = [hit.id for hit in whole if hit.probability is None or hit.probability >= least]
    dropped = len(whole) - len(left)
    assert 0 < dropped < TOP
    answer = index.search(QUERY, k=200, min_probability=least)
    assert [hit.id for hit in answer.hits] == left
    assert [hit.rank for hit in answer.hits] == list(range(1, len(left) + 1))
    assert (answer.rerank.dropped, answer.considered) == (dropped, len(whole))
    page = index.search(QUERY, k=7, offset=TOP - dropped - 3, min_probability=least)
    assert [hit.id for hit in page.hits] == left[TOP - dropped - 3 :][:7]
    assert page.rerank.unjudged == 4
    assert page.notes == ()


def test_nothing_good_is_an_empty_answer_that_says_so(index):
    answer = index.search(QUERY, filters={"price": {"lt": 9}}, min_probability=1.0)
    assert (answer.hits, answer.considered) == ((), 9)
    assert answer.rerank == RerankUse(model="overlap", reranked=9, of=9, dropped=9, unjudged=0, stopped="all")
    assert answer.notes[0].startswith("nothing good: none of 9 documents reaches min_probability 1, the best has ")
    deeper = index.search(QUERY, k=200, min_probability=1.0)
    assert (deeper.hits, deeper.rerank.dropped) == ((), TOP)


def test_it_can_be_asked_for_and_left_out(index):
    assert index.search(QUERY, rerank=True).hits == index.search(QUERY).hits
    plain = index.search(QUERY, rerank=False, explain=True)
    assert plain.rerank is None
    assert "rerank" not in plain.timings_ms
    assert {hit.scored_by for hit in plain.hits} == {"fusion"}
    assert {stage.stage for hit in plain.hits for stage in hit.why} == {"bm25", "dense", "fusion"}


def test_a_stage_without_time_is_named_and_hits_stay_as_fused(index):
    answer = index.search(QUERY, budget_ms=1e-6, min_probability=0.99, sources=["bm25"], explain=True)
    assert [(lost.stage, "budget" in lost.reason) for lost in answer.degraded] == [("rerank", True)]
    assert [hit.id for hit in answer.hits] == fused_ids(index, 10, sources=["bm25"])
    assert answer.rerank == RerankUse(
        model="overlap", reranked=0, of=TOP, dropped=0, unjudged=10, stopped="unavailable"
    )
    assert answer.notes == ()
    assert [stage.stage for stage in answer.hits[0].why] == ["bm25", "fusion"]


def test_a_model_that_gives_no_number_is_named_and_hits_stay_as_fused(index):
    broken = replace(index.searcher, reranker=replace(index.searcher.reranker, scorer=NoNumber()))
    answer = broken.search(SearchRequest(query=QUERY))
    assert [(lost.stage, "not a finite number" in lost.reason) for lost in answer.degraded] == [("rerank", True)]
    assert [hit.id for hit in answer.hits] == fused_ids(index, 10)
    with pytest.raises(StageUnavailable, match=r"rerank: .* not a finite number"):
        broken.rank(QUERY, 10)


class NoNumber(OverlapScorer):
    def score(self, query, texts):
        return np.full(len(texts), np.nan, np.float32)


def test_a_depth_below_top_still_gives_top_documents_to_read(index, tmp_path):
    (tmp_path / "narrow.toml").write_text("depth = 1\n")
    assert index.search(QUERY, k=1, profile=str(tmp_path / "narrow.toml")).rerank.reranked == TOP
    wide = replace(index.searcher, reranker=replace(index.searcher.reranker, spec=replace(RERANK, top=100)))
    assert wide.search(SearchRequest(query=QUERY, k=1)).rerank.reranked == 100
    ids, _ = wide.rank(QUERY, 5)
    assert ids == [hit.id for hit in wide.search(SearchRequest(query=QUERY, k=5)).hits]


@pytest.mark.parametrize(
    ("changes", "says", "hint"),
    [
        ({"min_probability": -0.1}, "min_probability is -0.1", "0 to 1"),
        ({"min_probability": 1.1}, "min_probability is 1.1", "0 to 1"),
        ({"min_probability": float("nan")}, "min_probability is nan", "0 to 1"),
        ({"min_probability": 0.5, "rerank": False}, "min_probability is 0.5, but nothing", "leave rerank out"),
        ({"rerank": "yes"}, "rerank is 'yes'", "true or false"),
    ],
)
def test_a_request_that_cannot_be_answered_names_its_parameter(index, changes, says, hint):
    for ask in (index.searcher.search, lambda request: index.searcher.why_not(request, "d1")):
        with pytest.raises(QueryError, match=says) as caught:
            ask(SearchRequest(query=QUERY, **changes))
        assert hint in caught.value.hint


def test_an_index_without_a_reranker_says_how_to_get_one(index):
    plain = replace(index.searcher, reranker=None)
    for changes in ({"rerank": True}, {"min_probability": 0.5}):
        with pytest.raises(QueryError, match=next(iter(changes))) as caught:
            plain.search(SearchRequest(query=QUERY, **changes))
        assert "[rerank]" in caught.value.hint
    with pytest.raises(QueryError, match="rerank is true"):
        plain.rank(QUERY, 5, rerank=True)
    assert plain.search(SearchRequest(query=QUERY)).rerank is None


def test_another_reranker_can_be_put_in(index):
    class Backwards(OverlapScorer):
        def score(self, query, texts):
            return -super().score(query, texts)

    other = replace(index.searcher, reranker=replace(index.searcher.reranker, scorer=Backwards()))
    hits = other.search(SearchRequest(query=QUERY, k=TOP)).hits
    assert [hit.score for hit in hits] == sorted([-overlap(index, hit.id) for hit in hits], reverse=True)


def test_reranking_loads_no_training_library(built):
    code = (
        "import sys, clew\n"
        f"with clew.open('shop', {str(built / 'home')!r}) as index:\n"
        "    assert index.search('oak lamp').rerank.reranked\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"torch", "transformers", "sentence_transformers", "ir_measures", "onnx"}


# ---------------------------------------------------------------- why not


def test_why_not_says_that_reranking_pushed_a_document_out(index):
    fused = fused_ids(index)
    ids = [hit.id for hit in index.search(QUERY, k=200).hits]
    pushed = next(name for name in fused[:3] if name not in ids[:3])
    lost = index.why_not(QUERY, pushed, k=3)
    assert (lost.found, lost.lost_at) == (False, "rerank")
    assert f"rank {ids.index(pushed) + 1} after reranking" in lost.reason
    assert f"fused rank is {fused.index(pushed) + 1}" in lost.reason
    assert lost.stages[-1].stage == "rerank"
    assert lost.stages[-1].rank == ids.index(pushed) + 1
    assert index.why_not(QUERY, pushed, k=3, rerank=False).found
    lifted = next(name for name in ids[:3] if name not in fused[:3])
    assert index.why_not(QUERY, lifted, k=3).lost_at is None
    assert index.why_not(QUERY, lifted, k=3, rerank=False).lost_at == "fusion"


def test_why_not_says_reranking_also_where_it_moved_a_document_over_the_whole_page(index):
    query = "bright blue desk"
    fused = [hit.id for hit in index.search(query, k=4, rerank=False).hits]
    ids = [hit.id for hit in index.search(query, k=200).hits]
    moved = next(name for name in fused if ids.index(name) >= 8)
    assert index.why_not(query, moved, k=4).lost_at == "rerank"
    searcher = index.searcher
    assert searcher.why_not(SearchRequest(query=query, k=4, offset=4), moved).lost_at == "rerank"


def test_why_not_says_fusion_where_reranking_did_not_lose_it(index):
    assert index.why_not(QUERY, fused_ids(index)[TOP + 5], k=3).lost_at == "fusion"


def test_why_not_says_that_a_document_was_not_likely_enough(index):
    last = index.search(QUERY, k=TOP).hits[-1]
    lost = index.why_not(QUERY, last.id, k=TOP, min_probability=0.999)
    assert lost.lost_at == "rerank"
    assert f"probability {last.probability:.3g} is below min_probability 0.999" in lost.reason


def test_equal_requests_get_equal_answers_on_a_busy_machine(index):
    stop = threading.Event()

    def load():
        while not stop.is_set():
            np.sort(np.random.default_rng(0).random(200_000))

    busy = [threading.Thread(target=load) for _ in range(4)]
    for thread in busy:
        thread.start()
    try:
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: index.search(QUERY, k=30, explain=True), range(REQUESTS)))
    finally:
        stop.set()
        for thread in busy:
            thread.join()
    assert all(answer.degraded == () for answer in answers)
    assert all((answer.hits, answer.total) == (answers[0].hits, answers[0].total) for answer in answers)


# ---------------------------------------------------------------- rank, as benchmarks and builds measure


def test_rank_is_what_is_served_with_scores_that_descend(index):
    ids, scores = index.searcher.rank(QUERY, 60)
    hits = index.search(QUERY, k=60).hits
    assert ids == [hit.id for hit in hits]
    assert scores[:TOP].tolist() == [hit.score for hit in hits[:TOP]]
    assert (np.diff(scores) <= 0).all()
    assert scores[TOP] < scores[TOP - 1]
    assert index.searcher.rank(QUERY, 60, rerank=True)[0] == ids
    plain, fused = index.searcher.rank(QUERY, 60, rerank=False)
    assert plain == fused_ids(index, 60)
    assert fused.tolist() == [hit.score for hit in index.search(QUERY, k=60, rerank=False).hits]


def test_rank_takes_the_time_it_needs(index):
    hurried = replace(index.searcher.reranker, spec=replace(RERANK, top=100, budget_ms=1e-6))
    searcher = replace(index.searcher, reranker=hurried)
    cut = searcher.search(SearchRequest(query=QUERY, k=100)).rerank
    assert (cut.reranked, cut.of, cut.stopped) == (0, 100, "budget")
    assert (
        searcher.rank(QUERY, 100)[0] == replace(index.searcher, reranker=hurried.without_budget()).rank(QUERY, 100)[0]
    )


def test_judged_queries_measure_both_models_as_a_pair(index):
    served, fused = [hit.id for hit in index.search(QUERY, k=10).hits], fused_ids(index)
    rank, moved = next((rank, name) for rank, name in enumerate(served, 1) if fused.index(name) + 1 != rank)
    asked = judged.Judged({"q": QUERY}, {"q": {moved: 1}})
    assert judged.measure(index.searcher, asked).means["RR@10"] == pytest.approx(1 / rank)
    before = fused.index(moved) + 1
    plain = judged.measure(replace(index.searcher, reranker=None), asked).means["RR@10"]
    assert plain == pytest.approx(1 / before if before <= 10 else 0.0)


# ---------------------------------------------------------------- releases


def live(home):
    return IndexFolder.of(home, "shop").read_release()


def test_a_release_names_the_reranker_it_was_published_with(built):
    recorded = {"model": "overlap", "fingerprint": OverlapScorer.fingerprint, "runtime": "python"}
    assert live(built / "home").reranker == recorded
    stored = json.loads(IndexFolder.of(built / "home", "shop").release("r1").read_bytes())
    assert stored["reranker"] == recorded


def test_the_same_input_again_changes_nothing(root):
    assert build(spec(root), root / "home").status == "unchanged"


def test_another_reranker_than_the_published_one_is_refused_and_a_build_publishes_it(root, monkeypatch):
    monkeypatch.setattr(OverlapScorer, "fingerprint", "f" * 64)
    with pytest.raises(MismatchError, match="is not the reranker that release r1 of index 'shop'") as caught:
        open_index(root / "home", "shop")
    assert "clew build" in caught.value.hint
    report = build(spec(root), root / "home")
    assert (report.status, report.encoded) == ("published", 0)
    assert live(root / "home").reranker["fingerprint"] == "f" * 64
    open_index(root / "home", "shop").close()


def test_a_release_that_names_none_is_refused(root):
    folder = IndexFolder.of(root / "home", "shop")
    write_atomic(folder.release("r2"), dumps(replace(live(root / "home"), id="r2", reranker={})))
    history.set_live(folder, "r2")
    with pytest.raises(MismatchError, match="published with none"):
        open_index(root / "home", "shop")


def test_a_model_that_is_not_there_stops_the_build_before_it_begins(tmp_path):
    write_documents(tmp_path)
    with pytest.raises(NotFoundError, match="no-such-model"):
        build(spec(tmp_path, rerank={"model": "./no-such-model"}), tmp_path / "home")
    assert not list((tmp_path / "home").glob("indexes/shop/staging/*"))


def test_a_changed_table_is_a_new_release_of_the_same_content(root):
    before = live(root / "home")
    version = IndexFolder.of(root / "home", "shop").read_version(before)
    report = build(spec(root, rerank={"model": "overlap", "top": 5}), root / "home")
    assert (report.status, report.encoded, report.content) == ("published", 0, version.content)
    with clew.open("shop", root / "home") as opened:
        assert opened.search(QUERY).rerank.of == 5
    report = build(spec(root, rerank=None), root / "home")
    assert (report.status, report.content) == ("published", version.content)
    assert live(root / "home").reranker == {}
    with clew.open("shop", root / "home") as opened:
        assert opened.search(QUERY).rerank is None


def learn(home, **learned) -> None:
    """Make a release live that has learned this."""
    folder = IndexFolder.of(home, "shop")
    release = replace(live(home), id=f"r{history.next_number(folder)}", learned=learned)
    write_atomic(folder.release(release.id), dumps(release))
    history.set_live(folder, release.id)


CALIBRATION = Calibration(0.5, 0.125, -1.0)


def test_what_a_release_has_learned_comes_before_the_models_own(root):
    learn(root / "home", rerank=CALIBRATION.as_table())
    with clew.open("shop", root / "home") as opened:
        assert opened.searcher.reranker.calibration == CALIBRATION


def test_a_build_goes_on_with_a_learned_calibration(root):
    learn(root / "home", rerank=CALIBRATION.as_table())
    with (root / "docs.jsonl").open("a") as file:
        file.write('{"id": "new", "title": "warm lamp", "text": "oak"}\n')
    report = build(spec(root), root / "home")
    assert (report.status, report.notices) == ("published", [])
    assert live(root / "home").learned == {"rerank": CALIBRATION.as_table()}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"fusion": {"method": "rrf"}}, "[fusion] changed"),
        ({"dense": {"model": "hashing-64"}}, "the model changed"),
        ({"dense": False}, "the sources of candidates changed"),
        ({"rerank": None}, "the reranker changed"),
    ],
)
def test_a_calibration_that_was_learned_for_something_else_is_dropped_and_said(root, changes, reason):
    learn(root / "home", rerank=CALIBRATION.as_table())
    report = build(spec(root, **changes), root / "home")
    assert live(root / "home").learned == {}
    assert any(reason in notice and "for rerank were dropped" in notice for notice in report.notices)


def test_another_model_of_the_same_name_drops_the_calibration_but_not_the_weights(root, monkeypatch):
    weights = {"method": "hybrid", "weights": {"bm25": 2.0}, "rrf_k": 60}
    learn(root / "home", fusion=weights, rerank=CALIBRATION.as_table())
    monkeypatch.setattr(OverlapScorer, "fingerprint", "f" * 64)
    report = build(spec(root), root / "home")
    assert live(root / "home").learned == {"fusion": weights}
    assert any("the reranker changed" in notice for notice in report.notices)


def test_an_export_takes_the_reranker_by_name_and_fingerprint(root, monkeypatch):
    export(root / "home", "shop", root / "shop.tar")
    import_(root / "elsewhere", root / "shop.tar")
    assert live(root / "elsewhere").reranker == live(root / "home").reranker
    with clew.open("shop", root / "elsewhere") as there, clew.open("shop", root / "home") as here:
        assert there.search(QUERY).hits == here.search(QUERY).hits
    monkeypatch.setattr(OverlapScorer, "fingerprint", "f" * 64)
    with pytest.raises(MismatchError, match="is not the reranker"):
        import_(root / "third", root / "shop.tar")
