"""Hostile variants of an exported index: every array, table and name is changed, and all hashes are corrected."""

from __future__ import annotations

import hashlib
import io
import json
import random
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from clew.kg.manifest import checksum_of, fingerprint_of

Members = dict[str, bytes]
Change = Callable[[Members], None]


def read_members(path: Path) -> Members:
    """Name → bytes of the members of a tar."""
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}  # type: ignore[union-attr]


def write_members(path: Path, members: Mapping[str, bytes]) -> None:
    """Write a tar, release.json first."""
    with tarfile.open(path, "w") as tar:
        for name in sorted(members, key=lambda name: name != "release.json"):
            info = tarfile.TarInfo(name)
            info.size = len(members[name])
            tar.addfile(info, io.BytesIO(members[name]))


def sha(data: bytes) -> str:
    """The sha256 of some bytes, in hex."""
    return hashlib.sha256(data).hexdigest()


def with_hashes(members: Members) -> Members:
    """The members with every hash, address and id corrected, as somebody would do who wants the file to be opened."""
    found = dict(members)
    version = json.loads(found["version/version.json"])
    if "graph/manifest.json" in found and isinstance(version.get("spec"), dict):
        manifest = json.loads(found["graph/manifest.json"])
        if isinstance(manifest, dict) and isinstance(manifest.get("files"), dict):
            manifest.pop("checksum", None)
            manifest["files"] = {name: sha(found[f"graph/{name}"]) for name in manifest["files"]}
            manifest["fingerprint"] = fingerprint_of(manifest["files"], tuple(manifest["derived"]))
            manifest["id"] = manifest["fingerprint"][:16]
            version["spec"]["graph"]["snapshot"] = manifest["id"]
            found["graph/manifest.json"] = json.dumps(manifest | {"checksum": checksum_of(manifest)}).encode()
    shards = []
    for name in [name for name in found if name.startswith("shards/") and name.endswith("/manifest.json")]:
        old = name.split("/")[1]
        table = json.loads(found[name])
        if isinstance(table, dict) and isinstance(table.get("files"), dict):
            table["files"] = {each: sha(found[f"shards/{old}/{each}"]) for each in table["files"]}
            content = sorted((path, h) for path, h in table["files"].items() if path not in table["derived"])
            new = sha(json.dumps(content).encode())
            found[name] = json.dumps(table).encode()
        else:
            new = old
        shards.append([new, sha(found[name])])
        for each in [each for each in found if each.startswith(f"shards/{old}/")]:
            found[each.replace(old, new)] = found.pop(each)
    if isinstance(version.get("shards"), list) and len(version["shards"]) == len(shards):
        version["shards"] = shards
    if isinstance(version.get("files"), dict):
        version["files"] = {name: sha(found[f"version/{name}"]) for name in version["files"]}
    found["version/version.json"] = json.dumps(version).encode()
    release = json.loads(found["release.json"])
    found["release.json"] = json.dumps(release | {"version_sha256": sha(found["version/version.json"])}).encode()
    return found


def _npy(values: Any, *, pickle: bool = False) -> bytes:
    out = io.BytesIO()
    np.save(out, values, allow_pickle=pickle)
    return out.getvalue()


