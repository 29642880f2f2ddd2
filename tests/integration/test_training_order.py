"""A cross-encoder learns the order of a teacher besides the gains."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from clew.cli import app
from clew.models.store import load_scorer, read_manifest
from clew.training import teacher_order
from clew.training.cross_encoder import load_cross_encoder, predict, set_dropout, train_cross_encoder
from clew.training.examples import Example
from clew.training.losses import RankingLoss
from clew.training.spec import spec_of
from clew.training.teacher_order import order_scores
from tests.builders import write_beir

COLOURS = ["red", "blue", "green", "black", "white", "brown"]
STATES = ["torn", "old", "good", "fine"]


class ByState:
    """A teacher that prefers a better state, and reads no query with a Chinese character."""

    fingerprint, runtime, max_length = "0" * 64, "table", 100

    def __init__(self) -> None:
        self.asked: list[str] = []

    def score(self, query, texts):
        self.asked.append(query)
        return np.array([STATES.index(text.split()[1]) for text in texts], np.float32)

    def unread_share(self, query):
        return float(not query.isascii())


def example(at: int) -> Example:
    colour = COLOURS[at % len(COLOURS)]
    passages = tuple(f"a {state} {colour} shoe" for state in (*STATES[at % 3 :], *STATES[: at % 3]))
    # No passage is better than another by its gain.
    return Example("shoes", f"q{at}", colour, tuple("wxyz"), passages, (1.0, 1.0, 1.0, 1.0))


EXAMPLES = [example(at) for at in range(48)]


def quiet(stage: str, done: int, of: int) -> None:
    """No progress."""


def test_the_order_is_learned_where_the_gains_say_nothing(base, tmp_path):
    fit = {"batch": 8, "epochs": 4, "learning_rate": 5e-3, "dropout": 0.0, "evaluations": 1}
    given = spec_of({"name": "x", "max_length": 32, "data": [{"folder": "shoes"}], "fit": fit}, "run.toml")
    found = train_cross_encoder(given, base, tmp_path, EXAMPLES, {"shoes": EXAMPLES[:6]}, quiet, ByState)
    scores = predict(load_cross_encoder(found.folder, 32), EXAMPLES[:6])
    wanted = [ByState().score("", each.passages) for each in EXAMPLES[:6]]
    assert all((np.argsort(one) == np.argsort(other)).all() for one, other in zip(scores, wanted, strict=True))


def test_the_loss_has_a_part_for_each_pair_that_the_teacher_orders(base):
    model = load_cross_encoder(base, 32)
    set_dropout(model, 0.0)
    rows = EXAMPLES[:3]
    teacher = [[0.0, 1.0, 1.0, 2.0], [3.0, 2.0, 1.0, 0.0], [float("nan")] * 4]  # the last has no order
    labels = [torch.tensor([[1.0, score] for score in each]) for each in teacher]
    inputs = [[each.text for each in rows], [list(each.passages) for each in rows]]
    without, with_order = (
        float(RankingLoss(model, list_weight=1.0, point_weight=0.2, order_weight=weight)(inputs, labels).detach())
        for weight in (0.0, 0.5)
    )
    pairs = [
        np.log1p(np.exp(scores[low] - scores[high]))
        for scores, order in zip(predict(model, rows), teacher, strict=True)
        for high in range(4) for low in range(4) if order[high] > order[low]
    ]  # fmt: skip
    assert len(pairs) == 5 + 6
    assert with_order == pytest.approx(without + 0.5 * np.mean(pairs), abs=1e-5)


def test_scores_are_stored_part_by_part_and_a_killed_run_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_order, "PART", 5)
    rows = [*EXAMPLES[:11], Example("shoes", "zh", "红鞋", ("a", "b"), ("a torn shoe", "a fine shoe"), (1.0, 0.0))]

    class KilledError(Exception):
        pass

    def kill(stage: str, done: int, of: int) -> None:
        assert (stage, of) == ("teacher", 12)
        if done == 10:
            raise KilledError

    first, second = ByState(), ByState()
    with pytest.raises(KilledError):
        order_scores(lambda: first, tmp_path, rows, kill)
    found = order_scores(lambda: second, tmp_path, rows, quiet)
    assert (len(first.asked), len(second.asked)) == (10, 1)
    assert found[0] == [0.0, 1.0, 2.0, 3.0]
    assert np.isnan(found[-1]).all()
    assert np.array_equal(order_scores(pytest.fail, tmp_path, rows, quiet)[10], found[10])


def test_the_command_takes_a_teacher_and_names_it(base, tmp_path):
    folder = write_beir(
        tmp_path / "shoes",
        {colour: f"a {colour} shoe" for colour in COLOURS},
        {f"q-{colour}": colour for colour in COLOURS},
        train={f"q-{c}": {d: int(c == d) for d in COLOURS} for c in COLOURS[:4]},
        dev={f"q-{c}": {d: int(c == d) for d in COLOURS} for c in COLOURS[4:]},
    )
    path = tmp_path / "run.toml"
    path.write_text(
        f'name = "mine"\nbase = "{base}"\nteacher = "overlap"\nmax_length = 32\n[[data]]\nfolder = "{folder}"\n'
        'candidates = "judged"\n[fit]\nbatch = 4\nevaluations = 1\norder = 0.5\n'
    )
    done = CliRunner().invoke(app, ["train", "cross-encoder", str(path), "--home", str(tmp_path / "home"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    lineage = read_manifest(Path(report["model"])).lineage
    assert lineage["teacher"] == load_scorer("overlap", tmp_path).fingerprint
    assert lineage["spec"]["fit"]["order"] == 0.5
    assert "with the order of overlap" in (Path(report["model"]) / "README.md").read_text()
    stored = Path(report["run"]) / teacher_order.FOLDER
    assert sum(len(file.read_text().splitlines()) for file in stored.iterdir()) == report["queries"]
