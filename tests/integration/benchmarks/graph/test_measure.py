"""What a graph is worth on a tiny judged set whose documents are the graph's own nodes."""

import json
from dataclasses import replace

import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.data.index import _GRAPH_CODE, _INDEX_CODE, graph_table
from clew.benchmarks.graph.measure import SYSTEMS, GraphOptions, material, measure, open_graph, plain
from clew.benchmarks.graph.oracle import oracle_run, read_gold
from clew.benchmarks.signature import ROOT
from clew.core.errors import NotFoundError, UsageError
from clew.indexer.tuning.graph import learned
from clew.kg.unavailable import UnavailableStore
from tests.builders import write_beir, write_lines, write_rows

CAPITALS = {"france": "paris", "japan": "tokyo", "peru": "lima", "egypt": "cairo", "norway": "oslo", "kenya": "nairobi"}
RIVERS = {"france": "seine", "japan": "sumida", "peru": "rimac", "egypt": "nile", "norway": "aker", "kenya": "athi"}
SPLITS = {"train": ("japan", "peru"), "dev": ("egypt", "norway"), "test": ("france", "kenya")}
NAMES = sorted({*CAPITALS, *CAPITALS.values(), *RIVERS.values()})
TABLE = {"link": {"threshold": 0.01}}


def write_folder(root, **texts):
    """Countries, their capitals and rivers; every country's question asks for its capital. texts: other questions."""
    nodes = [{"id": f"at:{n}", "type": "place", "name": n.title()} for n in NAMES]
    edges = [{"source": f"at:{land}", "relation": "capital", "target": f"at:{to}"} for land, to in CAPITALS.items()]
    edges += [{"source": f"at:{land}", "relation": "river", "target": f"at:{to}"} for land, to in RIVERS.items()]
    write_rows(root / "graph", nodes=nodes, edges=edges)
    asked = {land: f"what is the capital of {land.title()}" for land in CAPITALS} | texts
    gold = [{"_id": land, "entity": f"at:{land}", "property": "capital"} for land in CAPITALS]
    write_lines(root / "gold.jsonl.gz", gold)
    splits = {split: {land: {CAPITALS[land]: 1} for land in lands} for split, lands in SPLITS.items()}
    return write_beir(root, {name: (name.title(), f"about {name}") for name in NAMES}, asked, **splits)


