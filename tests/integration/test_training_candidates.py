"""What training retrieves from a real index: candidates in the order of the search, and the passages a model reads."""

import numpy as np
import pytest

from clew.core.errors import DataError, NotFoundError
from clew.models.hashing import HashingEncoder
from clew.search.assemble import open_index
from clew.training.candidates import CandidateSource, CandidateSources
from clew.training.command import Indexes, OpenedIndex, calibrate
from clew.training.spec import DataSpec
from tests.builders import build_home, spec_table, write_beir

QUERY = "kettle boils water"
LONG = "Steel, with a wooden handle and a lid that stays shut. " * 30
BODIES = {
    "right": "the kettle boils water in two minutes and switches itself off",
    "near": "a kettle for the hob that whistles when water boils",
    "late": LONG + "This kettle boils water.",
    "shoes": "water shoes for the beach",
    "lamp": "a lamp with a paper shade",
}


def build_index(root, vectors=True, bodies=BODIES):
    """Publish an index named kettles in the home under `root`."""
    docs = [{"id": name, "title": f"T {name}", "text": text} for name, text in bodies.items()]
    return build_home(root, spec_table("kettles", dense={"model": "hashing-64"} if vectors else False), docs=docs)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return build_index(tmp_path_factory.mktemp("kettles"))


@pytest.fixture
def source(home):
    opened: CandidateSource = OpenedIndex(open_index(home, "kettles"))
    yield opened
    opened.close()


def test_candidates_come_in_the_order_of_the_search_with_scores_and_cosines(source):
    found = source.candidates(QUERY, 10)
    assert list(found.ids) == source.searcher.rank(QUERY, 10)[0]
    assert found.scores.shape == found.cosines.shape == (len(found.ids),)
    assert (np.diff(found.scores) <= 0).all()
    encoder = HashingEncoder(64)
    cosine = encoder.encode_queries([QUERY])[0] @ encoder.encode_passages([found.passage("right")])[0]
    assert found.cosines[found.ids.index("right")] == pytest.approx(cosine, abs=1e-3)


def test_a_candidate_is_read_from_its_best_passage_and_another_from_its_first(source):
    assert source.candidates(QUERY, 10).passage("late").endswith("This kettle boils water.")
    other = source.candidates("lamp", 1)
    assert other.ids == ("lamp",)
    assert other.passage("late").startswith("T late\nSteel, with a wooden handle")
    assert other.passage("lamp") == "T lamp\na lamp with a paper shade"
    assert other.passage("nowhere") is None


@pytest.mark.parametrize("query", [" ", "x" * 10_001])
def test_a_query_that_search_rejects_has_no_candidates(source, query):
    assert source.candidates(query, 5) is None


def test_without_vectors_there_are_no_cosines(tmp_path):
    source = Indexes(build_index(tmp_path, vectors=False)).open(DataSpec(folder="x", index="kettles"))
    found = source.candidates(QUERY, 5)
    assert "right" in found.ids
    assert found.cosines is None
    source.close()


def test_the_content_of_an_index_follows_its_live_version(tmp_path):
    indexes: CandidateSources = Indexes(build_index(tmp_path))
    before = indexes.content("kettles")
    build_index(tmp_path, bodies={**BODIES, "more": "another kettle"})
    assert indexes.content("kettles") != before
    for call in (lambda: indexes.content("pots"), lambda: indexes.open(DataSpec(folder="x", index="pots"))):
        with pytest.raises(NotFoundError, match="pots"):
            call()


def test_without_a_name_an_index_over_the_folder_is_built_once(tmp_path):
    folder = write_beir(tmp_path / "beir", BODIES, {"q": QUERY}, train={"q": {"right": 1}})
    indexes = Indexes(tmp_path / "home", model="hashing-64")
    for _ in range(2):
        source = indexes.open(DataSpec(folder=str(folder)))
        assert set(source.candidates(QUERY, 5).ids) == set(BODIES)
        source.close()
    (built,) = (tmp_path / "home" / "bench" / "indexes").iterdir()
    assert [path.name for path in (built / "releases").glob("*.json")] == ["r1.json"]


def test_a_chinese_folder_is_mined_with_its_words_and_the_vectors_of_the_model_that_is_named(tmp_path):
    bodies = {"right": "这款烧水壶可以调节温度", "near": "不能调节温度的水壶", "far": "木制的餐桌和椅子"}
    folder = write_beir(tmp_path / "beir", bodies, {"q": "调节温度"}, train={"q": {"right": 1}})
    source = Indexes(tmp_path / "home", model="hashing-96").open(DataSpec(folder=str(folder)))
    found = source.candidates("调节温度", 5)
    assert set(found.ids[:2]) == {"right", "near"}
    by_words = source.searcher.pool("调节温度", 5, sources=("bm25",), graph="off")
    assert set(source.searcher.store.ids(by_words.documents)) == {"right", "near"}
    encoder = HashingEncoder(96)
    cosine = encoder.encode_queries(["调节温度"])[0] @ encoder.encode_passages([found.passage("near")])[0]
    assert found.cosines[found.ids.index("near")] == pytest.approx(cosine, abs=1e-3)
    source.close()


def test_a_calibration_is_what_a_manifest_holds():
    scores, fused = np.array([3.0, 2.0, -2.0, -3.0]), np.zeros(4)
    found = calibrate(scores, fused, np.array([True, True, False, False]), np.array([0, 1, 0, 1]))
    assert set(found) == {"scale", "fused", "bias", "lead", "sentence", "sentence_bias"}
    assert found["scale"] > 0
    with pytest.raises(DataError, match="not relevant"):
        calibrate(scores, fused, np.zeros(4, np.bool_), np.array([0, 1, 0, 1]))
