"""The query's road over a really built index: parts add up, k counts documents, what is left out is said."""

import math
import random
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

import clew
from clew.core.errors import MismatchError, QueryError, StageUnavailable, UnknownNameError, UsageError
from clew.search.profile import load_profile
from clew.search.types import SearchRequest
from tests.builders import build_home, spec_table

TABLES = {
    "dense": {"model": "hashing-64"},
    "fields": {
        "title": {"type": "text", "weight": 2.0},
        "text": {"type": "text"},
        "brand": {"type": "keyword", "facet": True},
        "price": {"type": "number", "facet": [50]},
    },
    "passages": {"size": 24, "step": 16},
}
WORDS = "lamp desk oak walnut steel brass reading floor bright warm quiet kettle toaster cordless travel blue".split()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    rng = random.Random(7)
    docs = []
    for number in range(240):
        text = ". ".join(" ".join(rng.choices(WORDS, k=6)) for _ in range(rng.choice([1, 1, 4, 9])))
        document = {
            "id": f"d{number}",
            "title": " ".join(rng.choices(WORDS, k=3)) + (" XK-900" if number == 117 else ""),
            "text": text + ".",
            "brand": rng.choice(["Ambrel", "Kvist", "Norra"]),
            "price": number,
        }
        docs.append(document)
    tables = [spec_table(f"s{shards}", build={"shards": shards}, **TABLES) for shards in (1, 3, 8)]
    return build_home(tmp_path_factory.mktemp("search"), *tables, docs=docs)


@pytest.fixture(scope="module")
def index(home):
    with clew.open("s1", home) as opened:
        yield opened


@pytest.mark.parametrize("fusion", ["hybrid", "sum", "rrf"])
def test_the_receipt_adds_up_stage_by_stage(index, fusion):
    response = index.search("warm oak reading lamp", k=20, explain=True, fusion=fusion)
    assert len(response.hits) == 20
    for hit in response.hits:
        assert [stage.stage for stage in hit.why] == ["bm25", "dense", "fusion"]
        for stage in hit.why:
            assert sum(part.value for part in stage.parts) == pytest.approx(stage.score, abs=1e-6)
        assert hit.why[-1].score == pytest.approx(hit.score, abs=1e-9)
        assert (hit.scored_by, hit.why[-1].rank) == ("fusion", hit.rank)


def test_hits_are_in_order_and_pages_continue_each_other(index):
    first = index.search("blue kettle", k=30)
    scores = [hit.score for hit in first.hits]
    assert scores == sorted(scores, reverse=True)
    pages = [hit.id for offset in (0, 10, 20) for hit in index.search("blue kettle", k=10, offset=offset).hits]
    assert pages == [hit.id for hit in first.hits]
    assert len(set(pages)) == 30


def test_k_counts_documents_not_passages(index):
    assert index.searcher.store.passages > index.searcher.store.documents
    assert len({hit.id for hit in index.search("oak", k=100).hits}) == 100


def test_a_source_is_asked_at_once_for_the_passages_that_k_documents_have(index):
    asked = []

    class Noting:
        def __init__(self, source):
            self.source = source

        def __getattr__(self, name):
            return getattr(self.source, name)

        def candidates(self, request):
            asked.append(request.k)
            return self.source.candidates(request)

    searcher, store = index.searcher, index.searcher.store
    noting = replace(searcher, generators={"dense": Noting(searcher.generators["dense"])})
    noting.search(SearchRequest(query="oak lamp"))
    assert asked[0] == math.ceil(load_profile("product").depth * store.passages / store.documents)


def test_an_exact_identifier_is_hit_1(index):
    assert [index.search(query, k=1).hits[0].id for query in ("XK-900", "xk900", "XK 900 lamp")] == ["d117"] * 3


def test_filters_keep_what_they_say_and_fill_k(index):
    hits = index.search("desk lamp", k=10, filters={"brand": "Kvist", "price": {"lt": 60}}).hits
    assert all(hit.fields["brand"] == "Kvist" and hit.fields["price"] < 60 for hit in hits)
    assert len(hits) == 10
    only = index.search("desk lamp", k=10, filters={"price": {"gte": 100, "lt": 103}}).hits
    assert sorted(hit.id for hit in only) == ["d100", "d101", "d102"]


def test_facets_count_the_filtered_documents(index):
    facets = index.search("oak", filters={"price": {"lt": 90}}, facets=["brand"]).facets["brand"]
    counted = {value.value: value.count for value in facets}
    assert sum(counted.values()) <= 90
    for brand, count in counted.items():
        hits = index.search("oak", k=100, filters={"brand": brand, "price": {"lt": 90}}).hits
        assert len(hits) == count


def test_shards_do_not_change_the_answer(home):
    queries = ["warm oak lamp", "XK-900", "quiet kettle for travel", "steel", "nothing of this kind"]
    answers = []
    for name in ("s1", "s3", "s8"):
        with clew.open(name, home) as opened:
            answers.append([opened.searcher.rank(query, 50) for query in queries])
    for other in answers[1:]:
        for (ids, scores), (same_ids, same_scores) in zip(answers[0], other, strict=True):
            assert ids == same_ids
            np.testing.assert_allclose(scores, same_scores, rtol=0, atol=1e-9)


