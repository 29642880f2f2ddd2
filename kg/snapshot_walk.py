"""Walk over the edges of a snapshot on disk, for when a graph's server cannot answer.

Edges are sorted by source only, so each hop reads the whole column of targets: about a millisecond for a million edges.
Nothing is loaded into memory.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clew.core.types import Bools, Ints
from clew.kg.snapshot import Snapshot
from clew.kg.types import EdgeTable, Walk


def neighbourhood(snapshot: Snapshot, seeds: Sequence[str], walk: Walk) -> EdgeTable:
    """Return the edges around some entities, as GraphStore.neighbourhood does."""
    rows = [snapshot.row(name) for name in dict.fromkeys(seeds)]
    frontier = np.array([row for row in rows if row is not None], np.int64)
    nodes, hops, tables = [frontier], [np.zeros(len(frontier), np.int64)], []
    for hop in range(walk.hops):
        table = _hop(snapshot, frontier, walk)
        tables.append(table)
        reached, first = np.unique(table[2], return_index=True)
        new = ~np.isin(reached, np.concatenate(nodes))
        frontier = reached[new][np.argsort(first[new], kind="stable")]
        nodes.append(frontier)
        hops.append(np.full(len(frontier), hop + 1, np.int64))
    known = np.concatenate(nodes)
    near, relation, far, outgoing, fans = (np.concatenate(columns) for columns in zip(*tables, strict=True))
    place, order = np.argsort(known, kind="stable"), np.sort(known)
    codes, of_edge = np.unique(relation, return_inverse=True)
    return EdgeTable(
        nodes=tuple(snapshot.ids(known)),
        hops=np.concatenate(hops),
        degrees=np.asarray(snapshot.degrees[known], np.int64),
        relations=tuple(snapshot.relations[code] for code in codes.tolist()),
        near=place[np.searchsorted(order, near)].astype(np.int64),
        relation=of_edge.astype(np.int64),
        outgoing=outgoing.astype(np.bool_),
        far=place[np.searchsorted(order, far)].astype(np.int64),
        fans=fans,
    )


def _hop(snapshot: Snapshot, frontier: Ints, walk: Walk) -> tuple[Ints, Ints, Ints, Bools, Ints]:
    """Return near, relation, far (rows and relation codes), outgoing and fans of the edges of one hop, in order."""
    source, relation, target = snapshot.edges
    low, high = (np.searchsorted(source, frontier, side) for side in ("left", "right"))
    lengths = high - low
    leaving = np.repeat(low - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    entering = np.flatnonzero(np.isin(target, frontier.astype(np.int32)))
    near = np.concatenate([source[leaving], target[entering]]).astype(np.int64)
    far = np.concatenate([target[leaving], source[entering]]).astype(np.int64)
    codes = np.concatenate([relation[leaving], relation[entering]]).astype(np.int64)
    outgoing = np.arange(len(near)) < len(leaving)
    out, into = (np.array([walk.allows(name, way) for name in snapshot.relations], np.bool_) for way in ("out", "in"))
    allowed = np.where(outgoing, out[codes], into[codes]) if len(codes) else np.empty(0, np.bool_)
    near, far, codes, outgoing = near[allowed], far[allowed], codes[allowed], outgoing[allowed]
    by_row = np.argsort(frontier, kind="stable")
    position = by_row[np.searchsorted(frontier[by_row], near)] if len(near) else near
    order = np.lexsort((far, ~outgoing, codes, position))
    near, far, codes, position, outgoing = near[order], far[order], codes[order], position[order], outgoing[order]
    # Runs of one node, relation and direction; of each, the first edges are taken.
    runs = np.stack([position, codes, outgoing])
    starts = np.flatnonzero(np.append(True, (runs[:, 1:] != runs[:, :-1]).any(axis=0)))[: len(near)]
    sizes = np.diff(starts, append=len(near))
    rank = np.arange(len(near)) - np.repeat(starts, sizes)
    fans = np.repeat(sizes, sizes)
    taken = np.flatnonzero(rank < walk.fan_out)[: walk.steps]
    return near[taken], codes[taken], far[taken], outgoing[taken], fans[taken].astype(np.int64)
