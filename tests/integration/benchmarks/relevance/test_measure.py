from dataclasses import replace

import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.relevance.measure import measure
from clew.benchmarks.relevance.options import Options
from clew.core.errors import DataError, NotFoundError, UnknownNameError, UsageError
from clew.core.measures import MEASURES, evaluate
from clew.indexer.tuning.judged import beir_spec
from clew.search.versions import index_names
from tests.builders import write_beir

ALL = ("bm25", "dense", "rrf", "hybrid")


def measured(shared, **changes):
    folder, home = shared
    return measure(open_dataset(folder), home, Options(model="hashing", **changes))


@pytest.fixture(scope="module")
def everything(shared):
    return measured(shared, systems=(*ALL, "hybrid-tuned"))


def test_every_system_is_measured_on_the_queries_that_have_a_relevant_document(everything):
    assert list(everything.systems) == [*ALL, "hybrid-tuned"]
    assert list(everything.qrels) == ["q1", "q2", "q3", "q4"]
    for found in everything.systems.values():
        assert set(found.evaluation.means) == set(MEASURES)
        assert found.evaluation.queries == 4


def test_bm25_finds_what_has_the_words_and_counts_zero_where_nothing_does(everything):
    found = everything.systems["bm25"].evaluation
    assert [found.per_query["RR@10"][query] for query in ("q1", "q2", "q3", "q4")] == [1.0, 1.0, 1.0, 0.0]
    assert found.missing == 1
    assert found.means["RR@10"] == pytest.approx(3 / 4)


def test_systems_are_compared_with_the_baseline_only(everything):
    assert everything.systems["bm25"].comparisons == {}
    assert everything.systems["bm25"].p == {}
    for name in ALL[1:]:
        found = everything.systems[name]
        assert "judged@10" not in found.p
        for metric, p in found.p.items():
            assert found.comparisons[metric].p <= p <= 1
            versus = found.comparisons[metric]
            assert versus.wins + versus.losses + versus.ties == 4


def test_the_signature_names_inputs_index_systems_and_learned_weights(everything):
    signature = everything.signature
    assert set(signature["files"]) == {"corpus.jsonl", "queries.jsonl", "qrels/test.tsv", "qrels/dev.tsv"}
    assert len(signature["indexes"]["bm25"]["content"]) == 64
    assert signature["systems"]["rrf"]["fusion"] == "rrf"
    assert set(signature["learned"]["hybrid-tuned"]["after"]["weights"]) == {"bm25", "dense"}


def test_a_second_run_reuses_the_index_and_gives_the_same_figures(shared, everything):
    before = index_names(shared[1])
    again = measured(shared, systems=ALL)
    assert index_names(shared[1]) == before
    for name in ALL:
        assert again.systems[name].run == everything.systems[name].run
        assert again.systems[name].evaluation == everything.systems[name].evaluation
        assert again.systems[name].comparisons == everything.systems[name].comparisons


def test_another_corpus_gets_another_index(beir, tmp_path):
    names = set()
    for extra in ("", '{"_id": "new", "title": "", "text": "a spoon"}\n'):
        with (beir / "corpus.jsonl").open("a") as corpus:
            corpus.write(extra)
        found = measured((beir, tmp_path / "home"), systems=("bm25",))
        names.add(found.signature["indexes"]["bm25"]["index"])
    assert len(names) == 2


def test_rank_bm25_agrees_with_bm25_on_one_field(shared):
    found = measured(shared, systems=("bm25", "rank_bm25"))
    for query, listed in found.systems["bm25"].run.items():
        assert list(found.systems["rank_bm25"].run[query])[:1] == list(listed)[:1]


def test_judged_only_ranks_all_judged_documents_and_nothing_else(shared):
    found = measured(shared, systems=("bm25", "dense"), judged_only=True)
    for result in found.systems.values():
        for query, judged in found.qrels.items():
            assert set(result.run[query]) == set(judged)
            scores = list(result.run[query].values())
            assert scores == sorted(scores, reverse=True)
        assert result.evaluation.means["judged@10"] == 1.0
        assert result.evaluation.missing == 0


