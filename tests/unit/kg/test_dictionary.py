"""Every name of a graph, found word by word."""

import math
import pickle
import random

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clew.core.errors import CorruptError, FormatError, NotFoundError
from clew.core.words import words
from clew.kg.dictionary import ALIAS, DICTIONARY, NAME, TRANSLATION, Dictionary, by_length, write_dictionary
from clew.kg.types import Entity

ENTITIES = [
    Entity("brand:loreal", "brand", "L'Oréal", ("Loreal Paris",)),
    Entity("cat:sleeper", "category", "Sleeper Sofas", names={"zh": "沙發床"}),
    Entity("cat:sofas", "category", "Sofas", ("couch", "settee", "SOFA"), {"zh-CN": "沙发", "zh-TW": "沙發"}),
    Entity("person:obama", "person", "Barack Obama", description="president of a country"),
    Entity("sony:wh", "product", "Sony WH-1000XM5"),
]
DEGREES = [3, 5, 20, 40, 0]


def write(folder, entities, degrees=None):
    folder.mkdir(parents=True, exist_ok=True)
    degrees = np.array([0] * len(entities) if degrees is None else degrees, np.int64)
    write_dictionary(entities, degrees, folder)
    return Dictionary(folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("dictionary")
    write(root, ENTITIES, DEGREES)
    return root


@pytest.fixture(scope="module")
def dictionary(folder):
    return Dictionary(folder)


def found(dictionary, text, **options):
    """(surface, ids of its bearers) of every span."""
    cut = words(text)
    return [
        (text[cut[s.first].start : cut[s.last - 1].end], [ENTITIES[row].id for row in s.records["entity"]])
        for s in dictionary.spans(cut, **{"most": 10, "fuzzy": False, **options})
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a sofa for two", [("sofa", ["cat:sofas"] * 2)]),
        ("the sofa's legs", [("sofa", ["cat:sofas"] * 2)]),
        ("COUCHES", [("COUCHES", ["cat:sofas"])]),
        (
            "sleeper-sofa",
            [("sleeper-sofa", ["cat:sleeper"]), ("sofa", ["cat:sofas"] * 2)],
        ),
        ("loreal and L’ORÉAL", [("loreal", ["brand:loreal"]), ("L’ORÉAL", ["brand:loreal"])]),
        ("sony wh_1000xm5", [("sony wh_1000xm5", ["sony:wh"])]),
        ("买沙发床吗", [("沙发", ["cat:sofas"]), ("沙发床", ["cat:sleeper"])]),
        ("買沙發床嗎", [("沙發", ["cat:sofas"]), ("沙發床", ["cat:sleeper"])]),
        ("Obama Barack", [("Obama", ["person:obama"])]),
        ("", []),
    ],
)
def test_names_are_found_however_they_are_written(dictionary, text, expected):
    assert found(dictionary, text) == expected


def test_records_say_whose_name_of_which_kind_it_is(dictionary):
    (sofa,) = dictionary.spans(words("sofa"), most=10)
    assert sorted(sofa.records["kind"].tolist()) == [NAME, ALIAS]
    (chinese,) = dictionary.spans(words("沙发"), most=10)
    assert chinese.records["kind"].tolist() == [TRANSLATION]  # both scripts fold to one, so it counts once


def test_entities_keep_their_type_and_prominence(dictionary):
    assert dictionary.types == ["brand", "category", "person", "product"]
    assert [dictionary.types[at] for at in dictionary.entities["type"]] == [entity.type for entity in ENTITIES]
    expected = [math.log1p(degree) / math.log1p(40) for degree in DEGREES]
    assert dictionary.entities["prominence"] == pytest.approx(expected)


def test_the_best_connected_bearers_of_a_name_come_first_and_may_be_cut(tmp_path):
    namesakes = [Entity(f"e{n}", "odd" if n % 2 else "even", "Paris") for n in range(6)]
    opened = write(tmp_path, namesakes, [1, 9, 2, 8, 3, 7])
    cut = words("paris")
    assert [span.records["entity"].tolist() for span in opened.spans(cut, most=3)] == [[1, 3, 5]]
    # Types are chosen before the cut: bearers of the others do not crowd them out.
    even = np.array([name == "even" for name in opened.types])
    assert [span.records["entity"].tolist() for span in opened.spans(cut, most=2, linked=even)] == [[4, 2]]
    assert opened.spans(cut, most=2, linked=np.zeros(2, np.bool_)) == []


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("sofsa", "sofas"),
        ("obmaa", "obama"),
        ("obma", "obama"),
        ("obbama", "obama"),
        ("slepeer", "sleeper"),
        ("presidnet", "president"),
        ("persident", "president"),
        ("presdient", "president"),
    ],
)
def test_a_typing_error_away_from_a_known_word(dictionary, typed, expected):
    assert expected in [word for word, _ in dictionary.corrections(typed)]


