"""A small index of three lamps and kettles, and a way to run commands on it."""

import json

import pytest
from typer.testing import CliRunner

import clew
from clew.cli import app

SPEC = """
name = "shop"
dense = { model = "hashing-32" }
[source]
path = "docs.jsonl"
id = "id"
[fields]
title = { type = "text", weight = 2.0 }
text = { type = "text" }
brand = { type = "keyword", facet = true }
price = { type = "number" }
"""
DOCUMENTS = [
    {"id": "d1", "title": "Oak desk lamp", "text": "A warm lamp for reading.", "brand": "Kvist", "price": 40},
    {"id": "d2", "title": "Steel floor lamp", "text": "Bright and tall.", "brand": "Norra", "price": 90},
    {"id": "d3", "title": "Quiet kettle", "text": "Boils quietly, keeps tea warm.", "brand": "Kvist", "price": 60},
]


@pytest.fixture(scope="session")
def shop_home(tmp_path_factory):
    """A home with the index "shop"."""
    root = tmp_path_factory.mktemp("shop")
    (root / "docs.jsonl").write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    (root / "shop.toml").write_text(SPEC)
    clew.build(root / "shop.toml", root / "home")
    return root / "home"


@pytest.fixture
def clew_shop(shop_home):
    """Runs a command line on that home."""

    def run(*words):
        return CliRunner().invoke(app, [*words, "--home", str(shop_home)])

    return run


@pytest.fixture
def lines():
    """The lines that a command printed, once it ended well."""

    def read(result):
        assert result.exit_code == 0, result.output
        return result.stdout.splitlines()

    return read
