"""The match set: what is counted can be listed, and a brute-force reading of the definition agrees with it."""

from __future__ import annotations

import json
import os
import random
from statistics import NormalDist

import numpy as np
import pytest
from typer.testing import CliRunner

import clew
from clew.cli import app
from clew.core.errors import QueryError
from clew.search.protocols import CandidateRequest
from clew.search.types import MAX_FACET_VALUES, SearchRequest, Total
from tests.builders import build_home

WORDS = "lamp desk oak walnut steel brass reading floor bright warm quiet kettle toaster cordless travel blue".split()
BRANDS = [f"brand{number}" for number in range(40)]
# Random requests to each index; `make soak` makes 250.
REQUESTS = int(os.environ.get("CLEW_REQUESTS", "12"))
FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "text": {"type": "text"},
    "brand": {"type": "keyword", "weight": 1.0, "facet": True},
}


def table(name: str, **changes):
    spec = {"name": name, "dense": {"model": "hashing-64"}, "source": {"path": "docs.jsonl"}, "fields": FIELDS}
    return {**spec, "passages": {"size": 24, "step": 16}, **changes}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    rng = random.Random(2)
    docs = [
        {
            "id": f"d{number}",
            "title": " ".join(rng.choices(WORDS, k=3)) + (" cover" if number % 3 else ""),
            "text": " ".join(rng.choices(WORDS, k=rng.choice([6, 40]))),
            "brand": "quellhorn" if number < 12 else rng.choice(BRANDS),
        }
        for number in range(500)
    ]
    near = {"model": "hashing-64", "kind": "rabitq", "exact_below": 100, "floor": -1}
    return build_home(
        tmp_path_factory.mktemp("match"),
        table("plain"),
        table("shards", build={"shards": 3}),
        table("words", dense=False),
        table("reranked", rerank={"model": "overlap", "top": 30}),
        table("set", dense={"model": "hashing-64", "floor": 0.5}),
        table("near", dense=near),
        docs=docs,
    )


def by_hand(index, query: str, brands=None) -> set[str]:
    """The ids that match by words or by meaning, one document at a time."""
    searcher = index.searcher
    store, generators = searcher.store, searcher.generators
    parsed = searcher.query_analyzer.terms(query)
    heaviest = max(weight for _, weight in parsed.terms)
    words = {term for term, weight in parsed.terms if weight == heaviest}
    analyzer = searcher.query_analyzer.analyzer
    texts = [store.fields_of(at) for at in range(store.documents)]
    terms = [set(analyzer.terms(" . ".join(str(text[name]) for name in FIELDS))) for text in texts]
    n = len(terms)
    counts = {word: sum(word in each for each in terms) for word in words}
    idf = {word: np.log1p((n - count + 0.5) / (count + 0.5)) for word, count in counts.items() if count}
    found = {
        at
        for at, each in enumerate(terms)
        if each & set(idf) and sum(idf[word] for word in each & set(idf)) >= max(idf.values()) / 2 - 1e-9
    }
    if "dense" in generators and idf:
        vector = searcher.query_analyzer.vector(parsed)
        dense = generators["dense"]
        cosines = dense.score(vector, np.arange(dense.size))
        mean, deviation = dense.candidates(CandidateRequest(vector, 1)).score_statistics
        least = mean + deviation * NormalDist().inv_cdf(1 - 1 / dense.size)
        found |= {int(store.document_of[at]) for at in np.flatnonzero(cosines >= least)}
    return {store.id(at) for at in found if brands is None or texts[at]["brand"] in brands}


@pytest.mark.parametrize("name", ["plain", "shards", "words", "reranked"])
def test_the_match_set_is_what_its_definition_says(home, name) -> None:
    rng = random.Random(name)
    with clew.open(name, home) as index:
        for _ in range(REQUESTS):
            query = " ".join(rng.choices([*WORDS, *BRANDS, "quellhorn", "cover", "the"], k=rng.randint(1, 5)))
            brands = rng.choice([None, rng.sample(BRANDS, 12)])
            filters = {"brand": brands} if brands else None
            expected = by_hand(index, query, brands)
            found = index.search(query, k=700, filters=filters, facets=["brand"], facet_limit=0)
            assert {hit.id for hit in found.hits} == expected, query
            assert found.total == Total(len(expected), "eq")
            assert sum(value.count for value in found.facets["brand"]) == len(expected)
            for offset in (0, 40):
                page = index.search(query, offset=offset, filters=filters, facets=["brand"], facet_limit=0)
                assert (page.total, page.facets) == (found.total, found.facets)
            for value in found.facets["brand"][:3]:
                only = index.search(query, k=700, filters={"brand": value.value}, rerank=False).hits
                assert {hit.id for hit in only} == {h.id for h in found.hits if h.fields["brand"] == value.value}


