"""What the live release has learned on judged queries, as far as it holds for the next version."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from search.versions import IndexVersion, Release


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
        if changed := next((name for name in now if then[name] != now[name]), ""):
            reasons.setdefault(changed, []).append(part)
        else:
            kept[part] = table
    lost = [
        f"{' and '.join(parts)} that release {release.id} had learned are dropped, since {reason} changed; learn "
        f"again with `clew bench tune {release.index} --publish`"
        for reason, parts in reasons.items()
    ]
    return kept, lost


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
