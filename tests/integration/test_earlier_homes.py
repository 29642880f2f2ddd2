"""Homes that earlier versions of Clew wrote open, and give the answers that they gave."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import clew

HOMES = sorted((Path(__file__).parents[1] / "fixtures" / "homes").glob("*.tar.gz"))


@pytest.fixture(params=HOMES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def earlier(request, tmp_path):
    """(folder with the home and its sources, what that version answered)."""
    with tarfile.open(request.param) as packed:
        packed.extractall(tmp_path, filter="data")
    answers = request.param.with_name(request.param.name.replace(".tar.gz", ".json"))
    return tmp_path, json.loads(answers.read_text(encoding="utf-8"))


def test_it_gives_the_same_answers(earlier):
    folder, answers = earlier
    with clew.open("shop", folder / "home") as shop:
        for answer in answers:
            found = shop.search(answer["query"], **answer["options"])
            assert [hit.id for hit in found.hits] == [row[0] for row in answer["hits"]]
            assert [hit.score for hit in found.hits] == pytest.approx([row[1] for row in answer["hits"]], abs=1e-6)
            assert [hit.scored_by for hit in found.hits] == [row[2] for row in answer["hits"]]
            assert found.release == answer["release"]
            counted = {name: [[v.value, v.count] for v in values] for name, values in found.facets.items()}
            assert counted == answer["facets"]


def test_it_verifies_and_rolls_back(earlier):
    folder, _ = earlier
    for command in (["verify", "shop"], ["rollback", "shop"], ["list"]):
        done = subprocess.run(
            [sys.executable, "-m", "clew", "indexes", *command, "--home", str(folder / "home")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr


def test_the_next_build_encodes_nothing_again(earlier):
    folder, _ = earlier
    report = clew.build(folder / "shop.toml", folder / "home")
    assert report.encoded == 0
