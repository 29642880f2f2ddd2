"""The tutorial works: its files are written, its commands run in order, and they print what the page shows."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"
FILES = ("csv", "json", "toml", "tsv")


def blocks() -> Iterator[tuple[str, str, str]]:
    """The prose before each fenced block of the page, the block's language and its text, in order."""
    fenced = r"(.*?)^```(\w*)\n(.*?)^```$"
    yield from re.findall(fenced, PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def named(prose: str) -> str:
    """The file that the prose before a block names last."""
    return str(re.findall(r"`([\w/]+\.\w+)`", prose)[-1])


def masked(line: str) -> str:
    """A line with its numbers and hashes made equal and its spaces single; scores may differ in the last digits."""
    return re.sub(r"\b[0-9a-f]{8,}\b|\d+(\.\d+)?", "#", " ".join(line.split()))


def run_console(text: str, run: Callable[[str], Any]) -> None:
    """Run the commands of a block. The lines shown below a command must be its whole output."""
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        line, *shown = part.splitlines()
        done = run(line)
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert list(map(masked, shown)) == list(map(masked, done.stdout.rstrip().splitlines())), line


@pytest.mark.slow
def test_the_tutorial_from_the_first_file_to_the_last_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clew: Callable[[str, Path], Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CLEW_HOME", raising=False)
    ran = []
    for prose, language, text in blocks():
        if language in FILES:
            place = tmp_path / named(prose)
            place.parent.mkdir(parents=True, exist_ok=True)
            before = place.read_text(encoding="utf-8") if "at the end of" in prose else ""
            place.write_text(before + text, encoding="utf-8")
        elif language == "console":
            run_console(text, lambda line: clew(line, tmp_path))
        elif language == "python":
            exec(compile(text, PAGE.name, "exec"), {})
        ran.append(language)
    assert ran.count("console") >= 8
    assert set(FILES) <= set(ran)
