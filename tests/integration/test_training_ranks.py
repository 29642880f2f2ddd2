"""Two real processes share a run, as torchrun starts them: other batches, one decision, one model, and exact resume."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clew.training.bi_encoder import train_bi_encoder
from clew.training.cross_encoder import group_by_data, train_cross_encoder
from clew.training.data import gather
from clew.training.distil import train_student
from clew.training.distil_encoder import train_encoder_student
from clew.training.examples import read_examples, write_examples
from clew.training.fit import BEST, CHECKPOINTS, read_curve
from clew.training.run import DEV, EXAMPLES
from clew.training.spec import load_spec
from tests.builders import write_beir

COLOURS = ["red", "blue", "green", "black", "white", "brown"]
BATCH, EPOCHS, QUERIES = 4, 3, 32
STEPS = EPOCHS * QUERIES // (2 * BATCH)
A_PASS = STEPS // EPOCHS
# `clew`, noting which queries each step of each process learned from.
NOTING = """
import json, os, sys
from clew.cli import main
from clew.training.losses import RankingLoss

notes = f"{sys.argv[1]}/{os.environ['RANK']}.jsonl"
sys.argv = ["clew", *sys.argv[2:]]
learn = RankingLoss.forward

def forward(self, inputs, labels, prompt=None, task=None):
    with open(notes, "a") as file:
        file.write(json.dumps(list(inputs[0])) + "\\n")
    return learn(self, inputs, labels, prompt, task)

RankingLoss.forward = forward
main()
"""
# Fits of several kinds one after the other, on the examples of a folder. Process 1 kills itself at step `at`.
FITTING = """
import json, os, signal, sys
from dataclasses import asdict
from pathlib import Path
from clew.training.bi_encoder import train_bi_encoder
from clew.training.cross_encoder import group_by_data, train_cross_encoder
from clew.training.distil import train_student
from clew.training.distil_encoder import train_encoder_student
from clew.training.examples import read_examples, write_examples
from clew.training.losses import RankingLoss
from clew.training.spec import load_spec

root, base, teacher, at, *kinds = sys.argv[1:]
spec, rank, learn, steps = load_spec(Path(root) / "run.toml"), os.environ["RANK"], RankingLoss.forward, 0
examples, dev = (list(read_examples(Path(root) / name)) for name in ("examples.jsonl", "dev.jsonl"))

def forward(self, *given, **named):
    global steps
    steps += 1
    if rank == "1" and steps == int(at):
        os.kill(os.getpid(), signal.SIGKILL)
    return learn(self, *given, **named)

RankingLoss.forward = forward
fits = {"bi": train_bi_encoder, "cross": train_cross_encoder, "distil": train_student, "student": train_encoder_student}
for kind in kinds:
    run = Path(root) / kind
    run.mkdir(exist_ok=True)
    start = Path(teacher if kind == "distil" else base)
    found = fits[kind](spec, start, run, examples, group_by_data(dev), lambda *_: None)
    (Path(root) / f"{kind}-{rank}.json").write_text(json.dumps(asdict(found), default=str))
