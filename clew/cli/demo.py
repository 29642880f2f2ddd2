"""`clew demo`: build two sample indexes, run a few queries with explanations, and start the server."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clew.cli.options import DEFAULT_HOME, Home, note, out
from clew.core.errors import ClewError, NotFoundError

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

WIDTH = 110


@dataclass(frozen=True, slots=True)
class Question:
    """A query of the demo, what it demonstrates, and its options."""

    query: str
    demonstrates: str
    k: int = 2
    filters: Mapping[str, Any] | None = None
    options_text: str = ""
    why_not: str | None = None


SHOP = (
    Question("dm18b4", "a model number is found in any spelling: the catalogue has DM18-B4", k=1),
    Question(
        "my husband snores",
        "a need described in everyday words, none of which is in the product's title",
    ),
    Question(
        "waterproof bluetooth speaker",
        "with filters: price below 60, and in stock",
        filters={"price": {"lt": 60}, "in_stock": True},
        options_text=" --filter 'price<60' --filter in_stock=true",
    ),
    Question(
        "cookware that lasts",
        "the knowledge graph knows which products are cookware; the word is in no pan's name",
    ),
    Question("可以调节温度的烧水壶", "one index answers in Chinese and in English: the catalogue has titles in both"),
    Question("tarnwick skillet", "which stage of the search dropped a product that was expected", why_not="KIT-105"),
)
PYDOCS = (
    Question("show the differences between two lists of strings", "a description of a function, without its name"),
    Question("shutil.copytree", "a qualified name"),
    Question("wait until several threads have reached the same point", "a paraphrase", k=1),
)


def demo(
    home: Home = DEFAULT_HOME,
    port: Annotated[int, typer.Option(help="Port of the server (0: any free port).")] = 8000,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Do not start the server after the queries.")] = False,
    shop_only: Annotated[bool, typer.Option("--shop-only", help="Use only the small sample index, shop.")] = False,
) -> None:
    """Build two sample indexes, run a few queries with explanations, then start the server.

    shop is a catalogue of 232 products. pydocs holds a few thousand docstrings from the standard library of the
    running Python. The first build takes about a minute on two cores; an unchanged sample is not built again.

    Example: clew demo --no-serve
    """
    examples = find_examples()
    build_sample(examples / "shop" / "shop.toml", home)
    samples: list[tuple[str, tuple[Question, ...]]] = [("shop", SHOP)]
    if not shop_only:
        build_sample(make_pydocs(examples / "pydocs" / "make.py", home / "pydocs"), home)
        samples.append(("pydocs", PYDOCS))
    for name, questions in samples:
        run_queries(home, name, questions)
    out(next_steps(home, port, no_serve))
    if not no_serve:
        from clew.api.command import serve

        serve(home=home, port=port)


def find_examples() -> Path:
    """Return the folder of the samples. Raises NotFoundError if they are not installed."""
    import clew

    folder = Path(clew.__file__).parent / "examples"
    if not (folder / "shop" / "shop.toml").is_file():
        raise NotFoundError(f"the sample data are missing: {folder}", "install Clew again")
    return folder


def make_pydocs(script: Path, folder: Path) -> Path:
    """Write the docstrings of the running Python's standard library into a folder, and return the path of its spec."""
    done = subprocess.run([sys.executable, str(script), str(folder)], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise ClewError(f"{script} failed with exit code {done.returncode}", "see the message of the script above")
    return folder / "pydocs.toml"


def build_sample(spec: Path, home: Path) -> None:
    """Build one sample as `clew build` does. An unchanged sample is not built again."""
    from clew.core.progress import for_terminal
    from clew.indexer.build import build
    from clew.indexer.spec import read_spec

    note(f"$ clew build {spec}" + home_option(home))
    report = build(read_spec(spec), home, progress=for_terminal())
    judged = f", nDCG@10 {report.relevance['nDCG@10']:.3f} on its judged queries" if report.relevance else ""
    note(
        f"  {report.status}: release {report.release}, {report.documents:,} documents, {report.passages:,} passages, "
        f"{report.encoded:,} texts encoded, {sum(report.seconds.values()):.1f} s{judged}\n"
    )


def home_option(home: Path) -> str:
    """Return the option that names the home, or "" for the default home."""
    return "" if home == DEFAULT_HOME else f" --home {home}"


def run_queries(home: Path, name: str, questions: tuple[Question, ...]) -> None:
    """Run the queries of one sample index and print the hits."""
    from clew.search.assemble import open_index

    searcher = open_index(home, name)
    try:
        out(f"\n{'═' * WIDTH}\n{name}: {searcher.version.documents:,} documents\n{'═' * WIDTH}")
        for question in questions:
            show_query(searcher, name, question)
    finally:
        searcher.close()


def show_query(searcher: Searcher, name: str, question: Question) -> None:
    """Print the command of one query, then its hits, with an explanation of the first."""
    from clew.search.commands.hits import Page, verdict
    from clew.search.types import SearchRequest

    out(f"\n# {question.demonstrates}")
    request = SearchRequest(query=question.query, k=question.k, filters=question.filters, explain=True)
    if question.why_not:
        out(f"$ clew why-not {name} {question.query!r} {question.why_not} -k {question.k}\n")
        for line in verdict(searcher.why_not(request, question.why_not)):
            out(line)
        return
    out(f"$ clew search {name} {question.query!r} -k {question.k} --explain{question.options_text}\n")
    response = searcher.search(request)
    hits = tuple(hit if hit.rank == 1 else replace(hit, why=()) for hit in response.hits)
    page = Page(searcher.fields, bold=sys.stdout.isatty(), width=WIDTH)
    graph = replace(response.graph, parts=()) if response.graph else None
    for line in page.answer(replace(response, hits=hits, facets={}, graph=graph)):
        out(line)
    out(f"     {response.considered} candidates in {response.timings_ms['total']:.1f} ms")


def command() -> str:
    """Return how to call Clew here: by name if it is on the PATH, else by the path of the script, else as a module."""
    if shutil.which("clew"):
        return "clew"
    return "python -m clew" if sys.argv[0].endswith("__main__.py") else os.path.relpath(sys.argv[0])


def next_steps(home: Path, port: int, no_serve: bool) -> str:
    """Return the lines that suggest what to try next."""
    at = f"http://127.0.0.1:{port}"
    option = home_option(home)
    clew = command()
    lines = [
        "─" * WIDTH,
        "Try next:",
        f"  {clew} search shop 'gift for a tea lover' -k 5 --explain{option}",
        f"  {clew} search shop 'headphones' --filter 'price<150' --facet brand{option}",
        f"  {clew} init YOUR-DATA.jsonl        then  {clew} build YOUR-DATA.toml{option}",
    ]
    if no_serve:
        lines.append(f"  {clew} serve{option}")
    else:
        lines += [
            f"  curl '{at}/v1/search?index=shop&q=espresso+machine&k=3'",
            f"  curl {at}/v1/search -H 'content-type: application/json' \\",
            """       -d '{"index": "shop", "query": "earbuds for running", "k": 3, "explain": true}'""",
            f"  {at}/docs and {at}/openapi.json describe every endpoint",
        ]
    return "\n".join(lines)
