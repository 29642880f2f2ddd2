"""Tables of measured relevance, made from benchmarks/results: `python -m clew.benchmarks.relevance.tables`.

Every results.json under benchmarks/results that `clew bench relevance` or `clew bench graph` wrote adds its data sets
to docs/results.md (see `results_page`); README.md shows a small table of those that the default models can answer.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clew.benchmarks.relevance import results_page
from clew.benchmarks.relevance.systems import current_name
from clew.benchmarks.signature import ROOT
from clew.core.errors import DataError
from clew.core.files import write_atomic

README = ROOT / "README.md"
PAGE = ROOT / "docs" / "results.md"
RESULTS = ROOT / "benchmarks" / "results"
START, END = "<!-- results: python -m clew.benchmarks.relevance.tables -->", "<!-- /results -->"
SHOWN = ("bm25", "dense", "hybrid", "hybrid-tuned")


def reports(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """Read all comparisons of systems, ordered by path, with old names of systems replaced by the present ones."""
    found = (json.loads(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("results.json")))
    return [_with_current_names(report) for report in found if "against_baseline" in report]


def _with_current_names(report: dict[str, Any]) -> dict[str, Any]:
    """Return a stored report with the present names of its systems."""
    parts: dict[str, Any] = {
        part: {
            name: {current_name(system): figures for system, figures in systems.items()}
            for name, systems in report[part].items()
        }
        for part in ("results", "against_baseline", "effects")
        if part in report
    }
    return {**report, **parts}


def section(found: list[dict[str, Any]]) -> str:
    """Return the table of the README, nDCG@10 of four systems; empty without results."""
    rows = []
    for report in results_page.default_reports(found):
        for name, systems in report["results"].items():
            if not results_page.unreadable(systems) and "effects" not in report:
                cells = results_page.best_bold({s: systems[s]["nDCG@10"] for s in SHOWN if s in systems})
                rows.append(results_page.line([name, *(cells.get(system, "") for system in SHOWN)]))
    if not rows:
        return ""
    return "\n".join([results_page.header(["nDCG@10", *map(results_page.code, SHOWN)]), *rows, ""])


def refreshed(text: str, found: list[dict[str, Any]] | None = None) -> str:
    """Return the README with a new table. Raises DataError if the markers are missing."""
    return replace_section(text, section(reports() if found is None else found), START, README)


def replace_section(text: str, part: str, start: str, page: Path) -> str:
    """Replace a page's text between the markers `start` and END. Raises DataError if a marker is missing."""
    head, found, rest = text.partition(start)
    _, end, tail = rest.partition(END)
    if not found or not end:
        raise DataError(f"{page} has no markers for the results", f"add {start} and {END} where the results belong")
    return f"{head}{start}\n{part}{END}{tail}"


def main() -> None:
    """Write the table into the README, and the page of results."""
    write_atomic(README, refreshed(README.read_text(encoding="utf-8")).encode())
    write_atomic(PAGE, results_page.page(reports()).encode())


if __name__ == "__main__":
    main()
