"""Data sets become examples; what is unusable about one is an error that names it."""

import pytest

from clew.core.errors import DataError, NotFoundError
from clew.training.data import gather
from clew.training.spec import spec_of
from tests.builders import write_rows

COLOURS = ["red", "blue", "green", "black", "white", "brown", "grey", "pink"]


def write(root, judged=None, queries=None):
    """A BEIR folder: every query asks for a colour, its shoe is relevant, the next colour's is judged irrelevant."""
    docs = [{"_id": colour, "title": f"{colour} shoe", "text": f"A shoe that is {colour}."} for colour in COLOURS]
    asked = queries or [{"_id": f"q-{colour}", "text": f"{colour} shoe please"} for colour in COLOURS]
    rows = judged
    if rows is None:
        rows = {"train": [], "dev": []}
        for at, colour in enumerate(COLOURS):
            rows["train" if at < 5 else "dev"] += [(f"q-{colour}", colour, 1), (f"q-{colour}", COLOURS[at - 1], 0)]
    write_rows(root, corpus=docs, queries=asked)
    (root / "qrels").mkdir()
    for split, lines in rows.items():
        text = "".join("\t".join(map(str, line)) + "\n" for line in lines)
        (root / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\n" + text)
    return root


def run_of(folder, **data):
    row = {"folder": str(folder), "candidates": "judged"} | data
    return spec_of({"name": "x", "data": [row], "negatives": {"count": 3, "depth": 8}}, "run.toml")


def quiet(stage, done, of):
    """No progress."""


def test_judged_documents_are_the_candidates(tmp_path):
    found = gather(run_of(write(tmp_path / "shoes")), None, quiet)
    assert [example.query for example in found.examples] == [f"q-{colour}" for colour in COLOURS[:5]]
    assert found.examples[1].ids == ("blue", "red")
    assert found.examples[1].passages[0] == "blue shoe\nA shoe that is blue."
    assert [row.query for row in found.dev["shoes"]] == [f"q-{colour}" for colour in COLOURS[5:]]
    assert found.notices == []


@pytest.fixture
def shoes(word_index):
    """An index of the documents that `write` writes."""
    return word_index({colour: f"{colour} shoe\nA shoe that is {colour}." for colour in COLOURS})


def test_other_candidates_come_from_an_index(tmp_path, shoes):
    folder = write(tmp_path / "shoes")
    found = gather(run_of(folder, candidates="mined", index="shoes"), shoes, quiet)
    assert (shoes.opened, shoes.closed) == (["shoes"], 1)
    assert {len(example.ids) for example in found.examples} <= {2, 3, 4}
    assert all(example.ids[0] == example.query.removeprefix("q-") for example in found.examples)
    assert all(any(row.gains) and len(row.ids) == 8 for row in found.dev["shoes"])


def test_queries_whose_documents_the_index_lacks_are_counted(tmp_path, shoes):
    judged = {"train": [("q-red", "crimson", 1), ("q-blue", "blue", 1)], "dev": [("q-pink", "pink", 1)]}
    folder = write(tmp_path / "shoes", judged)
    found = gather(run_of(folder, candidates="mined", index="shoes"), shoes, quiet)
    assert [example.query for example in found.examples] == ["q-blue"]
    assert found.notices == ["shoes: 1 train queries left out: no relevant passage or no negative"]


def test_what_dev_asks_is_not_taught(tmp_path):
    queries = [{"_id": f"q-{colour}", "text": f"{colour} shoe please"} for colour in COLOURS]
    queries[0]["text"] = "Grey shoe  PLEASE"
    found = gather(run_of(write(tmp_path / "shoes", queries=queries)), None, quiet)
    assert "q-red" not in {example.query for example in found.examples}
    assert "1 train queries left out: blank, duplicate" in found.notices[0]


@pytest.mark.parametrize(
    ("judged", "message"),
    [
        ({"train": [("q-red", "red", 0)], "dev": [("q-pink", "pink", 1)]}, "split 'train' has both"),
        (
            {"train": [("q-red", "red", 1), ("q-red", "blue", 0)], "dev": [("q-pink", "pink", 0)]},
            "split 'dev' has both",
        ),
        (
            {"train": [("q-red", "crimson", 1)], "dev": [("q-pink", "pink", 1)]},
            "missing from its corpus, such as 'crimson'",
        ),
        ({"train": [("q-mauve", "red", 1)], "dev": [("q-pink", "pink", 1)]}, r"train\.tsv:2.*q-mauve"),
    ],
)
def test_data_that_cannot_teach_are_named(tmp_path, judged, message):
    with pytest.raises(DataError, match=message):
        gather(run_of(write(tmp_path / "shoes", judged)), None, quiet)


def test_two_data_sets_of_one_name_are_refused(tmp_path):
    rows = [{"folder": str(write(tmp_path / at / "shoes")), "candidates": "judged"} for at in ("one", "other")]
    with pytest.raises(DataError, match=r"other/shoes: another data set is already named 'shoes'"):
        gather(spec_of({"name": "x", "data": rows}, "run.toml"), None, quiet)


def test_two_data_sets_of_one_folder_have_names_of_their_own(tmp_path):
    folder = write(tmp_path / "shoes")
    for kind, count in (("train", 3), ("dev", 4)):  # two rows of qrels each query
        file = folder / "qrels" / f"{kind}.tsv"
        head, *rows = file.read_text().splitlines(keepends=True)
        file.write_text("".join([head, *rows[2 * (count // 2) :]]))
        (folder / "qrels" / f"{kind}-some.tsv").write_text("".join([head, *rows[: 2 * (count // 2)]]))
    some = {"split": "train-some", "dev": "dev-some", "name": "some"}
    rows = [{"folder": str(folder), "candidates": "judged", **given} for given in ({}, some)]
    spec = spec_of({"name": "x", "data": rows}, "run.toml")
    found = gather(spec, None, quiet)
    assert list(found.dev) == ["shoes", "some"]
    assert [(example.data, example.query) for example in found.examples] == [
        *(("shoes", f"q-{colour}") for colour in COLOURS[1:5]),
        ("some", "q-red"),
    ]
    table = spec.as_table()["data"]
    assert ("name" in table[0], table[1]["name"]) == (False, "some")


def test_a_split_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="split 'validation'"):
        gather(run_of(write(tmp_path / "shoes"), dev="validation"), None, quiet)