@pytest.mark.parametrize("word", ["sofa", "president", "obm", "1000xm6", "wh2", "what", "zzzzzz", "", "x" * 100])
def test_known_short_coded_and_function_words_are_not_corrected(dictionary, word):
    assert dictionary.corrections(word) == ()


def test_words_with_a_typing_error_are_a_name_with_so_many_letters_corrected(dictionary):
    spans = dictionary.spans(words("who is barack obmaa"), most=5)
    assert [(span.first, span.last, span.edits, span.records["entity"].tolist()) for span in spans] == [
        (2, 4, 1, [3]),
        (3, 4, 1, [3]),
    ]
    assert dictionary.spans(words("who is barack obmaa"), most=5, fuzzy=False) == []


def test_a_known_word_is_not_taken_for_a_misspelt_one(tmp_path):
    opened = write(tmp_path, [Entity("a", name="wheat"), Entity("b", name="Bread", description="of heat and water")])
    assert opened.spans(words("heat"), most=5) == []


PEOPLE = [
    Entity("a", "person", "Ada Quillson"),
    Entity("b", "/film/actor", "Marek Dvorak"),
    Entity("c", "Person", "Lena Dvorak"),
    Entity("d", "person", "Otto Winter"),
    Entity("e", "film", "A Lamp for Winter"),
    Entity("f", "film", "Copper Rain", description="with Jo Tarr"),
    Entity("g", "person", "Ines Tarr"),
    Entity("h", "person", "Hugo Pell Jr"),
    Entity("i", "person", "Arno of The"),
    Entity("j", "company", "Brightwater Works"),
    Entity("k", "person", "Gwen Carver"),
    Entity("l", "city", "Carver"),
]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("quillson", ["a"]),
        ("dvorak", []),  # two people
        ("winter", []),  # in the name of a film
        ("tarr", []),  # in a description
        ("rain", []),  # not of a person
        ("works", []),
        ("jr", []),
        ("the", []),
        ("carver", ["l"]),  # a name of its own
    ],
)
def test_a_last_name_is_a_name_if_it_is_one_persons_alone(tmp_path, text, ids):
    opened = write(tmp_path, PEOPLE)
    spans = opened.spans(words(text), most=5, fuzzy=False)
    assert [PEOPLE[row].id for span in spans for row in span.records["entity"]] == ids


# ------------------------------------------------------------------ against a second implementation


def naive(entities, text):
    """(first, last, rows) of every span that is a name, by looking at all names at every place."""
    stems = [word.stem for word in words(text)]
    spans = []
    for first in range(len(stems)):
        for last in range(first + 1, len(stems) + 1):
            rows = set()
            for row, entity in enumerate(entities):
                for name in (entity.name, *entity.aliases, *entity.names.values()):
                    if [word.stem for word in words(name)] == stems[first:last]:
                        rows.add(row)
            if rows:
                spans.append((first, last, rows))
    return spans


