import pytest

from tests.builders import write_beir

DOCUMENTS = {
    "kettle": ("Steel kettle", "boils water fast, holds two litres"),
    "lamp": ("Desk lamp", "warm light for reading, with a dimmer"),
    "bottle": ("Bottle", "keeps water cold on a hike"),
    "tent": ("Tent", "shelter for two people on a hike"),
    "chair": ("Garden chair", "folds flat, weatherproof wood"),
    "rug": ("Wool rug", "soft and grey, for the living room"),
    "mug": ("Mug", "porcelain, holds hot tea"),
    "torch": ("Torch", "bright light that lasts all night"),
}
QUERIES = {
    "q1": ("boil litres", {"kettle": 3, "bottle": 0}),
    "q2": ("reading dimmer", {"lamp": 3, "torch": 1}),
    "q3": ("water hike", {"bottle": 3, "tent": 2, "rug": 0}),
    "q4": ("zyxwv", {"rug": 3}),
    "q5": ("wood", {"chair": 0}),
    "q6": ("grey wool", {"rug": 3}),
    "q7": ("hot tea", {"mug": 2}),
}
TEST, DEV = ("q1", "q2", "q3", "q4", "q5"), ("q6", "q7")


def write_folder(root):
    """A judged collection of eight documents; q4 matches nothing, q5 has no relevant document."""
    queries = {name: text for name, (text, _) in QUERIES.items()}
    test, dev = ({name: QUERIES[name][1] for name in names} for names in (TEST, DEV))
    return write_beir(root, DOCUMENTS, queries, test=test, dev=dev)


@pytest.fixture
def beir(tmp_path):
    return write_folder(tmp_path / "tiny")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(BEIR folder, home): the same for a module, so that its index is built once."""
    base = tmp_path_factory.mktemp("bench")
    return write_folder(base / "tiny"), base / "home"