def test_a_brand_that_is_asked_for_comes_first_in_its_facet(home) -> None:
    with clew.open("plain", home) as index:
        for query in ("quellhorn", "quellhorn cover", "the quellhorn cover"):
            found = index.search(query, facets=["brand"])
            assert (found.facets["brand"][0].value, found.facets["brand"][0].count) == ("quellhorn", 12)
            assert sum(value.count for value in found.facets["brand"]) <= found.total.value < 60


@pytest.mark.parametrize("query", ["xqzvw", "blorfnik wuggle", "zzkrt pfmno qqwx"])
def test_nonsense_has_no_results_and_a_note(home, query) -> None:
    with clew.open("plain", home) as index:
        found = index.search(query, facets=["brand"])
        assert (found.hits, found.total, found.facets["brand"]) == ((), Total(0), ())
        assert any(note.startswith("no results") for note in found.notes)
        assert index.answer(query).answers == ()
        lost = index.why_not(query, "d3")
        assert (lost.lost_at, "meaning" in lost.reason) == ("match", True)
        # A run for an evaluation has the depth that it was asked for.
        assert len(index.searcher.rank(query, 100)[0]) == 100


def test_a_floor_of_the_spec_is_a_cosine(home) -> None:
    with clew.open("set", home) as index:
        dense = index.searcher.generators["dense"]
        found = index.search("warm oak lamp", k=700, sources=["dense"])
        vector = index.searcher.query_analyzer.vector(index.searcher.query_analyzer.terms("warm oak lamp"))
        cosines = dense.score(vector, np.arange(dense.size))
        near = set(index.searcher.store.document_of[cosines >= 0.5].tolist())
        assert 0 < found.total.value == len(found.hits) == len(near)


def test_an_approximate_index_says_at_least(home) -> None:
    with clew.open("near", home) as index:
        found = index.search("oak lamp")
        assert (found.total.relation, found.total.value) == ("gte", 500)
        assert index.search("oak lamp", sources=["bm25"]).total.relation == "eq"


def test_what_min_probability_drops_is_not_counted(home) -> None:
    with clew.open("reranked", home) as index:
        scored = sorted(hit.probability for hit in index.search("warm oak lamp", k=30).hits)
        least = scored[10] / 2 + scored[-1] / 2
        found = index.search("warm oak lamp", k=700, min_probability=least, facets=["brand"], facet_limit=0)
        assert found.rerank.dropped > 0
        assert found.total.value == len(found.hits) == sum(value.count for value in found.facets["brand"])
        assert found.considered == found.total.value + found.rerank.dropped
        none = index.search("warm oak lamp", min_probability=1.0, facets=["brand"])
        assert (none.hits, none.total.value, none.facets["brand"]) == ((), 0, ())


def test_facet_limit(home) -> None:
    with clew.open("plain", home) as index:
        counts = [len(index.search("oak", facets=["brand"], facet_limit=limit).facets["brand"]) for limit in (0, 3, 20)]
        assert counts == [41, 3, 20]
        for limit, shown in ((-1, "-1"), (MAX_FACET_VALUES + 1, "10,001")):
            with pytest.raises(QueryError, match=f"facet_limit is {shown}$"):
                index.searcher.search(SearchRequest(query="oak", facet_limit=limit))


def test_the_command_prints_the_total(home) -> None:
    arguments = ["search", "plain", "quellhorn", "--home", str(home), "--facet", "brand", "--facet-limit", "1"]
    printed = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert printed["total"]["relation"] == "eq"
    assert printed["total"]["value"] >= 12
    assert len(printed["facets"]["brand"]) == 1
    assert f"of {printed['total']['value']} matching documents" in CliRunner().invoke(app, arguments).stderr
