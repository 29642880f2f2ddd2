"""A search that uses the graph: what it finds, what it says of it, and what happens when the graph cannot answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clew.core.errors import QueryError, UnknownNameError
from clew.core.types import Deadline
from clew.indexer.build import build
from clew.indexer.spec import spec_of
from clew.kg.unavailable import UnavailableStore
from clew.search.assemble import open_index
from clew.search.gate import DEFAULT_WEIGHTS, FEATURES, Gate
from clew.search.pipeline import Searcher
from clew.search.types import SearchRequest
from tests.builders import write_lines

SOFAS, SLEEPERS = "category:sofas", "category:sleeper sofas"
DOCUMENTS = [
    {"id": "s1", "title": "Ektorp", "text": "three seats, linen cover"},
    {"id": "s2", "title": "Friheten", "text": "turns into a bed for guests"},
    {"id": "l1", "title": "Lampan", "text": "a lamp beside the couch"},
    {"id": "n1", "title": "Plain", "text": "words that nothing is about"},
]
NODES = [
    {"id": SOFAS, "type": "category", "name": "Sofas", "aliases": ["couch"]},
    {"id": SLEEPERS, "type": "category", "name": "Sleeper Sofas"},
    {"id": "category:lamps", "type": "category", "name": "Lamps"},
    *({"id": f"product:{d['id']}", "type": "product", "name": d["title"]} for d in DOCUMENTS),
]
EDGES = [
    {"source": "product:s1", "relation": "in_category", "target": SOFAS},
    {"source": "product:s2", "relation": "in_category", "target": SLEEPERS},
    {"source": "product:l1", "relation": "in_category", "target": "category:lamps"},
    {"source": SLEEPERS, "relation": "subcategory_of", "target": SOFAS},
]
ALWAYS_OPEN = Gate({**dict.fromkeys(DEFAULT_WEIGHTS, 0.0), "bias": 5.0})
NEVER_OPEN = Gate({**dict.fromkeys(DEFAULT_WEIGHTS, 0.0), "bias": -5.0})


def table(folder: Path, **graph: object) -> dict[str, object]:
    return {
        "name": "rooms",
        "source": {"path": str(write_lines(folder / "documents.jsonl", DOCUMENTS))},
        "fields": {"title": {"type": "text", "weight": 3.0}, "text": {"type": "text"}},
        "dense": False,
        "graph": {
            "nodes": str(write_lines(folder / "nodes.jsonl", NODES)),
            "edges": str(write_lines(folder / "edges.jsonl", EDGES)),
            "link": {"threshold": 0.01},
            **graph,
        },
    }


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph-search")
    build(spec_of(table(folder), "test", folder), folder / "home")
    return folder / "home"


@pytest.fixture
def rooms(home: Path) -> Iterator[Searcher]:
    searcher = open_index(home, "rooms")
    yield searcher
    searcher.close()


def ids(searcher: Searcher, query: str, **wanted: object) -> list[str]:
    return [hit.id for hit in searcher.search(SearchRequest(query=query, **wanted)).hits]  # type: ignore[arg-type]


def test_the_build_finds_how_documents_are_in_the_graph(rooms: Searcher) -> None:
    graph = rooms.version.spec["graph"]
    assert (graph["documents"], graph["document_types"], graph["about"]) == (
        "product:{id}",
        ["product"],
        ["in_category"],
    )


def test_documents_that_share_no_word_with_the_query_are_found(rooms: Searcher) -> None:
    assert ids(rooms, "couch", graph="off") == ["l1"]
    assert set(ids(rooms, "couch", graph="on")) == {"s1", "s2", "l1"}


def test_the_path_is_told_in_plain_words(rooms: Searcher) -> None:
    found = rooms.search(SearchRequest(query="couch", graph="on", explain=True))
    paths = {
        hit.id: [part.what for stage in hit.why if stage.stage == "graph" for part in stage.parts] for hit in found.hits
    }
    assert paths["s1"] == ["couch → alias of Sofas → category of"]
    assert paths["s2"] == ["couch → alias of Sofas → subcategory Sleeper Sofas → category of"]
    assert found.graph is not None
    assert [(e.id, e.text) for e in found.graph.entities] == [(SOFAS, "couch")]


@pytest.mark.parametrize("query", ["couch", "a lamp beside sleeper sofas", "lamps for the couch"])
@pytest.mark.parametrize("use", [["ranking"], ["terms"], ["ranking", "terms"]])
def test_the_parts_of_every_stage_add_up(rooms: Searcher, query: str, use: list[str]) -> None:
    assert rooms.graph_retriever is not None
    graph_retriever = replace(rooms.graph_retriever, spec=replace(rooms.graph_retriever.spec, use=use))  # type: ignore[arg-type]
    found = replace(rooms, graph_retriever=graph_retriever).search(SearchRequest(query=query, graph="on", explain=True))
    assert found.hits
    for hit in found.hits:
        for stage in hit.why:
            if stage.score is not None:
                assert sum(part.value for part in stage.parts) == pytest.approx(stage.score, abs=1e-6)
        assert hit.score == pytest.approx(hit.why[-1].score)


def test_terms_widen_the_words_instead(rooms: Searcher) -> None:
    assert rooms.graph_retriever is not None
    graph_retriever = replace(rooms.graph_retriever, spec=replace(rooms.graph_retriever.spec, use=["terms"]))
    found = replace(rooms, graph_retriever=graph_retriever).search(
        SearchRequest(query="sleeper sofas", graph="on", explain=True)
    )
    assert {stage.stage for hit in found.hits for stage in hit.why} <= {"bm25", "fusion"}
    assert "graph" not in found.timings_ms or found.graph is not None


def test_the_gate_decides_and_says_why(rooms: Searcher) -> None:
    opened = replace(rooms, gate=ALWAYS_OPEN).search(SearchRequest(query="couch", explain=True))
    closed = replace(rooms, gate=NEVER_OPEN).search(SearchRequest(query="couch"))
    assert opened.graph is not None
    assert closed.graph is not None
    assert (opened.graph.used, closed.graph.used) == (True, False)
    assert "the threshold is 0.5" in closed.graph.reason
    assert sum(part.value for part in opened.graph.parts) == pytest.approx(5.0)
    assert [hit.id for hit in closed.hits] == ids(rooms, "couch", graph="off")
    # Overruled by the request.
    assert replace(rooms, gate=NEVER_OPEN).search(SearchRequest(query="couch", graph="on")).graph.used  # type: ignore[union-attr]


def test_the_reasons_are_made_from_the_features_that_retrieval_returns(rooms: Searcher) -> None:
    _, trace = rooms.traced("couch", 10)
    assert trace.gate_features is not None
    assert trace.gate_features.shape == (len(FEATURES),)
    explained = rooms.search(SearchRequest(query="couch", explain=True)).graph
    assert explained is not None
    assert explained.parts == rooms.gate.parts(trace.gate_features)
    plain = rooms.search(SearchRequest(query="couch")).graph
    assert plain is not None
    assert plain.parts == ()
    # The gate is not asked where the request or the query has decided.
    assert rooms.traced("couch", 10, graph="on")[1].gate_features is None
    assert rooms.traced("linen", 10)[1].gate_features is None


def test_a_closed_gate_leaves_no_trace_in_the_scores(rooms: Searcher) -> None:
    closed = replace(rooms, gate=NEVER_OPEN)
    for query in ("couch", "lamp sofas", "guests bed"):
        one, other = (closed.search(SearchRequest(query=query, graph=how)) for how in ("auto", "off"))
        assert [(hit.id, hit.score) for hit in one.hits] == [(hit.id, hit.score) for hit in other.hits]


def test_a_query_that_names_nothing_goes_on_without(rooms: Searcher) -> None:
    found = rooms.search(SearchRequest(query="linen guests", graph="on"))
    assert found.graph is not None
    assert not found.graph.used
    assert found.graph.reason == "the query names no entity of the graph"
    assert {hit.id for hit in found.hits} == {"s1", "s2"}
    assert found.degraded == ()


def test_the_graph_alone_can_be_asked(rooms: Searcher) -> None:
    assert ids(rooms, "couch", sources=("graph",)) == ["s1", "s2"]
    assert ids(rooms, "nothing at all", sources=("graph",)) == []


def test_filters_and_facets_hold_for_the_graph_too(rooms: Searcher) -> None:
    pool = rooms.pool("couch", 10, among=["s2", "n1"], graph="on")
    assert rooms.store.ids(pool.documents) == ["s2"]


def test_a_store_that_cannot_answer_is_left_out_and_named(rooms: Searcher) -> None:
    assert rooms.graph_retriever is not None
    broken = replace(
        rooms, graph_retriever=replace(rooms.graph_retriever, store=UnavailableStore("the server is down"))
    )
    found = broken.search(SearchRequest(query="couch", graph="on"))
    assert [(lost.stage, lost.reason) for lost in found.degraded] == [("graph", "the server is down")]
    assert [hit.id for hit in found.hits] == ["l1"]
    assert found.graph is None


def test_a_budget_that_is_used_up_leaves_the_graph_out(rooms: Searcher) -> None:
    found = rooms.search(SearchRequest(query="couch", graph="on", budget_ms=1e-6))
    assert "graph" in {lost.stage for lost in found.degraded}
    assert [hit.id for hit in found.hits] == ["l1"]


def test_why_not_knows_the_graph(rooms: Searcher) -> None:
    assert rooms.why_not(SearchRequest(query="couch", graph="on"), "s2").found
    lost = rooms.why_not(SearchRequest(query="couch", graph="off"), "s2")
    assert lost.lost_at == "match"


def test_bad_requests_name_the_parameter(rooms: Searcher) -> None:
    with pytest.raises(QueryError, match="graph is 'maybe'"):
        rooms.search(SearchRequest(query="couch", graph="maybe"))  # type: ignore[arg-type]
    with pytest.raises(UnknownNameError, match="grph"):
        rooms.search(SearchRequest(query="couch", sources=("grph",)))


def test_an_index_without_a_graph_says_so(tmp_path: Path) -> None:
    plain = table(tmp_path)
    del plain["graph"]
    build(spec_of(plain, "test", tmp_path), tmp_path / "home")
    searcher = open_index(tmp_path / "home", "rooms")
    try:
        with pytest.raises(QueryError, match="has no graph"):
            searcher.search(SearchRequest(query="couch", graph="on"))
        assert searcher.search(SearchRequest(query="couch")).graph is None
    finally:
        searcher.close()


def test_documents_may_be_the_entities_themselves(tmp_path: Path) -> None:
    spec = table(tmp_path, documents="product:{id}", document_types=[], about=[])
    spec["graph"] |= {"expand": {"relations": {"in_category": "in", "subcategory_of": "in"}, "hops": 2}}  # type: ignore[operator]
    build(spec_of(spec, "test", tmp_path), tmp_path / "home")
    searcher = open_index(tmp_path / "home", "rooms")
    try:
        assert searcher.graph_retriever is not None
        expansion = searcher.graph_retriever.expand(searcher.query_analyzer.terms("couch"), Deadline())
        assert {reached.entity for reached in expansion.reached} >= {"product:s1", "product:s2"}
        assert len(expansion.rows) == len(expansion.reached) == len(expansion.paths)
        assert np.all(np.diff([reached.weight for reached in expansion.reached]) <= 0)
        assert set(ids(searcher, "couch", graph="on")) >= {"s1", "s2"}
    finally:
        searcher.close()
