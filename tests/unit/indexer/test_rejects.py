"""The list of what was left out: one JSON object a line, and no file where there is nothing."""

import json

from clew.indexer.rejects import Rejects


def test_what_was_left_out_is_listed_in_order(tmp_path):
    with Rejects(tmp_path / "rejects.jsonl") as rejects:
        rejects.write("a.jsonl:3", "no id")
        rejects.write("a.jsonl:9", "'中' is not a number", "price", "中")
        rejects.write("a.pdf#page-2", "damaged")
    lines = (tmp_path / "rejects.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [
        {"origin": "a.jsonl:3", "file": "a.jsonl", "line": 3, "reason": "no id"},
        {
            "origin": "a.jsonl:9", "file": "a.jsonl", "line": 9, "field": "price", "value": "中",
            "reason": "'中' is not a number",
        },
        {"origin": "a.pdf#page-2", "reason": "damaged"},
    ]  # fmt: skip


def test_without_any_there_is_no_file_and_an_old_one_goes(tmp_path):
    (tmp_path / "rejects.jsonl").write_text("of the time before\n")
    with Rejects(tmp_path / "rejects.jsonl"):
        pass
    assert not (tmp_path / "rejects.jsonl").exists()
