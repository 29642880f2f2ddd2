"""The pydocs sample is read from sources alone, and comes out the same twice."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "pydocs" / "make.py"

SOURCE = '''"""Boats and what floats them, for the harbour."""
raise SystemExit("importing this would end the test")


class SailBoat(Boat):
    """A boat that is driven by the wind alone, most days."""

    def reef(self, times: int = 1) -> None:
        """Make the sail smaller before the wind makes you sorry."""

        def inner():
            """Functions inside functions are nobody's business."""

    def _private(self):
        """Methods with an underscore are left out, always."""


if True:
    async def moor(boat, *, twice=False):
        """Tie the boat to the quay, twice where it blows."""

def short():
    """Too short."""
'''


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pydocs", SCRIPT)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_definitions_are_read_without_running_them(make: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "harbour.py").write_text(SOURCE, encoding="utf-8")
    (tmp_path / "broken.py").write_text("def (:", encoding="utf-8")
    (tmp_path / "_hidden.py").write_text('"""A private module is left out of the sample."""', encoding="utf-8")
    (tmp_path / "test").mkdir()
    (tmp_path / "test" / "x.py").write_text('"""The tests of the library are left out as well."""', encoding="utf-8")
    found = {record["name"]: record for record in make.collect(tmp_path)}
    assert {name: record["kind"] for name, record in found.items()} == {
        "harbour": "module",
        "harbour.SailBoat": "class",
        "harbour.SailBoat.reef": "method",
        "harbour.moor": "function",
    }
    assert found["harbour.SailBoat"]["title"] == "harbour.SailBoat (sail boat)"
    assert found["harbour.SailBoat"]["signature"] == "class SailBoat(Boat)"
    assert found["harbour.SailBoat.reef"]["signature"] == "reef(self, times: int=1) -> None"
    assert found["harbour.moor"]["coroutine"] is True


def test_methods_are_thinned_and_everything_else_stays(
    make: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    methods = "".join(
        f'    def m{n}(self):\n        """One of many methods, this is number {n}."""\n' for n in range(20)
    )
    head = (
        '"""A module with a class of many methods."""\nclass Many:\n    """A class with rather a lot of methods."""\n'
    )
    text = head + methods
    (tmp_path / "many.py").write_text(text, encoding="utf-8")
    monkeypatch.setattr(make, "MOST", 7)
    found = make.collect(tmp_path)
    assert [record["kind"] for record in found].count("method") == 5
    assert {"many", "many.Many"} <= {record["name"] for record in found}


def test_long_docstrings_are_cut_at_a_line_end(make: ModuleType, tmp_path: Path) -> None:
    long = "\n".join(f"line {n} of a very long docstring" for n in range(200))
    (tmp_path / "long.py").write_text(f'"""{long}"""', encoding="utf-8")
    (record,) = make.collect(tmp_path)
    assert len(record["text"]) <= make.LONGEST
    assert long.startswith(record["text"] + "\n")


@pytest.mark.slow
def test_this_pythons_library_gives_thousands_of_documents(tmp_path: Path) -> None:
    subprocess.run([sys.executable, SCRIPT, tmp_path], check=True, capture_output=True)
    packed = (tmp_path / "pydocs.jsonl.gz").read_bytes()
    again = tmp_path / "again"
    subprocess.run([sys.executable, SCRIPT, again], check=True, capture_output=True)
    assert (again / "pydocs.jsonl.gz").read_bytes() == packed
    records = [json.loads(line) for line in gzip.decompress(packed).splitlines()]
    names = [record["name"] for record in records]
    assert 3_000 <= len(records) <= 3_500
    assert len(set(names)) == len(names)
    assert {"json.dumps", "pathlib.Path", "difflib"} <= set(names)
    assert (tmp_path / "pydocs.toml").is_file()
