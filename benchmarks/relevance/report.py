"""Write relevance results: JSON, Markdown, a table for the terminal, and files in a folder."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.relevance.measure import SetResult, SystemResult
from clew.core.files import write_atomic
from clew.core.measures.evaluation import MEASURES
from clew.core.measures.runs import write_run, write_trec_qrels
from clew.core.measures.significance import Comparison, non_inferior

if TYPE_CHECKING:
    from rich.table import Table

PRIMARY = "nDCG@10"
_WORST = 10
_QUERY_SHOWN = 100


def plain(results: Sequence[SetResult]) -> dict[str, dict[str, Any]]:
    """Return data set → system → figures: what `clew bench relevance --json` prints.

    Measures, queries, missing and seconds are numbers. ci holds measure → [low, high]; p holds measure → p against the
    baseline after Holm's correction (empty for the baseline).
    """
    return {
        result.name: {
            name: {
                **{metric: round(value, 6) for metric, value in found.evaluation.means.items()},
                "queries": found.evaluation.queries,
                "missing": found.evaluation.missing,
                "seconds": round(found.seconds, 3),
                "pairs": round(found.pairs, 2),
                "ci": {metric: [round(low, 6), round(high, 6)] for metric, (low, high) in found.intervals.items()},
                "p": {metric: round(p, 6) for metric, p in found.p.items()},
            }
            for name, found in result.systems.items()
        }
        for result in results
    }


def full(results: Sequence[SetResult], environment: dict[str, Any], code: dict[str, Any]) -> dict[str, Any]:
    """Return figures, comparisons, signature of all inputs and environment: all of the results except the runs."""
    return {
        "results": plain(results),
        "against_baseline": {
            result.name: {
                name: {metric: _rounded(comparison) for metric, comparison in found.comparisons.items()}
                for name, found in result.systems.items()
                if found.comparisons
            }
            for result in results
        },
        "signature": {
            "code": code,
            "sets": {result.name: dict(result.signature) for result in results},
            "options": asdict(results[0].options) if results else {},
        },
        "environment": environment,
    }


def write(directory: Path, results: Sequence[SetResult], report: dict[str, Any], *, runs: bool = False) -> list[Path]:
    """Write results.json, report.md and the values of every query to a folder; with runs, also TREC runs and qrels."""
    written = [directory / "results.json", directory / "report.md"]
    write_atomic(written[0], (json.dumps(report, indent=1, ensure_ascii=False, default=str) + "\n").encode())
    write_atomic(written[1], markdown(results, report).encode())
    for result in results:
        written.append(directory / "queries" / f"{result.name}.tsv.gz")
        write_atomic(written[-1], gzip.compress(_query_table(result).encode(), mtime=0))
        if runs:
            for name, found in result.systems.items():
                written.append(directory / "runs" / result.name / f"{name}.run.gz")
                write_run(written[-1], found.run, name)
            written.append(directory / "runs" / result.name / "qrels.gz")
            write_trec_qrels(written[-1], result.qrels)
    return written


def table(result: SetResult) -> Table:
    """Return the result of one data set as a table for the terminal."""
    from rich.table import Table

    options = result.options
    shown = Table(title=f"{result.name} ({options.split}, {len(result.qrels)} queries)", title_justify="left")
    for heading in ("system", *MEASURES, f"p ({PRIMARY})", "won/lost/tied", "missing"):
        shown.add_column(heading, justify="left" if heading == "system" else "right")
    for name, found in result.systems.items():
        versus = found.comparisons.get(PRIMARY)
        shown.add_row(
            name,
            *(f"{found.evaluation.means[metric]:.3f}" for metric in MEASURES),
            f"{found.p[PRIMARY]:.3g}" if versus else "baseline",
            f"{versus.wins}/{versus.losses}/{versus.ties}" if versus else "",
            str(found.evaluation.missing),
        )
    return shown


def markdown(results: Sequence[SetResult], report: dict[str, Any]) -> str:
    """Return the report for people."""
    machine, code = report["environment"], report["signature"]["code"]
    lines = [
        "# Relevance",
        "",
        f"{machine['time']}, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, "
        f"Clew {code['clew']} (source {code['sha256'][:12]}, commit {code.get('commit') or 'none'}), "
        f"seed {machine['seed']}.",
        "Means are over the queries that have a relevant document; a query without results counts 0. In brackets: "
        "95 % bootstrap interval. p: two-sided paired randomisation test against the baseline, Holm-corrected over "
        "the systems of a set.",
    ]
    for result in results:
        lines += ["", *_set_section(result)]
    return "\n".join(lines) + "\n"


def _set_section(result: SetResult) -> list[str]:
    options = result.options
    kind = "re-ranking of the judged documents" if options.judged_only else f"retrieval, first {options.depth}"
    gains = f", gains {','.join(options.gains)}" if options.gains else ""
    lines = [
        f"## {result.name}",
        "",
        f"Split {options.split}, {len(result.qrels)} queries, {kind}{gains}, model {options.model}.",
        "",
        f"| system | {' | '.join(MEASURES)} | missing | ms a query | pairs a query |",
        "| --- |" + " ---: |" * (len(MEASURES) + 3),
    ]
    for name, found in result.systems.items():
        figures = " | ".join(_figure(found, metric) for metric in MEASURES)
        pace = found.seconds * 1000 / max(len(result.qrels), 1)
        lines.append(f"| {name} | {figures} | {found.evaluation.missing} | {pace:.1f} | {found.pairs:.1f} |")
    lines += _versus_baseline(result)
    for name, found in result.systems.items():
        if found.tuned:
            lines += [
                "",
                f"{name}: weights {dict(found.tuned.after.weights)}, learned on {found.tuned.queries} dev queries "
                f"({PRIMARY} there {found.tuned.ndcg_before:.4f} → {found.tuned.ndcg_after:.4f}).",
            ]
    for name, found in result.systems.items():
        if found.comparisons:
            lines += _worst_queries(result, name, found)
    return lines


def _figure(found: SystemResult, metric: str) -> str:
    mean = f"{found.evaluation.means[metric]:.3f}"
    if metric != PRIMARY:
        return mean
    low, high = found.intervals[metric]
    return f"{mean} [{low:.3f}, {high:.3f}]"


def _versus_baseline(result: SetResult) -> list[str]:
    rows = [
        f"| {name} | {metric} | {versus.difference:+.4f} [{versus.low:+.4f}, {versus.high:+.4f}] "
        f"| {found.p[metric]:.4f} | {versus.wins}/{versus.losses}/{versus.ties} | {versus.detectable:.4f} "
        f"| {'yes' if non_inferior(versus) else 'no'} |"
        for name, found in result.systems.items()
        for metric, versus in found.comparisons.items()
    ]
    if not rows:
        return []
    return [
        "",
        f"Against {result.options.baseline} (detectable: the smallest true difference that would be found four times "
        "in five):",
        "",
        "| system | measure | difference | p | won/lost/tied | detectable | non-inferior |",
        "| --- | --- | ---: | ---: | ---: | ---: | --- |",
        *rows,
    ]


def _worst_queries(result: SetResult, name: str, found: SystemResult) -> list[str]:
    """Return a table of the queries on which a system loses most compared with the baseline."""
    base = result.systems[result.options.baseline].evaluation.per_query[PRIMARY]
    own = found.evaluation.per_query[PRIMARY]
    lost = sorted((query for query in own if own[query] < base[query]), key=lambda query: own[query] - base[query])
    if not lost:
        return []
    return [
        "",
        f"Worst queries of {name} ({PRIMARY}; {result.options.baseline} → {name}):",
        "",
        "| query | text | from | to |",
        "| --- | --- | ---: | ---: |",
        *(
            f"| {_cell(query)} | {_cell(result.queries[query])} | {base[query]:.3f} | {own[query]:.3f} |"
            for query in lost[:_WORST]
        ),
    ]


def _cell(text: str) -> str:
    """Return a text as the cell of a Markdown table: on one line, and shortened if it is long."""
    flat = " ".join(text.split()).replace("|", "\\|")
    return flat if len(flat) <= _QUERY_SHOWN else flat[: _QUERY_SHOWN - 1] + "…"


def _query_table(result: SetResult) -> str:
    """Return query, system and every measure as tab-separated lines, for later comparisons."""
    lines = ["\t".join(("query", "system", *MEASURES))]
    for query in result.qrels:
        for name, found in result.systems.items():
            values = (f"{found.evaluation.per_query[metric][query]:.6f}" for metric in MEASURES)
            lines.append("\t".join((query, name, *values)))
    return "\n".join(lines) + "\n"


def _rounded(comparison: Comparison) -> dict[str, Any]:
    numbers = {key: round(value, 6) for key, value in asdict(comparison).items()}
    return {**numbers, "non_inferior": non_inferior(comparison)}
