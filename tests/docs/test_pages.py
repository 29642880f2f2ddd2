"""What the pages show works: links lead somewhere, Python blocks run, commands end well, curl lines are answered."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
SHOP = ROOT / "examples" / "shop"


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def shown(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def anchors(path: Path) -> set[str]:
    """The anchors that a page's headings make, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{shown(page)}: {link}"
        assert not anchor or anchor in anchors(target), f"{shown(page)}: {link}"


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A working folder with the sample's files and its index, built with the encoder that needs no model."""
    import clew

    with tempfile.TemporaryDirectory() as name:
        working = Path(name)
        shutil.copytree(SHOP, working / "examples" / "shop")
        for path in SHOP.glob("*.jsonl"):
            shutil.copy(path, working)
        shutil.copytree(SHOP / "judged", working / "judged")
        spec = (SHOP / "shop.toml").read_text(encoding="utf-8").replace('model = "default"', 'model = "hashing"')
        for place in (working / "shop.toml", working / "examples" / "shop" / "shop.toml"):
            place.write_text(spec, encoding="utf-8")
        clew.build(working / "shop.toml", working / ".clew")
        yield working


PYTHON = [(page, at) for page in PAGES if page.name != "tutorial.md" for at in range(len(blocks(page, "python")))]


@pytest.mark.parametrize(("page", "at"), PYTHON, ids=[f"{shown(page)}-{at}" for page, at in PYTHON])
def test_python_blocks_run(page: Path, at: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CLEW_HOME", raising=False)
    exec(compile(blocks(page, "python")[at], f"{page.name}[{at}]", "exec"), {})


def commands(page: Path) -> list[str]:
    """Lines that start with "$ " in console blocks, continuation lines joined."""
    text = "\n".join(blocks(page, "console")).replace("\\\n", " ")
    return [line[2:] for line in text.splitlines() if line.startswith("$ ")]


# test_tutorial runs the commands of the tutorial, in the order and over the files of that page.
TUTORIAL = ROOT / "docs" / "tutorial.md"
CLEW = [(page, line) for page in PAGES if page != TUTORIAL for line in commands(page) if line.startswith("clew ")]


@pytest.mark.parametrize(("page", "line"), CLEW, ids=[f"{shown(page)}: {line[:60]}" for page, line in CLEW])
def test_commands_end_well(page: Path, line: str, folder: Path, clew: Any) -> None:
    done = clew(line, folder)
    assert done.returncode == 0, f"{shown(page)}: {line}\n{done.stderr}"


CURL = [(page, line) for page in PAGES for line in commands(page) if line.startswith("curl ")]


@pytest.mark.parametrize(("page", "line"), CURL, ids=[f"{shown(page)}: {line[:70]}" for page, line in CURL])
def test_curl_lines_are_answered(page: Path, line: str, client: Any) -> None:
    words = shlex.split(line)
    address = next(word for word in words[1:] if word.startswith("http://127.0.0.1:8000"))
    body = words[words.index("-d") + 1] if "-d" in words else None
    target = urlsplit(address)
    path = f"{target.path}?{target.query}" if target.query else target.path
    if body is None:
        answer = client.get(path)
    else:
        answer = client.post(path, content=body.encode(), headers={"content-type": "application/json"})
    assert answer.status_code == 200, f"{shown(page)}: {line}\n{answer.text}"
    if "search" in path:
        assert answer.json()["hits"], line
    if "/v1/answer" in path:
        assert answer.json()["answers"], line


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Any]:
    """The API over the sample, in process."""
    from starlette.testclient import TestClient

    from clew.api.app import create_app
    from clew.api.engine import Engine
    from clew.api.settings import load_settings

    home = folder / ".clew"
    with TestClient(create_app(Engine(home), load_settings(home))) as opened:
        for _ in range(200):
            if opened.get("/readyz").status_code == 200:
                break
        yield opened


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_json_blocks_are_json(page: Path) -> None:
    """A block of several lines is either one document or one document a line."""
    for block in blocks(page, "json"):
        try:
            json.loads(block)
        except ValueError:
            for line in filter(None, map(str.strip, block.splitlines())):
                json.loads(line)


def test_the_results_in_the_readme_and_on_their_page_are_those_on_disk() -> None:
    from clew.benchmarks.relevance.results_page import page
    from clew.benchmarks.relevance.tables import PAGE, README, refreshed, reports

    text = README.read_text(encoding="utf-8")
    assert text == refreshed(text), "run: python -m clew.benchmarks.relevance.tables"
    assert PAGE.read_text(encoding="utf-8") == page(reports()), "run: python -m clew.benchmarks.relevance.tables"


def test_the_figures_on_the_page_of_speed_are_those_on_disk() -> None:
    from clew.benchmarks.speed.performance import PAGE, refreshed, reports

    text = PAGE.read_text(encoding="utf-8")
    assert text == refreshed(text, reports()), "run: python -m clew.benchmarks.speed.performance"
