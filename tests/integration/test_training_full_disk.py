"""A disk that fills up while a model is trained: a clear error, nothing that was whole is lost, and the run goes on."""

import json
import resource
import shutil
import subprocess
import sys

import numpy as np
import pytest

from clew.core.errors import StoreError
from clew.models.store import prepare
from clew.training.checkpoints import COMPLETE_FILE
from clew.training.cross_encoder import load_cross_encoder, measure_ndcg, train_cross_encoder
from clew.training.examples import Example
from clew.training.fit import BEST, CHECKPOINTS, CURVE, read_curve
from clew.training.spec import spec_of
from tests.builders import write_beir

COLOURS = ["red", "blue", "green", "black", "white", "brown"]
STEPS, FULL_AT = 12, 7
MB, PAGE = 1_000_000, 4096


def example(at):
    wanted = COLOURS[at % len(COLOURS)]
    passages = (*(f"a torn {colour} shoe" for colour in COLOURS if colour != wanted), f"a fine {wanted} shoe")
    return Example("shoes", f"q{at}", wanted, tuple("uvwxyz"), passages, (0.0, 0.0, 0.0, 0.0, 0.0, 1.0))


EXAMPLES = [example(at) for at in range(48)]
DEV = {"shoes": [example(at) for at in range(6)]}
FIT = {"batch": 8, "epochs": 2, "learning_rate": 2e-3, "evaluations": 4, "checkpoint_minutes": 0}
SPEC = spec_of({"name": "tiny", "max_length": 32, "data": [{"folder": "shoes"}], "fit": FIT}, "run.toml")


def quiet(stage, done, of):
    """No progress."""


def disk_size(folder):
    """What a trainer's checkpoint takes on a disk, whose pages are whole."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != COMPLETE_FILE]
    return sum(-(-path.stat().st_size // PAGE) * PAGE for path in files)


@pytest.fixture(scope="module")
def undisturbed(base, tmp_path_factory):
    run = tmp_path_factory.mktemp("whole")
    return train_cross_encoder(SPEC, base, run, EXAMPLES, DEV, quiet), read_curve(run)


@pytest.fixture
def small_disk(tmp_path):
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("may not mount a tmpfs here (needs root)")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


# Room for: nothing; some of the weights; the weights, and some of the optimizer's state, which is twice their size; all
# but the last page of a checkpoint, whose last file is then the trainer's own notes.
@pytest.mark.parametrize("share", [0.0, 0.15, 0.6, 1.0])
def test_a_full_disk_stops_training_and_loses_nothing(base, small_disk, undisturbed, share):
    run, ballast = small_disk / "run", small_disk / "ballast"
    run.mkdir()

    def fill(stage, done, of):
        if done == FULL_AT:
            newest = run / CHECKPOINTS / f"checkpoint-{FULL_AT - 1}"
            left = shutil.disk_usage(small_disk).free - int(share * disk_size(newest))
            ballast.write_bytes(bytes(left + (PAGE if share == 1.0 else 0)))

    with pytest.raises(StoreError, match=f"{run}: no space left to write") as raised:
        train_cross_encoder(SPEC, base, run, EXAMPLES, DEV, fill)
    assert "free some space and run the same command again" in raised.value.hint
    best = max(row["dev"]["ndcg"] for row in read_curve(run) if "dev" in row)
    assert measure_ndcg(load_cross_encoder(run / BEST, 32), DEV)["ndcg"] == pytest.approx(best, abs=1e-6)
    assert not (run / CHECKPOINTS / f"checkpoint-{FULL_AT}" / COMPLETE_FILE).exists()
    if share == 1.0:  # the trainer itself would go on from this one
        assert (run / CHECKPOINTS / f"checkpoint-{FULL_AT}" / "trainer_state.json").exists()

    ballast.unlink()
    begun = []
    found = train_cross_encoder(SPEC, base, run, EXAMPLES, DEV, lambda stage, done, of: begun.append(done))
    assert begun == list(range(FULL_AT, STEPS + 1))  # on from the checkpoint before
    expected, rows = undisturbed
    assert (found.step, found.measures) == (expected.step, expected.measures)
    again = read_curve(run)
    assert [row["step"] for row in again] == [row["step"] for row in rows]
    assert np.allclose([r["loss"] for r in again if "loss" in r], [r["loss"] for r in rows if "loss" in r])


def test_new_best_weights_that_do_not_fit_leave_the_old_ones(base, small_disk, undisturbed, monkeypatch):
    run = small_disk / "run"
    run.mkdir()
    _, rows = undisturbed
    first, second = [row["step"] for row in rows if "dev" in row][:2]

    def fill(stage, done, of):
        if done == second:
            (small_disk / "ballast").write_bytes(bytes(shutil.disk_usage(small_disk).free - MB))

    better = iter([0.1, 0.2])
    monkeypatch.setattr("clew.training.cross_encoder.measure_ndcg", lambda model, dev: {"ndcg": next(better)})
    with pytest.raises(StoreError, match="no space left to write"):
        train_cross_encoder(SPEC, base, run, EXAMPLES, DEV, fill)
    assert [row["dev"] for row in read_curve(run) if "dev" in row] == [{"ndcg": 0.1}]
    assert 0 < measure_ndcg(load_cross_encoder(run / BEST, 32), DEV)["ndcg"] <= 1
    assert read_curve(run)[-1]["step"] >= first


@pytest.mark.slow
def test_the_command_says_what_to_do(base, tmp_path):
    judged = {f"q-{c}": {d: int(c == d) for d in COLOURS} for c in COLOURS}
    train, dev = ({name: judged[name] for name in part} for part in (list(judged)[:4], list(judged)[4:]))
    documents = {colour: f"a {colour} shoe" for colour in COLOURS}
    write_beir(tmp_path / "shoes", documents, {f"q-{c}": c for c in COLOURS}, train=train, dev=dev)
    (tmp_path / "run.toml").write_text(
        f'name = "mine"\nbase = "{base}"\nmax_length = 32\n[[data]]\nfolder = "{tmp_path / "shoes"}"\n'
        'candidates = "judged"\n[fit]\nbatch = 4\nevaluations = 1\ncheckpoint_minutes = 0\n'
    )
    home = tmp_path / "home"
    prepare(str(base), home)
    limit = max(path.stat().st_size for path in base.iterdir()) + MB  # the optimizer's state is twice the weights

    def limited():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    command = [sys.executable, "-m", "clew", "train", "cross-encoder", str(tmp_path / "run.toml"), "--home", str(home)]
    ended = subprocess.run(command, capture_output=True, text=True, preexec_fn=limited)
    (run,) = (home / "training").iterdir()
    assert ended.returncode == 1, ended.stderr
    assert f"{run}: no space left to write" in ended.stderr
    assert "free some space and run the same command again" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert (run / BEST / "model.safetensors").is_file()
    assert json.loads((run / CURVE).read_text().splitlines()[-1])["dev"]
