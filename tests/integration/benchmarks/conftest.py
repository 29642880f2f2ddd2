import json

import pytest

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
    (root / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": title, "text": text} for name, (title, text) in DOCUMENTS.items()]
    (root / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
    queries = [{"_id": name, "text": text} for name, (text, _) in QUERIES.items()]
    (root / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    for split, names in (("test", TEST), ("dev", DEV)):
        rows = [f"{name}\t{doc}\t{grade}\n" for name in names for doc, grade in QUERIES[name][1].items()]
        (root / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))
    return root


@pytest.fixture
def beir(tmp_path):
    return write_folder(tmp_path / "tiny")


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """(BEIR folder, home): the same for a module, so that its index is built once."""
    base = tmp_path_factory.mktemp("bench")
    return write_folder(base / "tiny"), base / "home"
