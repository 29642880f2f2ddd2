import json
import shutil
from dataclasses import replace

import pytest

from clew.core.errors import NotFoundError
from clew.indexer.build import build
from clew.indexer.releases.publish import rollback
from clew.indexer.spec import spec_of
from clew.indexer.tuning.publish import publish_tuned
from clew.indexer.tuning.tune import Options, tune_folder, tune_index
from clew.search.assemble import open_index
from clew.search.rerank.calibration import Calibration
from clew.search.versions import IndexFolder, index_names
from tests.builders import build_home, write_beir, write_judged

HASHING = Options(model="hashing")


def test_weights_are_learned_on_dev_and_never_cost_there(shared):
    folder, home = shared
    found = tune_folder(folder, home, HASHING)
    assert found.queries == 2
    assert found.ndcg_after >= found.ndcg_before
    assert set(found.after.weights) == {"bm25", "dense"}
    assert tune_folder(folder, home, HASHING) == found


def test_a_published_release_is_live_with_the_learned_weights(shared):
    folder, home = shared
    tune_folder(folder, home, HASHING)
    name = index_names(home)[0]
    before = IndexFolder.of(home, name).read_release()
    found = tune_index(name, home, folder, Options())
    release = publish_tuned(home, name, found)
    live = IndexFolder.of(home, name).read_release()
    assert (live.id, live.version) == (release, before.version)
    assert live.id != before.id
    searcher = open_index(home, name)
    try:
        assert searcher.fusion == found.after
    finally:
        searcher.close()


def test_an_index_without_judged_queries_says_how_to_give_them(shared):
    folder, home = shared
    tune_folder(folder, home, HASHING)
    with pytest.raises(NotFoundError) as caught:
        tune_index(index_names(home)[0], home, None, Options())
    assert "--judged" in caught.value.hint


# ---------------------------------------------------------------- an index with a graph

MAKERS = ("Ambrel", "Kvist", "Norra", "Tarnwick", "Oster", "Lumo")
ASKED = ("who makes the {}", "name the maker of the {}")


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """(home, folder of judgements) of an index of makers, each joined to a tool that train and dev queries name."""
    root = tmp_path_factory.mktemp("graph")
    tools = [f"drillo {word}" for word in ("alpha", "beta", "gamma", "delta", "epsilon", "zeta")]
    rows = {
        "docs": [{"id": f"m{at}", "text": f"{name} is a firm"} for at, name in enumerate(MAKERS)],
        "nodes": [{"id": f"m{at}", "type": "thing", "name": name} for at, name in enumerate(MAKERS)]
        + [{"id": f"t{at}", "type": "thing", "name": name} for at, name in enumerate(tools)],
        "edges": [{"source": f"m{at}", "relation": "makes", "target": f"t{at}"} for at in range(len(MAKERS))],
    }
    queries, splits = {}, {"train": {}, "dev": {}}
    for at, tool in enumerate(tools):
        for number, words in enumerate(ASKED):
            queries[f"q{at}-{number}"] = words.format(tool)
            splits["dev" if at > 3 else "train"][f"q{at}-{number}"] = {f"m{at}": 1}
    write_judged(root / "judged", queries, **splits)
    table = {
        "name": "makers",
        "dense": {"model": "hashing-16"},
        "source": {"path": "docs.jsonl"},
        "fields": {"text": {"type": "text"}},
        # Tools and makers are of one type, so documents are entities like others, and a walk leads to them.
        "graph": {"nodes": "nodes.jsonl", "edges": "edges.jsonl", "documents": "{id}", "link": {"threshold": 0.01}},
    }
    (root / "makers.json").write_text(json.dumps(table))
    return build_home(root, table, **rows), root / "judged"


def test_an_index_with_a_graph_learns_its_relations_and_gate(index):
    home, judged = index
    found = tune_index("makers", home, judged, Options())
    assert found.queries == 4
    assert set(found.after.weights) == {"bm25", "dense", "graph"}
    assert found.graph is not None
    assert found.ndcg_after >= found.ndcg_before
    shown = found.as_dict()
    assert set(shown["graph"]) == {"questions", "steps", "paths", "learned", "decided", "gate"}
    assert shown["graph"]["questions"] == found.graph.relations.get("questions", 0)
    assert tune_index("makers", home, judged, Options()) == found


def test_what_a_graph_learned_goes_live_in_a_release_and_a_rollback_takes_it_back(index):
    home, judged = index
    before = IndexFolder.of(home, "makers").read_release()
    found = tune_index("makers", home, judged, Options())
    publish_tuned(home, "makers", found)
    live = IndexFolder.of(home, "makers").read_release()
    assert live.version == before.version
    assert live.learned == {
        "fusion": live.learned["fusion"],
        "relations": found.graph.relations,
        "gate": found.graph.gate,
    }
    searcher = open_index(home, "makers")
    try:
        assert searcher.fusion == found.after
        assert searcher.gate.as_table() == found.graph.gate
        assert searcher.graph_retriever.model.questions == found.graph.questions
    finally:
        searcher.close()
    rollback(home, "makers")
    assert IndexFolder.of(home, "makers").read_release() == before