def options(**values):
    return GraphOptions(table=TABLE, model="hashing", **values)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(BEIR folder, home): the same for the module, so that its index is built once."""
    base = tmp_path_factory.mktemp("bench")
    return write_folder(base / "places"), base / "home"


@pytest.fixture(scope="module")
def found(shared):
    folder, home = shared
    return measure(open_dataset(folder), home, options())


@pytest.fixture(scope="module")
def searcher(shared):
    folder, home = shared
    opened = open_graph(open_dataset(folder), home, options())
    yield opened
    opened.close()


def test_every_way_is_measured_and_the_graph_is_the_documents_own(found):
    assert tuple(found.result.systems) == (*SYSTEMS, "oracle")
    assert (found.graph["documents"], found.graph["document_types"]) == ("at:{id}", [])


def test_without_gold_only_the_oracle_goes(shared, found, tmp_path):
    folder = tmp_path / "places"
    write_folder(folder)
    (folder / "gold.jsonl.gz").unlink()
    without = measure(open_dataset(folder), shared[1], options())
    assert {*found.result.systems} - {*without.result.systems} == {"oracle"}
    for name, system in without.result.systems.items():
        assert system.run == found.result.systems[name].run
    assert without.learned.as_table() == found.learned.as_table()


def test_the_oracle_finds_what_the_gold_relation_leads_to(found):
    oracle = found.result.systems["oracle"]
    assert {query: list(run) for query, run in oracle.run.items()} == {"france": ["paris"], "kenya": ["nairobi"]}
    assert oracle.evaluation.means["nDCG@10"] == 1.0


def test_the_oracle_walks_the_snapshot_whatever_store_there_is(searcher, found, shared):
    graph_retriever = replace(searcher.graph_retriever, walks=False, store=UnavailableStore("the server is down"))
    run = oracle_run(graph_retriever, read_gold(shared[0]), found.result.qrels)
    assert run == found.result.systems["oracle"].run


def test_the_oracle_takes_the_least_relation_that_answers_for_one_the_graph_lacks(searcher, shared):
    gold = {
        "france": ("at:france", "seat of government"),
        "kenya": ("at:kenya", "capital"),
        "peru": ("at:x", "capital"),
    }
    qrels = {"france": {"paris": 1}, "kenya": {"oslo": 1}, "peru": {"lima": 1}, "japan": {"tokyo": 1}}
    # Kenya's answer is joined to nothing there, Peru's entity is unknown, Japan has no gold.
    assert oracle_run(searcher.graph_retriever, gold, qrels) == {"france": {"paris": 1.0}}


def test_the_oracle_finds_nothing_where_documents_are_no_nodes(searcher, found, shared):
    spec = replace(searcher.graph_retriever.spec, documents="")
    assert oracle_run(replace(searcher.graph_retriever, spec=spec), read_gold(shared[0]), found.result.qrels) == {}


@pytest.mark.parametrize(("split", "train", "dev"), [("test", "train", "dev"), ("dev", "train", "")])
def test_the_split_that_is_measured_is_not_learned_on(shared, split, train, dev):
    got = material(open_dataset(shared[0]), options(split=split))
    assert set(got.train) == set(SPLITS[train])
    assert set(got.dev) == set(SPLITS.get(dev, ()))


def test_train_is_never_measured(shared):
    with pytest.raises(UsageError, match="train"):
        measure(open_dataset(shared[0]), shared[1], options(split="train"))


def test_other_test_judgements_teach_nothing_else(shared, found, tmp_path):
    folder = write_folder(tmp_path / "places")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nfrance\tseine\t1\n")
    other = measure(open_dataset(folder), shared[1], options())
    assert other.learned.as_table() == found.learned.as_table()
    assert other.learned.fusion == found.learned.fusion
    assert other.result.systems["on"].run["france"] == found.result.systems["on"].run["france"]


def test_what_changes_is_told_in_plain_values(found):
    effects = plain(found)
    assert set(effects) == {*SYSTEMS, "oracle"} - {"off"}
    for effect in json.loads(json.dumps(effects)).values():
        assert set(effect) == {"used", "helped", "hurt", "worst"}
        assert 0 <= effect["helped"] + effect["hurt"] <= 1
        assert all(set(lost) == {"query", "text", "before", "after"} for lost in effect["worst"])
    assert effects["on"]["used"] == 1.0
    assert effects["bm25"]["used"] == 0.0


def test_questions_that_search_refuses_have_no_result_and_teach_nothing(shared, found, tmp_path):
    folder = write_folder(tmp_path / "places", kenya=" ", peru="\t", norway="x" * 10_001)
    got = measure(open_dataset(folder), shared[1], options())
    for name in SYSTEMS:
        assert "kenya" not in got.result.systems[name].run
        assert got.result.systems[name].evaluation.per_query["nDCG@10"]["kenya"] == 0.0
    assert got.effects["on"].used == 0.5
    assert got.learned.relations.questions == found.learned.relations.questions - 1


def test_questions_teach_the_relation_that_answers_them(searcher, shared):
    got = learned(searcher, material(open_dataset(shared[0]), options()))
    assert set(got.relations.words) == {"capital"}
    assert got.relations.questions == len(SPLITS["train"])


def test_terms_have_a_gate_of_their_own(found):
    assert found.terms.relations == found.learned.relations
    assert found.result.signature["learned"]["terms gate"] == found.terms.gate.as_table()
    # The same queries are seen alike, but what the graph wins on them is another thing.
    seen, others = found.learned.examples, found.terms.examples
    assert [features.tolist() for features, _ in seen] == [features.tolist() for features, _ in others]
    assert [gain for _, gain in seen] != [gain for _, gain in others]


def test_a_folder_without_a_graph_is_told_what_to_do(tmp_path):
    with pytest.raises(NotFoundError, match="contains no nodes") as error:
        graph_table(tmp_path)
    assert "`clew bench graph --graph DIR`" in error.value.hint


def test_what_decides_an_index_is_there():
    assert [place for place in (*_INDEX_CODE, *_GRAPH_CODE) if not (ROOT / place).exists()] == []
