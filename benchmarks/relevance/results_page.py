"""Generate docs/results.md from the results that `clew bench` wrote: one section for each question.

Quality does not depend on the hardware, so the page names it once. `clew.benchmarks.relevance.tables` writes the page.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

Report = dict[str, Any]

FIRST_STAGE = ("bm25", "dense", "rrf", "hybrid", "hybrid-tuned")
RERANKED = ("bm25", "hybrid", "hybrid-rerank", "hybrid-tuned", "hybrid-tuned-rerank")
LISTS = ("bm25", "hybrid", "hybrid-rerank", "hybrid-tuned-rerank")
HEAD = """\
# Results

Search quality of Clew on data sets with relevance judgements. This page is generated from `benchmarks/results` by
`python -m clew.benchmarks.relevance.tables`; `make bench` measures the first section again. See also
[how this is measured](benchmarks/method.md), [the glossary](glossary.md#measures) and [speed](performance.md).

- **Measure**: nDCG@10 on the test queries unless a table says otherwise, from 0 to 1; higher is better. The best figure
  of a row is bold. Where a data set has fewer queries than in the first table, they are a random sample.
- **Significance**: p is that of a two-sided paired randomisation test, with Holm's correction over the systems of a
  data set; differences with p below 0.05 are significant. 95 % confidence intervals (CI) are bootstrapped over the
  queries.
- **Models**: the default bi-encoder and cross-encoder, in 8 bits, unless a table names others ([models](models.md)).
  What reranking, early stopping and graphs add was measured with the English bi-encoder that came with Clew before.
{hardware}- **Systems**:

| system | what it is |
| --- | --- |
| `bm25` | BM25 only |
| `dense` | dense retrieval only: vectors of the bi-encoder |
| `rrf` | both, fused by reciprocal rank fusion |
| `hybrid` | both, fused with Clew's default weights, which need no judgements |
| `hybrid-tuned` | both, fused with weights that `clew tune` learned on the dev queries |
| `…-rerank` | the first 50 documents of that system, reranked by the cross-encoder |
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
    return "\n".join([HEAD.format(hardware=hardware(reports)), *filter(None, questions)])


def hardware(reports: Sequence[Report]) -> str:
    """Return the line of the page that names the machines of the reports; empty if there are no reports."""
    machines = ((r["environment"]["cpu"].replace("(R)", ""), r["environment"]["cores"]) for r in reports)
    names = dict.fromkeys(f"{cpu} ({cores} cores)" for cpu, cores in machines)
    return f"- **Hardware**: {' and '.join(names)}. The figures do not depend on it.\n" if names else ""


def default_reports(reports: Sequence[Report]) -> list[Report]:
    """Return the reports of whole collections with the default models, without a reranker."""
    return [r for r in reports if not other_models(r) and not option(r, "judged_only") and not reranks(r)]


def first_stage(reports: Sequence[Report]) -> str:
    """Compare hybrid search with BM25 and with dense retrieval: a table each for nDCG@10, RR@10 and R@100."""
    rows = {
        name: systems
        for report in default_reports(reports)
        for name, systems in report["results"].items()
        if not unreadable(systems)
    }
    if not rows:
        return ""
    systems = [system for system in FIRST_STAGE if any(system in row for row in rows.values())]
    lines = ["## Does hybrid search beat BM25 and dense retrieval?", ""]
    for measure, caption in (
        ("nDCG@10", "nDCG@10, with the 95 % CI of `hybrid` and the p of `hybrid` against `bm25`:"),
        ("RR@10", "RR@10, the reciprocal rank of the first relevant document:"),
        ("R@100", "R@100, the share of the relevant documents that are among the first 100 (recall):"),
    ):
        tested = ["95 % CI", "p"] if measure == "nDCG@10" else []
        lines += [caption, "", header(["data set", "queries", *map(code, systems), *tested])]
        for name, row in rows.items():
            cells = best_bold({system: row[system][measure] for system in systems if system in row})
            shown = [cells.get(system, "") for system in systems]
            if tested:
                shown += [confidence_interval(row["hybrid"]), p_value(row["hybrid"])] if "hybrid" in row else ["", ""]
            lines.append(line([name, queries(row), *shown]))
        lines.append("")
    return "\n".join(lines)


def other_encoders(reports: Sequence[Report]) -> str:
    """Compare other encoders with the default: their rows are below those of the default on the same data sets."""
    others = [r for r in reports if option(r, "model") not in {None, "default"} and not reranks(r)]
    usual = {name: systems for report in default_reports(reports) for name, systems in report["results"].items()}
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
            "`clew-encoder-int8` is the encoder that came with Clew before, for English alone",
            "(`clew/training/recipes/encoder.toml`). Another encoder does not change `bm25`.",
            "",
            header(["data set", "encoder", *map(code, systems)]),
            *lines,
            "",
        ]
    )


