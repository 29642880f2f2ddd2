"""What a model is taught: cleaned, sampled, and compared on the right passages."""

import pytest

from clew.core.errors import DataError
from clew.training.examples import Example, clean_queries, judged_example, read_examples, sample_queries, write_examples

TEXTS = {name: f"text of {name}" for name in "abcdefgh"}


def test_a_judged_query_keeps_its_best_documents_and_as_many_others_as_fit():
    judged = {"a": 1, "b": 2, "c": 0, "d": 0, "e": 0, "f": 0, "g": 1}
    found = judged_example("set", "q", "what", judged, TEXTS, 4, 0)
    assert found is not None
    assert found.ids[:2] == ("b", "a")
    assert found.gains == (1.0, 0.5, 0.0, 0.0)
    assert set(found.ids[2:]) < set("cdef")
    assert found.passages == tuple(TEXTS[name] for name in found.ids)


def test_relevant_documents_fill_places_that_others_leave():
    found = judged_example("set", "q", "what", {"a": 1, "b": 1, "c": 1, "d": 0}, TEXTS, 4, 0)
    assert found is not None
    assert found.gains == (1.0, 1.0, 1.0, 0.0)


@pytest.mark.parametrize("judged", [{"a": 0, "b": 0}, {"a": 1, "b": 1}, {}, {"nowhere": 1, "a": 0}])
def test_a_query_without_anything_to_compare_is_no_example(judged):
    assert judged_example("set", "q", "what", judged, TEXTS, 4, 0) is None


def test_grades_alone_are_something_to_compare():
    found = judged_example("set", "q", "what", {"a": 1, "b": 2}, TEXTS, 4, 0)
    assert found is not None
    assert found.gains == (1.0, 0.5)


def test_which_others_are_taken_depends_on_seed_and_query_only():
    judged = {"a": 1} | dict.fromkeys("bcdefgh", 0)
    one, same, other = (judged_example("set", "q", "what", judged, TEXTS, 4, seed) for seed in (0, 0, 1))
    assert one == same
    assert one != other


def test_texts_asked_twice_or_on_another_split_are_dropped():
    queries = {"q1": "Red  shoes", "q2": "red shoes", "q3": " ", "q4": "blue", "t1": "BLUE", "q5": "green"}
    assert clean_queries(queries, ["q1", "q2", "q3", "q4", "q5"], ["t1", "gone"]) == (["q1", "q5"], 3)


def test_a_crowded_document_does_not_crowd_out_the_long_tail():
    queries = [f"q{at}" for at in range(1_000)]
    keys = {query: "popular" if at < 900 else query for at, query in enumerate(queries)}
    drawn = sample_queries(queries, keys, 200, 0)
    assert len(drawn) == 200
    assert sum(keys[query] == "popular" for query in drawn) < 0.75 * 200  # it is 0.9 of all
    assert drawn == sample_queries(queries, keys, 200, 0)
    assert drawn == sorted(drawn, key=queries.index)
    assert sample_queries(queries, keys, 0, 0) == sample_queries(queries, keys, 5_000, 0) == queries


def test_examples_are_read_as_they_were_written(tmp_path):
    rows = [Example("set", "q", "wörds\n", ("a", "b"), ("x", "y\u2028z"), (1.0, 0.0))]
    write_examples(rows, tmp_path / "examples.jsonl")
    assert list(read_examples(tmp_path / "examples.jsonl")) == rows
    (tmp_path / "examples.jsonl").write_text('{"data": "set"}\n')
    with pytest.raises(DataError, match=r"examples\.jsonl:1"):
        list(read_examples(tmp_path / "examples.jsonl"))
