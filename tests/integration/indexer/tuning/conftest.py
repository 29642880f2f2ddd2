import json

import pytest

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
    folder = root / "tiny"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": "", "text": text} for name, text in DOCUMENTS.items()]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in corpus))
    queries = [{"_id": name, "text": text} for name, (text, _) in DEV.items()]
    (folder / "queries.jsonl").write_text("".join(json.dumps(row) + "\n" for row in queries))
    rows = [f"{name}\t{doc}\t{gain}\n" for name, (_, judged) in DEV.items() for doc, gain in judged.items()]
    (folder / "qrels" / "dev.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(rows))
    return folder, root / "home"
