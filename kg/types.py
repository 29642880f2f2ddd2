"""The types that all graph stores, the linker and the expansion share. Ids and names are plain strings."""

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

    id: unique in the graph. type: such as "brand" ("" if none is given). name: its main name. aliases: other names in
    the same language. names: language code → name in that language. description: a phrase or sentence.
    properties: all other data from its source, as plain JSON values.
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
        """The text to display: the name, or the id if there is no name."""
        return self.name or self.id


@dataclass(frozen=True, slots=True, order=True)
class Edge:
    """A relation between two entities, by their ids. Each combination of the three is unique in a graph."""

    source: str
    relation: str
    target: str


@dataclass(frozen=True, slots=True)
class GraphCounts:
    """The size of a graph.

    relations: name → number of edges. types: entity type → number of entities. Both are ordered by name.
    """

    entities: int
    edges: int
    relations: Mapping[str, int]
    types: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a store walks from its seeds, and along which relations.

    relations: relation → direction in which it may be followed, "out" from source to target (None: all relations in
    both directions). hops: 1 to 3. fan_out: maximum number of edges followed from one node along one relation in one
    direction (1 to 10,000). steps: maximum number of edges followed in one hop, from all nodes together (1 to 100,000).
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
        """Return whether edges of that relation may be followed in that direction."""
        return self.relations is None or self.relations.get(relation) in {direction, "both"}


@dataclass(frozen=True, slots=True, eq=False)
class EdgeTable:
    """The edges around some seeds, as returned by a walk. Every store returns the same table.

    Each hop starts from the nodes that were first reached in the hop before, in the order in which they were reached.
    The edges of a node are ordered by relation, then edges that leave the node before edges that enter it, then the id
    at the other end by code point; of each relation and direction, the first `Walk.fan_out` edges are taken. A hop ends
    after `Walk.steps` edges. Edges that lead back to a node reached earlier are included.

    nodes: ids; the seeds that are in the graph, in the given order, then the others in the order reached. hops: (n,)
    int64, 0 for seeds. degrees: (n,) int64, edges of the node in the whole graph in both directions, a loop counted
    twice. relations: names of the relations of the edges, ascending. near, far: (m,) int64 indices in `nodes` of the
    end where the step starts and of the end it reaches. relation: (m,) int64 index in `relations`. outgoing: (m,) bool,
    whether `near` is the source of the edge; a loop is followed in both directions. fans: (m,) int64, number of edges
    of that relation and direction that `near` has in the whole graph, without the limit.
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
