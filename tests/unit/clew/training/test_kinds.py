"""Queries of the kinds of products that titles name, and products that only mention them."""

from __future__ import annotations

import pytest

from clew.core.errors import DataError
from clew.training.kinds import kind_pairs
from tests.builders import write_beir, write_rows

BATTERIES = (
    "Zenit BX-4 Spare Camera Battery, 2 Pack",
    "Orla Camera Battery for X100",
    "Tivo Mini Camera Battery - 7.4 V",
)
OTHERS = {
    "camera": ("Zenit X100 Compact Camera, Black", "Comes with a camera battery and a strap."),
    "strap": ("Orla Leather Camera Strap", "Holds two kilograms."),
    "lamp": ("Tivo Reading Lamp", "Runs on one battery."),
}


def shop(root, **more):
    docs = [{"_id": f"b{at}", "title": title, "text": "Lasts a day."} for at, title in enumerate(BATTERIES)]
    docs += [{"_id": name, "title": title, "text": text} for name, (title, text) in {**OTHERS, **more}.items()]
    write_rows(root, corpus=docs)
    return root


def judged(found, query):
    (name,) = [name for name, text in found.queries.items() if text == query]
    return {document: grade for qrels in found.qrels.values() for document, grade in qrels.get(name, {}).items()}


def test_a_kind_brings_its_products_and_not_those_that_mention_or_describe(tmp_path):
    found = kind_pairs(shop(tmp_path), dev=0.0)
    assert judged(found, "camera battery") == {"b0": 1, "b1": 1, "b2": 1, "camera": 0, "strap": 0}
    assert found.documents["camera"] == "Zenit X100 Compact Camera, Black\nComes with a camera battery and a strap."


def test_what_few_titles_end_with_is_no_kind(tmp_path):
    # Two titles end with "lamp", which is one too few; "black" ends three, of many that have it.
    black = {f"c{at}": (f"Koda Steel Pan Black Edition {at}", "A steel pan in black.") for at in range(12)}
    ends = {f"e{at}": (f"Nori Big Steel Black, {at}", "Black steel.") for at in range(3)}
    lamp = {"more": ("Nori Small Reading Lamp", "A reading lamp."), "desk": ("Nori Desk", "With a reading lamp.")}
    found = kind_pairs(shop(tmp_path, **black, **ends, **lamp), dev=0.0)
    assert not {"reading lamp", "steel black"} & set(found.queries.values())


def test_products_that_other_splits_judge_are_left_out(tmp_path):
    texts = {f"b{at}": f"{title}" for at, title in enumerate(BATTERIES)} | {"camera": "x", "strap": "y"}
    folder = write_beir(tmp_path, texts, {"q": "x", "r": "y"}, train={"q": {"b0": 1}}, test={"r": {"strap": 1}})
    shop(folder)
    assert "strap" not in kind_pairs(folder, dev=0.0).documents


def test_each_split_is_the_same_every_time_and_holds_its_own_queries(tmp_path):
    one, again = (kind_pairs(shop(tmp_path / name), dev=0.5, seed=3) for name in ("one", "again"))
    assert (one.queries, one.qrels, one.documents) == (again.queries, again.qrels, again.documents)
    assert not set(one.qrels.get("dev", {})) & set(one.qrels.get("train", {}))


def test_chinese_titles_name_the_kind_in_their_last_characters(tmp_path):
    titles = ["云禾 不锈钢电热水壶 1.2 升", "青木家用电热水壶，白色", "南屏可调温热水壶", "云禾 水壶 架"]
    docs = [{"_id": f"d{at}", "title": title, "text": "保温。"} for at, title in enumerate(titles)]
    write_rows(tmp_path, corpus=[*docs, {"_id": "tea", "title": "绿茶 100 克", "text": "用热水壶冲泡。"}])
    assert judged(kind_pairs(tmp_path, dev=0.0), "热水壶")["tea"] == 0


def test_the_number_of_queries_and_of_negatives_is_limited(tmp_path):
    found = kind_pairs(shop(tmp_path), negatives=1, most=1, dev=0.0)
    assert len(found.queries) == 1
    assert sum(not grade for grades in found.qrels["train"].values() for grade in grades.values()) == 1


def test_a_corpus_without_kinds_is_refused(tmp_path):
    write_rows(tmp_path, corpus=[{"_id": "a", "title": "Kettle", "text": "Boils."}])
    with pytest.raises(DataError, match="no title names a kind of product"):
        kind_pairs(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"no corpus\.jsonl"):
        kind_pairs(tmp_path / "empty")