@pytest.fixture
def learned(index, tmp_path):
    """(folder of the data, home, spec's table) of an index of its own whose live release has learned everything."""
    home, judged = index
    shutil.copytree(home.parent, tmp_path / "copy")
    publish_tuned(tmp_path / "copy" / "home", "makers", tune_index("makers", home, judged, Options()))
    return tmp_path / "copy", tmp_path / "copy" / "home", json.loads((tmp_path / "copy" / "makers.json").read_text())


def test_a_build_goes_on_with_what_was_learned(learned):
    root, home, table = learned
    before = IndexFolder.of(home, "makers").read_release()
    with (root / "docs.jsonl").open("a") as file:
        file.write('{"id": "new", "text": "Pell is a firm too"}\n')
    report = build(spec_of(table, "makers.toml", root), home)
    live = IndexFolder.of(home, "makers").read_release()
    assert (report.status, live.id != before.id) == ("published", True)
    assert live.learned == before.learned
    assert report.notices == []


@pytest.mark.parametrize(
    ("change", "kept", "reason"),
    [
        ({"fusion": {"method": "rrf"}}, {"relations"}, "[fusion] changed"),
        ({"dense": {"model": "hashing-32"}}, {"relations"}, "the model changed"),
        ({"dense": False}, {"relations"}, "the sources of candidates changed"),
        ({"graph": None}, set(), "the graph's name changed"),
    ],
)
def test_what_was_learned_for_something_else_is_dropped_and_said(learned, change, kept, reason):
    root, home, table = learned
    was = IndexFolder.of(home, "makers").read_release().id
    report = build(spec_of({**table, **change}, "makers.toml", root), home)
    assert set(IndexFolder.of(home, "makers").read_release().learned) == kept
    notices = [notice for notice in report.notices if "learned" in notice]
    assert any(reason in notice and was in notice and "clew tune makers" in notice for notice in notices)


def test_a_reranker_is_calibrated_on_what_the_tuned_fusion_finds(learned):
    root, home, table = learned
    build(spec_of({**table, "rerank": {"model": "overlap", "top": 5}}, "makers.toml", root), home)
    # The maker's own name is in no query, so the scorer of shared words has nothing to say of it.
    found = tune_index("makers", home, root / "judged", Options())
    assert found.rerank is not None
    assert (found.rerank.queries, found.rerank.pairs, found.rerank.relevant) == (4, 20, 4)
    assert found.rerank.before == Calibration().as_table()
    assert found.rerank.after["fused"] > 0
    assert "ahead" not in found.rerank.after  # five candidates are read at once, so that nothing is ever left
    assert found.as_dict()["rerank"]["after"] == found.rerank.after
    publish_tuned(home, "makers", found)
    searcher = open_index(home, "makers")
    try:
        assert searcher.reranker.calibration.as_table() == found.rerank.after
    finally:
        searcher.close()
    publish_tuned(home, "makers", replace(found, rerank=None))
    assert "rerank" not in IndexFolder.of(home, "makers").read_release().learned


def test_without_train_queries_dev_ones_are_learned_from(index, tmp_path):
    home, judged = index
    shutil.copytree(judged, tmp_path / "judged")
    (tmp_path / "judged" / "qrels" / "train.tsv").unlink()
    whole, found = (tune_index("makers", home, folder, Options()) for folder in (judged, tmp_path / "judged"))
    assert (whole.graph.questions, found.graph.questions) == (8, 4)


def test_candidates_that_are_given_leave_the_graph_out(index):
    home, judged = index
    assert tune_index("makers", home, judged, replace(Options(), judged_only=True)).graph is None


def test_an_index_without_a_graph_says_nothing_of_one(shared):
    folder, home = shared
    found = tune_folder(folder, home, HASHING)
    assert found.graph is None
    assert set(found.as_dict()) == {"before", "after", "ndcg_before", "ndcg_after", "queries"}


# ---------------------------------------------------------------- queries that are documents too


def test_a_querys_own_document_is_left_out_as_asked(tmp_path):
    texts = {"q1": "kettles boil water quickly and safely", "q2": "pans fry eggs in some oil"}
    documents = {**texts, "d1": "kettles boil water slowly", "d2": "pans fry eggs dry", "d3": "a garden hose"}
    folder = write_beir(tmp_path / "own", documents, texts, dev={"q1": {"d1": 1}, "q2": {"d2": 1}})
    found = {rule: tune_folder(folder, tmp_path, replace(HASHING, identical_ids=rule)) for rule in ("auto", "keep")}
    assert (found["auto"].ndcg_before, found["auto"].ndcg_after) == (1.0, 1.0)
    assert found["keep"].ndcg_before < 1