def test_gains_change_ndcg_as_computed_by_hand(shared):
    found = measured(shared, systems=("bm25",), gains=("0", "0.01", "0.1", "1"))
    assert found.qrels["q3"] == {"bottle": 100, "tent": 10, "rug": 0}
    run = {"q3": found.systems["bm25"].run["q3"]}
    by_hand = evaluate({"q3": {"bottle": 100, "tent": 10}}, run, ["nDCG@10"]).means["nDCG@10"]
    assert found.systems["bm25"].evaluation.per_query["nDCG@10"]["q3"] == pytest.approx(by_hand)


def test_a_system_may_rerank_with_the_model_that_the_run_names(shared):
    found = measured(shared, systems=("hybrid", "hybrid-rerank"), reranker="overlap")
    plain, reranked = (found.systems[name].run for name in ("hybrid", "hybrid-rerank"))
    # Overlap's log-odds: -4 where a text has no word of the query, 4 where it has all; "boils" is not "boil".
    best = {"q1": 0, "q2": 4, "q3": 4}
    # Only what matches is reranked, and nothing matches q4.
    assert reranked["q4"] == plain["q4"]
    for query, value in best.items():
        assert set(reranked[query]) == set(plain[query])
        assert max(reranked[query].values()) == pytest.approx(value, abs=0.01)
        assert list(reranked[query].values()) == sorted(reranked[query].values(), reverse=True)
    signature = found.signature["rerankers"]["bm25"]
    assert (signature["model"], signature["runtime"], signature["top"]) == ("overlap", "python", 50)
    assert found.signature["systems"]["hybrid-rerank"]["rerank"]
    assert measured(shared, systems=("hybrid",), reranker="overlap").signature["rerankers"] == {}


def test_a_tuned_system_that_reranks_uses_the_calibration_of_dev(shared):
    names = ("hybrid-tuned", "hybrid-rerank", "hybrid-tuned-rerank")
    found = measured(shared, systems=names, reranker="overlap")
    learned = found.signature["learned"]
    assert "rerank" not in learned["hybrid-tuned"]
    calibration = learned["hybrid-tuned-rerank"]["rerank"]["after"]
    assert calibration != found.signature["rerankers"]["bm25"]["calibration"]
    assert learned["hybrid-tuned-rerank"]["after"] == learned["hybrid-tuned"]["after"]
    for query in ("q1", "q2", "q3"):
        plain, tuned = (found.systems[name].run[query] for name in ("hybrid-rerank", "hybrid-tuned-rerank"))
        assert max(plain.values()) != max(tuned.values())


def test_judged_documents_alone_are_what_a_reranking_system_learns_from_and_orders(beir, tmp_path):
    with (beir / "qrels" / "dev.tsv").open("a") as dev:
        dev.write("q6\tmug\t0\n")
    shared = beir, tmp_path / "home"
    found = measured(shared, systems=("bm25", "hybrid-tuned-rerank"), reranker="overlap", judged_only=True)
    taught = found.signature["learned"]["hybrid-tuned-rerank"]["rerank"]
    assert (taught["queries"], taught["pairs"], taught["relevant"]) == (2, 3, 2)
    for query, judged in found.qrels.items():
        assert set(found.systems["hybrid-tuned-rerank"].run[query]) == set(judged)


def test_systems_say_how_many_pairs_they_had_read(shared):
    found = measured(shared, systems=("hybrid", "hybrid-rerank", "hybrid-tuned-rerank"), reranker="overlap")
    # q1 and q2 match two documents, q3 one and q4 none.
    for name in ("hybrid-rerank", "hybrid-tuned-rerank"):
        assert found.systems[name].pairs == 5 / len(found.qrels)
    assert found.systems["hybrid"].pairs == 0


