"""Graph expansion: from the entities a query mentions to the entities around them, with an edge table of any store.

The weight of a seed is the probability of its mention. A step to a neighbour multiplies it by the weight of the
relation in the policy and by how well the step fits the question (clew.kg.relations; 1 for the best step). Each hop
after the first also multiplies it by `decay` and by the number of edges of that relation and direction to the power of
-`hub`, so that the neighbours of a hub have low weights. Mentions that lead to the same entity add up. From one
mention, several paths to an entity count as independent evidence (a noisy or) and raise its weight at most halfway from
that of the best path to that of the entity before it: however many paths there are, an entity never outranks the one on
the way to it. Only a path of two steps that was learned from questions is followed as if it were one relation
(clew.kg.paths): its end may outrank the entity on the way, never the one that the query names. The path with the
highest weight is the one that is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from clew.core.types import Floats, Ints
from clew.kg.paths import LearnedPath, PathEdges
from clew.kg.relations import Step
from clew.kg.types import MAX_FAN_OUT, MAX_HOPS, Direction, EdgeTable, Walk


@dataclass(frozen=True, slots=True)
class RelationSpec:
    """One relation of a policy.

    direction: direction in which it may be followed. weight: 0 to 10. say, back: text of the relation in a path, if
    followed from source to target and backwards, such as "subcategory of" and "subcategory" ("": its name in words).
    """

    direction: Direction = "both"
    weight: float = 1.0
    say: str = ""
    back: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.weight <= 10:
            raise ValueError(f"weight is {self.weight}, expected 0 to 10")


@dataclass(frozen=True, slots=True)
class ExpandSpec:
    """How far the entities of a query are expanded, and along which relations.

    relations: relation → a direction ("out", "in", "both") or a RelationSpec (empty: all, both ways, weight 1).
    hops: 1 to 3. fan_out: maximum number of edges from a node along one relation in one direction. steps: maximum
    number of edges in a hop. decay: factor of each hop after the first (0 to 1). hub: damping of hubs after the first
    hop (0 to 2). itself: weight of the documents of the mentioned entities themselves (0 to 10; None: 1 if documents
    are annotated with entities, 0 if documents are entities). fit: influence of how well a relation fits the question
    (0: none, to 2). method: "paths", or "pagerank" (personalised, Haveliwala, WWW 2002). restart: probability in
    PageRank to return to the seeds (above 0, to 1). most: maximum number of entities in the result (1 to 100,000).
    """

    relations: Mapping[str, Direction | RelationSpec] = field(default_factory=dict)
    hops: int = 1
    fan_out: int = 200
    steps: int = 5_000
    decay: float = 0.5
    hub: float = 0.5
    itself: float | None = None
    fit: float = 1.0
    method: Literal["paths", "pagerank"] = "paths"
    restart: float = 0.3
    most: int = 2_000

    def __post_init__(self) -> None:
        for name, value, least, most in (
            ("hops", self.hops, 1, MAX_HOPS), ("fan_out", self.fan_out, 1, MAX_FAN_OUT),
            ("steps", self.steps, 1, 100_000), ("most", self.most, 1, 100_000), ("decay", self.decay, 0, 1),
            ("hub", self.hub, 0, 2), ("itself", self.itself or 0, 0, 10), ("fit", self.fit, 0, 2),
            ("restart", self.restart, 1e-3, 1),
        ):  # fmt: skip
            if not least <= value <= most:
                raise ValueError(f"{name} is {value}, expected {least:,} to {most:,}")

    @property
    def walk(self) -> Walk:
        """The walk that is requested from a store."""
        directions = {name: self.relation(name).direction for name in self.relations}
        return Walk(directions or None, self.hops, self.fan_out, self.steps)

    def relation(self, name: str) -> RelationSpec:
        """Return the policy for a relation; for one that is not in it, both directions and weight 1."""
        given = self.relations.get(name)
        return given if isinstance(given, RelationSpec) else RelationSpec(given or "both")

    def step_text(self, step: Step) -> str:
        """Return a step in words, as shown before the name of the entity it leads to."""
        spec = self.relation(step.relation)
        return (spec.say if step.outgoing else spec.back) or step.text


@dataclass(frozen=True, slots=True)
class PathStep:
    """One step of a path: along `step` to the entity `to`."""

    step: Step
    to: str


@dataclass(frozen=True, slots=True)
class Reached:
    """An entity that the expansion of a query reached.

    seed: the mentioned entity at which the path starts. path: the steps from there (none: the seed itself).
    weight: above 0; 1 for a certain mention (probability 1), or for the step from it that fits the question best.
    """

    entity: str
    weight: float
    seed: str
    path: tuple[PathStep, ...] = ()


def expand(
    table: EdgeTable,
    seeds: Mapping[str, float],
    fits: Mapping[tuple[str, Step], float],
    spec: ExpandSpec,
    learned: Sequence[LearnedPath] = (),
) -> list[Reached]:
    """Return the entities that can be reached from some seeds, by descending weight, then by id.

    seeds: id → probability of its mention (0 to 1); part of the result if `itself` is above 0. fits: how well a
    step fits the question (0 to 1), by (seed, step) for the first hop and ("", step) for later hops; default 1.
    learned: the learned paths that lead away from the seeds; PageRank does not use them.
    """
    share = _edge_shares(table, fits, spec)
    start = np.array([seeds.get(node, 0.0) if hop == 0 else 0.0
                      for node, hop in zip(table.nodes, table.hops.tolist(), strict=True)], np.float64)  # fmt: skip
    shown: dict[int, PathEdges] = {}
    if spec.method == "pagerank":
        weights, came = _page_ranks(table, start, share, spec)
    else:
        weights, came = _path_sums(table, start, share, spec, learned, shown)
    heavy: list[float] = weights.tolist()
    order = sorted(np.flatnonzero(weights > 0).tolist(), key=lambda at: (-heavy[at], table.nodes[at]))
    # Paths are slow to build, so only entities in the result get one, and all seeds.
    order = order[: spec.most] + [at for at in order[spec.most :] if table.hops[at] == 0]
    found = [
        Reached(table.nodes[at], heavy[at], *path)
        for at, path in zip(order, _paths(table, came, order, shown), strict=True)
    ]
    if spec.itself:
        found += [Reached(seed, chance * spec.itself, seed) for seed, chance in seeds.items() if chance > 0]
    return sorted(found, key=lambda reached: (-reached.weight, reached.entity, reached.seed))[: spec.most]


def _edge_shares(table: EdgeTable, fits: Mapping[tuple[str, Step], float], spec: ExpandSpec) -> Floats:
    """Return the factor, (m,) float64, by which each edge multiplies the weight of its near end."""
    shares = np.empty(len(table), np.float64)
    weights = [spec.relation(name).weight for name in table.relations]
    hops = table.hops[table.near] if len(table) else np.empty(0, np.int64)
    rows = zip(table.near.tolist(), table.relation.tolist(), table.outgoing.tolist(), hops.tolist(),
               table.fans.tolist(), strict=True)  # fmt: skip
    first = spec.decay if spec.itself else 1.0
    steps = [(Step(name, False), Step(name, True)) for name in table.relations]
    for at, (near, relation, outgoing, hop, fan) in enumerate(rows):
        step = steps[relation][outgoing]
        from_seed = hop == 0
        fit = fits.get((table.nodes[near] if from_seed else "", step), 1.0)
        fading = first if from_seed else spec.decay * float(fan) ** -spec.hub
        shares[at] = weights[relation] * fit * fading
    return shares


def _path_sums(
    table: EdgeTable,
    start: Floats,
    share: Floats,
    spec: ExpandSpec,
    learned: Sequence[LearnedPath],
    shown: dict[int, PathEdges],
) -> tuple[Floats, Ints]:
    """Return the weight each node gets from its neighbours, (n,), and the edge that gave the most, (n,) (-1: none).

    shown: filled with node → edges, where a learned path gave the most.
    """
    count = len(table.nodes)
    came = np.full(count, -1, np.int64)
    seeds = np.flatnonzero(start > 0)
    carried = np.zeros((len(seeds), count), np.float64)
    carried[np.arange(len(seeds)), seeds] = start[seeds]
    by_seed = np.zeros_like(carried)
    for hop in range(spec.hops if len(table) else 0):
        new = (
            table.hops[table.far] > hop if hop else True
        )  # after the first hop, only nodes that were not reached before
        edges = np.flatnonzero((table.hops[table.near] == hop) & new & (share > 0))
        edges = edges[_best_of_pairs(table.near[edges], table.far[edges], share[edges])]
        if not len(edges):
            break
        before = carried[:, table.near[edges]]
        carried = _joined(before, before * share[edges], table.far[edges], count)
        by_seed += carried
        passed_on = before.sum(axis=0) * share[edges]
        heaviest = edges[np.lexsort((edges, -passed_on))]
        far, first = np.unique(table.far[heaviest], return_index=True)
        came[far] = heaviest[first]
    rows = {table.nodes[seed]: row for row, seed in enumerate(seeds.tolist())}
    best = by_seed.max(axis=0, initial=0.0)
    for path in learned:
        if (row := rows.get(path.seed)) is None:
            continue
        # All pairs of edges of a path have the same relations, so their ends get the same weight.
        weight = min(spec.relation(table.relations[table.relation[edge]]).weight for edge in path.edges[0])
        weight *= float(start[seeds[row]]) * path.fit * (spec.decay if spec.itself else 1.0)
        ends = table.far[[pair[-1] for pair in path.edges]]
        by_seed[row, ends] = np.maximum(by_seed[row, ends], weight)
        for pair, end in zip(path.edges, ends.tolist(), strict=True):
            if weight > best[end]:
                best[end], shown[end] = weight, pair
    return by_seed.sum(axis=0), came


def _best_of_pairs(near: Ints, far: Ints, share: Floats) -> Ints:
    """Return the indices of the best edge of each pair of nodes, so that parallel edges do not add up."""
    order = np.lexsort((np.arange(len(near)), -share, far, near))
    pairs = np.stack([near[order], far[order]])
    first = np.ones(len(order), np.bool_)
    first[1:] = (pairs[:, 1:] != pairs[:, :-1]).any(axis=0)
    return np.sort(order[first])


def _joined(before: Floats, gained: Floats, far: Ints, count: int) -> Floats:
    """Return the weight, (seeds, count), that each seed gives to each node over all edges of a hop.

    before, gained: (seeds, edges) weights of the near ends, and of the far ends over one edge alone.
    """
    joined = np.zeros((len(before), count), np.float64)
    order = np.argsort(far, kind="stable")
    ends, heads = np.unique(far[order], return_index=True)
    for seed, (near, value) in enumerate(zip(before[:, order], gained[:, order], strict=True)):
        top, best = np.maximum.reduceat(near, heads), np.maximum.reduceat(value, heads)
        scale = np.repeat(np.where(top > 0, top, 1.0), np.diff(heads, append=len(order)))
        none = np.multiply.reduceat(1 - np.minimum(value / scale, 1.0), heads)
        joined[seed, ends] = np.maximum(best, np.minimum(top * (1 - none), (top + best) / 2))
        alone = np.diff(heads, append=len(order)) == 1
        joined[seed, ends[alone]] = best[alone]  # exact where there is a single path
    return joined


def _page_ranks(table: EdgeTable, start: Floats, share: Floats, spec: ExpandSpec) -> tuple[Floats, Ints]:
    """Compute personalised PageRank, scaled so that the best reached node has the weight of the best seed.

    Where seeds are in the result themselves, it has that weight times `decay`, so that it does not outrank them.

    Returns the weight of each node, (n,), and the edge by which it was reached, (n,) (-1: none).
    """
    count = len(table.nodes)
    came = np.full(count, -1, np.int64)
    for edge in range(len(table)):
        far, near = int(table.far[edge]), int(table.near[edge])
        if table.hops[far] == table.hops[near] + 1 and (came[far] < 0 or share[edge] > share[came[far]]):
            came[far] = edge
    out = np.bincount(table.near, share, count)
    begin = start / start.sum() if start.sum() > 0 else start
    rank = begin
    flow = share / np.where(out[table.near] > 0, out[table.near], 1.0) if len(table) else share
    for _ in range(50):
        moved = np.bincount(table.far, rank[table.near] * flow, count) if len(table) else np.zeros(count)
        lost = rank[out <= 0].sum()
        after = spec.restart * begin + (1 - spec.restart) * (moved + lost * begin)
        converged = np.abs(after - rank).sum() < 1e-9
        rank = after
        if converged:
            break
    reached = np.where(table.hops > 0, rank, 0.0)
    best = reached.max(initial=0.0)
    most = start.max(initial=0.0) * (spec.decay if spec.itself else 1.0)
    return (reached / best * most if best > 0 else reached), came


def _paths(
    table: EdgeTable, came: Ints, places: Sequence[int], shown: Mapping[int, PathEdges]
) -> Iterator[tuple[str, tuple[PathStep, ...]]]:
    """Yield the seed and the steps of the path with the highest weight to each of some nodes.

    came: (n,) the last edge of the path to each node. shown: node → all edges of its path, for those where it differs.
    """
    edge_of, hops = came.tolist(), table.hops.tolist()
    near, relation, outgoing = table.near.tolist(), table.relation.tolist(), table.outgoing.tolist()
    for place in places:
        if edges := shown.get(place):
            yield (
                table.nodes[near[edges[0]]],
                tuple(
                    PathStep(Step(table.relations[relation[edge]], outgoing[edge]), table.nodes[int(table.far[edge])])
                    for edge in edges
                ),
            )
            continue
        ways: list[PathStep] = []
        node = place
        while (edge := edge_of[node]) >= 0 and len(ways) <= MAX_HOPS and (hops[node] > 0 or not ways):
            ways.append(PathStep(Step(table.relations[relation[edge]], outgoing[edge]), table.nodes[node]))
            node = near[edge]
            if hops[node] == 0:
                break
        yield table.nodes[node], tuple(reversed(ways))
