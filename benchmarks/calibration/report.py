"""Write calibration results: JSON, Markdown, a table for the terminal, and reliability plots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.benchmarks.calibration.measure import Bin, CalibrationResult
from clew.core.files import write_atomic

if TYPE_CHECKING:
    from rich.table import Table

PLOTS = "reliability"


def plain(results: Sequence[CalibrationResult]) -> dict[str, dict[str, Any]]:
    """Return name → figures: what `clew bench calibration --json` prints, documented in docs/benchmarks/json.md."""
    return {each.name: _plain(each) for each in results}


def _plain(result: CalibrationResult) -> dict[str, Any]:
    found = result.reliability
    learned = result.learned
    return {
        "split": result.options.split,
        "queries": result.queries,
        "pairs": found.pairs,
        "relevant": found.relevant,
        "brier": round(found.brier, 6),
        "base_brier": round(found.base_brier, 6),
        "error": {"equal-width": round(found.width_error, 6), "equal-mass": round(found.mass_error, 6)},
        "bins": {"equal-width": [_rounded(each) for each in found.width],
                 "equal-mass": [_rounded(each) for each in found.mass]},
        "nothing_good": [_rounded(each) for each in found.nothing_good],
        "calibration": dict(result.calibration),
        "learned": None
        if learned is None
        else {
            "queries": learned.queries,
            "pairs": learned.pairs,
            "relevant": learned.relevant,
            "before": dict(learned.before),
        },
    }  # fmt: skip


def full(
    results: Sequence[CalibrationResult], environment: dict[str, Any], code: dict[str, Any]
) -> dict[str, Any]:  # fmt: skip
    """Return the figures with the signature of all inputs and the environment."""
    return {
        "results": plain(results),
        "signature": {"code": code, "sets": {each.name: dict(each.signature) for each in results}},
        "environment": environment,
    }


def write(directory: Path, results: Sequence[CalibrationResult], report: dict[str, Any]) -> list[Path]:
    """Write results.json, report.md and reliability/<name>.png for each result to a folder; return the paths."""
    written = [directory / "results.json", directory / "report.md"]
    write_atomic(written[0], (json.dumps(report, indent=1, ensure_ascii=False, default=str) + "\n").encode())
    write_atomic(written[1], markdown(results, report).encode())
    for each in results:
        written.append(directory / PLOTS / f"{each.name}.png")
        write_atomic(written[-1], plot(each))
    return written


def plot(result: CalibrationResult) -> bytes:
    """Draw the reliability diagram as PNG: share of relevant pairs by probability, and a histogram of probabilities."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    found = result.reliability
    figure = Figure(figsize=(5, 6), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="0.6", linewidth=0.8, label="perfect")
    for label, bins, error in (
        ("equal width", found.width, found.width_error),
        ("equal mass", found.mass, found.mass_error),
    ):
        said, so = [each.probability for each in bins], [each.relevant for each in bins]
        upper.plot(said, so, marker="o", markersize=3, label=f"{label}, error {error:.3f}")
    upper.set_title(f"{result.name}, {result.options.split}: {found.pairs:,} pairs of {result.queries:,} queries")
    upper.set_ylabel("share that is relevant")
    upper.set_ylim(-0.02, 1.02)
    upper.legend(loc="upper left", fontsize="small")
    lower.bar(
        [each.low for each in found.width],
        [each.pairs for each in found.width],
        width=[each.high - each.low for each in found.width],
        align="edge",
        edgecolor="white",
    )
    lower.set_yscale("log")
    lower.set_ylabel("pairs")
    lower.set_xlabel("probability")
    lower.set_xlim(0, 1)
    held = BytesIO()
    figure.savefig(held, format="png", dpi=120)
    return held.getvalue()


def table(result: CalibrationResult) -> Table:
    """Return one result as a table for the terminal."""
    from rich.table import Table

    shown = Table(title=f"{_head(result)}\n{_errors(result)}", title_justify="left")
    for heading in ("min_probability", "nothing good: right", "wrong"):
        shown.add_column(heading, justify="right")
    for each in result.reliability.nothing_good:
        shown.add_row(f"{each.threshold:g}", _share(each.right), _share(each.wrong))
    return shown


def markdown(results: Sequence[CalibrationResult], report: dict[str, Any]) -> str:
    """Return the report for people."""
    machine, code = report["environment"], report["signature"]["code"]
    lines = [
        "# Calibration",
        "",
        f"{machine['time']}, {machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, "
        f"Clew {code['clew']} (source {code['sha256'][:12]}, commit {code.get('commit') or 'none'}), "
        f"seed {machine['seed']}.",
        "Pairs are the reranked candidates of judged queries; one that nobody judged counts as not relevant.",
    ]
    for each in results:
        lines += ["", *_section(each)]
    return "\n".join(lines) + "\n"


def _section(result: CalibrationResult) -> list[str]:
    found, learned = result.reliability, result.learned
    values = ", ".join(f"{name} {value:.4g}" for name, value in result.calibration.items() if name != "ahead")
    whence = (
        f"learned on {learned.pairs:,} pairs of {learned.queries:,} dev queries" if learned else "that of the index"
    )
    return [
        f"## {result.name}",
        "",
        f"{_head(result)}. {_errors(result)}. Calibration: {values}, {whence}.",
        "",
        f"![Reliability of {result.name}]({PLOTS}/{result.name}.png)",
        "",
        *_bins("Bins of equal width", found.width),
        *_bins("Bins of equal mass", found.mass),
        f"Nothing good: right on {found.nothing_good[0].without_relevant:,} queries whose relevant documents are "
        f"removed, wrong on {found.nothing_good[0].with_relevant:,} with a relevant candidate:",
        "",
        "| min_probability | right | wrong |",
        "| ---: | ---: | ---: |",
        *(f"| {each.threshold:g} | {_share(each.right)} | {_share(each.wrong)} |" for each in found.nothing_good),
    ]


def _bins(title: str, bins: Sequence[Bin]) -> list[str]:
    rows = (f"| {each.low:.3f} to {each.high:.3f} | {each.pairs:,} | {each.probability:.3f} | {each.relevant:.3f} |"
            for each in bins)  # fmt: skip
    return [f"{title}:", "", "| from, to | pairs | mean probability | relevant |", "| --- | ---: | ---: | ---: |",
            *rows, ""]  # fmt: skip


def _head(result: CalibrationResult) -> str:
    found = result.reliability
    return (
        f"{result.name} ({result.options.split}): {found.pairs:,} pairs of {result.queries:,} queries, "
        f"{found.relevant:,} relevant"
    )


def _errors(result: CalibrationResult) -> str:
    found = result.reliability
    return (
        f"expected calibration error {found.width_error:.4f} (equal width), {found.mass_error:.4f} (equal mass); "
        f"Brier {found.brier:.4f} (always the mean: {found.base_brier:.4f})"
    )


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _rounded(part: Any) -> dict[str, Any]:
    """Return the fields of a bin or of NothingGood for JSON, under their stable keys."""
    keys = {"without_relevant": "without", "with_relevant": "having"}
    values = ((keys.get(key, key), value) for key, value in asdict(part).items())
    return {key: round(value, 6) if isinstance(value, float) else value for key, value in values}
