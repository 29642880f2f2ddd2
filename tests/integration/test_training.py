"""A run as a whole on a network of two small layers: it learns, resumes exactly, and stops for what is wrong."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import DataError, LockedError, SpecError, UsageError
from clew.models.store import load_scorer, prepare, read_manifest
from clew.training.command import Indexes, calibrate
from clew.training.cross_encoder import load_cross_encoder, mean_ndcg, measure_ndcg, predict, train_cross_encoder
from clew.training.examples import Example
from clew.training.fit import BEST, CURVE, FINISHED, read_curve
from clew.training.run import train
from clew.training.spec import spec_of
from tests.builders import write_beir

COLOURS = ["red", "blue", "green", "black", "white", "brown"]


def example(at: int) -> Example:
    wanted = COLOURS[at % len(COLOURS)]
    others = [colour for colour in COLOURS if colour != wanted][:3]
    passages = (*(f"a torn {colour} shoe" for colour in others), f"a fine {wanted} shoe")
    return Example("shoes", f"q{at}", wanted, ("w", "x", "y", "z"), passages, (0.0, 0.0, 0.0, 1.0))


EXAMPLES = [example(at) for at in range(48)]
DEV = {"shoes": [example(at) for at in range(6)]}


def spec(**fit):
    options = {"batch": 8, "epochs": 2, "learning_rate": 2e-3, "evaluations": 2, "checkpoint_minutes": 60} | fit
    return spec_of({"name": "tiny", "max_length": 32, "data": [{"folder": "shoes"}], "fit": options}, "run.toml")


def quiet(stage: str, done: int, of: int) -> None:
    """No progress."""


def weights(folder):
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def test_a_run_learns_and_keeps_its_best_weights(base, tmp_path):
    found = train_cross_encoder(spec(epochs=6, learning_rate=5e-3, dropout=0.0), base, tmp_path, EXAMPLES, DEV, quiet)
    assert found.folder == tmp_path / BEST
    before = measure_ndcg(load_cross_encoder(base, 32), DEV)["ndcg"]
    assert found.measures["ndcg"] > max(0.95, before)
    assert measure_ndcg(load_cross_encoder(found.folder, 32), DEV)["ndcg"] == pytest.approx(
        found.measures["ndcg"], abs=1e-6
    )
    rows = read_curve(tmp_path)
    losses = [row["loss"] for row in rows if "loss" in row]
    assert len(losses) == found.steps == 36
    assert np.mean(losses[-10:]) < np.mean(losses[:10]) / 2
    assert max(row["dev"]["ndcg"] for row in rows if "dev" in row) == found.measures["ndcg"]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_killed_run_goes_on_to_the_same_weights(base, tmp_path, precision):
    whole = train_cross_encoder(
        spec(precision=precision, checkpoint_minutes=0), base, tmp_path / "whole", EXAMPLES, DEV, quiet
    )

    class KilledError(Exception):
        pass

    def kill(stage: str, done: int, of: int) -> None:
        if done == 8:
            raise KilledError

    cut = spec(precision=precision, checkpoint_minutes=0)
    with pytest.raises(KilledError):
        train_cross_encoder(cut, base, tmp_path / "cut", EXAMPLES, DEV, kill)
    resumed = train_cross_encoder(cut, base, tmp_path / "cut", EXAMPLES, DEV, quiet)
    assert (resumed.step, resumed.measures) == (whole.step, whole.measures)
    one, other = weights(whole.folder), weights(resumed.folder)
    assert all(np.allclose(one[name], other[name], atol=1e-6) for name in one)
    assert (tmp_path / "cut" / CURVE).read_text() == (tmp_path / "whole" / CURVE).read_text()


def test_the_same_seed_gives_the_same_weights_and_another_one_others(base, tmp_path):
    first, again = (
        train_cross_encoder(spec(), base, tmp_path / name, EXAMPLES, DEV, quiet) for name in ("first", "again")
    )
    assert all(np.array_equal(value, weights(again.folder)[name]) for name, value in weights(first.folder).items())
    assert again.measures == first.measures
    other = train_cross_encoder(replace(spec(), seed=1), base, tmp_path / "other", EXAMPLES, DEV, quiet)
    assert not all(np.array_equal(value, weights(other.folder)[name]) for name, value in weights(first.folder).items())


def test_the_same_seed_gives_the_same_dev_measure_on_another_number_of_threads(base, tmp_path):
    import torch

    given, found = torch.get_num_threads(), []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            run = tmp_path / str(threads)
            found.append(train_cross_encoder(spec(epochs=4), base, run, EXAMPLES, DEV, quiet).measures["ndcg"])
    finally:
        torch.set_num_threads(given)
    assert found[0] == pytest.approx(found[1], abs=0.01)  # the tolerance that docs/training.md states


def test_it_stops_where_dev_no_longer_rises(base, tmp_path):
    found = train_cross_encoder(
        spec(learning_rate=1e-12, evaluations=6, patience=2), base, tmp_path, EXAMPLES, DEV, quiet
    )
    assert found.steps < 12


def test_a_loss_that_is_no_number_stops_the_run_and_names_the_queries(base, tmp_path):
    broken = [*EXAMPLES[:20], Example("shoes", "bad", "bad query", ("a", "b"), ("x", "y"), (math.nan, 0.0))]
    with pytest.raises(DataError, match="bad query"):
        train_cross_encoder(spec(batch=21), base, tmp_path, broken, DEV, quiet)


def test_an_encoder_too_stops_at_a_loss_that_is_no_number_and_names_the_queries(base, tmp_path):
    from clew.training.bi_encoder import train_bi_encoder

    diverging = spec(batch=4, learning_rate=1e30, warmup=0.0, clip=0.0)
    with pytest.raises(
        DataError,
        match=r"loss of a batch is nan, not a finite number; its queries: '(red|blue|green|black|white|brown)'",
    ):
        train_bi_encoder(diverging, base, tmp_path, EXAMPLES, DEV, quiet)


def test_predictions_belong_to_their_example(base):
    model = load_cross_encoder(base, 32)
    one, other = predict(model, [EXAMPLES[0], EXAMPLES[1]])
    assert np.allclose(one, predict(model, [EXAMPLES[0]])[0], atol=1e-5)
    assert np.allclose(other, predict(model, [EXAMPLES[1]])[0], atol=1e-5)


def test_a_finished_run_is_not_begun_again(base, tmp_path):
    first = train_cross_encoder(spec(), base, tmp_path, EXAMPLES, DEV, quiet)
    assert not (tmp_path / "checkpoints").exists()
    assert train_cross_encoder(spec(), base, tmp_path, EXAMPLES, DEV, quiet) == first


def test_a_curve_that_outlived_its_checkpoint_is_cut_back(base, tmp_path):
    train_cross_encoder(spec(), base, tmp_path, EXAMPLES, DEV, quiet)
    (tmp_path / FINISHED).unlink()
    before = (tmp_path / CURVE).read_text()
    train_cross_encoder(spec(), base, tmp_path, EXAMPLES, DEV, quiet)
    steps = [json.loads(line)["step"] for line in (tmp_path / CURVE).read_text().splitlines()]
    assert steps == [json.loads(line)["step"] for line in before.splitlines()]


def test_a_student_copies_its_teachers_differences(base, tmp_path):
    from clew.training.distil import teacher_scores, train_student

    quick = {"epochs": 6, "learning_rate": 5e-3, "dropout": 0.0, "evaluations": 2}
    teacher = train_cross_encoder(spec(**quick), base, tmp_path / "t", EXAMPLES, DEV, quiet)
    table = {"name": "s", "max_length": 32, "data": [{"folder": "shoes"}], "teacher": "t", "layers": 1}
    small = spec_of({**table, "fit": quick}, "s.toml")
    found = train_student(small, teacher.folder, tmp_path / "s", EXAMPLES, DEV, quiet)
    student = load_cross_encoder(found.folder, 32)
    assert student.model.config.num_hidden_layers == 1
    wanted = teacher_scores(teacher.folder, 32, tmp_path / "s", EXAMPLES, quiet)
    got = predict(student, EXAMPLES)
    apart = [np.array(one) - np.mean(one) - other + np.mean(other) for one, other in zip(wanted, got, strict=True)]
    spread = [np.array(one) - np.mean(one) for one in wanted]
    assert np.mean(np.square(apart)) < 0.5 * np.mean(np.square(spread))
    assert found.measures["ndcg"] > 0.9


def test_more_layers_than_the_teacher_has_are_refused(base, tmp_path):
    from clew.training.distil import train_student

    table = {"name": "s", "max_length": 32, "data": [{"folder": "shoes"}], "teacher": "t", "layers": 3}
    with pytest.raises(SpecError, match="the teacher has 2"):
        train_student(spec_of(table, "s.toml"), base, tmp_path, EXAMPLES[:4], DEV, quiet)


def test_a_few_examples_with_fewer_negatives_take_none_from_the_others():
    from clew.training.bi_encoder import to_columns

    def example(negatives: int) -> Example:
        names = ("yes", *(f"no{at}" for at in range(negatives)))
        return Example("shoes", f"q{negatives}", "red", names, names, (1.0, *(0.0 for _ in range(negatives))))

    many = to_columns([*(example(3) for _ in range(120)), example(1)])["shoes"]
    assert many.column_names == ["anchor", "positive", "negative_1", "negative_2", "negative_3"]
    assert list(many[0].values())[2:] == ["no0", "no1", "no2"]
    assert list(many[120].values())[2:] == ["no0", "no0", "no0"]
    few = to_columns([*(example(3) for _ in range(9)), example(1)])["shoes"]
    assert few.column_names == ["anchor", "positive", "negative_1"]


def test_an_encoder_learns(base, tmp_path, capfd):
    from clew.training.bi_encoder import Prompts, cosines, load_encoder, train_bi_encoder

    # What belongs together shares no word, so an untrained network cannot know it.
    pairs = dict(zip(COLOURS, ["table", "river", "engine", "garden", "letter", "winter"], strict=True))

    def pair(at: int) -> Example:
        wanted = COLOURS[at % len(COLOURS)]
        others = [thing for colour, thing in pairs.items() if colour != wanted]
        gains = (*(0.0 for _ in others), 1.0)
        return Example("things", f"q{at}", wanted, tuple("vwxyza"), (*others, pairs[wanted]), gains)

    rows, dev = [pair(at) for at in range(48)], {"things": [pair(at) for at in range(6)]}
    quick = spec(epochs=8, batch=4, learning_rate=5e-3, dropout=0.0)
    found = train_bi_encoder(quick, base, tmp_path, rows, dev, quiet)

    def measured_by(folder):
        model = load_encoder(folder, 32)
        return mean_ndcg(dev, lambda rows: cosines(model, rows, Prompts()))["ndcg"]

    assert found.measures["ndcg"] > max(0.9, measured_by(base))
    assert measured_by(found.folder) == pytest.approx(found.measures["ndcg"], abs=1e-6)
    assert "widget" not in capfd.readouterr().err


@pytest.fixture
def prompted(base, tmp_path):
    """The base with prompts for queries and passages."""
    folder = tmp_path / "prompted"
    shutil.copytree(base, folder)
    file = folder / "config_sentence_transformers.json"
    table = json.loads(file.read_text()) if file.is_file() else {}
    file.write_text(json.dumps({**table, "prompts": {"query": "red ", "document": "blue "}}))
    return folder


def test_an_encoder_is_measured_with_its_prompts(base, prompted):
    from clew.training.bi_encoder import Prompts, cosines, load_encoder

    examples = [Example("d", "q", "shoe", ("a", "b"), ("torn", "fine"), (1.0, 0.0))]
    (found,) = cosines(load_encoder(prompted, 32), examples, Prompts.of(prompted))
    query, *passages = load_encoder(base, 32).encode(["red shoe", "blue torn", "blue fine"], normalize_embeddings=True)
    np.testing.assert_allclose(found, np.stack(passages) @ query, atol=1e-6)


def test_an_encoder_learns_with_its_prompts(prompted, tmp_path, monkeypatch):
    from clew.training.bi_encoder import load_encoder, train_bi_encoder

    seen: set[tuple[str, str]] = set()
    kind = type(load_encoder(prompted, 32))
    preprocess = kind.preprocess

    def listen(self, inputs, prompt=None, **rest):
        if prompt is not None:  # the trainer also counts the tokens of the data, without prompts
            seen.update((text, prompt) for text in inputs)
        return preprocess(self, inputs, prompt=prompt, **rest)

    monkeypatch.setattr(kind, "preprocess", listen)
    train_bi_encoder(spec(epochs=1), prompted, tmp_path / "run", EXAMPLES, {}, quiet)
    assert {prompt for text, prompt in seen if text in COLOURS} == {"red "}
    assert {prompt for text, prompt in seen if text not in COLOURS} == {"blue "}


def test_the_command_trains_on_a_folder_and_keeps_a_model(base, tmp_path):
    folder = write(tmp_path / "shoes")
    path = tmp_path / "run.toml"
    path.write_text(
        f'name = "mine"\nbase = "{base}"\nmax_length = 32\nlicence = "MIT"\n[[data]]\nfolder = "{folder}"\n'
        'candidates = "judged"\n[fit]\nbatch = 4\nepochs = 2\nevaluations = 1\n'
    )
    arguments = ["train", "cross-encoder", str(path), "--home", str(tmp_path / "home"), "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    model = Path(report["model"])
    manifest = read_manifest(model)
    assert (manifest.name, manifest.role, manifest.licence, manifest.max_length) == ("mine", "cross_encoder", "MIT", 32)
    assert manifest.lineage["spec"]["data"][0]["folder"] == str(folder)
    assert manifest.metrics["dev nDCG@10"]["ndcg"] == report["fitted"]["measures"]["ndcg"]
    assert {"scale", "fused", "bias"} <= set(manifest.calibration)
    assert "license: mit" in (model / "README.md").read_text()
    assert (Path(report["run"]) / "curve.png").read_bytes().startswith(b"\x89PNG")
    assert load_scorer("mine", tmp_path / "home").score("red", ["red shoe", "blue shoe"]).shape == (2,)
    again = CliRunner().invoke(app, arguments)
    assert json.loads(again.stdout)["model"] == report["model"]
    assert f"this run is already finished; to train it again, delete {report['run']}" in again.stderr
    judged = folder / "qrels" / "train.tsv"
    judged.write_text(judged.read_text().replace("q-red\tblue\t0", "q-red\tblue\t1"))
    other = json.loads(CliRunner().invoke(app, arguments).stdout)
    assert other["run"] != report["run"]
    assert read_manifest(Path(other["model"])).lineage["data"] != manifest.lineage["data"]


def test_two_calls_are_not_at_one_run_together(base, tmp_path):
    folder = write(tmp_path / "shoes")
    home = tmp_path / "home"
    rows = {"data": [{"folder": str(folder), "candidates": "judged"}]}
    given = spec_of({"name": "mine", "base": str(base), "max_length": 32, **rows}, "run.toml")

    def at_it(stage: str, done: int, of: int) -> None:
        with pytest.raises(LockedError, match=r"training run 'mine-.* is being written by another process"):
            train("cross-encoder", given, home, Indexes(home), calibrate, quiet, results.append)
        results.append("refused")

    results: list[str] = []
    train("cross-encoder", given, home, Indexes(home), calibrate, at_it, results.append)
    assert "refused" in results


def test_what_cannot_be_kept_or_read_is_said_before_anything_is_learned(base, tmp_path):
    home = tmp_path / "home"
    rows = {"data": [{"folder": str(write(tmp_path / "shoes")), "candidates": "judged"}]}
    long = spec_of({"name": "mine", "base": str(base), "max_length": 4_096, **rows}, "run.toml")
    with pytest.raises(SpecError, match=r"max_length is 4096, but .*tiny reads at most 512 tokens"):
        train("cross-encoder", long, home, Indexes(home), calibrate, quiet, print)
    taken = spec_of({"name": read_manifest(prepare(str(base), home)).name, **rows}, "run.toml")
    with pytest.raises(UsageError, match="'tiny' is already a cross-encoder, so a bi-encoder cannot have that name"):
        train("bi-encoder", taken, home, Indexes(home), calibrate, quiet, print)
    deep = spec_of({"name": "s", "max_length": 32, "teacher": str(base), "layers": 3, **rows}, "run.toml")
    with pytest.raises(SpecError, match="layers is 3, but the teacher has 2"):
        train("distil", deep, home, Indexes(home), calibrate, quiet, print)
    named = spec_of({"name": "s", "max_length": 32, "teacher": str(base), "layers": [0, 5], **rows}, "run.toml")
    with pytest.raises(SpecError, match="layers names layer 5, but the teacher has 2, counted from 0"):
        train("distil", named, home, Indexes(home), calibrate, quiet, print)
    assert not (home / "training").exists()


@pytest.mark.parametrize("kind", ["cross-encoder", "bi-encoder"])
def test_weights_that_went_astray_are_not_kept(base, tmp_path, kind):
    from clew.training.bi_encoder import train_bi_encoder

    # One step, whose own loss is a number still.
    wild = spec(epochs=1, learning_rate=1e30, warmup=0.0, clip=0.0, evaluations=1)
    fitted = train_cross_encoder if kind == "cross-encoder" else train_bi_encoder
    with pytest.raises(DataError, match="scores on the dev queries of shoes are not finite"):
        fitted(wild, base, tmp_path, EXAMPLES[:8], DEV, quiet)
    assert not (tmp_path / FINISHED).exists()
    assert not (tmp_path / BEST).exists()


def test_a_teacher_fits_distilling_only(tmp_path):
    for kind, teacher, message in (("distil", "", "needs a teacher"), ("bi-encoder", "x", "takes no teacher")):
        given = spec_of({"name": "x", "teacher": teacher, "data": [{"folder": "shoes"}]}, "run.toml")
        with pytest.raises(SpecError, match=message):
            train(kind, given, tmp_path, Indexes(tmp_path), calibrate, quiet, print)


def write(root):
    """A BEIR folder of shoes whose judgements name a right and a wrong colour."""
    return write_beir(
        root,
        {colour: f"a {colour} shoe" for colour in COLOURS},
        {f"q-{colour}": colour for colour in COLOURS},
        train={f"q-{c}": {d: int(c == d) for d in COLOURS} for c in COLOURS[:4]},
        dev={f"q-{c}": {d: int(c == d) for d in COLOURS} for c in COLOURS[4:]},
    )