"""


def write(root):
    """A BEIR folder whose queries ask for a colour and a number; four shoes of the number are judged."""
    asked = [(f"q{at}", COLOURS[at % 6], at) for at in range(QUERIES + 6)]
    documents = {f"{colour}-{at}": f"a {colour} shoe, number {at}" for colour in COLOURS for at in range(QUERIES + 6)}
    queries = {name: f"{colour} shoe {at}" for name, colour, at in asked}
    judged = {
        name: {
            f"{other}-{at}": int(other == colour)
            for other in (colour, *[each for each in COLOURS if each != colour][:3])
        }
        for name, colour, at in asked
    }
    names = list(judged)
    train, dev = ({name: judged[name] for name in part} for part in (names[:QUERIES], names[QUERIES:]))
    return write_beir(root, documents, queries, train=train, dev=dev)


def write_spec(root, base):
    """Dropout is off, since processes draw it by themselves: what is left to differ is the order of sums."""
    path = root / "run.toml"
    path.write_text(
        f'name = "mine"\nbase = "{base}"\nmax_length = 32\nlayers = 1\n[[data]]\nfolder = "{root / "shoes"}"\n'
        f'candidates = "judged"\n[negatives]\ncount = 3\n[fit]\nbatch = {BATCH}\nepochs = {EPOCHS}\n'
        "learning_rate = 5e-3\nevaluations = 3\ncheckpoint_minutes = 0\ndropout = 0.0\n"
    )
    return path


def torchrun(*words):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *words]
    # Without a GPU in sight, so that a machine with one does the same.
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment)


def alone(train, root, start, run):
    """What one process does that sums over two batches: those that two processes take at a step.

    Batches are drawn once and dealt out by turns, so both learn from the same at every step.
    """
    spec = load_spec(root / "run.toml")
    spec = replace(spec, fit=replace(spec.fit, accumulate=2))
    rows, dev = (list(read_examples(root / name)) for name in (EXAMPLES, DEV))
    run.mkdir()
    return train(spec, start, run, rows, group_by_data(dev), lambda *_: None)


def check_same(run, other):
    """Sums in another order part in the seventh digit, and further with every step; other batches part at once."""
    rows, expected = read_curve(run), read_curve(other)
    assert [row["step"] for row in rows] == [row["step"] for row in expected]
    losses, wanted = ([row["loss"] for row in each if "loss" in row] for each in (rows, expected))
    assert len(losses) == STEPS
    assert np.allclose(losses, wanted, atol=1e-3)
    dev, wanted = ([row["dev"]["ndcg"] for row in each if "dev" in row] for each in (rows, expected))
    assert np.allclose(dev, wanted, atol=0.01)


@pytest.mark.slow
def test_two_processes_learn_from_other_batches_and_keep_one_model(base, tmp_path):
    write(tmp_path / "shoes")
    spec = write_spec(tmp_path, base)
    (tmp_path / "notes").mkdir()
    (tmp_path / "noting.py").write_text(NOTING)
    words = ["train", "cross-encoder", spec, "--home", tmp_path / "home", "--json"]
    ended = torchrun(tmp_path / "noting.py", tmp_path / "notes", *words)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)  # one document, so one of them spoke
    assert ended.stderr.count("2 processes, 8 queries per step: 4 in each process") == 1
    assert (report["fitted"]["processes"], report["fitted"]["steps"]) == (2, STEPS)
    (model,) = (tmp_path / "home" / "models" / "mine").glob("*/manifest.json")
    assert model.parent == Path(report["model"])
    assert "2 processes" in (model.parent / "README.md").read_text()

    notes = [[json.loads(line) for line in (tmp_path / "notes" / f"{rank}.jsonl").open()] for rank in (0, 1)]
    assert [len(each) for each in notes] == [STEPS, STEPS]
    for at in range(0, STEPS, A_PASS):
        seen = [query for each in notes for batch in each[at : at + A_PASS] for query in batch]
        assert len(seen) == len(set(seen)) == QUERIES  # in a pass every query is in one batch of one process
    assert notes[0][:A_PASS] != notes[0][A_PASS : 2 * A_PASS]

    run = Path(report["run"])
    for name in (EXAMPLES, DEV):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    found = alone(train_cross_encoder, tmp_path, base, tmp_path / "alone")
    check_same(run, tmp_path / "alone")
    assert report["fitted"]["measures"]["ndcg"] == pytest.approx(found.measures["ndcg"], abs=0.01)


@pytest.mark.slow
def test_a_killed_run_of_two_processes_goes_on_and_every_kind_takes_two(base, tmp_path):
    write(tmp_path / "shoes")
    gathered = gather(load_spec(write_spec(tmp_path, base)), None, lambda *_: None)
    write_examples(gathered.examples, tmp_path / EXAMPLES)
    write_examples([row for rows in gathered.dev.values() for row in rows], tmp_path / DEV)
    (tmp_path / "fitting.py").write_text(FITTING)
    alone(train_cross_encoder, tmp_path, base, tmp_path / "cross-alone")
    teacher = tmp_path / "cross-alone" / BEST

    program = [tmp_path / "fitting.py", tmp_path, base, teacher]
    killed = torchrun(*program, A_PASS + 3, "cross")  # within the second pass, whose order is not the first one's
    assert killed.returncode != 0
    assert any((tmp_path / "cross" / CHECKPOINTS).iterdir())
    assert read_curve(tmp_path / "cross")[-1]["step"] == A_PASS + 2
    ended = torchrun(*program, 0, "cross", "distil", "bi", "student")
    assert ended.returncode == 0, ended.stderr
    check_same(tmp_path / "cross", tmp_path / "cross-alone")
    fits = (
        ("distil", train_student, teacher),
        ("bi", train_bi_encoder, base),
        ("student", train_encoder_student, base),
    )
    for kind, train, start in fits:
        alone(train, tmp_path, start, tmp_path / f"{kind}-alone")
        check_same(tmp_path / kind, tmp_path / f"{kind}-alone")
        one, other = (json.loads((tmp_path / f"{kind}-{rank}.json").read_text()) for rank in (0, 1))
        assert one == other
        assert one["processes"] == 2
