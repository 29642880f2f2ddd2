"""A gate that cannot tell asks for judgements, `clew judge` takes them, and the next build decides."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import DataError, QualityError, UsageError
from clew.core.measures.qrels import read_qrels
from clew.indexer.build import build
from clew.indexer.releases import pending
from clew.indexer.spec import spec_of
from clew.search.versions import IndexFolder
from tests.builders import write_beir

DOCUMENTS = {"d1": ("Kettle", "boils water"), "d2": ("Electric kettle", "boils water fast"), "d3": ("Lamp", "light")}
TABLE = {"name": "shop", "source": {"path": "corpus", "form": "beir"}, "dense": False}


@pytest.fixture
def root(tmp_path):
    write_beir(tmp_path / "corpus", DOCUMENTS, {"q1": "electric kettle", "q2": "lamp"},
               dev={"q1": {"d1": 2}, "q2": {"d3": 2}})  # fmt: skip
    return tmp_path


def spec(root, **quality):
    return spec_of({**TABLE, "quality": {"queries": "corpus", **quality}}, "shop.toml", root)


def clew(root, *words, typed=""):
    return CliRunner().invoke(app, [*words, "--home", str(root / "home")], input=typed, catch_exceptions=False)


def qrels(root):
    return read_qrels(root / "corpus" / "qrels" / "dev.tsv")


def refused(root) -> QualityError:
    with pytest.raises(QualityError) as caught:
        build(spec(root, minimum=0.9), root / "home")
    return caught.value


def test_a_refusal_that_judgements_could_change_says_which_to_judge_first(root):
    error = refused(root)
    assert error.message.startswith("cannot tell: judge these 1 pairs first (of 1 documents among the first ten that ")
    assert "nDCG@10 is 0.8155 on the judged queries, below [quality] minimum = 0.9" in error.message
    assert "clew judge shop" in error.hint
    asked = pending.load(IndexFolder.of(root / "home", "shop"))
    assert [(each.query, each.document, each.title) for each in asked.questions] == [("q1", "d2", "Electric kettle")]


@pytest.mark.parametrize(("answer", "published"), [("2", True), ("0", False)])
def test_an_answer_decides(root, answer, published):
    refused(root)
    shown = clew(root, "judge", "shop", typed=f"9\n{answer}\n").stdout
    assert "[1 of 1] query: electric kettle\n  Electric kettle  (d2)\n  boils water fast" in shown
    assert "1 judgements added" in shown
    assert qrels(root)["q1"] == {"d1": 2, "d2": int(answer)}
    if published:
        report = build(spec(root, minimum=0.9), root / "home")
        assert report.relevance["lowest nDCG@10"] == report.relevance["nDCG@10"] == 1.0
    else:
        assert "cannot tell" not in refused(root).message
    assert pending.load(IndexFolder.of(root / "home", "shop")) is None


@pytest.mark.parametrize("typed", ["", "q\n", "s\n", "\n"])
def test_nothing_is_written_for_a_pair_that_is_skipped(root, typed):
    refused(root)
    before = (root / "corpus" / "qrels" / "dev.tsv").read_bytes()
    assert "0 judgements added" in clew(root, "judge", "shop", typed=typed).stdout
    assert (root / "corpus" / "qrels" / "dev.tsv").read_bytes() == before
    assert "[1 of 1]" in clew(root, "judge", "shop").stdout


@pytest.mark.parametrize("name", ["pairs.tsv", "pairs.jsonl"])
def test_a_file_can_be_filled_in_and_read_once(root, name):
    refused(root)
    path = root / name
    assert "1 pairs written" in clew(root, "judge", "shop", "--write", str(path)).stdout
    assert "0 judgements added" in clew(root, "judge", "shop", "--read", str(path)).stdout
    text = path.read_text()
    if name.endswith(".tsv"):
        header, row, end = text.split("\n")
        assert (header, row, end) == (
            "grade\tquery-id\tcorpus-id\tquery\ttitle\ttext",
            "\tq1\td2\telectric kettle\tElectric kettle\tboils water fast",
            "",
        )
        path.write_text(f"{header}\n3{row}\n")
    else:
        path.write_text(json.dumps({**json.loads(text), "grade": 3}) + "\n")
    # A new highest grade would lower the gain of all other grades, so that it has to be asked for.
    with pytest.raises(DataError, match=rf"{name}:\d: grade '3' is not on the scale of the qrels, 0-2"):
        clew(root, "judge", "shop", "--read", str(path))
    assert "1 judgements added" in clew(root, "judge", "shop", "--read", str(path), "--highest", "3").stdout
    assert "0 judgements added" in clew(root, "judge", "shop", "--read", str(path), "--highest", "3").stdout
    assert qrels(root)["q1"] == {"d1": 2, "d2": 3}


@pytest.mark.parametrize(
    ("grades", "typed", "shown", "given"),
    [
        (("1", "1"), "2\n0.5\n1\n", "0-1", "1"),
        (("3", "1"), "4\n-1\n2\n", "0-3", "2"),
        (("0.5", "1"), "2\n0.25\n", "0-1", "0.25"),
    ],
)
def test_grades_are_on_the_scale_of_the_qrels(root, grades, typed, shown, given):
    path = root / "corpus" / "qrels" / "dev.tsv"
    path.write_text("".join(["query-id\tcorpus-id\tscore\n", f"q1\td1\t{grades[0]}\n", f"q2\td3\t{grades[1]}\n"]))
    build(spec(root), root / "home")
    found = clew(root, "judge", "shop", typed=typed)
    assert f"grade {shown}, s to skip" in found.stderr
    assert found.stderr.count("is not a grade on the scale") == typed.count("\n") - 1
    assert path.read_text().splitlines()[-1] == f"q1\td2\t{given}"


def test_a_bad_grade_is_named_and_nothing_is_added(root):
    refused(root)
    (root / "pairs.tsv").write_text("grade\tquery-id\tcorpus-id\n1\tq1\td2\ngood\tq2\td1\n")
    with pytest.raises(DataError, match=r"pairs\.tsv:3: grade 'good' is not a number"):
        clew(root, "judge", "shop", "--read", str(root / "pairs.tsv"))
    assert qrels(root) == {"q1": {"d1": 2}, "q2": {"d3": 2}}


def test_without_a_question_of_the_gate_the_live_release_is_judged(root):
    report = build(spec(root), root / "home")
    assert report.relevance["condensed nDCG@10"] == 1.0
    assert report.relevance["lowest nDCG@10"] < report.relevance["highest nDCG@10"] == 1.0
    assert "[1 of 1] query: electric kettle" in clew(root, "judge", "shop", typed="1\n").stdout
    assert "there is nothing to judge" in clew(root, "judge", "shop").stdout


def test_a_drop_is_measured_again_on_the_judgements_of_today(root):
    build(spec(root), root / "home")
    with (root / "corpus" / "qrels" / "dev.tsv").open("a") as file:
        file.write("q2\td9\t2\n")  # lowers the figure of any release
    with (root / "corpus" / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "new", "title": "Sofa", "text": "seats three"}\n')
    assert build(spec(root), root / "home").status == "published"


def test_options_that_contradict_each_other_are_an_error(root):
    for words in (["--write", "a", "--read", "b"], ["--most", "0"], ["--highest", "0"]):
        with pytest.raises(UsageError):
            clew(root, "judge", "shop", *words)