WORDS = ["red", "Sofa", "sofas", "bed", "Queen's", "queens", "沙發", "床", "O'Neill", "x-ray", "été", "42"]
NAMES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
ANY_NAME = st.one_of(NAMES, st.text(max_size=12).filter(lambda name: "\0" not in name))
GRAPHS = st.lists(st.tuples(ANY_NAME, st.lists(NAMES, max_size=2)), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(GRAPHS, st.lists(st.sampled_from([*WORDS, "the", "of"]), max_size=8).map(" ".join))
def test_spans_are_those_of_a_naive_scan(tmp_path_factory, graph, text):
    entities = [Entity(f"e{n}", name=name, aliases=tuple(aliases)) for n, (name, aliases) in enumerate(graph)]
    opened = write(tmp_path_factory.mktemp("d"), entities)
    spans = opened.spans(words(text), most=100, fuzzy=False)
    assert [(s.first, s.last, set(s.records["entity"].tolist())) for s in spans] == naive(entities, text)
    for row, entity in enumerate(entities):
        for name in (entity.name, *entity.aliases):
            cut = words(name)
            whole = [s for s in opened.spans(cut, most=100) if (s.first, s.last) == (0, len(cut))]
            assert not cut or any(row in s.records["entity"] for s in whole)


# ------------------------------------------------------------------ files


def test_the_same_entities_give_the_same_bytes(tmp_path):
    graph = [Entity(f"e{n}", "t", random.Random(n).choice(WORDS), ("a b", "A b")) for n in range(50)]
    for name in ("one", "two"):
        write(tmp_path / name, graph, list(range(50)))
    files = sorted((tmp_path / "one" / DICTIONARY).iterdir())
    assert len(files) == 6
    for file in files:
        assert file.read_bytes() == (tmp_path / "two" / DICTIONARY / file.name).read_bytes()


def test_opening_maps_the_files_and_reads_no_pickle(folder, monkeypatch):
    def never(*_, **__):
        raise AssertionError("a pickle was read")

    monkeypatch.setattr(pickle, "load", never)
    monkeypatch.setattr(pickle, "loads", never)
    opened = Dictionary(folder)
    assert isinstance(opened.records.base, np.memmap)
    assert isinstance(opened.entities.base, np.memmap)
    assert not opened.records.flags.writeable


@pytest.mark.parametrize(
    "entities",
    [
        [],
        [Entity("a")],
        [Entity("a", name="!?"), Entity("b", name="🙂"), Entity("c", name="\x07\x1b"), Entity("d", name="--- …")],
    ],
)
def test_a_graph_without_a_name_has_a_dictionary(tmp_path, entities):
    opened = write(tmp_path, entities)
    assert opened.size == len(entities)
    assert opened.spans(words("anything at all 🙂 !?"), most=5) == []


def test_hostile_names_are_found_or_left_out(tmp_path):
    many = " ".join(f"w{n}" for n in range(25))
    names = [
        "bell\x07 pepper\x1b",
        "🙂 Smiley",
        "שלום עולם",
        many,
        many.rsplit(" ", 1)[0],
        "a" * 1_000_000,
        "\u202eevil\u202c name",
    ]
    opened = write(tmp_path, [Entity(f"e{n}", name=name) for n, name in enumerate(names)])

    def rows(text):
        return [row for span in opened.spans(words(text), most=5, fuzzy=False) for row in span.records["entity"]]

    assert rows("bell pepper") == [0]
    assert rows("smiley 🙂") == [1]
    assert rows("אמרתי שלום עולם") == [2]
    assert rows(many) == [4]
    assert rows("a" * 1_000_000) == []
    assert rows("evil name") == [6]
    assert sum(file.stat().st_size for file in (tmp_path / DICTIONARY).iterdir()) < 100_000


def test_words_of_one_length_lie_together():
    assert by_length("sofa") == "04sofa"
    assert sorted(map(by_length, ["zoo", "abcdefghijkl", "ant"])) == ["03ant", "03zoo", "12abcdefghijkl"]


# ------------------------------------------------------------------ damage


@pytest.fixture
def damaged(tmp_path):
    write(tmp_path, ENTITIES, DEGREES)
    return tmp_path


FILES = ["names.marisa", "offsets.npy", "records.npy", "entities.npy", "words.marisa", "dictionary.json"]


@pytest.mark.parametrize("name", FILES)
def test_a_cut_file_is_named(damaged, name):
    path = damaged / DICTIONARY / name
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(CorruptError, match=name):
        Dictionary(damaged)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_gone_is_named(damaged, name):
    (damaged / DICTIONARY / name).unlink()
    with pytest.raises(NotFoundError, match=name):
        Dictionary(damaged)


@pytest.mark.parametrize("name", FILES[:5])
def test_a_file_of_another_dictionary_is_named(damaged, tmp_path_factory, name):
    other = tmp_path_factory.mktemp("other")
    write(other, [Entity(f"e{n}", name=f"name{n}", aliases=(f"alias{n} of {n}",)) for n in range(30)])
    (damaged / DICTIONARY / name).write_bytes((other / DICTIONARY / name).read_bytes())
    with pytest.raises(CorruptError, match=name):
        Dictionary(damaged)


@pytest.mark.parametrize("table", ['{"format": 1}', '{"format": 1, "entities": "x", "names": 1, "types": 3}'])
def test_a_table_with_other_keys_is_named(damaged, table):
    (damaged / DICTIONARY / "dictionary.json").write_text(table)
    with pytest.raises(CorruptError, match=r"dictionary\.json"):
        Dictionary(damaged)


def test_another_format_is_refused(damaged):
    path = damaged / DICTIONARY / "dictionary.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 9'))
    with pytest.raises(FormatError, match=r"dictionary\.json has format 9"):
        Dictionary(damaged)
