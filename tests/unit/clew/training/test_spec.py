"""The spec of a run: what is wrong is named by file, table and key."""

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
    assert spec_of(spec.as_table(), "again") == spec


def test_the_recipe_of_the_shipped_reranker_is_a_spec():
    from importlib.resources import files

    spec = load_spec(files("clew.training") / "recipes" / "reranker.toml")
    assert isinstance(spec, TrainSpec)
    assert {data.split for data in spec.data} == {"train"}
    assert {data.dev for data in spec.data} == {"dev"}


@pytest.mark.parametrize("part", [TrainSpec, DataSpec, NegativesSpec, FitSpec, ClicksSpec])
def test_every_key_is_described(part):
    page = (Path(__file__).parents[4] / "docs" / "training.md").read_text()
    described = set(re.findall(r"`(\w+)`", page))
    assert {field.name for field in fields(part)} - {"data", "negatives", "fit"} <= described


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nam": "x"}, "unknown key 'nam'"),
        ({"data": []}, r"\[\[data\]\] is missing"),
        ({"data": [{"folder": "a", "candidates": "guessed"}]}, r"\[\[data\]\] 1: candidates"),
        ({"data": [{"folder": "a", "split": "dev"}]}, "what is learned from cannot be measured on"),
        ({"negatives": {"count": 0}}, "count is 0"),
        ({"negatives": {"count": 60}}, "depth is 50"),
        ({"fit": {"epochs": 0}}, "epochs is 0"),
        ({"fit": {"smoothing": 0.5}}, "smoothing is 0.5"),
        ({"fit": {"loss": "magic"}}, "loss"),
        ({"fit": {"clip": -1}}, "clip is -1"),
        ({"fit": {"pieces": -1}}, "pieces is -1"),
    ],
)
def test_what_is_wrong_is_named(change, message):
    with pytest.raises(SpecError, match=message):
        spec_of({"name": "x", "data": DATA, **change}, "run.toml")
