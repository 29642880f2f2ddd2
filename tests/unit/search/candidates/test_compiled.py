"""Compiled functions and the cache of their machine code."""

import os
import pickle
import subprocess
import sys

import numba

MODULE = """
from numba import types as nb
from clew.search.candidates.compiled import compiled

@compiled(nb.int64(nb.int64))
def twice(number):
    return 2 * number

print(twice(21))
"""


def test_a_cache_that_refers_to_names_of_an_earlier_version_is_replaced(tmp_path):
    """As after an upgrade in place that renamed a class: numba unpickles the index before it looks at its age."""
    (tmp_path / "loops.py").write_text(MODULE)

    def run():
        environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
        done = subprocess.run(
            [sys.executable, "loops.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr

    run()
    [index] = (tmp_path / "cache").rglob("loops.twice-*.nbi")
    fresh = index.read_bytes()
    index.write_bytes(pickle.dumps(numba.__version__) + b"cclew.search.candidates.compiled\nGone\n.")
    run()
    [again] = (tmp_path / "cache").rglob("loops.twice-*.nbi")
    assert again.read_bytes()[: len(pickle.dumps(numba.__version__))] == fresh[: len(pickle.dumps(numba.__version__))]
    assert b"Gone" not in again.read_bytes()
