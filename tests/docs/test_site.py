"""`make docs` builds a whole site without a warning, from local files only."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow


def command(site: Path) -> list[str]:
    """The command of the Makefile's target, with other folders for what it writes."""
    line = next(
        line for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines() if "-m sphinx" in line
    ).strip()
    words = [word.replace("build/", f"{site}/") for word in shlex.split(line)]
    return [sys.executable, *words[1:]]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(command(folder), cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "docs"


def test_every_page_is_built_and_can_be_found_by_search(site: Path) -> None:
    """Under its own title: Sphinx makes a search.html of its own, which would replace a page of that name."""
    pages = sorted((ROOT / "docs").rglob("*.md"))
    assert pages
    for page in pages:
        title = page.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").split("`")[0]
        built = site / page.relative_to(ROOT / "docs").with_suffix(".html")
        assert f"<h1>{title.strip()}" in built.read_text(encoding="utf-8"), page.name
    assert (site / "searchindex.js").is_file()


def test_no_page_loads_anything_from_another_host(site: Path) -> None:
    loaded = re.compile(r'<(?:script|img|iframe)[^>]+src="(\w+:)?//|<link[^>]+rel="stylesheet"[^>]+href="(\w+:)?//')
    assert not [page.name for page in site.rglob("*.html") if loaded.search(page.read_text(encoding="utf-8"))]
