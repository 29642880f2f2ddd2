import pytest

from benchmarks.tune import Options, publish_tuned, tune_folder, tune_index
from clew.core.errors import NotFoundError
from search.assemble import open_index
from search.versions import IndexFolder, index_names

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
