"""The public names of `import clew`: listed, importable, and loaded only when used."""

import subprocess
import sys
from pathlib import Path

import pytest

import clew
from clew.core.home import home_folder


@pytest.mark.parametrize("name", clew.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(clew, name) is not None
    assert name in dir(clew)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'clew' has no attribute 'opne'"):
        clew.opne  # type: ignore[attr-defined]  # noqa: B018


def test_a_public_name_is_the_one_its_module_defines() -> None:
    from clew.search.index import Index
    from clew.search.types import SearchRequest

    assert clew.Index is Index
    assert clew.SearchRequest is SearchRequest


def test_importing_a_star_gives_what_is_listed() -> None:
    code = "from clew import *\nassert Hit.__name__ == 'Hit' and __version__"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_default_home_is_that_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLEW_HOME", "/data/clew")
    assert home_folder() == Path("/data/clew")
    assert home_folder("here") == Path("here")
    monkeypatch.delenv("CLEW_HOME")
    assert home_folder(None) == Path(".clew")
