"""Which model a record of an index names."""

from __future__ import annotations

from pathlib import Path

import pytest

from clew.core.errors import CorruptError, FormatError, UsageError
from clew.models.recorded import find_recorded, local_name
from clew.models.store import load_encoder, load_scorer, prepare, scorer_calibration

ADDRESS = "a" * 64


@pytest.mark.parametrize(
    "recorded",
    [
        {"model": "default+mine", "pinned": [ADDRESS, "b" * 64]},
        {"model": "hashing-16+default", "pinned": ["hashing-16", ADDRESS]},
        {"model": "hashing-16+hashing-32"},
    ],
)
def test_the_average_of_two_models_is_refused_with_what_to_do(tmp_path: Path, recorded: dict[str, object]) -> None:
    record = {"fingerprint": "0" * 64, **recorded}
    for find in (lambda: find_recorded(record, tmp_path), lambda: local_name(record, tmp_path, "bi_encoder")):
        with pytest.raises(FormatError, match="the average of two models") as error:
            find()
        assert str(recorded["model"]) in error.value.message
        assert "build it again with `clew build`" in error.value.hint


def test_a_pinned_model_may_have_been_a_folder_with_a_plus(tmp_path: Path) -> None:
    record = {"model": str(tmp_path / "c++"), "fingerprint": "0" * 64, "pinned": [ADDRESS]}
    assert find_recorded(record, tmp_path) == record["model"]
    assert local_name(record, tmp_path, "bi_encoder") == ADDRESS


def test_a_record_with_something_else_is_corrupt(tmp_path: Path) -> None:
    with pytest.raises(CorruptError, match="expected one or two sha256"):
        find_recorded({"model": "x", "fingerprint": "", "pinned": ["../x"]}, tmp_path)


@pytest.mark.parametrize("name", ["default+default", "hashing-16+hashing-32", "overlap+overlap", "+", "a+"])
def test_no_model_is_an_average(tmp_path: Path, name: str) -> None:
    loaders = (load_encoder, load_scorer, prepare, scorer_calibration)
    for load in loaders:
        with pytest.raises(UsageError, match=r"averages of two models \(A\+B\) were removed"):
            load(name, tmp_path)
