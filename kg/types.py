"""The words of the graph: what every store, the linker and the expansion share. Ids and names are plain strings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from clew.core.types import Bools, Ints

Direction = Literal["out", "in", "both"]

MAX_HOPS = 3
MAX_FAN_OUT = 10_000
MAX_STEPS = 100_000


@dataclass(frozen=True, slots=True)
class Entity:
    """A node of the graph.

    id: unique in the graph. type: such as "brand" ("" where none is given). name: what it is called first. aliases:
    other names in the same language. names: language code → name in it. description: a phrase or sentence.
    properties: whatever else its source says of it, as plain JSON values.
    """

    id: str
    type: str = ""
    name: str = ""
    aliases: tuple[str, ...] = ()
    names: Mapping[str, str] = field(default_factory=dict)
    description: str = ""
    properties: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """How it is shown: its name, else its id."""
        return self.name or self.id


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A relation between two entities, by their ids. The three together are unique in a graph."""

    source: str
    relation: str
    target: str


@dataclass(frozen=True, slots=True)
class GraphCounts:
    """How much a graph holds. relations: name → edges. types: entity type → entities. Both in the names' order."""

    entities: int
    edges: int
    relations: Mapping[str, int]
    types: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a store walks from its seeds, and along what.

    relations: relation → the direction it may be walked in, "out" from source to target (None: every relation, both
    ways). hops: 1 to 3. fan_out: most edges taken from one node along one relation in one direction (1 to 10,000).
    steps: most edges taken in one hop, all nodes together (1 to 100,000).
    """

    relations: Mapping[str, Direction] | None = None
    hops: int = 1
    fan_out: int = 100
    steps: int = 5_000

    def __post_init__(self) -> None:
        for name, value, most in (
            ("hops", self.hops, MAX_HOPS), ("fan_out", self.fan_out, MAX_FAN_OUT), ("steps", self.steps, MAX_STEPS),
        ):  # fmt: skip
            if not 1 <= value <= most:
                raise ValueError(f"{name} is {value}, expected 1 to {most:,}")

    def allows(self, relation: str, direction: Literal["out", "in"]) -> bool:
        """Whether an edge of that relation may be walked that way."""
        return self.relations is None or self.relations.get(relation) in {direction, "both"}


@dataclass(frozen=True, slots=True, eq=False)
class EdgeTable:
    """What lies around some seeds: the one form in which a store hands out edges. The same from every store.

    Hop by hop, each node that was reached first in the hop before is walked from, in the order it was reached: by
    relation, edges that leave the node before edges that enter it, then by the id at the other end, by code point,
    and cut after `Walk.fan_out`; a hop ends after `Walk.steps` edges. Edges that lead back to a node reached earlier
    are among them.

    nodes: ids; the seeds the graph knows, in the order asked, then as they were reached. hops: (n,) int64, 0 for
    seeds. degrees: (n,) int64 edges of the node in the whole graph, both ways together, a loop counted twice.
    relations: names of those among the edges, ascending. near, far: (m,) int64 places in `nodes` of the end walked
    from and the end reached. relation: (m,) int64 place in `relations`. outgoing: (m,) bool, whether `near` is the
    edge's source; a loop is walked both ways. fans: (m,) int64 edges of that relation and direction that `near` has
    in the whole graph, before the cut.
    """

    nodes: tuple[str, ...]
    hops: Ints
    degrees: Ints
    relations: tuple[str, ...]
    near: Ints
    relation: Ints
    outgoing: Bools
    far: Ints
    fans: Ints

    def __len__(self) -> int:
        return len(self.near)
