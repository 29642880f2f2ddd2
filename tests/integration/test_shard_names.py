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
ONE = ["766a9b88116a42e26a48e1674808852c17d754160ffe7b3803fb79594ad00038"]
THREE = [
    "cd71ccb3ef9550e14d497063f8a2d290b85252475511af0ee02baca5326387aa",
    "61873cf88043cd2053c8421881fe1a82c12c2043805a769d9116b6907bac8c5e",
    "8d1b7237958ee45956e5b9675e4a8f04e7fccb6e0ff163795bfdf90013446dfb",
]


def shards(folder, count):
    tables = {"passages": {"size": 32, "step": 24}, "build": {"shards": count}}
    home = build_home(folder, spec_table(dense=False, fields=FIELDS, **tables), docs=RECORDS)
    index = IndexFolder.of(home, "shop")
    return [address for address, _ in index.read_version(index.read_release()).shards]


@pytest.mark.parametrize(("count", "names"), [(1, ONE), (3, THREE)])
def test_the_names_of_shards_follow_from_the_documents_alone(tmp_path, count, names):
    assert shards(tmp_path, count) == names
