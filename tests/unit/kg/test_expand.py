"""Expansion over an edge table: weights as arithmetic a reader can check, networkx as the oracle of PageRank."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.types import Deadline
from clew.kg.expand import ExpandSpec, PathStep, Reached, RelationSpec, expand
from clew.kg.networkx_store import NetworkxStore
from clew.kg.relations import Step
from clew.kg.types import Edge, EdgeTable, Entity

OUT = Step("made_by", True)


graphs = st.lists(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("rs"), st.sampled_from("abcdef")), min_size=1, max_size=15
)


def table(edges: list[tuple[str, str, str]], seeds: list[str], spec: ExpandSpec) -> EdgeTable:
    store = NetworkxStore()
    ids = sorted({end for source, _, target in edges for end in (source, target)} | set(seeds))
    store.write([Entity(name) for name in ids], [Edge(*edge) for edge in edges])
    return store.neighbourhood(seeds, spec.walk, Deadline())


def weights(found: list[Reached]) -> dict[str, float]:
    return {reached.entity: reached.weight for reached in found}


def test_a_neighbour_weighs_what_its_seed_does_where_the_seed_does_not_count_itself() -> None:
    spec = ExpandSpec(itself=0.0)
    found = expand(table([("a", "made_by", "b")], ["a"], spec), {"a": 0.8}, {}, spec)
    assert found == [Reached("b", 0.8, "a", (PathStep(OUT, "b"),))]


def test_the_first_hop_fades_where_the_seed_counts_itself() -> None:
    spec = ExpandSpec(itself=1.0, decay=0.25)
    found = expand(table([("a", "made_by", "b")], ["a"], spec), {"a": 0.8}, {}, spec)
    assert weights(found) == pytest.approx({"a": 0.8, "b": 0.8 * 0.25})
    assert [reached.path for reached in found] == [(), (PathStep(OUT, "b"),)]


def test_relations_weigh_and_fit() -> None:
    spec = ExpandSpec({"made_by": "both", "near": RelationSpec("out", 0.5)}, itself=0.0)
    edges = [("a", "made_by", "b"), ("a", "near", "c"), ("d", "near", "a"), ("a", "other", "e")]
    found = expand(table(edges, ["a"], spec), {"a": 1.0}, {("a", OUT): 0.1}, spec)
    assert weights(found) == pytest.approx({"b": 0.1, "c": 0.5})  # near only outwards, other not at all


def test_hubs_are_damped_after_the_first_hop() -> None:
    edges = [("a", "in", "hub"), *((f"x{i}", "in", "hub") for i in range(8))]
    spec = ExpandSpec(hops=2, itself=0.0, decay=0.5, hub=0.5)
    found = weights(expand(table(edges, ["a"], spec), {"a": 1.0}, {}, spec))
    # Nine edges come into the hub; the seed is where the walk came from.
    assert found == pytest.approx({"hub": 1.0} | {f"x{i}": 0.5 / 9**0.5 for i in range(8)})


def test_two_seeds_add_up_and_two_relations_between_the_same_pair_do_not() -> None:
    spec = ExpandSpec(itself=0.0)
    edges = [("a", "r", "x"), ("b", "r", "x"), ("a", "s", "x"), ("b", "r", "y")]
    found = weights(expand(table(edges, ["a", "b"], spec), {"a": 0.5, "b": 0.25}, {}, spec))
    assert found == pytest.approx({"x": 0.75, "y": 0.25})


def test_the_path_is_the_heaviest_way() -> None:
    spec = ExpandSpec(hops=2, itself=0.0, hub=0.0, decay=0.5)
    edges = [("a", "r", "m"), ("a", "s", "n"), ("m", "r", "x"), ("n", "r", "x")]
    fits = {("a", Step("r", True)): 0.2, ("a", Step("s", True)): 0.9}
    [found] = [r for r in expand(table(edges, ["a"], spec), {"a": 1.0}, fits, spec) if r.entity == "x"]
    assert found.path == (PathStep(Step("s", True), "n"), PathStep(Step("r", True), "x"))
    # Two independent paths: 0.1 and 0.45 of the 0.9 that is left to give.
    assert found.weight == pytest.approx(0.9 * (1 - (1 - 0.1 / 0.9) * (1 - 0.45 / 0.9)))


def test_many_paths_do_not_outrank_the_entities_on_the_way() -> None:
    spec = ExpandSpec(hops=3, itself=0.0, hub=0.0, decay=0.5)
    edges = [("a", "r", f"m{i:02}") for i in range(40)] + [(f"m{i:02}", "r", "x") for i in range(40)]
    found = expand(table([*edges, ("x", "r", "y")], ["a"], spec), {"a": 0.9}, {}, spec)
    assert [reached.entity for reached in found[-2:]] == ["x", "y"]
    assert weights(found)["x"] == pytest.approx(0.75 * 0.9)  # halfway from 0.45, the best path, to 0.9
    assert weights(found)["y"] == pytest.approx(0.5 * 0.75 * 0.9)


def test_paths_from_two_seeds_add_up_after_several_hops() -> None:
    spec = ExpandSpec(hops=2, itself=0.0, hub=0.0, decay=0.5)
    edges = [("a", "r", "m"), ("b", "r", "n"), ("m", "r", "x"), ("n", "r", "x")]
    found = weights(expand(table(edges, ["a", "b"], spec), {"a": 0.8, "b": 0.4}, {}, spec))
    assert found == pytest.approx({"m": 0.8, "n": 0.4, "x": 0.5 * (0.8 + 0.4)})


@pytest.mark.parametrize("method", ["paths", "pagerank"])
@settings(deadline=None, max_examples=40)
@given(
    edges=st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("rs"), st.sampled_from("abcdef")), max_size=20)
)
def test_nothing_outranks_the_entity_that_is_named(method: str, edges: list[tuple[str, str, str]]) -> None:
    spec = ExpandSpec(hops=3, itself=1.0, method=method)  # type: ignore[arg-type]
    found = expand(table(edges, ["a"], spec), {"a": 0.7}, {}, spec)
    assert found[0] == Reached("a", 0.7, "a")
    assert all(reached.weight < 0.7 for reached in found[1:])


def test_only_the_heaviest_are_kept_in_one_order() -> None:
    spec = ExpandSpec(itself=0.0, most=2)
    edges = [("a", "r", name) for name in "zyx"]
    found = expand(table(edges, ["a"], spec), {"a": 1.0}, {}, spec)
    assert [reached.entity for reached in found] == ["x", "y"]


def test_no_seeds_lead_nowhere() -> None:
    spec = ExpandSpec()
    assert expand(table([("a", "r", "b")], [], spec), {}, {}, spec) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"hops": 4}, "hops is 4, expected 1 to 3"),
        ({"fan_out": 0}, "fan_out is 0"),
        ({"decay": 1.5}, "decay is 1.5, expected 0 to 1"),
        ({"itself": -1.0}, "itself is -1.0"),
        ({"restart": 0.0}, "restart is 0.0"),
    ],
)
def test_a_policy_out_of_range_is_refused(given: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ExpandSpec(**given)  # type: ignore[arg-type]


def test_a_step_is_said_as_the_policy_says() -> None:
    spec = ExpandSpec({"subcategory_of": RelationSpec("in", say="kind of", back="kinds:")})
    assert spec.step_text(Step("subcategory_of", False)) == "kinds:"
    assert spec.step_text(Step("subcategory_of", True)) == "kind of"
    assert spec.step_text(Step("has_brand", False)) == "brand of"


@settings(deadline=None, max_examples=60)
@given(edges=graphs, chance=st.floats(0.1, 1.0))
def test_pagerank_agrees_with_networkx(edges: list[tuple[str, str, str]], chance: float) -> None:
    spec = ExpandSpec(hops=3, itself=0.0, method="pagerank", hub=0.0, decay=1.0, restart=0.3)
    around = table(edges, ["a"], spec)
    if len(around) == 0:
        return
    oracle: nx.DiGraph = nx.DiGraph()
    oracle.add_nodes_from(around.nodes)
    for near, far in zip(around.near.tolist(), around.far.tolist(), strict=True):
        pair = (around.nodes[near], around.nodes[far])
        oracle.add_edge(*pair, weight=oracle.edges[pair]["weight"] + 1.0 if oracle.has_edge(*pair) else 1.0)
    ranks = nx.pagerank(oracle, 0.7, {"a": 1.0}, dangling={"a": 1.0}, tol=1e-12, max_iter=500)
    others = {name: rank for name, rank in ranks.items() if name != "a"}
    best = max(others.values(), default=0.0)
    if best <= 0:
        return
    found = weights(expand(around, {"a": chance}, {}, spec))
    for name, rank in others.items():
        assert found.get(name, 0.0) == pytest.approx(rank / best * chance, abs=1e-4)


@settings(deadline=None, max_examples=60)
@given(edges=graphs, seeds=st.sets(st.sampled_from("abc"), min_size=1), hops=st.integers(1, 3))
def test_every_reached_entity_has_a_path_of_edges_from_a_seed(
    edges: list[tuple[str, str, str]], seeds: set[str], hops: int
) -> None:
    spec = ExpandSpec(hops=hops)
    there = set(edges)
    found = expand(table(edges, sorted(seeds), spec), dict.fromkeys(seeds, 1.0), {}, spec)
    for reached in found:
        assert reached.seed in seeds
        assert np.isfinite(reached.weight)
        at = reached.seed
        for way in reached.path:
            edge = (at, way.step.relation, way.to) if way.step.outgoing else (way.to, way.step.relation, at)
            assert edge in there
            at = way.to
        assert at == reached.entity
        assert len(reached.path) <= hops
