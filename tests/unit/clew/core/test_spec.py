"""Names of spec keys that were renamed."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import pytest

from clew.core.errors import SpecError
from clew.core.spec import parse


@dataclass(frozen=True)
class Lamp:
    height: int = 1
    RENAMED: ClassVar[Mapping[str, str]] = {"tall": "height"}


def test_an_old_name_is_accepted_with_a_warning():
    with pytest.warns(FutureWarning, match=r"lamp.toml \[lamp\]: 'tall' is now called 'height'"):
        assert parse(Lamp, {"tall": 3}, "lamp.toml [lamp]") == Lamp(3)


def test_a_stored_spec_gives_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert parse(Lamp, {"tall": 3}, "[lamp]", stored=True) == Lamp(3)


def test_both_names_are_an_error():
    with pytest.raises(SpecError, match="'tall' is the old name of 'height', and both are given"):
        parse(Lamp, {"tall": 3, "height": 3}, "[lamp]")


def test_an_unknown_key_is_named_with_the_nearest_one():
    with pytest.raises(SpecError, match="unknown key 'heigth'") as error:
        parse(Lamp, {"heigth": 3}, "[lamp]")
    assert "height" in error.value.hint