def reranking(reports: Sequence[Report]) -> str:
    """Show what reranking adds to a search of a whole collection."""
    found = [r for r in reports if reranks(r) and not other_models(r) and not option(r, "judged_only")]
    return _reranked(
        found,
        "## What does reranking add?",
        "The cross-encoder scores the first 50 documents of a search of the whole collection. 95 % CI of\n"
        "`hybrid-tuned-rerank`; p of `hybrid-tuned-rerank` against `hybrid-tuned`.",
        RERANKED,
    )


def judged_lists(reports: Sequence[Report]) -> str:
    """Show how well rerankers order given candidates."""
    found = [r for r in reports if reranks(r) and not other_models(r) and option(r, "judged_only")]
    return _reranked(
        found,
        "## How well does the reranker order given candidates?",
        "These data sets give each query its own judged candidates, such as possible answers about one product, and\n"
        "systems only order them. 95 % CI of `hybrid-tuned-rerank`; p of `hybrid-tuned-rerank` against `bm25`.",
        LISTS,
    )


def _reranked(found: Sequence[Report], title: str, text: str, systems: Sequence[str]) -> str:
    """Return one table with the 95 % CI of the last system and the p-value of its difference to the baseline."""
    last = systems[-1]
    lines = []
    for report in found:
        for name, row in report["results"].items():
            if last not in row:
                continue
            cells = best_bold({system: row[system]["nDCG@10"] for system in systems if system in row})
            shown = [cells.get(system, "") for system in systems]
            lines.append(line([name, queries(row), *shown, confidence_interval(row[last]), p_value(row[last])]))
    if not lines:
        return ""
    top = header(["data set", "queries", *map(code, systems), "95 % CI", "p"])
    return "\n".join([title, "", text, "", top, *lines, ""])


def other_rerankers(reports: Sequence[Report]) -> str:
    """Compare versions of the reranker on the same candidates: one column for each model.

    Figures that were measured on other candidates than the default's, as their BM25 shows, are left out.
    """
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for report in reports:
        if reranks(report) and option(report, "model") in {None, "default"}:
            for name, row in report["results"].items():
                if "bm25" in row and "hybrid-rerank" in row:
                    model = option(report, "reranker") or "default"
                    figures = row["bm25"]["nDCG@10"], row["hybrid-rerank"]["nDCG@10"]
                    found.setdefault(name, {})[model] = figures
    rows = {name: _on_the_candidates_of("default", figures) for name, figures in found.items()}
    rows = {name: row for name, row in rows.items() if len(row) > 1}
    models = list(dict.fromkeys(model for row in rows.values() for model in row))
    if not rows:
        return ""
    lines = [line([name, *(best_bold(row).get(model, "") for model in models)]) for name, row in rows.items()]
    return "\n".join(
        [
            "## How do other versions of the reranker compare?",
            "",
            "`hybrid-rerank` with each cross-encoder. `clew-reranker-whole` is the default in float32: the difference",
            "is what quantising it to 8 bits costs. `clew-reranker-small-int8` has half the layers and takes half the",
            "time ([model card](model-cards/small-reranker.md)).",
            "",
            header(["data set", *map(code, models)]),
            *lines,
            "",
        ]
    )


