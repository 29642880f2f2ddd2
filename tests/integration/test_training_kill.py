"""SIGKILL at random points of a training run: the next call goes on, and ends with the same weights and curve.

The run under test is a program of its own and kills itself at the n-th thing it does to the files of the run; n is
drawn with a fixed seed. CLEW_KILLS sets how many are drawn.
"""

import os
import random
import signal
import subprocess
import sys

import numpy as np
import pytest

from clew.training.cross_encoder import group_by_data, train_cross_encoder
from clew.training.examples import Example, read_examples, write_examples
from clew.training.fit import CHECKPOINTS, FINISHED, read_curve
from clew.training.spec import load_spec

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("CLEW_KILLS", "2"))
COLOURS = ["red", "blue", "green", "black", "white", "brown"]
SPEC = """
name = "tiny"
max_length = 32
[[data]]
folder = "shoes"
[fit]
batch = 8
epochs = 2
learning_rate = 2e-3
evaluations = 4
checkpoint_minutes = 0
"""
PROGRAM = """
from pathlib import Path
from clew.training.cross_encoder import group_by_data, train_cross_encoder
from clew.training.examples import read_examples
from clew.training.spec import load_spec

def main(root, base, run, at):
    rows, dev = (list(read_examples(Path(root) / name)) for name in ("examples.jsonl", "dev.jsonl"))
    count = die_at(run, int(at))
    spec = load_spec(Path(root) / "run.toml")
    train_cross_encoder(spec, Path(base), Path(run), rows, group_by_data(dev), lambda *_: None)
    print(count())

main(*sys.argv[1:])
"""


def example(at):
    wanted = COLOURS[at % len(COLOURS)]
    passages = (*(f"a torn {colour} shoe" for colour in COLOURS if colour != wanted), f"a fine {wanted} shoe")
    return Example("shoes", f"q{at}", wanted, tuple("uvwxyz"), passages, (0.0, 0.0, 0.0, 0.0, 0.0, 1.0))


def run_program(root, base, run, at=0):
    run.mkdir()
    command = [sys.executable, str(root / "program.py"), str(root), str(base), str(run), str(at)]
    return subprocess.run(command, capture_output=True, text=True)


def test_a_killed_run_goes_on_to_the_same_dev_measure(base, mortal, tmp_path):
    (tmp_path / "run.toml").write_text(SPEC)
    mortal(tmp_path / "program.py", PROGRAM)
    write_examples([example(at) for at in range(48)], tmp_path / "examples.jsonl")
    write_examples([example(at) for at in range(6)], tmp_path / "dev.jsonl")
    whole = run_program(tmp_path, base, tmp_path / "whole")
    assert whole.returncode == 0, whole.stderr
    expected = read_curve(tmp_path / "whole")
    losses = [row["loss"] for row in expected if "loss" in row]
    rows, dev = (list(read_examples(tmp_path / name)) for name in ("examples.jsonl", "dev.jsonl"))
    draw = random.Random(7)
    resumed = 0
    for number in range(KILLS):
        at = draw.randrange(1, int(whole.stdout))
        run = tmp_path / f"cut-{number}"
        killed = run_program(tmp_path, base, run, at)
        assert killed.returncode == -signal.SIGKILL, killed.stderr
        resumed += any((run / CHECKPOINTS).glob("checkpoint-*/whole.json"))
        spec = load_spec(tmp_path / "run.toml")
        found = train_cross_encoder(spec, base, run, rows, group_by_data(dev), lambda *_: None)
        again = read_curve(run)
        assert [row["step"] for row in again] == [row["step"] for row in expected], f"killed at {at}"
        assert np.allclose([row["loss"] for row in again if "loss" in row], losses, atol=1e-4), f"killed at {at}"
        assert found.measures["ndcg"] == pytest.approx(max(row["dev"]["ndcg"] for row in expected if "dev" in row))
        assert (run / FINISHED).is_file()
    assert resumed
