"""A bi-encoder that imitates another: it learns the vectors, resumes, and reads with the prompts of its teacher."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import SpecError
from clew.models.folder import layers, read_config
from clew.models.store import load_encoder as load_saved
from clew.models.store import read_manifest
from clew.training import distil_encoder
from clew.training.bi_encoder import Prompts, cosines, encode, load_encoder, to_columns, train_bi_encoder
from clew.training.cross_encoder import mean_ndcg, set_dropout
from clew.training.distil_encoder import train_encoder_student
from clew.training.examples import Example
from clew.training.fit import FINISHED, read_curve
from clew.training.losses import ImitationLoss
from clew.training.spec import spec_of
from tests.builders import write_beir

COLOURS = ["red", "blue", "green", "black", "white", "brown"]
THINGS = dict(zip(COLOURS, ["table", "river", "engine", "garden", "letter", "winter"], strict=True))
PROMPTS = Prompts("ask: ", "read: ")


def example(at: int) -> Example:
    wanted = COLOURS[at % len(COLOURS)]
    others = [thing for colour, thing in THINGS.items() if colour != wanted]
    gains = (*(0.0 for _ in others), 1.0)
    return Example("things", f"q{at}", wanted, tuple("vwxyza"), (*others, THINGS[wanted]), gains)


EXAMPLES = [example(at) for at in range(48)]
DEV = {"things": [example(at) for at in range(6)]}


def spec(**given):
    fit = {"batch": 4, "epochs": 6, "learning_rate": 5e-3, "dropout": 0.0, "evaluations": 2, "checkpoint_minutes": 60}
    fit |= given.pop("fit", {})
    table = {"name": "s", "max_length": 32, "teacher": "t", "layers": 1, "data": [{"folder": "things"}], "fit": fit}
    return spec_of({**table, **given}, "s.toml")


def quiet(stage: str, done: int, of: int) -> None:
    """No progress."""


@pytest.fixture(scope="module")
def teacher(base, tmp_path_factory) -> Path:
    """A trained encoder of two layers with prompts."""
    root = tmp_path_factory.mktemp("teacher")
    untrained = root / "untrained"
    model = load_encoder(base, 32)
    model.prompts = {"query": PROMPTS.query, "document": PROMPTS.passage}
    model.save_pretrained(str(untrained), create_model_card=False)
    return train_bi_encoder(spec(teacher="", layers=0), untrained, root / "run", EXAMPLES, DEV, quiet).folder


def test_an_encoder_keeps_its_prompts_and_learns_with_them(teacher):
    config = read_config(teacher)
    assert (config.query_prompt, config.passage_prompt) == (PROMPTS.query, PROMPTS.passage)
    model = load_encoder(teacher, 32)

    def mean_cosine(prompts: Prompts) -> float:
        """Of queries and their relevant passages, less that with others."""
        rows = [scores - scores.mean() for scores in cosines(model, DEV["things"], prompts)]
        return float(np.mean([scores[-1] for scores in rows]))

    assert mean_cosine(PROMPTS) > mean_cosine(Prompts()) + 0.01
    assert mean_ndcg(DEV, lambda rows: cosines(model, rows, PROMPTS))["ndcg"] > 0.9


def test_a_query_is_read_with_the_prompt_of_queries(teacher):
    model = load_encoder(teacher, 32)
    found = cosines(model, DEV["things"][:1], PROMPTS)[0]
    passages = encode(model, [f"read: {text}" for text in DEV["things"][0].passages], "")
    assert np.allclose(found, passages @ encode(model, ["ask: red"], "")[0], atol=1e-5)


def test_a_student_has_its_teachers_vectors(teacher, tmp_path):
    found = train_encoder_student(spec(fit={"evaluations": 1}), teacher, tmp_path, EXAMPLES, DEV, quiet)
    assert layers(found.folder) == 1
    assert read_config(found.folder).query_prompt == PROMPTS.query
    assert found.measures["ndcg"] > 0.9
    before = load_encoder(teacher, 32)
    distil_encoder.keep_layers(before.transformers_model, 1)
    wanted = encode(load_encoder(teacher, 32), COLOURS, PROMPTS.query)
    apart = [
        1 - (encode(model, COLOURS, PROMPTS.query) * wanted).sum(axis=1).mean()
        for model in (before, load_encoder(found.folder, 32))
    ]
    assert apart[1] < 0.5 * apart[0]
    losses = [row["loss"] for row in read_curve(tmp_path) if "loss" in row]
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


def test_the_distance_is_of_vectors_and_of_layers_and_passes_do_not_change_it(teacher):
    tables = to_columns(EXAMPLES[:6])["things"]
    taught, model = load_encoder(teacher, 32), load_encoder(teacher, 32)
    layers = distil_encoder.keep_layers(model.transformers_model, (1,))

    def loss_and_gradient(loss):
        model.zero_grad()
        found = loss([model.preprocess(list(tables[name])) for name in tables.column_names])
        found.backward()
        return float(found.detach()), model.transformers_model.encoder.layer[0].output.dense.weight.grad.clone()

    set_dropout(model, 0.0)
    whole, short = (loss_and_gradient(ImitationLoss(model, taught, layers, tokens)) for tokens in (0, 16))
    texts = [text for name in tables.column_names for text in tables[name]]
    apart = 1 - (encode(model, texts, "") * encode(taught, texts, "")).sum(axis=1)
    assert whole[0] == pytest.approx(apart.mean(), abs=1e-5)  # one layer is the last, so only vectors are compared
    assert short[0] == pytest.approx(whole[0], abs=1e-5)
    assert torch.allclose(short[1], whole[1], atol=1e-5)


def test_a_copy_of_the_teacher_is_at_distance_0_and_another_layer_is_not(teacher):
    tables = to_columns(EXAMPLES[:6])["things"]
    taught = load_encoder(teacher, 32)

    def distance(change: float) -> float:
        model = load_encoder(teacher, 32)
        set_dropout(model, 0.0)
        layers = distil_encoder.keep_layers(model.transformers_model, 0)
        assert layers == [0, 1]
        with torch.no_grad():
            model.transformers_model.encoder.layer[0].output.LayerNorm.bias.add_(change)
        loss = ImitationLoss(model, taught, layers)
        return float(loss([model.preprocess(list(tables[name])) for name in tables.column_names]).detach())

    assert distance(0.0) == pytest.approx(0.0, abs=1e-6)
    assert distance(0.5) > 0.02


def test_a_student_with_the_layers_that_are_named(teacher, tmp_path):
    from safetensors.numpy import load_file

    # Nothing is learned at this rate, so the weights are still the teacher's.
    still = spec(layers=[1], fit={"learning_rate": 1e-12, "weight_decay": 0.0, "epochs": 1})
    found = train_encoder_student(still, teacher, tmp_path, EXAMPLES[:8], DEV, quiet)
    one, other = load_file(teacher / "model.safetensors"), load_file(found.folder / "model.safetensors")
    name = "encoder.layer.{}.output.dense.weight"
    assert np.allclose(other[name.format(0)], one[name.format(1)], atol=1e-6)
    assert name.format(1) not in other
    with pytest.raises(SpecError, match="layers names layer 2, but the teacher has 2, counted from 0"):
        train_encoder_student(spec(layers=[0, 2]), teacher, tmp_path / "x", EXAMPLES[:8], DEV, quiet)


def test_a_killed_student_goes_on_to_the_same_weights(teacher, tmp_path):
    from safetensors.numpy import load_file

    given = spec(fit={"checkpoint_minutes": 0, "epochs": 1})
    whole = train_encoder_student(given, teacher, tmp_path / "whole", EXAMPLES, DEV, quiet)

    class KilledError(Exception):
        pass

    def kill(stage: str, done: int, of: int) -> None:
        if stage == "training" and done == 8:
            raise KilledError

    with pytest.raises(KilledError):
        train_encoder_student(given, teacher, tmp_path / "cut", EXAMPLES, DEV, kill)
    resumed = train_encoder_student(given, teacher, tmp_path / "cut", EXAMPLES, DEV, quiet)
    assert (resumed.step, resumed.measures) == (whole.step, whole.measures)
    one, other = (load_file(found.folder / "model.safetensors") for found in (whole, resumed))
    assert all(np.allclose(one[name], other[name], atol=1e-6) for name in one)


def test_the_command_makes_a_bi_encoder_of_a_bi_encoder(teacher, tmp_path):
    folder = write_beir(
        tmp_path / "things",
        THINGS,
        {f"q-{colour}": colour for colour in COLOURS},
        train={f"q-{c}": {d: int(c == d) for d in COLOURS} for c in COLOURS[:4]},
        dev={f"q-{c}": {d: int(c == d) for d in COLOURS} for c in COLOURS[4:]},
    )
    shutil.copytree(teacher, tmp_path / "big")
    path = tmp_path / "run.toml"
    path.write_text(
        f'name = "small"\nteacher = "big"\nlayers = [1]\nmax_length = 32\n[[data]]\nfolder = "{folder}"\n'
        'candidates = "judged"\n[fit]\nbatch = 4\nevaluations = 1\n'
    )
    done = CliRunner().invoke(app, ["train", "distil", str(path), "--home", str(tmp_path / "home"), "--json"])
    assert done.exit_code == 0, done.output
    report = json.loads(done.stdout)
    manifest = read_manifest(Path(report["model"]))
    assert (manifest.name, manifest.role, manifest.calibration) == ("small", "bi_encoder", {})
    assert manifest.lineage["kind"] == "distil"
    assert manifest.lineage["spec"]["layers"] == [1]
    assert "pipeline_tag: sentence-similarity" in (Path(report["model"]) / "README.md").read_text()
    assert (Path(report["run"]) / FINISHED).is_file()
    found = load_saved("small", tmp_path / "home").encode_queries(["red"])
    model = load_encoder(Path(report["model"]), 32)
    assert np.allclose(found, encode(model, ["red"], PROMPTS.query), atol=1e-3)
