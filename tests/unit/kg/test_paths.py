"""Learned paths over an edge table: where they lead, and what their ends weigh."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.types import Deadline
from clew.kg.expand import ExpandSpec, PathStep, Reached, RelationSpec, expand
from clew.kg.networkx_store import NetworkxStore
from clew.kg.paths import LearnedPath, path_edges
from clew.kg.relations import Step, path_key, path_of
from clew.kg.types import Edge, EdgeTable, Entity

R, S = Step("r", True), Step("s", True)
EDGES = [("a", "r", "b"), ("b", "s", "c"), ("b", "s", "d"), ("a", "s", "e")]


def table(edges: list[tuple[str, str, str]], seeds: list[str], spec: ExpandSpec) -> EdgeTable:
    store = NetworkxStore()
    ids = sorted({end for source, _, target in edges for end in (source, target)} | set(seeds))
    store.write([Entity(name) for name in ids], [Edge(*edge) for edge in edges])
    return store.neighbourhood(seeds, spec.walk, Deadline())


def along(found: EdgeTable, fit: float, *paths: tuple[Step, ...]) -> list[LearnedPath]:
    return [LearnedPath(seed, fit, edges) for (seed, _), edges in path_edges(found, paths).items()]


@pytest.mark.parametrize("path", [(R,), (R, S), (Step("r", False), S)])
def test_a_path_is_read_from_its_key(path: tuple[Step, ...]) -> None:
    assert path_of(path_key(path)) == path


def test_the_end_of_a_path_weighs_what_a_neighbour_does() -> None:
    spec = ExpandSpec(hops=2, itself=1.0, decay=0.5)
    found = table(EDGES, ["a"], spec)
    fits = {("a", R): 0.3, ("a", S): 0.2}
    reached = {each.entity: each for each in expand(found, {"a": 0.8}, fits, spec, along(found, 1.0, (R, S)))}
    assert {name: each.weight for name, each in reached.items()} == pytest.approx(
        {"a": 0.8, "b": 0.8 * 0.5 * 0.3, "c": 0.8 * 0.5, "d": 0.8 * 0.5, "e": 0.8 * 0.5 * 0.2}
    )
    assert reached["c"].path == (PathStep(R, "b"), PathStep(S, "c"))


def test_a_path_that_fits_worse_changes_nothing() -> None:
    spec = ExpandSpec(hops=2, itself=0.0)
    found = table(EDGES, ["a"], spec)
    without = expand(found, {"a": 1.0}, {}, spec)
    assert expand(found, {"a": 1.0}, {}, spec, along(found, 0.01, (R, S))) == without


def test_a_relation_without_weight_closes_its_paths() -> None:
    spec = ExpandSpec({"r": "both", "s": RelationSpec("both", 0.0)}, hops=2, itself=0.0)
    found = table(EDGES, ["a"], spec)
    assert [each.entity for each in expand(found, {"a": 1.0}, {}, spec, along(found, 1.0, (R, S)))] == ["b"]


def test_where_an_end_is_a_neighbour_too_the_better_way_is_shown() -> None:
    spec = ExpandSpec(hops=2, itself=0.0)
    found = table([*EDGES, ("a", "s", "c")], ["a"], spec)
    (reached,) = [
        each for each in expand(found, {"a": 1.0}, {("a", S): 0.1}, spec, along(found, 1.0, (R, S)))
        if each.entity == "c"
    ]  # fmt: skip
    assert reached == Reached("c", 1.0, "a", (PathStep(R, "b"), PathStep(S, "c")))


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(st.sampled_from("abcdef"), st.sampled_from("rs"), st.sampled_from("abcdef")), min_size=1, max_size=15
    ),
    st.lists(
        st.tuples(*[st.tuples(st.sampled_from("rs"), st.booleans()).map(lambda step: Step(*step))] * 2), max_size=4
    ),
    st.floats(0, 1),
)
def test_no_path_lifts_anything_above_the_entity_that_is_named(edges, paths, fit) -> None:
    spec = ExpandSpec(hops=2, itself=1.0)
    found = table(edges, ["a"], spec)
    seeds = {"a": 0.7}
    before = {each.entity: each.weight for each in expand(found, seeds, {}, spec)}
    after = expand(found, seeds, {}, spec, along(found, fit, *dict.fromkeys(paths)))
    assert {each.entity for each in after} == before.keys()
    for each in after:
        assert before[each.entity] - 1e-12 <= each.weight <= 0.7 + 1e-12
        assert each.entity == "a" or each.weight <= 0.35 + 1e-12
