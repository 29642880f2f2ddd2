import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clew.core.errors import CorruptError, DataError, MismatchError, NotFoundError
from clew.core.types import Document
from clew.search.columns import Keywords, Points, Scalars, Texts
from clew.search.docstore import DocStore, write_documents, write_passages
from clew.search.fields import FieldSpec

FIELDS = {
    "title": FieldSpec("text", 3.0),
    "intro": FieldSpec("text"),
    "text": FieldSpec("text"),
    "brand": FieldSpec("keyword", weight=1.0, facet=True),
    "tags": FieldSpec("list", weight=0.5),
    "price": FieldSpec("number"),
    "new": FieldSpec("bool"),
    "day": FieldSpec("date"),
    "at": FieldSpec("geo"),
    "id": FieldSpec("keyword"),
}
FULL = {
    "title": "Kettle",
    "intro": "Boils water.",
    "text": "Steel body. 1.7 litres.",
    "brand": "Sony",
    "tags": ["b", "a"],
    "price": 12.5,
    "new": False,
    "day": "2024-05-01T14:00:00+02:00",
    "at": (48.5, -2.0),
    "id": "A-1",
}


def store(folder: Path, *shards: list[Document], fields=FIELDS, windows=None) -> DocStore:
    """A store with one passage over each document's body, or the given windows of its only shard."""
    folders = []
    for number, documents in enumerate(shards):
        directory = folder / str(number)
        directory.mkdir(parents=True)
        write_documents(iter(documents), fields, directory)
        places = windows or [(at, 0, 10_000) for at in range(len(documents))]
        write_passages(directory, *np.array(places, np.int64).reshape(-1, 3).T)
        folders.append(directory)
    return DocStore.open(folders, fields)


def test_a_document_comes_back_as_it_went_in(tmp_path):
    opened = store(tmp_path, [Document("x/1", FULL)])
    assert opened.id(0) == "x/1"
    assert opened.fields_of(0) == {**FULL, "day": "2024-05-01T12:00:00Z"}
    assert opened.body(0) == "Boils water.\nSteel body. 1.7 litres."


def test_fields_without_a_value_are_left_out(tmp_path):
    empty = {"title": "", "tags": [], "brand": None, "price": float("nan"), "undeclared": 3}
    opened = store(tmp_path, [Document("1", empty)])
    assert opened.fields_of(0) == {}
    assert opened.body(0) == ""


def test_ordinals_run_over_the_shards(tmp_path):
    first = [Document(f"a{n}", {"brand": "A"}) for n in range(3)]
    second = [Document("é", {"brand": "B"}), Document("东京", {"brand": "A"})]
    opened = store(tmp_path, first, second)
    assert (opened.documents, opened.passages) == (5, 5)
    assert opened.ids(np.array([4, 0, 3, 0])) == ["东京", "a0", "é", "a0"]
    assert [opened.find(name) for name in ("a2", "é", "东京")] == [2, 3, 4]
    assert opened.find("nobody") is None
    assert opened.find("\ud800") is None
    assert opened.document_of.tolist() == [0, 1, 2, 3, 4]
    assert opened.document_of.dtype == np.int64
    brand = opened.column("brand")
    assert isinstance(brand, Keywords)
    assert brand.documents_with([brand.code_of["a"]]).tolist() == [True, True, True, False, True]
    opened.close()


def test_passages_keep_their_document_and_span(tmp_path):
    windows = [(0, 0, 12), (0, 6, 24), (2, 0, 5)]
    opened = store(tmp_path, [Document(str(n), FULL) for n in range(3)], windows=windows)
    assert [opened.passage_range(document) for document in range(3)] == [(0, 2), (2, 2), (2, 3)]
    assert [opened.span(passage) for passage in range(3)] == [(0, 12), (6, 24), (0, 5)]


def test_bm25_reads_titles_whole_and_bodies_by_window(tmp_path):
    windows = [(0, 0, 12), (0, 6, 24), (1, 0, 0)]
    opened = store(tmp_path, [Document("1", FULL), Document("2", {"title": "Only"})], windows=windows)
    assert opened.passage_set(FIELDS).fields == {
        "title": ["Kettle", "Kettle", "Only"],
        "intro": ["Boils water.", "water.", ""],
        "text": ["", "Steel body.", ""],
        "brand": ["Sony", "Sony", ""],
        "tags": ["b\na", "b\na", ""],
    }


def test_the_encoder_reads_title_and_window(tmp_path):
    opened = store(tmp_path, [Document("1", FULL), Document("2", {"text": "Bare."})], windows=[(0, 6, 12), (1, 0, 5)])
    assert list(opened.embedded_texts()) == ["Kettle\nwater.", "Bare."]
    assert [opened.embedded_text(passage) for passage in range(2)] == ["Kettle\nwater.", "Bare."]


def test_columns_mark_what_is_missing(tmp_path):
    opened = store(tmp_path, [Document("1", FULL), Document("2", {})])
    price, day, at, title = (opened.column(name) for name in ("price", "day", "at", "title"))
    assert isinstance(price, Scalars)
    assert price.values[0] == 12.5
    assert isinstance(day, Scalars)
    assert day.values[0] == 1_714_564_800_000_000
    assert isinstance(at, Points)
    assert (at.latitude[0], at.longitude[0]) == (48.5, -2.0)
    assert isinstance(title, Texts)
    for column in (price, day, at, title, opened.column("tags"), opened.column("new")):
        assert column.present.tolist() == [True, False]
    with pytest.raises(KeyError):
        opened.column("colour")


