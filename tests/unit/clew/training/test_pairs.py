"""Pairs that nobody judged: titles with texts, names in two languages."""

import json

import pytest

from clew.core.errors import DataError, UsageError
from clew.training.data import gather
from clew.training.pairs import name_pairs, title_pairs
from clew.training.spec import spec_of
from tests.builders import write_beir, write_rows

BRANDS, KINDS = ["Koda", "Nori", "Tavo"], ["kettle", "pan", "lamp", "chair"]


def shop(root):
    """A corpus of twelve documents: each brand makes each kind once."""
    docs = [
        {
            "_id": f"{brand}-{kind}", "title": f"{brand} steel {kind}",
            "text": f"a {kind} of steel, made by {brand} " * 3,
            "metadata": {"brand": brand, "category": ["Home", kind]},
        }
        for brand in BRANDS for kind in KINDS
    ]  # fmt: skip
    write_rows(root, corpus=docs)
    return root


def test_a_title_asks_for_its_text_and_its_negatives_share_brand_or_category(tmp_path):
    found = title_pairs(shop(tmp_path), same=("brand", "category"), negatives=4, dev=0.0)
    assert list(found.qrels) == ["train"]
    assert len(found.queries) == 12
    judged = found.qrels["train"]["t-Koda-pan"]
    assert found.queries["t-Koda-pan"] == "Koda steel pan"
    assert judged.pop("Koda-pan") == 1
    assert set(judged.values()) == {0}
    assert len([name for name in judged if name.startswith("Koda-")]) == 2
    assert len([name for name in judged if name.endswith("-pan")]) == 2


def test_negatives_are_filled_up_with_any_documents(tmp_path):
    judged = title_pairs(shop(tmp_path), same=("category",), negatives=6, dev=0.0).qrels["train"]["t-Koda-pan"]
    assert {"Nori-pan", "Tavo-pan"} < judged.keys()
    assert len(judged) == 7


def test_documents_that_other_splits_judge_and_short_texts_make_no_pairs(tmp_path):
    texts = {name: f"the {name} thing with many words in its text, twelve of them or more" for name in "abcd"}
    folder = write_beir(tmp_path, texts, {"q": "x", "r": "y"}, train={"q": {"a": 1}}, test={"r": {"b": 1}})
    rows = [json.loads(line) for line in (folder / "corpus.jsonl").read_text().splitlines()]
    rows = [{**row, "title": f"title of {row['_id']}"} for row in rows]
    rows[3]["text"] = "too short"
    write_rows(folder, corpus=rows)
    assert set(title_pairs(folder, dev=0.0).documents) == {"a", "c"}


def test_a_text_in_chinese_needs_no_spaces(tmp_path):
    text = "这款{}可以调节温度，容量一升，水开后自动断电，还能保温。"
    names = ["烧水壶", "炒锅"]
    docs = [{"_id": name, "title": f"可以调节温度的{name}", "text": text.format(name)} for name in names]
    write_rows(tmp_path, corpus=docs)
    assert len(title_pairs(tmp_path, dev=0.0).queries) == 2


def test_what_is_written_is_a_data_set_to_train_on(tmp_path):
    made = title_pairs(shop(tmp_path / "shop"), same=("brand",), dev=0.4, seed=1)
    counts = made.write(tmp_path / "titles")
    assert counts["train"] + counts["dev"] == 12
    assert min(counts.values()) > 0
    row = {"folder": str(tmp_path / "titles"), "candidates": "judged"}
    found = gather(spec_of({"name": "x", "data": [row]}, "run.toml"), None, lambda *_: None)
    assert len(found.examples) == counts["train"]
    assert found.examples[0].passages[0].startswith(f"a {found.examples[0].text.split()[-1]} of steel, made by Koda")
    with pytest.raises(UsageError, match="is not empty"):
        made.write(tmp_path / "titles")


def test_the_seed_decides_and_nothing_else(tmp_path):
    folder = shop(tmp_path)
    one, again, other = (title_pairs(folder, same=("brand",), dev=0.4, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert one.qrels != other.qrels


def nodes(path, rows):
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def test_a_name_asks_for_the_names_of_the_same_nodes_in_the_other_language(tmp_path):
    rows = [
        {"id": "1", "name": "Sofas", "names": {"zh": "沙发", "zh-Hant": "沙發"}},
        {"id": "2", "name": "sofas", "names": {"zh": "长沙发"}},
        {"id": "3", "name": "USB", "names": {"zh": "USB"}},
        {"id": "4", "name": "Lamps", "names": {}},
        {"id": "5", "name": "Couches", "names": {"zh": "沙发"}},
    ]
    found = name_pairs(nodes(tmp_path / "nodes.jsonl", rows), ("en", "zh"), dev=0.0, test=0.0)
    assert list(found.queries.values()) == ["Sofas", "Couches"]
    assert sorted(found.documents.values()) == ["沙发", "长沙发"]
    named = {q: {found.documents[d] for d in judged} for q, judged in found.qrels["train"].items()}
    assert list(named.values()) == [{"沙发", "长沙发"}, {"沙发"}]
    back = name_pairs(tmp_path / "nodes.jsonl", ("zh", "en"), dev=0.0, test=0.0)
    assert len(back.qrels["train"]) == 2
    with pytest.raises(DataError, match="no node has names in both en and fr"):
        name_pairs(tmp_path / "nodes.jsonl", ("en", "fr"))


def test_a_name_is_in_the_same_split_in_both_directions(tmp_path):
    rows = [{"id": str(at), "name": f"thing {at}", "names": {"zh": f"东西{at}"}} for at in range(200)]
    file = nodes(tmp_path / "nodes.jsonl", rows)
    there, back = name_pairs(file, ("en", "zh")), name_pairs(file, ("zh", "en"))
    for split in ("train", "dev", "test"):
        asked = {there.queries[query].removeprefix("thing ") for query in there.qrels[split]}
        assert asked == {back.queries[query].removeprefix("东西") for query in back.qrels[split]}
        assert asked
