"""A catalogue with equal, missing and many values, and an oracle of how it is listed."""

import random

import pytest

import clew
from tests.builders import build_home, spec_table

WORDS = "ocean shirt towel lamp wool linen blue red large small warm desk oak walnut steel brass".split()
FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "text": {"type": "text"},
    "brand": {"type": "keyword", "facet": True},
    "tags": {"type": "list", "facet": True},
    "price": {"type": "number", "facet": [10, 20]},
    "rating": {"type": "number", "facet": True},
    "day": {"type": "date", "facet": True},
    "new": {"type": "bool", "facet": True},
    "place": {"type": "geo"},
}


def documents():
    """600 products, of which each value is missing in some; ids are not in the order of the source."""
    draw = random.Random(11)
    ids = [f"p{number}" for number in range(600)]
    draw.shuffle(ids)
    for name in ids:
        values = {
            "brand": draw.choice(["Velorin", "velorin", "Ästrid", "Astor", "Zebu", "kestrio"]),
            "tags": draw.sample(["sale", "eco", "gift", "new in"], draw.randint(0, 3)),
            "price": draw.choice([draw.randint(1, 30), round(draw.uniform(1, 30), 2), -1.5]),
            "rating": draw.choice([1, 2, 3, 4, 5]),
            "day": draw.choice(["2024", "2024-05-01", "2024-05-01T12:30:00Z", "1969-03-02", "2031-01-01"]),
            "new": draw.random() < 0.5,
        }
        kept = {key: value for key, value in values.items() if draw.random() < 0.8}
        title = " ".join(draw.choices(WORDS, k=3))
        yield {"id": name, "title": title, "text": " ".join(draw.choices(WORDS, k=draw.randint(3, 30))), **kept}


@pytest.fixture(scope="session")
def listing_home(tmp_path_factory):
    tables = [spec_table(f"s{shards}", build={"shards": shards}, fields=FIELDS) for shards in (1, 3)]
    return build_home(tmp_path_factory.mktemp("listing"), *tables, docs=list(documents()))


@pytest.fixture(scope="session", params=["s1", "s3"])
def shop(listing_home, request):
    with clew.open(request.param, listing_home) as index:
        yield index
