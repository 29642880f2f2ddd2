"""What is remembered of a graph, and for how long."""

import threading

import numpy as np
import pytest

from clew.core.errors import StageUnavailable
from clew.core.types import Deadline
from clew.kg.cached import CachedStore
from clew.kg.networkx_store import NetworkxStore
from clew.kg.types import Edge, Entity, Walk

ANY = Deadline()


class Counted:
    """A store in memory that counts what it is asked, and fails when told to."""

    def __init__(self, pairs="ab bc cd"):
        self.store = NetworkxStore()
        names = sorted(set(pairs) - {" "})
        self.store.write([Entity(name) for name in names], [Edge(a, "r", b) for a, b in pairs.split()])
        self.asked = []
        self.fails = False

    def __getattr__(self, name):
        def ask(*arguments):
            self.asked.append((name, arguments[0] if arguments else None))
            if self.fails:
                raise StageUnavailable("down")
            return getattr(self.store, name)(*arguments)

        return ask


class Clock:
    seconds = 0.0

    def __call__(self):
        return self.seconds


def test_a_walk_is_asked_once_and_other_walks_are_others():
    inner = Counted()
    store = CachedStore(inner)
    walks = [Walk(), Walk(hops=2), Walk(fan_out=1), Walk(steps=1), Walk({"r": "out"}), Walk({"r": "in"}), Walk({})]
    first = [store.neighbourhood(["b"], walk, ANY) for walk in walks]
    second = [store.neighbourhood(["b"], walk, ANY) for walk in walks]
    assert [a is b for a, b in zip(first, second, strict=True)] == [True] * len(walks)
    assert len(inner.asked) == len(walks)
    store.neighbourhood(["b", "a"], Walk(), ANY)
    store.neighbourhood(["a", "b"], Walk(), ANY)
    assert len(inner.asked) == len(walks) + 2


def test_shared_tables_cannot_be_written_to():
    table = CachedStore(Counted()).neighbourhood(["b"], Walk(), ANY)
    with pytest.raises(ValueError, match="read-only"):
        table.near[0] = 5


def test_only_unknown_entities_are_asked_for():
    inner = Counted()
    store = CachedStore(inner)
    assert store.entities(["a", "?", "a"], ANY) == [Entity("a"), None, Entity("a")]
    assert store.entities(["?", "b", "a"], ANY) == [None, Entity("b"), Entity("a")]
    assert store.entities(["a", "b"], ANY) == [Entity("a"), Entity("b")]
    assert inner.asked == [("entities", ["a", "?"]), ("entities", ["b"])]


def test_failures_are_not_kept():
    inner = Counted()
    store = CachedStore(inner)
    inner.fails = True
    for _ in range(2):
        with pytest.raises(StageUnavailable):
            store.neighbourhood(["b"], Walk(), ANY)
        with pytest.raises(StageUnavailable):
            store.entities(["b"], ANY)
    assert len(inner.asked) == 4
    inner.fails = False
    assert store.entities(["b"], ANY) == [Entity("b")]


def test_what_was_not_used_longest_goes_first():
    inner = Counted()
    store = CachedStore(inner, size=2)
    for seed in "abacab":  # b goes when c comes, since a was used after it; then c when b comes back
        store.neighbourhood([seed], Walk(), ANY)
    assert [seeds for _, seeds in inner.asked] == [["a"], ["b"], ["c"], ["b"]]


def test_room_is_counted_in_edges_and_nodes():
    inner = Counted("ab ac ad")
    store = CachedStore(inner, edges=6)
    for seed in "abcb":  # around a: 3 edges and 4 nodes, too much to keep; around b and c 1 edge and 2 nodes each
        store.neighbourhood([seed], Walk(), ANY)
    store.neighbourhood(["a"], Walk(), ANY)
    assert [seeds for _, seeds in inner.asked] == [["a"], ["b"], ["c"], ["a"]]


def test_answers_grow_old():
    clock = Clock()
    inner = Counted()
    store = CachedStore(inner, seconds=10, clock=clock)
    for clock.seconds in (0, 9.9, 10, 19.9):
        store.neighbourhood(["b"], Walk(), ANY)
        store.entities(["b"], ANY)
    assert len(inner.asked) == 4


def test_writing_forgets():
    store = CachedStore(NetworkxStore())
    store.write([Entity("a"), Entity("b")], [])
    assert len(store.neighbourhood(["a"], Walk(), ANY)) == 0
    store.write([Entity("a", name="A")], [Edge("a", "r", "b")])
    assert len(store.neighbourhood(["a"], Walk(), ANY)) == 1
    assert store.entities(["a"], ANY) == [Entity("a", name="A")]


def test_an_answer_from_before_a_write_is_not_kept_after_it():
    inner = Counted()
    store = CachedStore(inner)
    original = inner.store.neighbourhood

    def overtaken(*arguments):
        table = original(*arguments)
        store.forget()
        return table

    inner.store.neighbourhood = overtaken
    store.neighbourhood(["b"], Walk(), ANY)
    store.neighbourhood(["b"], Walk(), ANY)
    assert len(inner.asked) == 2


def test_many_threads_get_right_answers_from_a_small_cache():
    inner = Counted("ab bc cd de ef fg gh")
    store = CachedStore(inner, size=3, edges=12)
    expected = {seed: inner.store.neighbourhood([seed], Walk(), ANY).nodes for seed in "abcdefgh"}
    wrong = []

    def ask(seed):
        rng = np.random.default_rng(seed)
        for _ in range(300):
            name = "abcdefgh"[rng.integers(8)]
            if store.neighbourhood([name], Walk(), ANY).nodes != expected[name]:
                wrong.append(name)
            if rng.random() < 0.05:
                store.forget()

    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
