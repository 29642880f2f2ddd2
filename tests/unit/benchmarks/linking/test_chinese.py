"""The Chinese set of the linker: which weak labels questions get, and which questions are left out."""

import pytest

from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.linking.chinese import Names, key_of, labelled, main, make
from clew.benchmarks.linking.mentions import Question, read_questions
from clew.core.measures.judged import read_rows
from clew.core.words import words
from tests.builders import write_rows

TITLES = ["白苇河", "網球", "李晨 (演员)", "云岭", "云岭银行", "鸟"]
PRODUCTS = ["地区", "德国", "网球拍", "烧水壶"]


def keys(names):
    return {key_of(words(name)): {name} for name in names}


TOPICS = keys(["白苇河", "网球", "李晨", "云岭", "云岭银行", "鸟", "政策"])
NAMES = Names(TOPICS, TOPICS.keys() | keys(PRODUCTS).keys())


@pytest.mark.parametrize(
    ("text", "own", "mentioned"),
    [
        ("白苇河有多长？", "白苇河", ["白苇河"]),
        ("網球是什么？网球的规则是什么？", "网球", ["網球", "网球"]),
        # The title is not in the question.
        ("这条河有多长？", "白苇河", []),
        # Common words of the dictionary count as wrong if they are linked.
        ("白苇河流过哪个地区？", "白苇河", ["白苇河"]),
        ("白苇河有什么政策？", "白苇河", ["白苇河"]),
        # Doubtful: part of a longer name, part of a word, other proper names.
        ("网球拍有多重？", "网球", None),
        ("云岭银行在哪里？", "云岭", None),
        ("鸟类吃什么？", "鸟", None),
        ("白苇河流过德国吗？", "白苇河", None),
        ("白苇河流过云岭银行吗？", "白苇河", None),
    ],
)
def test_a_question_mentions_its_own_title_or_is_left_out(text, own, mentioned):
    question = labelled(Question("q", text, (), "test"), own, {key_of(words(own))}, NAMES)
    assert (question and [text[m.start : m.end] for m in question.mentions]) == mentioned


@pytest.fixture
def data(tmp_path):
    for at, name in enumerate(("drcd", "cmrc2018")):
        titles = TITLES[3 * at : 3 * at + 3]
        folder = tmp_path / name
        write_rows(
            folder, corpus=[{"_id": f"p{title}", "title": title, "text": f"{title}与白苇河。"} for title in titles]
        )
        rows = [(split, title) for split in ("train", "dev", "test") for title in titles]
        asked = [{"_id": f"{split}{title}", "text": f"{title.split(' ')[0]}的历史是什么？"} for split, title in rows]
        write_rows(folder, queries=asked)
        (folder / "qrels").mkdir()
        for split in ("train", "dev", "test"):
            lines = [f"{split}{title}\tp{title}\t1" for title in titles]
            (folder / "qrels" / f"{split}.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n")
    nodes = [{"id": f"cat:{at}", "type": "category", "name": f"n{at}", "names": {"zh": name}}
             for at, name in enumerate([*PRODUCTS, "地区"])]  # fmt: skip
    edges = [{"source": "cat:0", "relation": "subcategory_of", "target": f"cat:{at}"} for at in (1, 4)]
    write_rows(tmp_path / "shopify-taxonomy" / "graph", nodes=nodes, edges=edges)
    return tmp_path


def test_the_set_is_a_linking_set_and_a_judged_data_set_and_the_same_every_time(data, tmp_path):
    counts = make(tmp_path / "one", data)
    questions = {question.id: question for question in read_questions(tmp_path / "one" / "questions.jsonl.gz")}
    river = questions["test白苇河"]
    assert [(river.text[m.start : m.end], m.entity) for m in river.mentions] == [("白苇河", "topic:白苇河")]
    # Traditional and simplified are one name, and brackets are no part of it.
    assert [m.entity for m in questions["dev網球"].mentions] == ["topic:网球"]
    assert [m.entity for m in questions["dev李晨 (演员)"].mentions] == ["topic:李晨 (演员)"]
    made = {name for name in questions if name.endswith("-made")}
    assert made
    assert {questions[name].split for name in made} == {"train"}
    assert {mention.entity[:4] for name in made for mention in questions[name].mentions} == {"cat:"}
    assert counts["test: questions"] == sum(question.split == "test" for question in questions.values())
    nodes = {row["id"]: row for _, row in read_rows(tmp_path / "one" / "graph" / "nodes.jsonl.gz")}
    # Namesakes of one type are one node, and edges between one node and itself are left out.
    assert {name for name in nodes if name.startswith("cat:")} == {f"cat:{at}" for at in range(4)}
    edges = [tuple(row.values()) for _, row in read_rows(tmp_path / "one" / "graph" / "edges.jsonl.gz")]
    assert ("topic:鸟", "mentions", "topic:白苇河") in edges
    assert ("p鸟", "about", "topic:鸟") in edges
    assert [edge for edge in edges if edge[1] == "subcategory_of"] == [("cat:0", "subcategory_of", "cat:1")]
    dataset = open_dataset(tmp_path / "one")
    assert len(dataset.judged.qrels("test", dataset.document_ids)) == len(TITLES)
    make(tmp_path / "two", data)
    for file in ("questions.jsonl.gz", "graph/nodes.jsonl.gz", "graph/edges.jsonl.gz", "qrels/dev.tsv"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_command_reports_counts_or_what_is_missing(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CLEW_DATA", str(data))
    assert main([str(tmp_path / "out")]) == 0
    assert "test: questions: " in capsys.readouterr().err
    monkeypatch.setenv("CLEW_DATA", str(tmp_path / "nothing"))
    assert main([str(tmp_path / "out")]) == 1
    assert "drcd" in capsys.readouterr().err
    assert main([]) == 2