def test_a_list_counts_each_value_of_a_document_once(tmp_path):
    opened = store(tmp_path, [Document("1", {"tags": ["x", "x", "a"]}), Document("2", {"tags": ["x"]})])
    tags = opened.column("tags")
    assert isinstance(tags, Keywords)
    assert (tags.values, tags.documents.tolist(), tags.codes.tolist()) == (["a", "x"], [0, 0, 1], [0, 1, 1])


def test_an_empty_shard_opens(tmp_path):
    opened = store(tmp_path, [], [Document("1", FULL)], [])
    assert (opened.documents, opened.find("1")) == (1, 0)
    none = store(tmp_path / "none", [])
    assert none.documents == none.passages == 0
    assert [none.column(name).present.tolist() for name in FIELDS] == [[]] * len(FIELDS)
    assert none.ids(np.empty(0, np.int64)) == []


def test_the_same_documents_give_the_same_bytes(tmp_path, monkeypatch):
    documents = [Document(f"d{n}", FULL if n % 3 else {"title": f"T {n}"}) for n in range(50)]
    store(tmp_path / "a", documents).close()
    store(tmp_path / "b", documents).close()
    written = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert [path.name for path in written] == ["documents.arrow", "ids.marisa", "ids.npy", "passages.arrow"]
    for path in written:
        assert (tmp_path / "a" / path).read_bytes() == (tmp_path / "b" / path).read_bytes(), path
    monkeypatch.setattr("clew.search.docstore.BATCH_DOCUMENTS", 7)
    monkeypatch.setattr("clew.search.docstore.BATCH_CHARACTERS", 50)
    small = store(tmp_path / "c", documents)
    assert small.ids(np.arange(50)) == [f"d{n}" for n in range(50)]
    assert small.embedded_texts()[49] == "Kettle\nBoils water.\nSteel body. 1.7 litres."


@pytest.mark.parametrize(
    ("fields", "said"),
    [({"price": "cheap"}, "'price'"), ({"day": "soon"}, "'soon' is not an ISO 8601 date"),
     ({"text": "\ud800"}, "'text'"), ({"tags": "one"}, "'tags'"),
     ({"at": (1.0,)}, "'at'"), ({"brand": 7}, "'brand'"), ({"new": "yes"}, "'new'"),
     ({"price": True}, "'price'")],
)  # fmt: skip
def test_a_value_of_the_wrong_type_is_named_with_its_origin(tmp_path, fields, said):
    documents = [Document("1", FULL, "shop.jsonl:1"), Document("2", fields, "shop.jsonl:2")]
    with pytest.raises(DataError) as error:
        write_documents(documents, FIELDS, tmp_path)
    assert "shop.jsonl:2" in error.value.message
    assert said in error.value.message


def test_an_id_that_comes_twice_is_named(tmp_path):
    with pytest.raises(DataError, match="'twin'"):
        write_documents([Document("a", {}), Document("twin", {}), Document("twin", {})], FIELDS, tmp_path)


def test_an_id_with_a_nul_character_is_refused_and_found_nowhere(tmp_path):
    with pytest.raises(DataError, match="NUL"):
        write_documents([Document("a\0b", {})], FIELDS, tmp_path)
    assert store(tmp_path / "a", [Document("a", {})]).find("a\0b") is None


def test_passages_out_of_order_are_refused(tmp_path):
    with pytest.raises(ValueError, match="in document order"):
        write_passages(tmp_path, np.array([1, 0]), np.array([0, 0]), np.array([1, 1]))


@pytest.mark.parametrize("name", ["documents.arrow", "passages.arrow", "ids.marisa", "ids.npy"])
@pytest.mark.parametrize("harm", ["missing", "cut"])
def test_a_broken_file_is_named(tmp_path, name, harm):
    store(tmp_path, [Document("1", FULL)]).close()
    path = tmp_path / "0" / name
    content = path.read_bytes()
    path.unlink()
    if harm == "cut":
        path.write_bytes(content[: len(content) // 2])
    with pytest.raises((CorruptError, NotFoundError), match="ids" if "ids" in name else name):
        DocStore.open([tmp_path / "0"], FIELDS)


def test_other_declared_fields_are_refused(tmp_path):
    store(tmp_path, [Document("1", FULL)]).close()
    with pytest.raises(MismatchError, match="does not have the fields"):
        DocStore.open([tmp_path / "0"], {**FIELDS, "price": FieldSpec("keyword")})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
numbers = st.floats(allow_nan=False)
some_fields = st.fixed_dictionaries(
    {}, optional={"title": texts, "text": texts, "brand": texts, "tags": st.lists(texts, max_size=3),
                  "price": numbers, "new": st.booleans(), "at": st.tuples(numbers, numbers)}
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(texts.filter(lambda name: name and "\0" not in name), some_fields, max_size=6))
def test_any_documents_come_back(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("store")
    opened = store(folder, [Document(name, fields) for name, fields in documents.items()])
    for ordinal, (name, fields) in enumerate(documents.items()):
        assert opened.find(name) == ordinal
        assert opened.id(ordinal) == name
        assert opened.fields_of(ordinal) == {key: value for key, value in fields.items() if value not in ("", [])}


def test_reading_columns_with_missing_values_does_not_import_pandas(tmp_path):
    """Where pandas is installed, importing it would make the first query with facets a second slower."""
    store(tmp_path, [Document("1", FULL), Document("2", {})], [Document("3", {})]).close()
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from clew.search.docstore import DocStore\nfrom clew.search.fields import FieldSpec\n"
        f"fields = {FIELDS!r}\n"
        f"opened = DocStore.open([Path({str(tmp_path)!r}) / name for name in '01'], fields)\n"
        "for name in fields:\n    assert opened.column(name).present.tolist() == [True, False, False], name\n"
        "sys.exit('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or "pandas was imported"