def _on_the_candidates_of(model: str, figures: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """Return the second figure of each model whose first figure, that of BM25, is that of `model`."""
    own = figures.get(model, (math.nan, math.nan))[0]
    return {name: reranked for name, (fused, reranked) in figures.items() if math.isclose(fused, own, abs_tol=1e-9)}


def stopping_early(reports: Sequence[Report]) -> str:
    """Show how early stopping changes quality, and how many pairs are then scored."""
    lines = []
    for report in reports:
        for name, row in report["results"].items():
            if "hybrid-tuned-early-stop" in row and "hybrid-tuned-rerank" in row:
                full, early = row["hybrid-tuned-rerank"], row["hybrid-tuned-early-stop"]
                shown = (f"{full['nDCG@10']:.3f}", f"{early['nDCG@10']:.3f}")
                lines.append(line([name, *shown, f"{full['pairs']:.1f}", f"{early['pairs']:.1f}"]))
    if not lines:
        return ""
    return "\n".join(
        [
            "## Does early stopping of the reranker lower quality?",
            "",
            "With `early_stop = 0.003` the reranker stops when fewer than 0.003 relevant documents are expected among",
            "those not scored yet ([how](searching.md#how-hits-are-reranked)). Pairs: how many pairs of query and",
            "document the cross-encoder scores, on average per query.",
            "",
            header(["data set", "nDCG@10, all 50", "nDCG@10, early stop", "pairs, all 50", "pairs, early stop"]),
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
            "Documents about the entities that a query leads to are a third source of candidates beside BM25 and",
            "dense retrieval: with `off` for no query, with `on` for every query that names an entity, with `auto`",
            "for the queries that the gate selects, a classifier learned on the train and dev queries. p of `auto`",
            "against `off`; improved and worse: the share of the queries whose nDCG@10 `auto` raises and lowers.",
        ],
        {"off": "off", "on": "on", "auto": "auto"},
    )


def graph_as_terms(reports: Sequence[Report]) -> str:
    """Show what a graph adds by query expansion."""
    return _graph(
        reports,
        "## What does query expansion with a knowledge graph add?",
        [
            "The same graphs, used otherwise: names of the entities that a query leads to are added to its BM25 terms.",
            "Columns as above.",
        ],
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
            changed = changes(effect) if effect else ""
            shown = [cells.get(system, "") for system in systems]
            graph = report.get("graph") or "its own"
            lines.append(line([name, graph, queries(row), *shown, p_value(row[last]), changed]))
    if not lines:
        return ""
    top = header(["data set", "graph", "queries", *map(code, systems.values()), "p", "improved / worse"])
    return "\n".join([title, "", *text, "", top, *lines, ""])


def _row(first: list[str], row: dict[str, Any], systems: Sequence[str]) -> str:
    cells = best_bold({system: row[system]["nDCG@10"] for system in systems if system in row})
    return line([*first, *(cells.get(system, "") for system in systems)])


def option(report: Report, name: str) -> Any:
    """Return an option that a report was measured with; None if the report does not contain it."""
    return report.get("signature", {}).get("options", {}).get(name)


def other_models(report: Report) -> bool:
    """Return whether a report was measured with other models than the default ones."""
    return any(option(report, name) not in {None, "default"} for name in ("model", "reranker"))


def reranks(report: Report) -> bool:
    """Return whether a system of a report scores pairs with a cross-encoder."""
    return any(row.get("pairs") for systems in report["results"].values() for row in systems.values())


def unreadable(systems: dict[str, Any]) -> bool:
    """Return whether dense retrieval found nothing, because the encoder cannot read the language of the data set."""
    return "dense" in systems and systems["dense"]["nDCG@10"] == 0


def queries(row: dict[str, Any]) -> str:
    """Return the number of queries that a row is measured on; empty if no system states it."""
    return next((f"{figures['queries']:,}" for figures in row.values() if "queries" in figures), "")


def p_value(figures: dict[str, Any]) -> str:
    """Return the corrected p-value of nDCG@10; empty for the baseline."""
    p = figures.get("p", {}).get("nDCG@10")
    return "" if p is None else f"{p:.3g}"


def confidence_interval(figures: dict[str, Any]) -> str:
    """Return the 95 % confidence interval of nDCG@10; empty if it was not measured."""
    low, high = figures.get("ci", {}).get("nDCG@10", (None, None))
    return "" if low is None else f"{low:.3f} to {high:.3f}"


def changes(effect: dict[str, Any]) -> str:
    """Return the shares of the queries that the graph helps and hurts, such as "8% / <1%"; "none" if both are 0."""
    shares = effect["helped"], effect["hurt"]
    shown = ("<1%" if 0 < share < 0.005 else f"{share:.0%}" for share in shares)
    return " / ".join(shown) if any(shares) else "none"


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
