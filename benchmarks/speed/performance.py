"""Tables and plot of docs/performance.md: `python -m clew.benchmarks.speed.performance` writes them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from clew.benchmarks.relevance.tables import RESULTS, replace_section
from clew.benchmarks.signature import ROOT
from clew.benchmarks.speed.items import ITEMS
from clew.core.files import write_atomic

PAGE = ROOT / "docs" / "performance.md"
PLOT = PAGE.with_suffix(".png")
FILES = ("speed.json", "speed-memory.json", "bm25-800k.json")
EXACTNESS = "exactness.json"
START = "<!-- results: python -m clew.benchmarks.speed.performance -->"


@dataclass(frozen=True, slots=True)
class Goal:
    """A goal of an item: a ratio to a peer, or a limit for a figure.

    docs: the number of texts that the goal applies to (None: any). fact: the fact of ours that is compared with the
    limit (empty: the item's figure); at_least: whether the fact must be above the limit.
    """

    peer: str = ""
    ratio: float = 0.0
    limit: float | None = None
    docs: int | None = None
    fact: str = ""
    at_least: bool = False

    def reached(self, figures: Mapping[str, Any], higher_is_better: bool) -> bool | None:
        """Whether the figures of an item reach the goal; None if the peer or the fact is missing."""
        if self.limit is not None and self.fact:
            value = figures.get("facts", {}).get("ours", {}).get(self.fact)
            if value is None:
                return None
            return bool(value >= self.limit if self.at_least else value <= self.limit)
        if self.limit is not None:
            return bool(figures["ours"] >= self.limit if higher_is_better else figures["ours"] <= self.limit)
        found = figures["ratio"].get(self.peer)
        return None if found is None else bool(found >= self.ratio)

    def shown(self, unit: str, higher_is_better: bool) -> str:
        """Return the goal for people: "3x txtai", "at most 3 ms p50"."""
        if self.fact:
            return f"{self.fact}: at {'least' if self.at_least else 'most'} {self.limit:g}"
        if self.limit is not None:
            return f"at {'least' if higher_is_better else 'most'} {self.limit:g} {unit}"
        return f"{self.ratio:g}x {self.peer}"


_PACE = Goal(fact="share of its pace that the encoder keeps", limit=0.9, at_least=True)
GOALS: Mapping[str, Sequence[Goal]] = {
    "bm25": (Goal("bm25s", 1.5, docs=100_000),),
    "bm25-terms": (Goal("bm25s", 1.5, docs=100_000), Goal("bm25s", 2.0, docs=800_000)),
    "bm25-build": (Goal(limit=100_000), Goal(fact="disk, MB a million", limit=50)),
    "encode": (Goal("sentence-transformers", 3.5),),
    "query-encode": (Goal("sentence-transformers", 8.0),),
    "query-cached": (Goal(limit=0.05),),
    "rerank": (Goal("sentence-transformers", 3.0), Goal(limit=110)),
    "rerank-long": (Goal("sentence-transformers", 3.0),),
    "hybrid": (Goal(limit=3),),
    "build-rest": (Goal(limit=20, docs=100_000), _PACE),
    "ann": tuple(Goal(peer, 1.0) for peer in ("faiss", "hnswlib", "usearch")),
    "http": (Goal(limit=300),),
    "http-latency": (Goal(limit=25),),
    "cold-start": (Goal(limit=1.5),),
    "memory": (Goal(limit=0.9),),
    "memory-base": (Goal(limit=300),),
}


def reports(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Read the measured files that the page shows, in its order; missing files are left out.

    An item in a later file replaces the same item for the same number of texts in an earlier file.
    """
    found = [
        {"file": name, **json.loads((folder / name).read_text(encoding="utf-8"))}
        for name in FILES
        if (folder / name).is_file()
    ]
    for at, report in enumerate(found):
        docs = report["signature"]["options"]["docs"]
        later = (other for other in found[at + 1 :] if other["signature"]["options"]["docs"] == docs)
        again = {name for other in later for name in other["results"]}
        report["results"] = {name: figures for name, figures in report["results"].items() if name not in again}
    return found


def section(found: Sequence[Mapping[str, Any]]) -> str:
    """Return the part of the page between its markers; empty without results."""
    return "\n".join(part for report in found for part in (*_head(report), *_rows(report), "", *_facts(report)))


def exactness_section(folder: Path = RESULTS) -> str:
    """Return the table of fast and exact search by data set; empty without results."""
    file = folder / EXACTNESS
    if not file.is_file():
        return ""
    report = json.loads(file.read_text(encoding="utf-8"))
    most = report["signature"]["options"]["sample"]
    lines = [
        f"### Fast and exact search: {EXACTNESS}",
        "",
        f"nDCG@10 of the fast search / of scoring every passage; at most {most} test queries of each data set,"
        f" seed {report['environment']['seed']}, commit "
        f"{(report['signature']['code'].get('commit') or 'unknown')[:9]}.",
        "",
        "| data set | passages | queries | bm25 | dense | hybrid | dense, recall@100 | hybrid, same first 10 |",
        "| --- |" + " --- |" * 7,
    ]
    for name, row in report["results"].items():
        pairs = (f"{found['fast']:.4f} / {found['exact']:.4f}" for found in row["systems"].values())
        lines.append(
            f"| {name} | {row['index']['passages']:,} | {row['queries']:,} | {' | '.join(pairs)} "
            f"| {row['systems']['dense']['recall@100']:.4f} | {row['systems']['hybrid']['same first 10']:.1%} |"
        )
    return "\n".join(["", *lines, ""])


def refreshed(text: str, found: Sequence[Mapping[str, Any]]) -> str:
    """Return the page with a new part. Raises DataError if the markers are missing."""
    return replace_section(text, section(found) + exactness_section(), START, PAGE)


def _head(report: Mapping[str, Any]) -> list[str]:
    options, machine = report["signature"]["options"], report["environment"]
    source = ", ".join(options["data"]) or "synthetic texts"
    return [
        f"### {options['docs']:,} texts: {report['file']}",
        "",
        f"{source}; {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:g} GiB, {machine['time'][:10]}, "
        f"medians of {options['rounds']} rounds, seed {options['seed']}, commit "
        f"{(report['signature']['code'].get('commit') or 'unknown')[:9]}.",
        "",
        "| item | Clew | peer | figure of the peer | Clew is better by (range over the rounds) | goal |",
        "| --- | --- | --- | --- | --- | --- |",
    ]


def _rows(report: Mapping[str, Any]) -> list[str]:
    lines = []
    for name, figures in report["results"].items():
        item = ITEMS[name]
        goals = [goal for goal in GOALS.get(name, ()) if goal.docs in (None, report["signature"]["options"]["docs"])]
        own = [_goal(goal, figures, name) for goal in goals if not goal.peer]
        first = f"`{name}`: {item.about}", f"{_number(figures['ours'])} {item.unit}"
        for at, (peer, value) in enumerate(figures["peers"].items() or [("", None)]):
            said = own if at == 0 else []
            said = said + [_goal(goal, figures, name) for goal in goals if goal.peer and goal.peer == peer]
            cells = (
                *(first if at == 0 else ("", "")),
                peer,
                *_compared(figures, peer, value, item.higher_is_better),
                "; ".join(said),
            )
            lines.append(f"| {' | '.join(cells)} |")
    return lines


def _facts(report: Mapping[str, Any]) -> list[str]:
    """Return the additional facts of items, one line for each item."""
    lines = []
    for name, figures in report["results"].items():
        texts = {
            "Clew" if side == "ours" else side: ", ".join(
                f"{key}: {_shown(value)}" for key, value in facts.items() if key != "version"
            )
            for side, facts in figures.get("facts", {}).items()
        }
        if shown := "; ".join(f"{side}: {text}" for side, text in texts.items() if text):
            lines.append(f"- `{name}`. {shown}.")
    return [*lines, ""] if lines else []


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return f"({', '.join(f'{key} {_shown(part)}' for key, part in value.items())})"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _compared(figures: Mapping[str, Any], peer: str, value: float | None, higher_is_better: bool) -> tuple[str, str]:
    if value is None:
        reason = figures["missing"].get(peer, "")
        return (f"missing: {reason}" if reason else "", "")
    low, high = ratio_range(figures, peer, higher_is_better)
    return _number(value), f"{figures['ratio'][peer]:.1f}x ({low:.1f} to {high:.1f})"


def ratio_range(figures: Mapping[str, Any], peer: str, higher_is_better: bool) -> tuple[float, float]:
    """Return the smallest and the largest ratio over the rounds to the peer's round; above 1 means ours is better."""
    pairs = zip(figures["rounds"]["ours"], figures["rounds"][peer], strict=True)
    ratios = [ours / theirs if higher_is_better else theirs / ours for ours, theirs in pairs]
    return min(ratios), max(ratios)


def _goal(goal: Goal, figures: Mapping[str, Any], name: str) -> str:
    item = ITEMS[name]
    found = goal.reached(figures, item.higher_is_better)
    verdict = {True: "reached", False: "**missed**", None: "not measured"}[found]
    return f"{goal.shown(item.unit, item.higher_is_better)}: {verdict}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def ratio_plot(found: Sequence[Mapping[str, Any]]) -> bytes:
    """Draw the ratios to all peers as a bar chart, PNG."""
    from matplotlib.figure import Figure

    bars = [
        (
            f"{name} ({report['signature']['options']['docs'] // 1000}k): {peer}",
            ratio,
            ratio_range(figures, peer, ITEMS[name].higher_is_better),
        )
        for report in found
        for name, figures in report["results"].items()
        for peer, ratio in figures["ratio"].items()
        if ratio is not None
    ][::-1]
    figure = Figure(figsize=(9, 0.6 + 0.3 * len(bars)), layout="constrained")
    axes = figure.subplots()
    labels, ratios = [bar[0] for bar in bars], [bar[1] for bar in bars]
    errors = [[max(0.0, ratio - low) for _, ratio, (low, _) in bars], [max(0.0, high - r) for _, r, (_, high) in bars]]
    axes.barh(labels, ratios, xerr=errors, color="#4472a8", ecolor="#333333")
    axes.axvline(1, color="#333333", linewidth=1)
    axes.set_xscale("log")
    axes.set_xlabel("ratio to the peer (above 1: Clew is better); lines: range over the rounds")
    axes.set_xlim(0.5, 2 * max([1.0, *ratios]))
    for at, ratio in enumerate(ratios):
        axes.annotate(f" {ratio:.1f}x", (ratio, at), va="bottom", fontsize=7)
    data = BytesIO()
    figure.savefig(data, format="png", dpi=110, metadata={"Software": None})
    return data.getvalue()


def main() -> None:
    """Write the generated part of the page, and the plot."""
    found = reports()
    write_atomic(PAGE, refreshed(PAGE.read_text(encoding="utf-8"), found).encode())
    write_atomic(PLOT, ratio_plot(found))


if __name__ == "__main__":
    main()
