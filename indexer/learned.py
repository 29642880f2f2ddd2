"""What the live release has learned on judged queries, as far as it holds for the next version."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from clew.core.errors import ClewError
from clew.core.spec import parse
from clew.search.fusion import FusionSpec
from clew.search.gate import Gate
from clew.search.rerank.calibration import Calibration
from clew.search.versions import IndexVersion, Release

_READERS: Mapping[str, Callable[[Mapping[str, Any]], object]] = {
    "fusion": lambda table: parse(FusionSpec, table, "[fusion]"),
    "gate": Gate.of_table,
    "rerank": Calibration.of_table,
}


def carried(
    release: Release, before: IndexVersion, after: IndexVersion, reranker: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """(what a release of `after` goes on with, why the rest is dropped) of what was learned on `before`.

    Documents may change: weights move little with them. What a weight was learned for may not. reranker: what `after`
    is published with, as in a Release.
    """
    kept: dict[str, Any] = {}
    reasons: dict[str, list[str]] = {}
    for part, table in release.learned.items():
        if not table:
            continue
        then, now = _rests_on(part, before, release.reranker), _rests_on(part, after, reranker or {})
        if not _readable(part, table):
            reasons.setdefault("the form in which this is kept", []).append(part)
        elif changed := next((name for name in now if then[name] != now[name]), ""):
            reasons.setdefault(changed, []).append(part)
        else:
            kept[part] = table
    lost = [
        f"{' and '.join(parts)} that release {release.id} had learned are dropped, since {reason} changed; learn "
        f"again with `clew tune {release.index} --publish`"
        for reason, parts in reasons.items()
    ]
    return kept, lost


def _readable(part: str, table: Mapping[str, Any]) -> bool:
    """Whether this Clew still reads what an earlier one learned."""
    try:
        _READERS.get(part, dict)(table)
    except (ClewError, KeyError, TypeError):
        return False
    return True


def _rests_on(part: str, version: IndexVersion, reranker: Mapping[str, Any]) -> dict[str, Any]:
    """What a part was learned for, by its name in plain words."""
    spec = json.loads(json.dumps(version.spec))  # as it is read back: a list is no tuple
    graph: Mapping[str, Any] = spec.get("graph") or {}
    names = {"the graph's name": graph.get("name")}
    if part == "relations":
        return names
    lists = {
        "the sources of candidates": [bool(spec.get(name)) for name in ("dense", "graph")],
        "[fusion]": spec.get("fusion"),
        "the model": version.encoder.get("fingerprint"),
    }
    if part == "rerank":
        return lists | {"the reranker": reranker.get("fingerprint")}
    return lists if part == "fusion" else lists | names | {"[graph] use": graph.get("use")}
