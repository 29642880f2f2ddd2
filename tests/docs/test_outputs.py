"""The output that docs/cli.md shows under a command is what the command prints on the sample; figures to two digits."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from clew.cli import app, demo

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
FIGURE = re.compile(r"\d+\.\d+")
pytestmark = pytest.mark.slow


def shown() -> Iterator[tuple[str, str]]:
    """Command and output of every console block of the page that holds one command with its output."""
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE):
        command, _, output = block.partition("\n")
        if output and "\n$ " not in block:
            yield command.removeprefix("$ clew "), output


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs")
    demo.build_sample(demo.find_examples() / "shop" / "shop.toml", folder)
    return folder


@pytest.mark.parametrize(("command", "output"), list(shown()))
def test_the_page_shows_what_the_command_prints(command: str, output: str, home: Path) -> None:
    printed = CliRunner().invoke(app, [*shlex.split(command), "--home", str(home)]).stdout
    assert FIGURE.sub("#", printed) == FIGURE.sub("#", output)
    assert [float(figure) for figure in FIGURE.findall(printed)] == pytest.approx(
        [float(figure) for figure in FIGURE.findall(output)], abs=0.02
    )
