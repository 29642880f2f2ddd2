"""Measuring and learning the linker."""

import json

import numpy as np
import pytest

from clew.benchmarks.linking.learn import learn_linker, training_candidates
from clew.benchmarks.linking.measure import (
    BINS,
    Material,
    Options,
    calibration,
    count_matches,
    longest_matches,
    measure,
    scored,
)
from clew.benchmarks.linking.mentions import Mention, Question, lowercased, read_questions, with_typo
from clew.core.errors import DataError, NotFoundError, UsageError
from clew.indexer.tuning.linker import THRESHOLDS
from clew.kg.dictionary import ALIAS, NAME, Dictionary, write_dictionary
from clew.kg.linker import WEIGHTS, Candidate
from clew.kg.types import Entity
from tests.builders import write_lines, write_rows

CITIES = ["Paris", "Berlin", "Vienna", "Lisbon", "Warsaw", "Athens"]


def quiet(_):
    """Says nothing."""


def write_folder(root):
    """Questions about cities in three splits, and their graph; one gold entity is not in it."""
    nodes = [
        {"id": f"n{at}", "type": "city", "name": name, "aliases": [f"City {name}"], "wikidata": f"Q{at}"}
        for at, name in enumerate(CITIES)
    ]
    nodes.append({"id": "life", "type": "idea", "name": "Life"})
    edges = [{"source": "n0", "relation": "near", "target": f"n{at}"} for at in range(1, 6)]
    write_rows(root / "graph", nodes=nodes, edges=edges)
    rows = []
    for split in ("train", "dev", "test"):
        for at, name in enumerate(CITIES):
            text = f"How is life in {name} now?"
            mention = {"start": 15, "end": 15 + len(name), "entity": f"Q{at}"}
            rows.append({"_id": f"{split}{at}", "text": text, "mentions": [mention], "split": split})
    rows[-1]["mentions"].append({"start": 0, "end": 3, "entity": "Q99"})
    write_lines(root / "questions.jsonl.gz", rows)
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_folder(tmp_path_factory.mktemp("link") / "cities")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def material(folder, home):
    found = Material(folder, home, Options(key="wikidata", model="hashing-32"), quiet)
    yield found
    found.close()


# ------------------------------------------------------------------ questions


def question(text, *mentions):
    return Question("q", text, tuple(Mention(text.index(m), text.index(m) + len(m), m) for m in mentions), "test")


def test_lower_case_keeps_places():
    small = lowercased(question("Is İzmir near Ankara?", "Ankara"))
    assert small.text[small.mentions[0].start : small.mentions[0].end] == "ankara"


def test_one_mention_gets_one_error_and_the_places_follow():
    asked = question("from Barcelona to Amsterdam by rail", "Barcelona", "Amsterdam")
    kinds = set()
    for seed in range(60):
        wrong = with_typo(asked, seed)
        surfaces = [wrong.text[m.start : m.end] for m in wrong.mentions]
        changed = [s for s, m in zip(surfaces, asked.mentions, strict=True) if s != m.entity]
        assert len(changed) == 1
        assert wrong.text == f"from {surfaces[0]} to {surfaces[1]} by rail"
        assert changed[0][0] in {"B", "A"}
        kinds.add(len(changed[0]) - 9)
        assert wrong == with_typo(asked, seed)
    assert kinds == {-1, 0, 1}


def test_a_name_too_short_to_misspell_stays_and_so_does_chinese():
    for asked in (
        question("青石板病有什么症状", "青石板病"),
        question("is US big", "US"),
        question("which one is it"),
        question("WH-1 and a b c", "WH-1"),
    ):
        assert with_typo(asked) == asked


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        {"_id": "a", "text": "b", "mentions": []},
        {"_id": "a", "text": "", "mentions": [], "split": "test"},
        {"_id": "a", "text": "abc", "mentions": [{"start": 2, "end": 9, "entity": "Q"}], "split": "test"},
        {"_id": "a", "text": "abc", "mentions": [{"start": 0, "end": 1}], "split": "test"},
        {"_id": "a", "text": "abc", "mentions": ["abc"], "split": "test"},
    ],
)
def test_a_row_that_is_no_question_is_named_by_its_line(tmp_path, row):
    path = tmp_path / "questions.jsonl"
    good = {"_id": "x", "text": "abc", "mentions": [], "split": "dev"}
    path.write_text(json.dumps(good) + "\n" + (row if isinstance(row, str) else json.dumps(row)) + "\n")
    with pytest.raises(DataError, match=r"questions\.jsonl:2"):
        read_questions(path)


