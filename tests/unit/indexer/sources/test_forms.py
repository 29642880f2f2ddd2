"""Which form a source has."""

import pytest

from clew.core.errors import NotFoundError, SpecError
from clew.indexer.sources.forms import SourceSpec, files_of, form_of, id_field, pages_of


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("a.jsonl", "jsonl"),
        ("a.ndjson.gz", "jsonl"),
        ("a.JSONL.zst", "jsonl"),
        ("a.csv", "csv"),
        ("a.tsv.gz", "csv"),
        ("a.parquet", "parquet"),
        ("https://host/a.jsonl.gz", "jsonl"),
    ],
)
def test_a_file_is_known_by_its_ending(name, form, tmp_path, monkeypatch):
    import clew.indexer.sources.forms as forms

    monkeypatch.setattr(forms, "is_folder", lambda url: False)
    assert form_of(SourceSpec(name)) == form


def test_folders_are_looked_into(tmp_path):
    for name in ("set/corpus.jsonl.gz", "set/README.md", "pages/a/b.html", "data/x.jsonl", "empty/.keep"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert form_of(SourceSpec(f"{tmp_path}/set")) == "beir"
    assert form_of(SourceSpec(f"{tmp_path}/pages")) == "folder"
    assert form_of(SourceSpec(f"{tmp_path}/data/*")) == "jsonl"
    for name in ("data", "empty"):
        with pytest.raises(SpecError, match="neither a BEIR corpus"):
            form_of(SourceSpec(f"{tmp_path}/{name}"))


def test_what_is_not_plain_must_be_said(tmp_path):
    for name in ("a.jsonl", "b.csv", "c.data"):
        (tmp_path / name).touch()
    for path in ("*", "c.data"):
        with pytest.raises(SpecError, match="cannot be detected from its name"):
            form_of(SourceSpec(f"{tmp_path}/{path}"))
    assert form_of(SourceSpec(f"{tmp_path}/c.data", form="csv")) == "csv"


def test_a_missing_source_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="nowhere does not exist"):
        form_of(SourceSpec(f"{tmp_path}/nowhere"))
    with pytest.raises(NotFoundError, match=r"nowhere\.jsonl does not exist"):
        files_of(SourceSpec(f"{tmp_path}/nowhere.jsonl"), "jsonl")


def test_files_are_read_in_order(tmp_path):
    for name in ("b.jsonl", "a.jsonl"):
        (tmp_path / name).touch()
    assert files_of(SourceSpec(f"{tmp_path}/*.jsonl"), "jsonl") == [f"{tmp_path}/a.jsonl", f"{tmp_path}/b.jsonl"]


def test_pages_keep_paths_relative_to_the_folder(tmp_path):
    for name in ("guide/install.md", "index.html", "logo.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert [path for path, _ in pages_of(SourceSpec(str(tmp_path)))] == ["guide/install.md", "index.html"]


@pytest.mark.parametrize(
    ("source", "form", "field"),
    [(SourceSpec("a"), "jsonl", "id"), (SourceSpec("a"), "beir", "_id"), (SourceSpec("a", id="sku"), "csv", "sku")],
)
def test_id_field(source, form, field):
    assert id_field(source, form) == field


def test_one_file_that_is_no_page_is_named(tmp_path):
    (tmp_path / "a.jsonl").touch()
    with pytest.raises(SpecError, match=r"a\.jsonl is not a page"):
        pages_of(SourceSpec(f"{tmp_path}/a.jsonl", form="folder"))


@pytest.mark.parametrize("delimiter", ['"', "\n", "\r", "\0"])
def test_what_ends_cells_otherwise_is_no_delimiter(delimiter):
    with pytest.raises(ValueError, match="expected one character other than"):
        SourceSpec("a.csv", delimiter=delimiter)