def test_systems_that_do_not_rerank_are_not_and_an_index_keeps_its_own_reranker(shared, tmp_path):
    folder, _ = shared
    spec = {**beir_spec(folder), "rerank": {"model": "overlap", "top": 3, "budget_ms": 0}}
    dataset = replace(open_dataset(folder), spec=spec)
    found = measure(
        dataset, tmp_path, Options(("hybrid", "hybrid-rerank"), model="hashing", reranker="../no-such-model")
    )
    assert found.systems["hybrid"].run == measured(shared, systems=("hybrid",)).systems["hybrid"].run
    assert found.signature["rerankers"]["bm25"]["top"] == 3
    assert found.systems["hybrid-rerank"].run != found.systems["hybrid"].run


def test_a_reranker_that_is_not_there_is_named(shared):
    with pytest.raises(NotFoundError, match=r"\.\./no-such-model"):
        measured(shared, systems=("hybrid-rerank",), reranker="../no-such-model")


def test_a_sample_is_drawn_by_its_seed(shared):
    one = measured(shared, systems=("bm25",), sample=2, seed=1)
    assert len(one.qrels) == 2
    assert measured(shared, systems=("bm25",), sample=2, seed=1).qrels == one.qrels


def test_the_baseline_is_always_run(shared):
    assert list(measured(shared, systems=("dense",)).systems) == ["bm25", "dense"]


def test_nothing_is_tuned_without_a_dev_split(beir, tmp_path):
    (beir / "qrels" / "dev.tsv").unlink()
    with pytest.raises(NotFoundError, match=r"has no qrels/dev\.tsv"):
        measured((beir, tmp_path / "home"), systems=("hybrid-tuned",))


def test_judgements_of_nothing_relevant_are_refused(beir, tmp_path):
    (beir / "qrels" / "test.tsv").write_text("q1\tkettle\t0\n")
    with pytest.raises(DataError, match="no query of split 'test' has a relevant document"):
        measured((beir, tmp_path / "home"))


def test_a_query_that_search_refuses_counts_as_missing(beir, tmp_path):
    queries = beir / "queries.jsonl"
    queries.write_text(queries.read_text().replace("boil litres", "boil " * 4000))
    found = measured((beir, tmp_path / "home"), systems=("bm25",))
    assert found.systems["bm25"].evaluation.missing == 2


@pytest.mark.parametrize(
    ("changes", "error"),
    [({"systems": ("bm26",)}, UnknownNameError), ({"depth": 0}, UsageError), ({"sample": 0}, UsageError)],
)
def test_bad_options_are_refused_before_any_work(changes, error):
    with pytest.raises(error):
        Options(**changes)


def test_a_querys_own_document_is_left_out_as_asked(tmp_path):
    documents = {
        "q1": "kettles boil water quickly and safely",
        "d1": "kettles boil water slowly",
        "d2": "pans fry eggs",
    }
    write_beir(tmp_path / "own", documents, {"q1": documents["q1"]}, test={"q1": {"d1": 1}})
    found = {
        rule: measure(open_dataset(tmp_path / "own"), tmp_path, Options(("bm25",), identical_ids=rule)).systems["bm25"]
        for rule in ("auto", "ignore", "keep")
    }
    assert {rule: each.evaluation.means["RR@10"] for rule, each in found.items()} == {
        "auto": 1.0,
        "ignore": 1.0,
        "keep": 0.5,
    }
    assert next(iter(found["keep"].run["q1"])) == "q1"
    assert "q1" not in found["auto"].run["q1"]


def test_auto_leaves_out_no_document_that_only_has_the_querys_number(tmp_path):
    write_beir(tmp_path / "n", {"1": "kettles boil water", "2": "pans fry eggs"}, {"1": "kettle"}, test={"1": {"1": 1}})
    found = measure(open_dataset(tmp_path / "n"), tmp_path, Options(("bm25",)))
    assert found.systems["bm25"].evaluation.means["RR@10"] == 1.0
