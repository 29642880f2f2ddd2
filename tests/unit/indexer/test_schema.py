"""The JSON Schema of specs agrees with what reads them."""

import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from clew.indexer.schema import spec_schema
from clew.indexer.suggest import suggest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def validator():
    schema = spec_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("file", ["examples/shop/shop.toml", "examples/pydocs/pydocs.toml"])
def test_a_spec_that_builds_is_valid(validator, file):
    validator.validate(tomllib.loads((ROOT / file).read_text(encoding="utf-8")))


def test_a_spec_that_init_writes_is_valid(validator, tmp_path):
    (tmp_path / "lamps.jsonl").write_text('{"id": "1", "title": "Oak lamp", "price": 3.5}\n')
    text = suggest(str(tmp_path / "lamps.jsonl"), tmp_path / "lamps.toml").text
    assert text.startswith("#:schema ./clew.schema.json\n")
    validator.validate(tomllib.loads(text))


@pytest.mark.parametrize(
    "change",
    [
        {"nmae": "x"},
        {"name": "Not A Name"},
        {"bm25": {"k1": "high"}},
        {"fields": {"title": {"type": "txt"}}},
        {"graph": {"expand": {"hop": 2}}},
        {"dense": True},
    ],
)
def test_what_the_reader_refuses_is_invalid(validator, change):
    spec = {"name": "lamps", "source": {"path": "lamps.jsonl"}, "fields": {"title": {"type": "text"}}}
    validator.validate(spec)
    assert not validator.is_valid({**spec, **change})


def test_old_names_of_keys_are_valid_and_deprecated(validator):
    spec = {"name": "lamps", "source": {"path": "lamps.jsonl"}, "rerank": {"settle": 0.01}}
    validator.validate(spec)
    assert validator.schema["$defs"]["RerankSpec"]["properties"]["settle"]["deprecated"]


def test_every_key_says_what_it_means(validator):
    named_by_themselves = {"database", "user"}
    silent = [
        f"{table}.{key}"
        for table, schema in validator.schema["$defs"].items()
        for key, value in schema["properties"].items()
        if not value.get("description") and key not in named_by_themselves
    ]
    assert not silent
