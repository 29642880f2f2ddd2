"""Paths of two steps are learned from judged questions: their ends come first where a question asks for them."""

import json
from contextlib import closing

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.types import Deadline
from clew.indexer.tuning.publish import publish_tuned
from clew.indexer.tuning.tune import Options, tune_index
from clew.kg.paths import path_edges
from clew.kg.relations import Step
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from tests.builders import build_home, write_judged

NUMBERS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "theta", "kappa", "lambda", "sigma")
KINDS = {"film": "Film", "person": "Quill", "actor": "Holt", "city": "Ostby", "town": "Nor"}
HELD_OUT = (8, 9)
ONE_HOP = ("who directed {}", "name the director of {}")
TWO_HOPS = ("where was the director of {} born", "birthplace of the person who directed {}")
PATH = (Step("directed_by", True), Step("born_in", True))


def entities():
    for at, word in enumerate(NUMBERS):
        for kind, name in KINDS.items():
            yield {"id": f"{kind}{at}", "type": "thing", "name": f"{name} {word}"}


def edges():
    for at in range(len(NUMBERS)):
        for source, relation, target in (
            ("film", "directed_by", "person"), ("film", "stars", "actor"), ("person", "born_in", "city"),
            ("person", "lives_in", "town"), ("actor", "born_in", "town"),
        ):  # fmt: skip
            yield {"source": f"{source}{at}", "relation": relation, "target": f"{target}{at}"}


@pytest.fixture(scope="module", params=[0.0, 1.0], ids=["without the entity itself", "with the entity itself"])
def tuned(request, tmp_path_factory):
    """(home, folder of judgements) of an index that was tuned and published; by whether entities count themselves."""
    root = tmp_path_factory.mktemp("paths")
    nodes = list(entities())
    docs = [{"id": node["id"], "text": f"{node['name']} is known"} for node in nodes]
    queries, splits = {}, {"train": {}, "dev": {}}
    for at, word in enumerate(NUMBERS):
        for kind, asked in (("person", ONE_HOP), ("city", TWO_HOPS)):
            for number, words in enumerate(asked):
                if at not in HELD_OUT:
                    name = f"{kind}{at}-{number}"
                    queries[name] = words.format(f"Film {word}")
                    splits["dev" if at > 5 else "train"][name] = {f"{kind}{at}": 1}
    write_judged(root / "judged", queries, **splits)
    table = {
        "name": "films",
        "dense": {"model": "hashing-64"},
        "source": {"path": "docs.jsonl"},
        "fields": {"text": {"type": "text"}},
        "graph": {
            "nodes": "nodes.jsonl", "edges": "edges.jsonl", "documents": "{id}", "link": {"threshold": 0.01},
            "expand": {"hops": 2, "itself": request.param},
        },
    }  # fmt: skip
    home = build_home(root, table, docs=docs, nodes=nodes, edges=list(edges()))
    before = reached(home, TWO_HOPS[0].format("Film sigma"))
    assert before.index("person9") < before.index("city9")
    publish_tuned(home, "films", tune_index("films", home, root / "judged", Options()))
    return home, root / "judged", request.param


def reached(home, text):
    """The entities that a question reaches, best first."""
    with closing(open_index(home, "films")) as index:
        query = index.query_analyzer.vector(index.query_analyzer.terms(text))
        return [found.entity for found in index.graph_retriever.expand(query, Deadline()).reached]


@pytest.mark.parametrize("at", HELD_OUT)
def test_two_hops_answer_two_hop_questions_first_and_one_hop_the_others(tuned, at):
    home, _, itself = tuned
    film = f"Film {NUMBERS[at]}"
    first = [f"film{at}"] if itself else []
    for words in TWO_HOPS:
        assert reached(home, words.format(film))[: len(first) + 1] == [*first, f"city{at}"]
    for words in ONE_HOP:
        assert reached(home, words.format(film))[: len(first) + 1] == [*first, f"person{at}"]
    # A query that asks for nothing keeps to the entity and what is next to it.
    assert reached(home, film)[0] in ({f"film{at}"} if itself else {f"person{at}", f"actor{at}"})


def test_the_explanation_shows_the_path(tuned):
    home, _, _ = tuned
    with closing(open_index(home, "films")) as index:
        found = index.search(SearchRequest(query=TWO_HOPS[0].format("Film sigma"), k=10, graph="on", explain=True))
    (hit,) = [hit for hit in found.hits if hit.id == "city9"]
    assert "Quill sigma" in str(hit.why)
    assert "Ostby sigma" in str(hit.why)


def test_tune_shows_what_it_learned(tuned):
    home, judged, _ = tuned
    words = ["tune", "films", "--judged", str(judged), "--home", str(home)]
    shown = CliRunner().invoke(app, words).stdout
    assert " and 1 path of two steps learned from 24 questions" in shown
    (line,) = [line for line in shown.splitlines() if "directed by → born in:" in line]
    assert "born" in line or "where" in line
    table = json.loads(CliRunner().invoke(app, [*words, "--json"]).stdout)["graph"]
    assert table["paths"] == 1
    assert {"directed by", "directed by → born in"} <= {each["path"] for each in table["learned"]}


def test_paths_lead_away_from_the_seed(tuned):
    home, _, _ = tuned
    with closing(open_index(home, "films")) as index:
        retriever = index.graph_retriever
        table = retriever.store.neighbourhood(["film1"], retriever.policy.walk, Deadline())
    found = path_edges(table, [PATH, (Step("stars", True), Step("stars", False)), (Step("no", True), PATH[1])])
    assert list(found) == [("film1", PATH)]
    ((first, second),) = found["film1", PATH]
    assert [table.nodes[table.far[edge]] for edge in (first, second)] == ["person1", "city1"]
