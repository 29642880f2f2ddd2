"""What the command line makes of warnings."""

import subprocess
import sys

SPEC = 'name = "lamps"\nrerank = { settle = 0.1 }\n[source]\npath = "none.jsonl"\n[fields]\ntitle = { type = "text" }\n'
OTHER = """
import sys, warnings
sys.argv = ["clew", "--version"]
import clew.cli
try:
    clew.cli.main()
except SystemExit:
    warnings.warn("of a library", RuntimeWarning)
"""


def test_an_old_key_of_a_spec_is_one_line(tmp_path):
    (tmp_path / "lamps.toml").write_text(SPEC)
    done = subprocess.run(
        [sys.executable, "-m", "clew", "build", "lamps.toml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr.splitlines()[0] == "clew: warning: lamps.toml [rerank]: 'settle' is now called 'early_stop'"


def test_a_warning_of_a_library_is_shown_as_python_does():
    done = subprocess.run([sys.executable, "-c", OTHER], capture_output=True, text=True, check=False)
    assert "RuntimeWarning: of a library" in done.stderr
    assert "clew: warning" not in done.stderr
