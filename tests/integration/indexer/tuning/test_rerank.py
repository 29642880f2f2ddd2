"""What a reranker's index learns on dev queries, from their candidates to the search that stops early."""

import shutil
from dataclasses import replace

import pytest

from clew.benchmarks.relevance import systems
from clew.benchmarks.relevance.pairs import SharedScorer
from clew.benchmarks.relevance.prepared import system_searcher
from clew.core.errors import FormatError, QueryError
from clew.core.files import write_atomic
from clew.indexer.build import build
from clew.indexer.releases.history import set_live
from clew.indexer.spec import spec_of
from clew.indexer.tuning.publish import publish_tuned
from clew.indexer.tuning.rerank import scored
from clew.indexer.tuning.tune import Options, tune_index
from clew.search.assemble import open_index
from clew.search.types import SearchRequest
from clew.search.versions import IndexFolder, dumps
from tests.builders import build_home, write_judged

DOCUMENTS, TOP = 40, 36
TABLE = {
    "name": "lamps",
    "dense": {"model": "hashing-64", "floor": -1},
    "source": {"path": "docs.jsonl"},
    "fields": {"text": {"type": "text"}},
    "rerank": {"model": "overlap", "top": TOP, "budget_ms": 0, "early_stop": 0.5},
}


@pytest.fixture(scope="module")
def tuned(tmp_path_factory):
    """(home, what was learned) of lamps of which each query names one, the others sharing a word with it."""
    root = tmp_path_factory.mktemp("lamps")
    queries = {f"q{at}": f"lamp number{at}" for at in range(20)}
    write_judged(root / "judged", queries, dev={f"q{at}": {f"d{at}": 1} for at in range(20)})
    docs = [{"id": f"d{at}", "text": f"lamp of make number{at}"} for at in range(DOCUMENTS)]
    home = build_home(root, TABLE, docs=docs)
    found = tune_index("lamps", home, root / "judged", Options())
    publish_tuned(home, "lamps", found)
    return home, found


@pytest.fixture
def searcher(tuned):
    opened = open_index(tuned[0], "lamps")
    yield opened
    opened.close()


def test_what_is_left_unread_is_learned_kept_and_stops_a_search(tuned, searcher):
    _, found = tuned
    assert found.rerank.pairs == 20 * TOP
    assert set(found.rerank.after["ahead"]) == {"bias", "fused", "doubt"}
    assert searcher.reranker.calibration.as_table() == found.rerank.after
    use = searcher.search(SearchRequest(query="lamp number33", k=3)).rerank
    assert (use.reranked, use.of, use.stopped) == (16, TOP, "early_stop")


def test_a_system_is_the_index_with_what_the_system_says(tuned, searcher):
    known: dict[tuple[str, str], float] = {}
    plain = system_searcher(searcher, systems.load("hybrid"), None, known)
    assert plain.reranker is searcher.reranker
    early = systems.load("hybrid-tuned-early-stop")
    found = system_searcher(searcher, early, tuned[1], known)
    assert found.reranker.spec.early_stop == early.early_stop == 0.003
    assert found.reranker.calibration.as_table() == tuned[1].rerank.after
    assert isinstance(found.reranker.scorer, SharedScorer)
    found.rank("lamp number3", 10)
    assert found.reranker.scorer.pairs == len(known) > 0


def test_what_another_clew_learned_is_named_and_a_build_goes_on_without_it(tuned, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(tuned[0].parent, root)
    folder = IndexFolder.of(root / "home", "lamps")
    release = folder.read_release()
    old = {**release.learned, "rerank": {**release.learned["rerank"], "ahead": {"a": 0.0, "b": 1.0, "s": 2.0}}}
    write_atomic(folder.release(release.id), dumps(replace(release, learned=old)))
    set_live(folder, release.id)
    with pytest.raises(FormatError, match="written by another version of Clew: calibration of the reranker") as caught:
        open_index(root / "home", "lamps")
    assert "clew build" in caught.value.hint
    with (root / "docs.jsonl").open("a") as file:
        file.write('{"id": "new", "text": "lamp of make new"}\n')
    report = build(spec_of(TABLE, "lamps.toml", root), root / "home")
    assert any("the stored format changed" in notice for notice in report.notices)
    assert set(folder.read_release().learned) == {"fusion"}
    open_index(root / "home", "lamps").close()


def test_queries_that_search_refuses_teach_nothing(searcher):
    long = "lamp " * 5000
    with pytest.raises(QueryError):
        searcher.search(SearchRequest(query=long))
    found = scored(searcher, {"a": long, "b": "lamp number7"}, {"a": {"d1": 1}, "b": {"d7": 1}})
    assert (found.queries, len(found.scores), int(found.relevant.sum())) == (1, TOP, 1)
