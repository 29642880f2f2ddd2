"""Completion of a command line in a shell: as bash asks for it, in a process of its own."""

import os
import subprocess
import sys

import pytest

HEAVY = ("numpy", "numba", "pyarrow", "onnxruntime", "fastapi", "scipy", "rich")


@pytest.fixture
def complete(shop_home):
    """The completions of the last word of a line, and which heavy modules were loaded to find them."""
    (shop_home / "graphs" / "rooms" / "0123").mkdir(parents=True, exist_ok=True)
    (shop_home / "graphs" / "rooms" / "0123" / "manifest.json").write_text("{}")
    code = (
        "import sys; from clew.cli import main\n"
        "sys.argv = ['clew']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"sys.stderr.write(' '.join(name for name in {HEAVY!r} if name in sys.modules))"
    )

    def run(line, home=shop_home):
        words = line.split(" ")
        asked = {"_CLEW_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            env={**os.environ, **asked, "CLEW_HOME": str(home)},
        )
        assert done.returncode == 0, done.stderr
        assert done.stderr == "", "loaded or said something"
        return done.stdout.split()

    return run


def test_commands_are_completed_without_importing_any(complete):
    assert complete("clew se") == ["search", "serve"]
    assert {"search", "answer", "why-not", "run", "graph"} <= set(complete("clew "))
    assert "--install-completion" in complete("clew --")


def test_subcommands_and_options_are_completed(complete):
    assert complete("clew graph li") == ["list", "link"]
    assert {"--filter", "--facet", "--graph"} <= set(complete("clew search shop lamp --"))


@pytest.mark.parametrize("command", ["search", "answer", "why-not", "run", "graph expand"])
def test_names_of_indexes_are_completed(complete, command):
    assert complete(f"clew {command} ") == ["shop"]
    assert complete(f"clew {command} x") == []


def test_names_of_graphs_are_completed(complete):
    assert complete("clew graph stats ") == ["rooms"]
    assert complete("clew graph link ") == ["rooms", "shop"]


def test_fields_of_the_index_on_the_line_are_completed(complete):
    assert complete("clew search shop lamp --filter ") == ["brand", "price"]
    assert complete("clew search shop lamp --filter b") == ["brand"]
    assert complete("clew search shop lamp --facet ") == ["brand"]
    assert complete("clew search shpo lamp --facet ") == []
    assert complete("clew search shop lamp --graph ") == ["off", "auto", "on"]


def test_the_home_of_the_line_is_used(complete, shop_home, tmp_path):
    assert complete("clew search ", home=tmp_path) == []
    assert complete(f"clew search --home {shop_home} ", home=tmp_path) == ["shop"]
