"""Measure the speed of Clew and of other software: same texts and threads, alternating rounds, medians."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from clew.benchmarks.data.texts import phrases, queries_of, spans, synthetic
from clew.benchmarks.graph import speed as graph_speed
from clew.benchmarks.graph.speed import GRAPH_ITEMS
from clew.benchmarks.peers.environment import prepare as prepare_peers
from clew.benchmarks.peers.process import Peer, PeerError
from clew.benchmarks.peers.protocol import Round, facts_of
from clew.benchmarks.signature import code, environment, model_name
from clew.benchmarks.speed.items import ITEMS, Item
from clew.benchmarks.speed.material import Bench, Job
from clew.core import threads
from clew.core.errors import FormatError, unknown_name

if TYPE_CHECKING:
    from rich.table import Table

_QUERIES = 1_000


def measure(names: Sequence[str], home: Path, job: Job, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    """Measure items by name (no names: all items except those of the graph, which are measured only if named).

    Returns item → {"ours", "peers": {name: figure}, "unit", "ratio": {name: above 1 if Clew is better}, "missing":
    {name: reason}, "rounds": every figure, "facts": additional facts, such as a peer's version}. A peer that could not
    be measured is None in peers and ratio. Items of the graph have no peers and more figures: see
    `graph.speed.measure`. Raises UnknownNameError for a name that is not an item.
    """
    for name in names:
        if name not in ITEMS and name not in GRAPH_ITEMS:
            raise unknown_name("speed item", name, [*ITEMS, *GRAPH_ITEMS])
    wanted = list(dict.fromkeys(names)) or list(ITEMS)
    task = graph_speed.Task(home, job.rounds, job.seed, job.model, job.graph, say)
    found = _with_peers([name for name in wanted if name in ITEMS], home, job, say)
    found |= {name: graph_speed.measure(name, task) for name in wanted if name in GRAPH_ITEMS}
    return {name: found[name] for name in wanted}


def _with_peers(names: Sequence[str], home: Path, job: Job, say: Callable[[str], None]) -> dict[str, dict[str, Any]]:
    if not names:
        return {}
    home.mkdir(parents=True, exist_ok=True)
    texts, queries = _material(job)
    bench = Bench(job, home, texts, queries, threads.configure())
    not_installed = prepare_peers(say) if job.peers else {}
    for requirement, reason in not_installed.items():
        say(f"peers: {requirement} could not be installed: {reason}")
    found = {}
    for name in names:
        say(f"{name}: {len(texts):,} texts, {job.rounds} rounds")
        found[name] = _measure(name, ITEMS[name], bench, say)
    return found


def full(found: Mapping[str, Any], job: Job) -> str:
    """Return the figures with everything they depend on, as JSON text."""
    graph = {"graph": graph_speed.signature()} if found.keys() & GRAPH_ITEMS.keys() else {}
    report = {
        "results": found,
        "signature": {"code": code(), "options": {**asdict(job), **_by_name(job)}, **graph},
        "environment": environment(job.seed),
    }
    return json.dumps(report, indent=1, ensure_ascii=False, default=str) + "\n"


def _by_name(job: Job) -> dict[str, Any]:
    """Return the options that are paths on this machine, by name instead."""
    return {"data": [folder.name for folder in job.data], "reranker": model_name(job.reranker)}


def table(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return the figures as a table for the terminal."""
    from rich.table import Table

    shown = Table("item", "unit", "Clew", "peer", "figure of the peer", "Clew is better by")
    for name, figures in found.items():
        ours = f"{figures['ours']:,.4g}"
        if not figures["peers"]:
            shown.add_row(name, figures["unit"], ours, "", "", "")
        for case, values in figures.get("cases", {}).items():
            shown.add_row(f"  {case}", "", "\n".join(f"{key} {value:,.4g}" for key, value in values.items()))
        for peer, value in figures["peers"].items():
            missing = f"missing: {figures['missing'].get(peer, '')}"
            ratio = f"{figures['ratio'][peer]:.2f}x" if value is not None else ""
            shown.add_row(name, figures["unit"], ours, peer, missing if value is None else f"{value:,.4g}", ratio)
    return shown


def _material(job: Job) -> tuple[list[str], list[str]]:
    """Return texts and queries. Queries from data sets are taken from texts that are not indexed, if there are any."""
    if not job.data:
        texts = synthetic(job.docs, job.seed)
        return texts, queries_of(texts, _QUERIES, job.seed)
    from clew.benchmarks.data.datasets import open_dataset

    texts, others = spans([open_dataset(folder) for folder in job.data], job.docs)
    return texts, phrases(others or texts, _QUERIES, job.seed)


def _measure(name: str, item: Item, bench: Bench, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure Clew and every peer in turns."""
    missing: dict[str, str] = {}
    figures: dict[str, list[float]] = {"ours": []}
    with ExitStack() as open_things:
        ours: Round = open_things.enter_context(item.ours(bench))
        facts: dict[str, Any] = {}
        running: dict[str, Peer] = {}
        for peer, module in item.peers.items():
            try:
                running[peer] = open_things.enter_context(Peer(module, _peer_job(name, item, bench, open_things)))
                figures[peer] = []
                facts[peer] = running[peer].facts
            except PeerError as reason:
                missing[peer] = str(reason)
        for at in range(bench.job.rounds):
            figures["ours"].append(ours())
            for peer, program in list(running.items()):
                try:
                    figures[peer].append(program.round())
                except PeerError as reason:
                    missing[peer] = str(reason)
                    del running[peer]
            say(f"{name}: round {at + 1} of {bench.job.rounds}")
    return {**_summary(item, figures, missing), "facts": {"ours": facts_of(ours), **facts}}


def _peer_job(name: str, item: Item, bench: Bench, open_things: ExitStack) -> dict[str, Any]:
    """Return the job of a peer. Raises PeerError if there is no model that the peer can read."""
    if not bench.job.peers:
        raise PeerError("skipped by --no-peers")
    folder = Path(open_things.enter_context(tempfile.TemporaryDirectory()))
    (folder / "texts.json").write_text(json.dumps(list(bench.texts[: item.max_peer_texts])), encoding="utf-8")
    model = ""
    if not name.startswith("bm25"):
        if bench.job.model.startswith("hashing"):
            raise PeerError("the hashing model exists only in Clew")
        model = _fp32_model(bench)
    return {
        "item": name,
        "texts": str(folder / "texts.json"),
        "queries": list(bench.queries),
        "store": str(bench.home / "speed"),
        **item.peer_inputs(bench),
        "model": model,
        "threads": bench.threads,
    }


def _fp32_model(bench: Bench) -> str:
    """Return the folder of the model's float32 weights, which peers load. Raises PeerError if there are none."""
    from clew.models.store import fp32_folder, prepare

    try:
        return str(fp32_folder(prepare(bench.job.model, bench.home), bench.home).resolve())
    except FormatError as error:
        raise PeerError(error.message) from None


def _summary(item: Item, figures: Mapping[str, list[float]], missing: Mapping[str, str]) -> dict[str, Any]:
    """Return medians and ratios; a peer that did not finish every round is missing."""
    ours = median(figures["ours"])
    peers = {name: None if name in missing else round(median(figures[name]), 4) for name in item.peers}
    ratio = {
        name: None if value is None else round(ours / value if item.higher_is_better else value / ours, 3)
        for name, value in peers.items()
    }
    return {
        "ours": round(ours, 4),
        "peers": peers,
        "unit": item.unit,
        "ratio": ratio,
        "missing": dict(missing),
        "rounds": {name: [round(value, 4) for value in values] for name, values in figures.items()},
    }