# ------------------------------------------------------------------ figures


def test_a_mention_is_right_where_it_overlaps_a_gold_one_of_its_entity_that_is_left():
    gold = Question("q", "Paris and Paris", (Mention(0, 5, "P"), Mention(10, 15, "P")), "test")
    names = ["P", "B"]
    assert count_matches([(0, 5, 0), (10, 15, 0)], gold, names) == (2, 0, 0)
    assert count_matches([(0, 9, 0), (4, 5, 0)], gold, names) == (1, 1, 1)
    assert count_matches([(5, 10, 0)], gold, names) == (0, 1, 2)
    assert count_matches([(0, 5, 1)], gold, names) == (0, 1, 2)
    assert count_matches([], gold, names) == (0, 0, 2)


def test_figures_are_over_all_mentions_with_intervals_over_questions():
    asked = [question(text, "Paris") for text in ["Paris", "in Paris", "of Paris", "to Paris"]]
    found = {"Paris": [(0, 5, 0)], "in Paris": [(3, 8, 0)], "of Paris": [(0, 2, 0)], "to Paris": []}
    figures = scored(lambda text, _: found[text], asked, [None] * 4, ["Paris"])
    assert (figures["right"], figures["wrong"], figures["missed"]) == (2, 1, 2)
    assert figures["precision"] == pytest.approx(2 / 3, abs=1e-6)
    assert figures["recall"] == 0.5
    assert figures["f1"] == pytest.approx(2 * 2 / (2 * 2 + 1 + 2), abs=1e-6)
    low, high = figures["ci"]["recall"]
    assert (low, high) == (0.0, 1.0)  # of four coin tosses, more than 2.5 % give four heads
    nothing = scored(lambda *_: [], asked, [None] * 4, ["Paris"])
    assert (nothing["precision"], nothing["f1"], nothing["ci"]["f1"]) == (0.0, 0.0, [0.0, 0.0])


class Sure:
    """A linker that gives each text one candidate of a given probability."""

    def __init__(self, chances):
        self._chances = chances

    def link(self, text, _):
        row = Candidate(0, len(text), 0, 1, 0, self._chances[text], ())
        return type("Linked", (), {"candidates": (row,)})


def test_calibration_is_how_far_probabilities_are_from_shares():
    chances = {"a": 0.9, "b": 0.95, "c": 0.2, "d": 1.0}
    asked = [
        Question(t, t, (Mention(0, 1, "E"),) if meant else (), "test")
        for t, meant in (("a", True), ("b", False), ("c", False), ("d", True))
    ]
    found = calibration(Sure(chances), asked, [None] * 4, ["E"])
    # .9, .95 and 1 lie in the last bin: mean .95, two of three meant; .2 alone in its own.
    assert found["error"] == pytest.approx(0.75 * (0.95 - 2 / 3) + 0.25 * 0.2, abs=1e-6)
    assert (found["candidates"], len(found["bins"])) == (4, BINS)
    assert found["bins"][9] == {"candidates": 3, "probability": 0.95, "meant": 0.666667}


def test_longest_matches_take_the_best_connected_bearer(tmp_path):
    entities = [
        Entity("a", name="New York"),
        Entity("b", name="York", aliases=("new",)),
        Entity("c", name="Big Apple", aliases=("New York",)),
        Entity("d", name="it"),
    ]
    write_dictionary(entities, np.array([1, 5, 9, 9], np.int64), tmp_path)
    dictionary = Dictionary(tmp_path)
    text = "is it new York"
    assert longest_matches(dictionary, text, (NAME,)) == [(6, 14, 0)]
    assert longest_matches(dictionary, text, (NAME, ALIAS)) == [(6, 14, 2)]
    assert longest_matches(dictionary, text, (NAME, ALIAS), capitals=True) == [(6, 14, 2)]
    assert longest_matches(dictionary, text.lower(), (NAME, ALIAS), capitals=True) == []


# ------------------------------------------------------------------ a whole run


