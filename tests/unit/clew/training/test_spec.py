"""The spec of a run: what is wrong is named by file, table and key."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

from clew.core.errors import SpecError
from clew.training.clicks import ClicksSpec
from clew.training.spec import DataSpec, FitSpec, NegativesSpec, TrainSpec, load_spec, spec_of

DATA = [{"folder": "squad11"}]


def test_a_spec_is_read_with_its_tables(tmp_path):
    (tmp_path / "run.toml").write_text(
        'name = "mine"\nseed = 7\n[[data]]\nfolder = "a"\nqueries = 10\n[[data]]\nfolder = "b"\ncandidates = "judged"\n'
        '[negatives]\ncount = 3\n[fit]\nprecision = "bf16"\n'
    )
    spec = load_spec(tmp_path / "run.toml")
    assert (spec.name, spec.seed, spec.negatives.count, spec.fit.precision) == ("mine", 7, 3, "bf16")
    assert [(data.folder, data.queries, data.candidates) for data in spec.data] == [
        ("a", 10, "mined"),
        ("b", 0, "judged"),
    ]
    assert spec_of(spec.as_table(), "again", stored=True) == spec


RECIPES = {
    **dict.fromkeys(["encoder", "reranker", "reranker-more", "student"], "all-MiniLM-L6-v2-int8"),
    "bilingual-encoder": "e5-zh-en-int8",
    "bilingual-reranker": "clew-bilingual-int8",
    "bilingual-student": "e5-zh-en-int8",
}


def test_every_recipe_is_known():
    from importlib.resources import files

    found = {file.name for file in (files("clew.training") / "recipes").iterdir()}
    assert found == {f"{name}.toml" for name in RECIPES}


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_are_specs_that_learn_from_train_and_name_what_they_are_mined_with(name):
    from importlib.resources import files

    spec = load_spec(files("clew.training") / "recipes" / f"{name}.toml")
    assert isinstance(spec, TrainSpec)
    assert {data.split for data in spec.data} == {"train"}
    assert {data.dev for data in spec.data} == {"dev"}
    assert spec.negatives.model == RECIPES[name]
    assert spec_of(spec.as_table(), "again", stored=True).negatives == spec.negatives


def test_what_was_added_later_is_in_the_table_only_where_it_is_used():
    table = {"name": "x", "data": [{"folder": "a"}]}
    assert "model" not in spec_of(table, "run.toml").as_table()["negatives"]
    assert "temperature" not in spec_of(table, "run.toml").as_table()["fit"]
    assert spec_of({**table, "fit": {"temperature": 0.02}}, "run.toml").as_table()["fit"]["temperature"] == 0.02
    other = spec_of({**table, "negatives": {"model": "mine"}}, "run.toml")
    assert other.as_table()["negatives"]["model"] == "mine"


@pytest.mark.parametrize("part", [TrainSpec, DataSpec, NegativesSpec, FitSpec, ClicksSpec])
def test_every_key_is_described(part):
    page = (Path(__file__).parents[4] / "docs" / "training.md").read_text()
    described = set(re.findall(r"`(\w+)`", page))
    assert {field.name for field in fields(part)} - {"data", "negatives", "fit", "paths_as_written"} <= described


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nam": "x"}, "unknown key 'nam'"),
        ({"data": []}, r"\[\[data\]\] is missing"),
        ({"data": [{"folder": "a", "candidates": "guessed"}]}, r"\[\[data\]\] 1: candidates"),
        ({"data": [{"folder": "a", "split": "dev"}]}, "expected two different splits"),
        ({"negatives": {"count": 0}}, "count is 0"),
        ({"negatives": {"count": 60}}, "depth is 50"),
        ({"fit": {"epochs": 0}}, "epochs is 0"),
        ({"fit": {"smoothing": 0.5}}, "smoothing is 0.5"),
        ({"fit": {"loss": "magic"}}, "loss"),
        ({"fit": {"temperature": 0}}, "temperature is 0"),
        ({"fit": {"temperature": 2}}, "temperature is 2"),
        ({"fit": {"clip": -1}}, "clip is -1"),
        ({"fit": {"tokens_per_pass": -1}}, "tokens_per_pass is -1"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(SpecError, match=message):
        spec_of({"name": "x", "data": DATA, **change}, "run.toml")


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("name", "my model/x", "is not a valid model name: use letters"),
        ("name", "default", "model name 'default' is reserved"),
        ("name", "../../esc", "is not a valid model name"),
        ("max_length", 0, "max_length is 0, expected 8 to"),
        ("seed", -1, "seed is -1, expected 0 to"),
        ("layers", -1, "layers is -1, expected 0 to"),
        ("layers", [], "layers is .., expected numbers from 0 in ascending order"),
        ("layers", [2, 1], "layers is .2, 1., expected"),
        ("layers", [0, 1, 1], "layers is .0, 1, 1., expected"),
        ("layers", [-1, 3], "layers is .-1, 3., expected"),
    ],
)
def test_what_no_run_can_be_is_refused_before_it_begins(key, value, why):
    with pytest.raises(SpecError, match=why) as caught:
        spec_of({"name": "x", "data": [{"folder": "d"}], key: value}, "run.toml")
    assert caught.value.message.startswith("run.toml")
    assert caught.value.hint == "see docs/training.md"


@pytest.mark.parametrize("key", ["epochs", "learning_rate", "clip", "weight_decay", "checkpoint_minutes"])
@pytest.mark.parametrize("value", [float("inf"), float("nan"), -1.0])
def test_what_is_no_number_to_fit_with_is_refused(key, value):
    with pytest.raises(SpecError, match=key):
        spec_of({"name": "x", "data": [{"folder": "d"}], "fit": {key: value}}, "run.toml")


def test_what_lies_beside_the_spec_is_named_from_there(tmp_path):
    for name in ("ds", "weights", "default"):
        (tmp_path / name).mkdir()
    (tmp_path / "log.jsonl").write_text("")
    rows = '[[data]]\nfolder = "ds"\n[[data]]\nfolder = "squad11"\n[[data]]\nclicks = "log.jsonl"\nindex = "shop"\n'
    (tmp_path / "run.toml").write_text('name = "x"\nbase = "weights"\nteacher = "default"\n' + rows)
    spec = load_spec(tmp_path / "run.toml")
    assert [row.folder for row in spec.data] == [str(tmp_path / "ds"), "squad11", ""]
    assert (spec.data[2].clicks, spec.base) == (str(tmp_path / "log.jsonl"), str(tmp_path / "weights"))
    assert spec.teacher == "default"
    table = spec.as_table()
    assert [row["folder"] for row in table["data"]] == ["ds", "squad11", ""]
    assert (table["data"][2]["clicks"], table["base"]) == ("log.jsonl", "weights")
    assert spec_of(table, "run.toml", stored=True).data[1] == spec.data[1]


def test_a_spec_that_is_not_there_is_no_index_spec(tmp_path):
    with pytest.raises(SpecError, match="no such file") as caught:
        load_spec(tmp_path / "none.toml")
    assert caught.value.hint == "see docs/training.md for an example"


def test_the_model_that_negatives_are_mined_with_may_be_a_folder_next_to_the_spec(tmp_path):
    (tmp_path / "e5").mkdir()
    (tmp_path / "run.toml").write_text('name = "x"\nbase = "e5"\n[[data]]\nfolder = "d"\n[negatives]\nmodel = "e5"\n')
    spec = load_spec(tmp_path / "run.toml")
    assert (spec.base, spec.negatives.model) == (str(tmp_path / "e5"),) * 2
    assert spec.as_table()["negatives"]["model"] == "e5"


def test_a_students_layers_are_a_number_or_a_list():
    table = {"name": "x", "teacher": "t", "data": [{"folder": "a"}]}
    assert spec_of({**table, "layers": 6}, "run.toml").layers == 6
    spec = spec_of({**table, "layers": [0, 2, 4]}, "run.toml")
    assert spec.layers == (0, 2, 4)
    assert spec_of(json.loads(json.dumps(spec.as_table())), "again", stored=True) == spec


def test_tokens_per_pass_is_read_under_its_old_name_and_stored_under_it():
    table = {"name": "x", "data": [{"folder": "f"}], "fit": {"pieces": 512}}
    with pytest.warns(FutureWarning, match=r"run.toml \[fit\]: 'pieces' is now called 'tokens_per_pass'"):
        spec = spec_of(table, "run.toml")
    assert spec.fit.tokens_per_pass == 512
    stored = spec.as_table()["fit"]  # runs and models of earlier versions are identified by it
    assert (stored["pieces"], "tokens_per_pass" in stored) == (512, False)
