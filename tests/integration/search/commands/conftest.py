"""A small index of three lamps and kettles, and a way to run commands on it."""

import pytest
from typer.testing import CliRunner

from clew.cli import app
from tests.builders import spec_table

FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "text": {"type": "text"},
    "brand": {"type": "keyword", "facet": True},
    "price": {"type": "number"},
}
DOCUMENTS = [
    {"id": "d1", "title": "Oak desk lamp", "text": "A warm lamp for reading.", "brand": "Kvist", "price": 40},
    {"id": "d2", "title": "Steel floor lamp", "text": "Bright and tall.", "brand": "Norra", "price": 90},
    {"id": "d3", "title": "Quiet kettle", "text": "Boils quietly, keeps tea warm.", "brand": "Kvist", "price": 60},
]


@pytest.fixture(scope="session")
def shop_home(built_home):
    """A home with the index "shop"."""
    return built_home(spec_table(fields=FIELDS), docs=DOCUMENTS)


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
