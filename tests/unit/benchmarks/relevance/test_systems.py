import pytest

from clew.benchmarks.relevance import systems
from clew.core.errors import UnknownNameError


def test_every_system_file_is_readable_and_says_what_it_is():
    assert {"bm25", "rank_bm25", "dense", "rrf", "hybrid", "hybrid-tuned"} <= set(systems.names())
    for name in systems.names():
        system = systems.load(name)
        assert system.about
        assert system.sources


def test_only_the_tuned_systems_learn():
    tuned = [name for name in systems.names() if systems.load(name).tuned]
    assert tuned == ["hybrid-tuned", "hybrid-tuned-early-stop", "hybrid-tuned-rerank"]


def test_an_old_name_is_the_system_of_the_present_name():
    assert not {*systems.OLD_NAMES} & {*systems.names()}
    for old, name in systems.OLD_NAMES.items():
        assert systems.load(old) == systems.load(name)


def test_an_unknown_system_offers_the_nearest():
    with pytest.raises(UnknownNameError) as caught:
        systems.load("hibrid")
    assert "'hybrid'" in caught.value.hint
