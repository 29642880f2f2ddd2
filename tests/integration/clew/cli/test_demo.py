"""The tour of `clew demo`, over the sample built with the encoder that needs no model."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from clew.cli import demo


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(demo.find_examples() / "shop", folder / "shop")
    spec = folder / "shop" / "shop.toml"
    spec.write_text(spec.read_text(encoding="utf-8").replace('model = "default"', 'model = "hashing"'))
    demo.build_sample(spec, folder / "home")
    return folder


def test_every_question_is_answered_with_its_reasons(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.run_queries(home / "home", "shop", demo.SHOP)
    shown = capsys.readouterr().out
    for question in demo.SHOP:
        assert question.query in shown
    assert "DM18-B4" in shown
    assert "term 'dm18b4'" in shown
    assert "fusion = " in shown
    assert "KIT-105" in shown


def test_an_unchanged_sample_is_not_built_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo.build_sample(home / "shop" / "shop.toml", home / "home")
    said = capsys.readouterr()
    assert "unchanged: release r1" in said.err
    assert said.out == ""


def test_the_ending_says_how_to_go_on() -> None:
    served = demo.next_steps(Path("elsewhere"), 8123, no_serve=False)
    assert "http://127.0.0.1:8123/v1/search?index=shop" in served
    assert "--home elsewhere" in served
    assert "curl" not in demo.next_steps(Path(".clew"), 8000, no_serve=True)
