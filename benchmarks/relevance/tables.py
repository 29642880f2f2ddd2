"""Tables of measured relevance in README.md: `python -m clew.benchmarks.relevance.tables` writes them.

They are made from every results.json under benchmarks/results that `clew bench relevance` or `clew bench graph` wrote:
results with a system that reranks go to the table of rerankers, the others to the first. The section is empty without
results.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clew.benchmarks.signature import ROOT
from clew.core.errors import DataError
from clew.core.files import write_atomic

README = ROOT / "README.md"
RESULTS = ROOT / "benchmarks" / "results"
START, END = "<!-- results: python -m clew.benchmarks.relevance.tables -->", "<!-- /results -->"
SHOWN = ("nDCG@10", "RR@10", "R@100")
RERANK_SHOWN = ("bm25", "hybrid", "hybrid-tuned", "hybrid-rerank", "hybrid-tuned-rerank", "hybrid-tuned-settled")
GRAPH_SHOWN = ("never", "graph", "always", "gated", "always-terms", "gated-terms", "oracle")


def reports(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Read all comparisons of systems, ordered by path."""
    found = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("results.json")))
    return [report for report in found if "against_baseline" in report]


def section(found: list[dict[str, Any]]) -> str:
    """Return the section for the README; empty without results."""
    graphs = [report for report in found if "effects" in report]
    rerankers = [report for report in found if _reranks(report)]
    found = [report for report in found if report not in graphs and report not in rerankers]
    others = [part for part in (rerank_section(rerankers), graph_section(graphs)) if part]
    if not found:
        return "\n".join(others)
    sets = {name + _models(report): systems for report in found for name, systems in report["results"].items()}
    systems = list(dict.fromkeys(name for rows in sets.values() for name in rows))
    lines = [
        "## Measured",
        "",
        f"{' / '.join(SHOWN)} on the test splits; the best nDCG@10 of each row is bold. {_machines(found)}",
        "[docs/bench.md](docs/bench.md) says how this is measured, [docs/models.md](docs/models.md) what the models "
        "are that some rows name.",
        "",
        f"| data set | {' | '.join(systems)} |",
        "| --- |" + " --- |" * len(systems),
        *(f"| {name} | {' | '.join(_cell(rows, system) for system in systems)} |" for name, rows in sets.items()),
    ]
    return "\n".join(["\n".join(lines) + "\n", *others])


def rerank_section(found: list[dict[str, Any]]) -> str:
    """Return the table of rerankers; empty without such results."""
    if not found:
        return ""
    lines = [
        f"What reranking adds: nDCG@10 with its 95 % interval / RR@10 on the test splits. {_machines(found)}",
        r"p: hybrid-tuned-rerank against the baseline (\*), nDCG@10, Holm-corrected; pairs: that hybrid-tuned-settled "
        "read for a query, of 50 at most.",
        "",
        f"| data set | queries | {' | '.join(RERANK_SHOWN)} | p | pairs |",
        "| --- |" + " --- |" * (len(RERANK_SHOWN) + 3),
    ]
    for report in found:
        options = report["signature"]["options"]
        for name, rows in report["results"].items():
            judged = (", judged lists" if options["judged_only"] else "") + _models(report)
            figures = (_interval_cell(rows.get(system), system == options["baseline"]) for system in RERANK_SHOWN)
            queries = rows[options["baseline"]]["queries"]
            p = f"{rows['hybrid-tuned-rerank']['p']['nDCG@10']:.3g}" if "hybrid-tuned-rerank" in rows else ""
            settled = f"{rows['hybrid-tuned-settled']['pairs']:.1f}" if "hybrid-tuned-settled" in rows else ""
            lines.append(f"| {name}{judged} | {queries:,} | {' | '.join(figures)} | {p} | {settled} |")
    return "\n".join(lines) + "\n"


def _models(report: dict[str, Any]) -> str:
    """Return the models of a report that do not come with Clew, as a suffix to a data set's name."""
    options = report.get("signature", {}).get("options", {})
    named = (options.get(key) for key in ("model", "reranker"))
    return "".join(f", {model}" for model in named if model not in (None, "default"))


def _reranks(report: dict[str, Any]) -> bool:
    rows = [row for systems in report["results"].values() for row in systems.values()]
    return any(row.get("pairs") for row in rows)


def _interval_cell(row: dict[str, Any] | None, baseline: bool) -> str:
    if row is None:
        return ""
    low, high = row["ci"]["nDCG@10"]
    star = r" \*" if baseline else ""
    return f"{row['nDCG@10']:.3f} [{low:.3f}, {high:.3f}] / {row['RR@10']:.3f}{star}"


def graph_section(found: list[dict[str, Any]]) -> str:
    """Return the table of graphs; empty without such results."""
    if not found:
        return ""
    lines = [
        f"What a graph adds: nDCG@10 on the test splits, `clew bench graph`. {_machines(found)}",
        "p: gated against never, Holm-corrected; helped, hurt: share of the queries whose nDCG@10 gated changes.",
        "",
        f"| data set, graph | queries | {' | '.join(GRAPH_SHOWN)} | p | helped / hurt |",
        "| --- |" + " --- |" * (len(GRAPH_SHOWN) + 3),
    ]
    for report in found:
        for name, rows in report["results"].items():
            figures = (f"{rows[system]['nDCG@10']:.3f}" if system in rows else "" for system in GRAPH_SHOWN)
            effect = report["effects"][name]["gated"]
            lines.append(
                f"| {name}, {report.get('graph') or 'its own'}{_models(report)} | {rows['gated']['queries']:,} "
                f"| {' | '.join(figures)} "
                f"| {rows['gated']['p']['nDCG@10']:.3g} | {effect['helped']:.0%} / {effect['hurt']:.0%} |"
            )
    return "\n".join(lines) + "\n"


def _machines(found: list[dict[str, Any]]) -> str:
    machines = [report["environment"] for report in found]
    return " ".join(dict.fromkeys(f"Measured on {m['cpu']}, {m['cores']} cores." for m in machines))


def _cell(rows: dict[str, dict[str, Any]], system: str) -> str:
    if system not in rows:
        return ""
    values = [f"{rows[system][measure]:.3f}" for measure in SHOWN]
    if rows[system][SHOWN[0]] == max(row[SHOWN[0]] for row in rows.values()):
        values[0] = f"**{values[0]}**"
    return " / ".join(values)


def refreshed(text: str, found: list[dict[str, Any]] | None = None) -> str:
    """Return the README with a new section. Raises DataError if the markers are missing."""
    return with_part(text, section(reports() if found is None else found), START, README)


def with_part(text: str, part: str, start: str, page: Path) -> str:
    """Replace a page's text between the markers `start` and END. Raises DataError if a marker is missing."""
    head, found, rest = text.partition(start)
    _, end, tail = rest.partition(END)
    if not found or not end:
        raise DataError(f"{page} has no markers for the results", f"add {start} and {END} where the results belong")
    return f"{head}{start}\n{part}{END}{tail}"


def main() -> None:
    """Write the section to the README."""
    write_atomic(README, refreshed(README.read_text(encoding="utf-8")).encode())


if __name__ == "__main__":
    main()