def test_measuring_gives_every_figure(material):
    found = measure(material, quiet)
    assert (found["questions"], found["mentions"], found["not in graph"]) == (6, 6, 1)
    assert list(found["systems"]) == ["linker", "linker without vectors", "names", "names and aliases", "capitals"]
    assert all(list(rows) == ["as written", "lower-cased", "typing error"] for rows in found["systems"].values())
    # By name, "life" is found as well, which no question means; capitals leave it out.
    names = found["systems"]["names"]["as written"]
    assert (names["right"], names["wrong"], names["missed"]) == (6, 6, 0)
    capitals = found["systems"]["capitals"]
    assert capitals["as written"]["f1"] == 1.0
    assert capitals["lower-cased"]["f1"] == 0.0
    assert found["typing errors"] == 6
    assert found["systems"]["names"]["typing error"]["right"] < 6
    assert 0 < found["ms"]["p50"] <= found["ms"]["p99"]


def test_a_graph_is_loaded_once_for_a_content(folder, home, material, monkeypatch):
    monkeypatch.setattr("clew.benchmarks.linking.measure.load", None)
    again = Material(folder, home, Options(key="wikidata", model="hashing-32"), quiet)
    assert again.snapshot.id == material.snapshot.id
    again.close()


def test_what_is_missing_is_said(folder, home, tmp_path):
    with pytest.raises(NotFoundError, match=r"no questions\.jsonl"):
        Material(tmp_path, home, Options(model="hashing-32"), quiet)
    with pytest.raises(NotFoundError, match="no such folder"):
        Material(tmp_path / "nowhere", home, Options(), quiet)
    with pytest.raises(UsageError, match="no node has the property 'wikidat'") as refused:
        Material(folder, home, Options(key="wikidat", model="hashing-32"), quiet)
    assert "wikidata" in refused.value.hint


def test_ids_that_the_graph_does_not_know_and_splits_without_questions(folder, home):
    by_id = Material(folder, home, Options(model="hashing-32"), quiet)
    with pytest.raises(DataError, match="no mention of split 'test' is an entity of the graph"):
        measure(by_id, quiet)
    with pytest.raises(UsageError, match="in split 'tset'"):
        by_id.questions_of("tset")
    by_id.close()


# ------------------------------------------------------------------ learning


def test_learning_prints_both_columns_and_never_reads_test(material, monkeypatch):
    asked = []
    questions_of = material.questions_of
    monkeypatch.setattr(material, "questions_of", lambda split: asked.append(split) or questions_of(split))
    found = learn_linker([material])
    assert set(asked) == {"train", "dev"}
    assert list(found.weights) == list(WEIGHTS)
    assert found.weights["translation"] == found.weights["alias"]
    assert all(found.weights[name][1] == 0 for name in ("cosine", "cosine below best"))
    assert found.threshold in THRESHOLDS
    assert found.dev[found.threshold] == max(found.dev.values()) == 1.0
    pasted = {}
    exec(found.as_python().replace(": Mapping[str, tuple[float, float]]", ""), pasted)
    assert pasted["WEIGHTS"] == found.weights
    assert pasted["threshold"] == found.threshold


def test_one_model_is_learned_from_several_sets_of_equal_weight(material, tmp_path, home):
    """The second set has four times the questions, and its names are Chinese."""
    names = ["沅岫", "峦澜", "霁昀", "瑾蓁"]
    nodes = [{"id": f"z{at}", "type": "thing", "name": name} for at, name in enumerate([*names, "作者"])]
    write_rows(tmp_path / "zh" / "graph", nodes=nodes, edges=[{"source": "z0", "relation": "near", "target": "z1"}])
    write_lines(
        tmp_path / "zh" / "questions.jsonl.gz",
        [
            {"_id": f"{split}{at}", "text": f"{name}的作者是谁", "split": split,
             "mentions": [{"start": 0, "end": 2, "entity": f"z{at % 4}"}]}
            for split in ("train", "dev")
            for at, name in enumerate(names * 6)
        ],
    )  # fmt: skip
    other = Material(tmp_path / "zh", home, Options(model="hashing-32"), quiet)
    try:
        both = training_candidates([material, other])
        found = learn_linker([material, other])
    finally:
        other.close()
    own = training_candidates([material])
    size = len(own.labels)
    assert np.array_equal(both.features[:size], own.features)
    assert both.shares[size:].sum() == pytest.approx(own.shares.sum())
    assert found.weights["common Chinese word"][1] < 0
    assert found.dev[found.threshold] == 1.0
