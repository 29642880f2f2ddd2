"""Generate docs/results.md from the results that `clew bench` wrote: one table for each question.

Relevance does not depend on the machine, so the page names it once. `clew.benchmarks.relevance.tables` writes the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Report = dict[str, Any]

FIRST_STAGE = ("bm25", "dense", "rrf", "hybrid", "hybrid-tuned")
RERANKED = ("bm25", "hybrid", "hybrid-rerank", "hybrid-tuned", "hybrid-tuned-rerank")
LISTS = ("bm25", "hybrid", "hybrid-rerank", "hybrid-tuned-rerank")
HEAD = """\
# Results

How well Clew ranks, one table for each question. This page is generated from `benchmarks/results` by
`python -m clew.benchmarks.relevance.tables`; `make bench` measures the first tables again. See also
[how this is measured](benchmarks/method.md), [what the measures mean](glossary.md#measures) and
[how fast it all is](performance.md).

Every figure is nDCG@10 on the test split unless a table says otherwise: 1 is a perfect order of the first ten. The best
figure of a row is bold. The systems:

| system | what it does |
| --- | --- |
| `bm25` | words alone |
| `dense` | vectors alone |
| `rrf` | both, joined by reciprocal ranks |
| `hybrid` | both, joined by Clew's default, which needs no judged queries |
| `hybrid-tuned` | the same with one weight for each source, learned on the dev queries by `clew tune` |
| `…-rerank` | the first 50 documents of that system, read by a cross-encoder |

The models are those that come with Clew, in 8 bits, unless a table names others ([models](models.md)). {machines}
"""


def page(reports: Sequence[Report]) -> str:
    """Return the text of docs/results.md. A question that no report answers is left out."""
    graphs = [report for report in reports if "effects" in report]
    relevance = [report for report in reports if report not in graphs]
    questions = (
        first_stage(relevance),
        other_encoders(relevance),
        reranking(relevance),
        judged_lists(relevance),
        other_rerankers(relevance),
        stopping_early(relevance),
        graph_as_ranking(graphs),
        graph_as_terms(graphs),
    )
    return "\n".join([HEAD.format(machines=machines(reports)), *filter(None, questions)])


def machines(reports: Sequence[Report]) -> str:
    """Return one sentence that names the machines of the reports; empty if there are no reports."""
    found = dict.fromkeys(f"{r['environment']['cpu']} ({r['environment']['cores']} cores)" for r in reports)
    return f"Measured on {' and '.join(found)}." if found else ""


def plain(reports: Sequence[Report]) -> list[Report]:
    """Return the reports of whole collections with the models that come with Clew, without a reranker."""
    return [r for r in reports if not other_models(r) and not option(r, "judged_only") and not reranks(r)]


def first_stage(reports: Sequence[Report]) -> str:
    """Compare hybrid search with BM25 and vectors alone: a table each for nDCG@10, RR@10 and R@100."""
    rows = {
        name: systems
        for report in plain(reports)
        for name, systems in report["results"].items()
        if not unreadable(systems)
    }
    if not rows:
        return ""
    systems = [system for system in FIRST_STAGE if any(system in row for row in rows.values())]
    lines = ["## Does hybrid search beat words alone and vectors alone?", ""]
    for measure, meaning in (
        ("nDCG@10", "The order of the first ten (nDCG@10):"),
        ("RR@10", "How far up the first relevant document is (RR@10):"),
        ("R@100", "The share of the relevant documents that are among the first hundred (R@100):"),
    ):
        lines += [meaning, "", header(["data set", "queries", *map(code, systems)])]
        for name, row in rows.items():
            cells = best_bold({system: row[system][measure] for system in systems if system in row})
            lines.append(line([name, queries(row), *(cells.get(system, "") for system in systems)]))
        lines.append("")
    return "\n".join(lines)


def other_encoders(reports: Sequence[Report]) -> str:
    """Compare other encoders with the default: their rows are below those of the default on the same data sets."""
    others = [r for r in reports if option(r, "model") not in {None, "default"} and not reranks(r)]
    usual = {name: systems for report in plain(reports) for name, systems in report["results"].items()}
    systems = ("bm25", "dense", "hybrid", "hybrid-tuned")
    readable, rest = [], []
    for report in others:
        for name, row in report["results"].items():
            own = _row([name, option(report, "model")], row, systems)
            if name in usual and not unreadable(usual[name]):
                readable += [_row([name, "default"], usual[name], systems), own]
            else:
                rest.append(own)
    lines = readable + rest
    if not lines:
        return ""
    return "\n".join(
        [
            "## What does another encoder change?",
            "",
            "A data set without a row for the default is in a language which that model cannot read (drcd and cmrc2018",
            "are Chinese): there the default answers every query by words alone.",
            "",
            header(["data set", "encoder", *map(code, systems)]),
            *lines,
            "",
        ]
    )


def reranking(reports: Sequence[Report]) -> str:
    """Show what reranking adds to the search of a whole collection."""
    found = [r for r in reports if reranks(r) and not other_models(r) and not option(r, "judged_only")]
    return _reranked(
        found,
        "## What does reranking add?",
        "The cross-encoder reads the first 50 documents of a search of the whole collection. p: `hybrid-tuned-rerank`\n"
        "against `hybrid-tuned`, Holm-corrected.",
        RERANKED,
    )


def judged_lists(reports: Sequence[Report]) -> str:
    """Show how well rerankers order a given list."""
    found = [r for r in reports if reranks(r) and not other_models(r) and option(r, "judged_only")]
    return _reranked(
        found,
        "## How well does it order a given list?",
        "Each query comes with its own judged documents, such as candidate answers about one product, and only their\n"
        "order counts. p: `hybrid-tuned-rerank` against `bm25`, Holm-corrected.",
        LISTS,
    )


def _reranked(found: Sequence[Report], title: str, text: str, systems: Sequence[str]) -> str:
    """Return one table with the 95 % interval of the last system and the p-value of its difference to the baseline."""
    last = systems[-1]
    lines = []
    for report in found:
        for name, row in report["results"].items():
            if last not in row:
                continue
            cells = best_bold({system: row[system]["nDCG@10"] for system in systems if system in row})
            low, high = row[last]["ci"]["nDCG@10"]
            shown = [cells.get(system, "") for system in systems]
            lines.append(line([name, queries(row), *shown, f"{low:.3f} to {high:.3f}", p_value(row[last])]))
    if not lines:
        return ""
    top = header(["data set", "queries", *map(code, systems), "95 % interval of the last", "p"])
    return "\n".join([title, "", text, "", top, *lines, ""])


def other_rerankers(reports: Sequence[Report]) -> str:
    """Compare other forms of the reranker on the same lists: one column for each model."""
    found = [r for r in reports if reranks(r) and option(r, "model") in {None, "default"}]
    models = list(dict.fromkeys(option(report, "reranker") or "default" for report in found))
    if len(models) < 2:
        return ""
    rows: dict[str, dict[str, float]] = {}
    for report in found:
        for name, row in report["results"].items():
            if "hybrid-rerank" in row:
                model = option(report, "reranker") or "default"
                rows.setdefault(name, {})[model] = row["hybrid-rerank"]["nDCG@10"]
    lines = [
        line([name, *(best_bold(row).get(model, "") for model in models)]) for name, row in rows.items() if len(row) > 1
    ]
    return "\n".join(
        [
            "## What do other forms of the reranker give?",
            "",
            "`hybrid-rerank` with each of them. `clew-reranker-whole` is the default in float32, so the difference is",
            "what 8 bits cost. `clew-reranker-small-int8` has half its layers and takes half the time",
            "([how it is made](model-cards/small-reranker.md)).",
            "",
            header(["data set", *map(code, models)]),
            *lines,
            "",
        ]
    )


def stopping_early(reports: Sequence[Report]) -> str:
    """Show what stopping early costs, and how many pairs are then read."""
    lines = []
    for report in reports:
        for name, row in report["results"].items():
            if "hybrid-tuned-early-stop" in row and "hybrid-tuned-rerank" in row:
                every, early = row["hybrid-tuned-rerank"], row["hybrid-tuned-early-stop"]
                shown = (f"{every['nDCG@10']:.3f}", f"{early['nDCG@10']:.3f}")
                lines.append(line([name, *shown, f"{every['pairs']:.0f}", f"{early['pairs']:.1f}"]))
    if not lines:
        return ""
    return "\n".join(
        [
            "## Does it cost anything to stop reranking early?",
            "",
            "`early_stop = 0.003` stops where few relevant documents are expected among those not read yet "
            "([how](searching.md#how-hits-are-reranked)).",
            "",
            header(["data set", "all 50 read", "stopped early", "pairs read", "pairs read when stopped early"]),
            *lines,
            "",
        ]
    )


def graph_as_ranking(reports: Sequence[Report]) -> str:
    """Show what a graph adds as a source of candidates."""
    return _graph(
        reports,
        "## What does a knowledge graph add?",
        [
            "Documents about the entities that a query leads to are a third source of candidates. The gate is learned",
            "on dev queries and decides for each query. p: the gate against no graph, Holm-corrected; helped and hurt:",
            "the share of the queries whose nDCG@10 the graph raises and lowers.",
        ],
        {"off": "off", "on": "on", "auto": "auto"},
    )


def graph_as_terms(reports: Sequence[Report]) -> str:
    """Show what a graph adds as further words of the query."""
    return _graph(
        reports,
        "## What do names from the graph add as further words of the query?",
        ["The same graphs, used for query expansion: names of what a query leads to are added to its BM25 terms."],
        {"off": "off", "on-terms": "on", "auto-terms": "auto"},
    )


def _graph(reports: Sequence[Report], title: str, text: list[str], systems: dict[str, str]) -> str:
    last = list(systems)[-1]
    lines = []
    for report in reports:
        for name, row in report["results"].items():
            if last not in row:
                continue
            cells = best_bold({system: row[system]["nDCG@10"] for system in systems if system in row})
            effect = report["effects"][name].get(last)
            changed = f"{effect['helped']:.0%} / {effect['hurt']:.0%}" if effect else ""
            shown = [cells.get(system, "") for system in systems]
            graph = report.get("graph") or "its own"
            lines.append(line([name, graph, queries(row), *shown, p_value(row[last]), changed]))
    if not lines:
        return ""
    top = header(["data set", "graph", "queries", *systems.values(), "p", "helped / hurt"])
    return "\n".join([title, "", *text, "", top, *lines, ""])


def _row(first: list[str], row: dict[str, Any], systems: Sequence[str]) -> str:
    cells = best_bold({system: row[system]["nDCG@10"] for system in systems if system in row})
    return line([*first, *(cells.get(system, "") for system in systems)])


def option(report: Report, name: str) -> Any:
    """Return an option that a report was measured with; None if the report does not contain it."""
    return report.get("signature", {}).get("options", {}).get(name)


def other_models(report: Report) -> bool:
    """Return whether a report was measured with models that do not come with Clew."""
    return any(option(report, name) not in {None, "default"} for name in ("model", "reranker"))


def reranks(report: Report) -> bool:
    """Return whether a system of a report reads pairs with a cross-encoder."""
    return any(row.get("pairs") for systems in report["results"].values() for row in systems.values())


def unreadable(systems: dict[str, Any]) -> bool:
    """Return whether the encoder found nothing at all: it cannot read the language of the data set."""
    return "dense" in systems and systems["dense"]["nDCG@10"] == 0


def queries(row: dict[str, Any]) -> str:
    """Return the number of queries that a row is measured on; empty if no system states it."""
    return next((f"{figures['queries']:,}" for figures in row.values() if "queries" in figures), "")


def p_value(figures: dict[str, Any]) -> str:
    """Return the corrected p-value of nDCG@10; empty for the baseline."""
    p = figures.get("p", {}).get("nDCG@10")
    return "" if p is None else f"{p:.3g}"


def best_bold(figures: dict[str, float]) -> dict[str, str]:
    """Format figures with three decimals; all that equal the highest one as shown are bold."""
    shown = {name: f"{value:.3f}" for name, value in figures.items()}
    best = max(shown.values(), default="")
    return {name: f"**{value}**" if value == best else value for name, value in shown.items()}


def code(name: str) -> str:
    """Format a name as code."""
    return f"`{name}`"


def header(cells: Sequence[str]) -> str:
    """Return the first two lines of a table."""
    return f"{line(cells)}\n|{' --- |' * len(cells)}"


def line(cells: Sequence[str]) -> str:
    """Return a line of a table."""
    return f"| {' | '.join(cells)} |"
