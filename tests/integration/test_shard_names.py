"""A shard is named by the hash of its content, and the same documents give the same names in every release of Clew."""

import pytest

from clew.search.versions import IndexFolder
from tests.builders import build_home, spec_table

FIELDS = {
    "title": {"type": "text", "weight": 2.0},
    "text": {"type": "text"},
    "brand": {"type": "keyword", "facet": True},
    "price": {"type": "number"},
    "new": {"type": "bool"},
    "since": {"type": "date"},
    "colours": {"type": "list"},
    "place": {"type": "geo"},
}
RECORDS = [
    {
        "id": f"p{number}",
        "title": f"Oak lamp {number}",
        "text": " ".join(
            f"The {word} lamp {number * at} stands on a desk." for at in range(number % 4) for word in "ab"
        ),
        "brand": "ab"[number % 2],
        "price": number / 4,
        "new": number % 3 == 0,
        "since": f"2024-05-{1 + number:02}",
        "colours": ["red", "灯"][: number % 3],
        "place": [number, -number],
    }
    for number in range(20)
]
# Changing these numbers means that every index in the world is built again.
ONE = ["2db97315e3ae805c170409f520ce46bacdb3fa24983d61999219ea561db92adc"]
THREE = [
    "78c388b886abddac9e6ba380cc11302d8d71d3280e38b41496a2ca26c0979eca",
    "cf3848a2cce957c874dee2f552f2ac9dab8219b10c5170e9e8759e86c2a3f1e6",
    "38efab9372cc24d8be15959a3a3fe2d23012e09eca18a4074a06fddef1f7c1ae",
]


def shards(folder, count):
    tables = {"passages": {"size": 32, "step": 24}, "build": {"shards": count}}
    home = build_home(folder, spec_table(dense=False, fields=FIELDS, **tables), docs=RECORDS)
    index = IndexFolder.of(home, "shop")
    return [address for address, _ in index.read_version(index.read_release()).shards]


@pytest.mark.parametrize(("count", "names"), [(1, ONE), (3, THREE)])
def test_the_names_of_shards_follow_from_the_documents_alone(tmp_path, count, names):
    assert shards(tmp_path, count) == names
