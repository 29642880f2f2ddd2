import pytest

from tests.builders import write_beir

DOCUMENTS = {
    "kettle": "steel kettle that boils water fast",
    "lamp": "desk lamp with a warm light for reading",
    "tent": "tent, shelter for two people on a hike",
    "rug": "wool rug, soft and grey",
    "mug": "porcelain mug that holds hot tea",
}
DEV = {"q1": ("grey wool", {"rug": 3}), "q2": ("hot tea", {"mug": 2, "kettle": 1})}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(BEIR folder with dev queries alone, home): the same for a module, so that its index is built once."""
    root = tmp_path_factory.mktemp("judged")
    queries, judged = ({name: asked[part] for name, asked in DEV.items()} for part in (0, 1))
    return write_beir(root / "tiny", DOCUMENTS, queries, dev=judged), root / "home"