def _array_changes(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield (what, bytes) of changed forms of an array file."""
    values = np.load(io.BytesIO(data))
    flat = values.reshape(-1)
    kinds = [(flat.dtype, lambda array: array)]
    if flat.dtype.names:
        kinds = [(flat.dtype[name], lambda array, name=name: array[name]) for name in flat.dtype.names]
    for at, (dtype, part) in enumerate(kinds):
        floats = dtype.kind == "f"
        limits = (np.nan, -np.inf) if floats else (np.iinfo(dtype).max, np.iinfo(dtype).min)
        for value, where in ((limits[0], "all"), (limits[0], "last"), (limits[1], "middle")):
            changed = values.copy()
            target = part(changed.reshape(-1))
            half = len(target) // 2
            target[{"all": slice(None), "last": slice(-1, None), "middle": slice(half, half + 1)}[where]] = value
            if changed.tobytes() != values.tobytes():
                yield f"{where} {value} of part {at}", _npy(changed)
    if len(flat) > 1:
        yield "one value more", _npy(np.concatenate([values, values[:1]]))
        yield "one value fewer", _npy(values[:-1])
        yield "reversed", _npy(np.ascontiguousarray(values[::-1]))
        yield "shape of more than the file", data.replace(b"'shape': (", b"'shape': (9", 1)
    yield "another type", _npy(np.zeros(values.shape, "<c16"))
    yield "big-endian", _npy(values.astype(values.dtype.newbyteorder(">")))
    yield "a pickle", _npy(np.array([{"a": 1}], object), pickle=True)
    yield "no array", b"PK\x03\x04" + data[4:]
    yield "cut", data[: len(data) - 3]


def _trie_changes(data: bytes, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    import marisa_trie

    yield "another trie", marisa_trie.Trie([f"x{n}" for n in range(500)]).tobytes()
    yield "cut", data[: len(data) // 2]
    for share in (8, 3, 1.3):
        at = int(len(data) / share) - 1
        yield f"ones from {at} on", data[:at] + b"\xff" * min(16, len(data) - at) + data[at + 16 :]
    for _ in range(3):
        at = rng.randrange(20, len(data))
        yield f"a bit at {at}", data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1 :]


def _other_bytes(data: bytes, at: int) -> bytes:
    return data[:at] + bytes(byte ^ 0x5A for byte in data[at : at + 4]) + data[at + 4 :]


def _arrow(table: Any, **options: Any) -> bytes:
    out = io.BytesIO()
    with pa.ipc.new_file(out, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return out.getvalue()


def _arrow_changes(data: bytes, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    table = pa.ipc.open_file(io.BytesIO(data)).read_all()
    yield "a row fewer", _arrow(table.slice(1))
    yield "the rows reversed", _arrow(table.take(list(range(table.num_rows))[::-1]))
    yield (
        "nulls in the first column",
        _arrow(table.set_column(0, table.schema.field(0), pa.nulls(table.num_rows, table.schema.field(0).type))),
    )
    yield "other columns", _arrow(table.rename_columns([f"c{n}" for n in range(table.num_columns)]))
    yield "compressed", _arrow(table, compression="zstd")
    yield "cut", data[: len(data) * 2 // 3]
    middle = bytearray(data)
    middle[len(data) // 3 : len(data) // 3 * 2 : 7] = b"\xff" * len(range(len(data) // 3, len(data) // 3 * 2, 7))
    yield "ones in the middle", bytes(middle)
    for _ in range(4):
        at = rng.randrange(8, len(data) - 8)
        yield f"other bytes at {at}", _other_bytes(data, at)


def _json_changes(data: bytes, name: str, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    value = json.loads(data)
    yield "nested too deep", b'{"format":1,"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    yield "a list", b"[1, 2]"
    yield "no JSON", data[: len(data) // 2]
    if isinstance(value, dict):
        for key in value:
            # These are what the hashes are corrected in.
            if key in {"files", "version_sha256"} and name.endswith(("manifest.json", "version.json", "release.json")):
                continue
            other = rng.choice([-1, "../../../x", [[[]]], None, 2**70])
            yield f"{key} = {str(other)[:20]}", json.dumps(value | {key: other}).encode()


def _faiss_changes(data: bytes, rng: random.Random) -> Iterator[tuple[str, bytes]]:
    yield "a list on disk elsewhere", data.replace(b"ilar", b"ilod") if b"ilar" in data else b"ilod" + data[4:]
    yield "another type", b"IxF2" + data[4:]
    yield "cut", data[:-1]
    yield "more", data + b"x"
    for at in sorted({8, *(rng.randrange(4, len(data) // 3) for _ in range(12))}):
        yield f"other bytes at {at}", _other_bytes(data, at)


def variants(members: Members, seed: int = 0) -> Iterator[tuple[str, Members]]:
    """Yield (what was changed, members) of all variants; no hash is corrected yet."""
    rng = random.Random(seed)
    for name, data in members.items():
        if name.endswith(".npy"):
            changes = _array_changes(data)
        elif name.endswith(".marisa"):
            changes = _trie_changes(data, rng)
        elif name.endswith(".arrow"):
            changes = _arrow_changes(data, rng)
        elif name.endswith(".json"):
            changes = _json_changes(data, name, rng)
        else:
            changes = _faiss_changes(data, rng)
        for what, changed in changes:
            if changed == data:  # all values are equal, so reversing them is no change
                continue
            yield f"{name.split('/', 2)[-1] if name.startswith('shards') else name}: {what}", members | {name: changed}
    yield from _other_names(members)


def _other_names(members: Members) -> Iterator[tuple[str, Members]]:
    """Yield variants in which names lead elsewhere and specs name servers, variables, models and folders."""
    (shard,) = {name.split("/")[1] for name in members if name.startswith("shards/")}
    for name in ("../x", "/tmp/x", "shards/../../x", f"shards/{shard}/../x", "version/a/../../x", "graph//x"):
        yield f"a member {name}", members | {name: b"x"}
    version = json.loads(members["version/version.json"])

    def changed(**tables: Any) -> Members:
        spec = version["spec"] | tables
        return members | {"version/version.json": json.dumps(version | {"spec": spec}).encode()}

    dense, graph = version["spec"]["dense"], version["spec"]["graph"]
    for model in ("someone/model", "/etc", "../..", "~/x", "hashing-4096", "default+someone/model"):
        encoder = version["encoder"] | {"model": model, "fingerprint": "0" * 64}
        table = version | {"encoder": encoder, "spec": version["spec"] | {"dense": dense | {"model": model}}}
        yield f"the model {model}", members | {"version/version.json": json.dumps(table).encode()}
    server = {"uri": "bolt://127.0.0.1:9", "password_env": "SECRET"}
    yield "a server", changed(graph=graph | {"store": "neo4j", "neo4j": server})
    yield "a server of its labels", changed(graph=graph | {"store": "neo4j", "neo4j": server | {"labels": ["A"]}})
    yield "a reranker", changed(rerank={"model": "someone/reranker"})
    yield "a graph elsewhere", changed(graph=graph | {"name": "../../x"})
    yield "a source elsewhere", changed(source={"path": "/etc"}, quality={"queries": "/etc"})
    yield "fields of another type", changed(fields=[1])
    yield "no fields", changed(fields={})