def test_a_stage_without_time_is_left_out_and_named(index):
    response = index.search("warm oak lamp", budget_ms=1e-6)
    assert response.hits
    assert [(lost.stage, "budget" in lost.reason) for lost in response.degraded] == [("dense", True)]


def test_one_source_alone(index):
    response = index.search("oak lamp", sources=["bm25"], explain=True)
    assert [stage.stage for stage in response.hits[0].why] == ["bm25", "fusion"]


def test_no_match_is_an_empty_answer(index):
    response = index.search("zzzz", sources=["bm25"])
    assert (response.hits, response.considered, response.degraded) == ((), 0, ())


def test_among_ranks_only_the_listed_documents(index):
    ids, _ = index.searcher.rank("oak lamp", 10, among=["d3", "d5", "d9", "unknown"])
    assert set(ids) <= {"d3", "d5", "d9"}


def test_why_not_names_the_stage_that_lost_a_document(index):
    found = index.search("oak lamp", k=3).hits[0].id
    assert index.why_not("oak lamp", found).lost_at is None
    assert index.why_not("oak lamp", "d3", filters={"price": {"gt": 100}}).lost_at == "filter"
    assert index.why_not("oak lamp", "nowhere").lost_at == "index"
    deep = index.search("oak lamp", k=200).hits[60].id
    answer = index.why_not("oak lamp", deep, k=5)
    assert answer.lost_at in {"candidates", "fusion"}
    assert [stage.stage for stage in answer.stages][:2] == ["bm25", "dense"]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (SearchRequest(query=" \n", min_probability=0.5), "the query is empty"),
        (SearchRequest(query="x", sort=("prise",)), "sort: unknown field 'prise'"),
        (SearchRequest(query="x" * 100_000), "query has 100,000 characters"),
        (SearchRequest(query="x", k=0), "k is 0"),
        (SearchRequest(query="x", k=1_000_000), "k is 1,000,000"),
        (SearchRequest(query="x", offset=-1), "offset is -1"),
        (SearchRequest(query="x", k=10, offset=9_999), "offset is 9,999"),
        (SearchRequest(query="x", budget_ms=0), "budget_ms is 0"),
        (SearchRequest(query="x", filters={"brnad": "Kvist"}), "brnad"),
    ],
)
def test_a_request_that_cannot_be_answered_names_its_parameter(index, request_, says):
    with pytest.raises(QueryError, match=says):
        index.searcher.search(request_)


@pytest.mark.parametrize(
    ("request_", "says", "near"),
    [
        (SearchRequest(query="x", sources=("bm52",)), "source 'bm52'", "bm25"),
        (SearchRequest(query="x", fusion="rff"), "fusion 'rff'", "rrf"),
    ],
)
def test_an_unknown_name_offers_the_nearest(index, request_, says, near):
    with pytest.raises(UnknownNameError, match=says) as raised:
        index.searcher.search(request_)
    assert f"did you mean '{near}'" in raised.value.hint


def test_another_encoder_than_the_builders_is_refused(home):
    with pytest.raises(MismatchError, match="not the encoder that built index 's1'"):
        clew.open("s1", home, model="hashing-128")


def test_an_index_without_vectors_says_so_where_dense_is_wanted(home):
    build_home(home.parent, spec_table("words", dense=False, fields={"title": {"type": "text"}}))
    with clew.open("words", home) as opened:
        assert opened.searcher.sources == ("bm25",)
        assert opened.search("oak").hits
        with pytest.raises(UnknownNameError, match="dense"):
            opened.search("oak", sources=["dense"])


def test_when_no_source_can_answer_the_error_says_why(index):
    class Down:
        size = 1

        def candidates(self, request):
            raise StageUnavailable("its shards are away")

    from dataclasses import replace

    broken = replace(index.searcher, generators={"bm25": Down()})
    with pytest.raises(StageUnavailable, match="its shards are away"):
        broken.search(SearchRequest(query="oak"))


@pytest.mark.parametrize("method", ["score", "explain"])
def test_a_source_that_is_lost_after_its_candidates_is_a_stage_unavailable(index, method):
    class Lost:
        def __init__(self, inner):
            self.inner = inner

        def __getattr__(self, name):
            return getattr(self.inner, name)

    def lost(*_):
        raise StageUnavailable("its shard is away")

    from dataclasses import replace

    down = Lost(index.searcher.generators["dense"])
    setattr(down, method, lost)
    broken = replace(index.searcher, generators={**index.searcher.generators, "dense": down})
    with pytest.raises(StageUnavailable, match="its shard is away"):
        broken.search(SearchRequest(query="oak", explain=True))


def test_a_closed_index_says_so_and_may_be_closed_again(home):
    with clew.open("s3", home) as opened:
        assert opened.search("oak").hits
        opened.close()
        with pytest.raises(UsageError, match="closed"):
            opened.search("oak")
        with pytest.raises(UsageError, match="closed"):
            opened.why_not("oak", "d1")


def test_answering_loads_no_training_library(home):
    code = (
        "import sys, clew\n"
        f"with clew.open('s1', {str(home)!r}) as index:\n"
        "    found = index.search('oak', explain=True, facets=['brand', 'price'], filters={'price': {'lt': 200}})\n"
        "    assert found.hits and found.facets['brand'] and found.facets['price']\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    heavy = {"torch", "transformers", "sentence_transformers", "ray", "pandas", "ir_measures", "onnx"}
    assert not loaded & heavy
