"""Show compared models as a table, as JSON, and as files in a folder."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.models.choice import Difference, Row, Suggestion, difference, interval_of, mean_of
from clew.benchmarks.models.compare import ModelComparison
from clew.benchmarks.models.quality import NDCG
from clew.benchmarks.signature import code, environment
from clew.core.files import write_atomic

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = (
    "role", "model", "runtime", "precision", "dim", "MB on disk", "MB of memory", f"{NDCG} [95 %]", "against the first",
    "ms", "per second",
)  # fmt: skip
_TEXT = 4  # the first columns hold text


def plain(found: ModelComparison) -> dict[str, Any]:
    """Return what `clew bench models --json` prints; docs/benchmarks/json.md describes the keys."""
    return {
        "split": found.options.split,
        "sets": {name: asdict(facts) for name, facts in found.sets.items()},
        "models": [_row(found, row) for row in found.rows],
        "budget": {
            key: None if value == float("inf") else value for key, value in asdict(found.options.budget).items()
        },
        "suggestions": {role: _suggested(each) for role, each in found.suggestions.items()},
    }


def full(found: ModelComparison) -> dict[str, Any]:
    """Return the same with the value of every query, and with everything that the figures depend on."""
    return {
        "results": plain(found),
        "queries": [{"model": row.name, "runtime": row.runtime, NDCG: row.values} for row in found.rows],
        "signature": {
            "code": code(),
            "options": {**asdict(found.options), "budget": plain(found)["budget"]},
            **found.signature,
        },
        "environment": environment(found.options.seed),
    }


def write(folder: Path, found: ModelComparison) -> list[Path]:
    """Write models.json and models.md into a folder."""
    report = full(found)
    paths = [folder / "models.json", folder / "models.md"]
    write_atomic(paths[0], (json.dumps(report, indent=1, ensure_ascii=False, default=str) + "\n").encode())
    write_atomic(paths[1], markdown(found, report).encode())
    return paths


def table(found: ModelComparison) -> Table:
    """Return all models as a table for the terminal."""
    from rich.table import Table

    shown = Table(title=about(found), title_justify="left")
    for at, heading in enumerate(HEADINGS):
        shown.add_column(heading, justify="left" if at < _TEXT else "right", overflow="fold")
    for row in found.rows:
        shown.add_row(*_cells(found, row))
    return shown


def about(found: ModelComparison) -> str:
    """Return what was measured, in words."""
    lines = []
    for name, facts in found.sets.items():
        parts = [f"{name} ({found.options.split}): {facts.queries:,} queries"]
        if facts.of:
            parts.append(f"encoders rank {facts.documents:,} of {facts.of:,} documents, including the judged ones")
        if facts.listed is not None:
            parts.append(f"rerankers order the lists of {found.options.lists}, whose {NDCG} is {facts.listed:.3f}")
        lines.append("; ".join(parts))
    return "\n".join(lines)


def advice(found: ModelComparison) -> list[str]:
    """Return one line for each role: the suggested model, and why."""
    return [
        f"{role}: {each.row.name}: {each.why}" if each.row else f"{role}: no suggestion: {each.why}"
        for role, each in found.suggestions.items()
    ]


def markdown(found: ModelComparison, report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    machine, source = report["environment"], report["signature"]["code"]
    return "\n".join(
        [
            "# Models",
            "",
            f"{machine['time']}, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, "
            f"Clew {source['clew']} (source {source['sha256'][:12]}, commit {source.get('commit') or 'none'}), "
            f"seed {machine['seed']}.",
            "",
            *(f"- {line}" for line in about(found).splitlines()),
            "",
            f"{NDCG}: mean over the data sets, with a 95 % bootstrap interval, and the difference to the first model "
            "of the same role. ms: for one query of an encoder, or 50 pairs of a reranker. per second: passages or "
            "pairs.",
            "",
            f"| {' | '.join(HEADINGS)} |",
            "| --- |" + " --- |" * (_TEXT - 1) + " ---: |" * (len(HEADINGS) - _TEXT),
            *(f"| {' | '.join(_cells(found, row))} |" for row in found.rows),
            "",
            *(f"- {line}" for line in advice(found)),
            "",
        ]
    )


def _cells(found: ModelComparison, row: Row) -> list[str]:
    low, high = interval_of(row.values, found.options.seed)
    versus = _versus_first(found, row)
    return [
        row.role,
        row.name,
        row.runtime,
        row.precision,
        str(row.dim or ""),
        f"{row.disk_mb:,.1f}",
        f"{row.memory_mb:,.1f}",
        f"{row.quality:.3f} [{low:.3f}, {high:.3f}]",
        _signed(versus) if versus else "first",
        f"{row.ms:,.3g}",
        f"{row.per_second:,.0f}",
    ]


def _row(found: ModelComparison, row: Row) -> dict[str, Any]:
    low, high = interval_of(row.values, found.options.seed)
    figures = ("disk_mb", "memory_mb", "ms", "per_second")
    versus = _versus_first(found, row)
    return {
        "role": row.role,
        "model": row.name,
        "runtime": row.runtime,
        "precision": row.precision,
        "dim": row.dim,
        **{key: round(getattr(row, key), 4) for key in figures},
        NDCG: round(row.quality, 6),
        "ci": [round(low, 6), round(high, 6)],
        "sets": {name: round(mean_of({name: each}), 6) for name, each in row.values.items()},
        "difference": _rounded(versus) if versus else None,
    }


def _versus_first(found: ModelComparison, row: Row) -> Difference | None:
    """Return the difference to the first row of the same role; None for that row."""
    first = found.of(row.role)[0]
    return None if row is first else difference(row.values, first.values, found.options.seed)


def _suggested(each: Suggestion) -> dict[str, Any]:
    return {
        "model": each.row.name if each.row else None,
        "runtime": each.row.runtime if each.row else None,
        "difference": _rounded(each.difference) if each.difference else None,
        "why": each.why,
    }


def _rounded(found: Difference) -> dict[str, float]:
    return {key: round(value, 6) for key, value in asdict(found).items()}


def _signed(found: Difference) -> str:
    return f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
