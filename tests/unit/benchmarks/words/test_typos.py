"""Queries get one homophone in their rarest word, and the search for homophones finds it again."""

from clew.benchmarks.words.measure import measure_typos, table
from clew.benchmarks.words.shop_names import Queries
from clew.benchmarks.words.typos import misspelt

TEXTS = {"a": "无线耳机", "b": "无线充电", "c": "无线鼠标", "d": "鸡毛和二手"}
DATA = Queries(TEXTS, {"q": "無線耳機", "none": "wireless"}, {"q": {"a": 1}, "none": {"a": 1}})


def test_one_character_of_the_rarest_word_is_a_homophone_that_the_texts_have():
    assert misspelt(DATA, 0) == misspelt(DATA, 0)
    found = {seed: misspelt(DATA, seed) for seed in range(9)}
    # 耳 sounds as 二, 机 as 鸡.
    assert {each["q"] for each in found.values()} == {"无线二机", "无线耳鸡"}
    assert all("none" not in each for each in found.values())


def test_what_an_error_costs_is_found_again():
    found = measure_typos({"shop": DATA})
    means = {way: row["mean"] for way, row in found["shop"]["nDCG@10"].items()}
    assert found["shop"]["queries"] == 1
    assert means["as typed"] == means["as typed, with homophones"] == means["with an error, with homophones"] == 1.0
    assert table(found).row_count == 4
