"""Other data are another run, whatever they are called."""

from __future__ import annotations

from pathlib import Path

import pytest

from clew.core.errors import NotFoundError
from clew.training.sources import digests
from clew.training.spec import spec_of


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A BEIR folder of two documents."""
    root = tmp_path / "shoes"
    (root / "qrels").mkdir(parents=True)
    (root / "corpus.jsonl").write_text('{"_id": "d", "text": "red"}\n{"_id": "e", "text": "blue"}\n')
    (root / "queries.jsonl").write_text('{"_id": "q", "text": "red"}\n')
    for split in ("train", "dev", "test"):
        (root / "qrels" / f"{split}.tsv").write_text("query-id\tcorpus-id\tscore\nq\td\t1\nq\te\t0\n")
    return root


def found(folder: Path, **more: str) -> dict[str, str]:
    row = {"folder": str(folder), "candidates": "judged", **more}
    return digests(spec_of({"name": "x", "data": [row]}, "run.toml"), folder.parent / "home")


@pytest.mark.parametrize("name", ["corpus.jsonl", "queries.jsonl", "qrels/train.tsv", "qrels/test.tsv"])
def test_a_change_of_anything_that_is_read_shows(folder: Path, name: str) -> None:
    before = found(folder)
    assert list(before) == ["shoes"]
    assert found(folder) == before
    (folder / "LICENSE").write_text("not read")
    assert found(folder) == before
    (folder / name).write_text((folder / name).read_text().replace("d", "f"))
    assert found(folder) != before


def test_a_log_of_clicks_counts_and_what_is_not_there_is_named(folder: Path) -> None:
    log = folder / "clicks.jsonl"
    log.write_text("{}\n")
    row = {"clicks": str(log), "index": "shop", "candidates": "judged"}
    with pytest.raises(NotFoundError, match="shop"):
        digests(spec_of({"name": "x", "data": [row]}, "run.toml"), folder.parent / "home")
    log.unlink()
    with pytest.raises(NotFoundError, match=r"clicks\.jsonl"):
        digests(spec_of({"name": "x", "data": [row]}, "run.toml"), folder.parent / "home")
