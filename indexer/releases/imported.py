"""What an imported release may say: names that are names, and a spec that opens, asks and downloads nothing.

The spec in an exported file was written on another machine, perhaps by somebody else. Paths in it mean nothing here, a
server or an environment variable that it names is none of the importer's, and a model is taken from this home or from
Clew, by its fingerprint, and never by a path or from the hub.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from clew.core.check import read_json
from clew.core.errors import DataError, MismatchError, SpecError, UsageError
from clew.search.versions import INDEX_NAME, IndexVersion, Release

_HEX = re.compile(r"[0-9a-f]{64}")
_RELEASE_ID = re.compile(r"r\d{1,18}", re.ASCII)
_PLAIN = re.compile(r"[^\x00-\x1f\x7f-\x9f]{0,1000}")
_CHANGED = "the file was changed after the export; export the index again"


@dataclass(frozen=True, slots=True)
class Imported:
    """A release and its version as they are stored here, and what was changed in their spec, a line each."""

    release: Release
    version: IndexVersion
    notes: tuple[str, ...]


def check_nesting(release: Path, version: Path) -> None:
    """Check that the JSON of a release and of a version is not nested too deeply. Raises CorruptError."""
    for path in (release, version):
        read_json(path)


def check_names(path: Path, release: Release, version: IndexVersion) -> None:
    """Check the names in a release and a version that become paths or are shown. Raises DataError that names one."""
    wrong = [
        ("index", release.index, INDEX_NAME.fullmatch(release.index)),
        ("id", release.id, _RELEASE_ID.fullmatch(release.id)),
        ("version", release.version, re.fullmatch(r"[\w.-]{1,64}", release.version)),
        ("note", release.note, _PLAIN.fullmatch(release.note)),
        ("created", release.created, _PLAIN.fullmatch(release.created)),
        ("version's created", version.created, _PLAIN.fullmatch(version.created)),
        ("version's content", version.content, _HEX.fullmatch(version.content)),
        ("version's analyzer", version.analyzer, _HEX.fullmatch(version.analyzer)),
    ]
    wrong += [("shard", each, _HEX.fullmatch(each)) for address in version.shards for each in address]
    for what, value, fits in wrong:
        if not fits:
            raise DataError(f"{path}: the {what} of the release is {value[:80]!r}, which Clew does not write", _CHANGED)
    if len({address for address, _ in version.shards}) != len(version.shards):
        raise DataError(f"{path}: a shard is listed twice", _CHANGED)


def made_local(path: Path, home: Path, release: Release, version: IndexVersion, neo4j: str | None) -> Imported:
    """Return a release and its version with a spec that names nothing outside this home.

    path: the imported file, for messages. neo4j: URI of the server that queries of the graph may use; its password is
    in NEO4J_PASSWORD. Raises UsageError for a URI without a graph, MismatchError if a model is not here.
    """
    spec = {key: dict(value) if isinstance(value, dict) else value for key, value in version.spec.items()}
    notes = []
    for table, keys in (("source", ("path",)), ("quality", ("queries",)), ("graph", ("nodes", "edges"))):
        if spec.get(table):
            spec[table] |= dict.fromkeys(keys, "")
    if spec.get("graph"):
        spec["graph"] |= _graph(path, spec["graph"], neo4j)
        if neo4j is None and version.spec["graph"].get("store") == "neo4j":
            notes.append(
                "queries used a Neo4j server where the index was exported; here they use the graph in the file "
                "(--neo4j URI names a server of yours)"
            )
    elif neo4j is not None:
        raise UsageError(f"--neo4j is given, but {path} has no graph", "omit --neo4j")
    encoder, reranker = dict(version.encoder), dict(release.reranker)
    for table, recorded, role in (("dense", encoder, "bi_encoder"), ("rerank", reranker, "cross_encoder")):
        if recorded:
            recorded["model"] = _model(path, home, recorded, role)
        if spec.get(table):
            spec[table]["model"] = recorded.get("model", "default")
    return Imported(replace(release, reranker=reranker), replace(version, spec=spec, encoder=encoder), tuple(notes))


def _graph(path: Path, table: Mapping[str, Any], neo4j: str | None) -> dict[str, Any]:
    """Return the store of a graph's spec: a server only if the importer named it."""
    if neo4j is None:
        return {"store": "networkx", "neo4j": None}
    from dataclasses import asdict

    from clew.core.spec import parse
    from clew.kg.spec import Neo4jSpec

    described: Mapping[str, Any] = table.get("neo4j") or {}
    # How the database is read is part of the index; where it is and who may read it is the importer's.
    mapping = ("database", "labels", "relations", "id", "name", "aliases", "names", "description", "nodes")
    try:
        given = {"uri": neo4j} | {key: described[key] for key in mapping if key in described}
        spec = parse(Neo4jSpec, given, str(path), stored=True)
    except SpecError as error:
        raise UsageError(f"--neo4j with {error.message}", "give a URI such as bolt://127.0.0.1:7687") from None
    return {"store": "neo4j", "neo4j": asdict(spec)}


def _model(path: Path, home: Path, recorded: Mapping[str, Any], role: str) -> str:
    """Return the name under which this home has the recorded model."""
    from clew.models.recorded import local_name

    found = local_name(recorded, home, role)
    if found is None:
        name, fingerprint = str(recorded.get("model", ""))[:80], str(recorded.get("fingerprint", ""))[:12]
        raise MismatchError(
            f"{path} needs the model {name!r} (fingerprint {fingerprint}), which is not in this home",
            "import the model first: `clew models export` there, `clew models import FILE` here",
        )
    return found
