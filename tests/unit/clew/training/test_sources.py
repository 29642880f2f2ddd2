"""Other data are another run, whatever they are called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clew.core.errors import NotFoundError
from clew.training.sources import digests
from clew.training.spec import spec_of
from tests.builders import write_beir


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BEIR folder of two documents."""
    judged = {"q": {"d": 1, "e": 0}}
    splits = {"train": judged, "dev": judged, "test": judged}
    return write_beir(tmp_path / "shoes", {"d": "red", "e": "blue"}, {"q": "red"}, **splits)


def found(folder: Path, model: str = "default", sources: Any = None, **more: str) -> dict[str, str]:
    row = {"folder": str(folder), "candidates": "judged", **more}
    table = {"name": "x", "data": [row], "negatives": {"model": model}}
    return digests(spec_of(table, "run.toml"), folder.parent / "home", sources)


def test_negatives_mined_with_another_model_are_other_data(folder: Path) -> None:
    before = found(folder, candidates="mined")
    assert found(folder, candidates="mined", model="hashing-32") != before
    assert found(folder, model="hashing-32") == found(folder)


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/test.tsv"])
def test_a_change_of_anything_that_is_read_shows(folder: Path, name: str) -> None:
    before = found(folder)
    assert list(before) == ["shoes"]
    assert found(folder) == before
    (folder / "LICENSE").write_text("not read")
    assert found(folder) == before
    (folder / name).write_text((folder / name).read_text().replace("d", "f"))
    assert found(folder) != before


def test_of_a_folder_with_an_index_spec_every_file_counts(folder: Path) -> None:
    (folder / "corpus.jsonl").rename(folder / "products.jsonl")
    before = found(folder, candidates="mined")
    (folder / ".clew").mkdir()
    (folder / ".clew" / "cache").write_text("a home changes all the time")
    assert found(folder, candidates="mined") == before
    (folder / "products.jsonl").write_text("")
    assert found(folder, candidates="mined") != before


def test_a_log_of_clicks_counts_and_what_is_not_there_is_named(folder: Path, word_index: Callable[..., Any]) -> None:
    log = folder / "clicks.jsonl"
    log.write_text("{}\n")
    home = folder.parent / "home"
    spec = spec_of({"name": "x", "data": [{"clicks": str(log), "index": "shop"}]}, "run.toml")
    with pytest.raises(NotFoundError, match="shop"):
        digests(spec, home, word_index({}))
    shop = word_index({"d": "red"})
    before = digests(spec, home, shop)
    log.write_text("{}\n{}\n")
    assert digests(spec, home, shop) != before
    log.unlink()
    with pytest.raises(NotFoundError, match=r"clicks\.jsonl"):
        digests(spec, home, shop)


def test_of_an_index_what_it_holds_counts(folder: Path, word_index: Callable[..., Any]) -> None:
    shop = word_index({"d": "red"}, content_hash="1")
    mined, judged = ({"candidates": each, "index": "shop", "sources": shop} for each in ("mined", "judged"))
    before = found(folder, **mined), found(folder, **judged)
    (folder / "corpus.jsonl").write_text('{"_id": "d", "text": "green"}\n{"_id": "e", "text": "blue"}\n')
    assert found(folder, **mined) == before[0]  # the index is as it was
    assert found(folder, **judged) != before[1]
    shop.content_hash = "2"
    assert found(folder, **mined) != before[0]
