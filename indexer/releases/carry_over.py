"""Carry over the parameters that the live release learned on judged queries, if they are valid for the next version."""

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


def carry_over(
    release: Release, before: IndexVersion, after: IndexVersion, reranker: Mapping[str, Any] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Return (the learned parts that are still valid for `after`, one notice for each reason to drop the others).

    release: the live release, learned on the version `before`. A part stays valid if only the documents change, because
    the weights depend on them only a little. It is dropped if the settings or models that it was learned with change.
    reranker: that of the next release, as in a Release.
    """
    valid: dict[str, Any] = {}
    reasons: dict[str, list[str]] = {}
    for part, table in release.learned.items():
        if not table or part == "stages":  # which a build decides again
            continue
        then, now = _depends_on(part, before, release.reranker), _depends_on(part, after, reranker or {})
        if not _readable(part, table):
            reasons.setdefault("the stored format", []).append(part)
        elif changed := next((name for name in now if then[name] != now[name]), ""):
            reasons.setdefault(changed, []).append(part)
        else:
            valid[part] = table
    notices = [
        f"the learned parameters of release {release.id} for {' and '.join(parts)} were dropped, because {reason} "
        f"changed; learn them again with `clew tune {release.index} --publish`"
        for reason, parts in reasons.items()
    ]
    return valid, notices


def _readable(part: str, table: Mapping[str, Any]) -> bool:
    """Return whether this version of Clew can read the parameters."""
    try:
        _READERS.get(part, dict)(table)
    except (ClewError, KeyError, TypeError):
        return False
    return True


def _depends_on(part: str, version: IndexVersion, reranker: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings and models that a part was learned with: name as shown to the user → value."""
    spec = json.loads(json.dumps(version.spec))  # the form in which it is read from disk: tuples become lists
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
