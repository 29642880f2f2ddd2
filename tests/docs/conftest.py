"""How the commands on the pages are run."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

Done: TypeAlias = "subprocess.CompletedProcess[str]"
Clew: TypeAlias = Callable[[str, Path], Done]


@pytest.fixture(scope="session")
def clew() -> Clew:
    """Run one line that starts with `clew`, in a folder; its home is .clew there."""

    def run(line: str, folder: Path) -> Done:
        words = shlex.split(line)
        environment = {key: value for key, value in os.environ.items() if key != "CLEW_HOME"}
        return subprocess.run(
            [sys.executable, "-m", "clew", *words[1:]],
            cwd=folder,
            env={**environment, "HF_HUB_OFFLINE": "1"},
            capture_output=True,
            text=True,
            check=False,
        )

    return run
