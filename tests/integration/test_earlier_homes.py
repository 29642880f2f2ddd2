"""Homes that earlier versions of Clew wrote open, and give the answers that they gave."""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

import clew
from clew.core.errors import MismatchError

HOMES = sorted((Path(__file__).parents[1] / "fixtures" / "homes").glob("*.tar.gz"))


@pytest.fixture(params=HOMES, ids=lambda path: path.name.removesuffix(".tar.gz"))
def earlier(request, tmp_path):
    """(folder with the home and its sources, what that version answered)."""
    with tarfile.open(request.param) as packed:
        packed.extractall(tmp_path, filter="data")
    answers = request.param.with_name(request.param.name.replace(".tar.gz", ".json"))
    return tmp_path, json.loads(answers.read_text(encoding="utf-8"))


def opens(folder):
    """Whether this version still analyses texts as the home's version did."""
    try:
        clew.open("shop", folder / "home").close()
    except MismatchError:
        return False
    return True


def run(folder, *command):
    return subprocess.run(
        [sys.executable, "-m", "clew", "indexes", *command, "--home", str(folder / "home")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_it_gives_the_same_answers_or_is_refused_with_the_command(earlier):
    folder, answers = earlier
    if not opens(folder):
        with pytest.raises(MismatchError, match="another version of the text analysis") as refused:
            clew.open("shop", folder / "home")
        assert "clew build" in refused.value.hint
        return
    with clew.open("shop", folder / "home") as shop:
        for answer in answers:
            found = shop.search(answer["query"], **answer["options"])
            assert [hit.id for hit in found.hits] == [row[0] for row in answer["hits"]]
            assert [hit.score for hit in found.hits] == pytest.approx([row[1] for row in answer["hits"]], abs=1e-6)
            assert [hit.scored_by for hit in found.hits] == [row[2] for row in answer["hits"]]
            assert found.release == answer["release"]
            counted = {name: [[v.value, v.count] for v in values] for name, values in found.facets.items()}
            assert counted == answer["facets"]


def test_it_verifies_and_rolls_back_or_is_refused_without_a_traceback(earlier):
    folder, _ = earlier
    code = 0 if opens(folder) else 1
    for command in (["verify", "shop"], ["rollback", "shop"]):
        done = run(folder, *command)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        assert code == 0 or "clew build" in done.stderr
    assert run(folder, "list").returncode == 0


def test_the_next_build_encodes_nothing_again(earlier):
    folder, _ = earlier
    report = clew.build(folder / "shop.toml", folder / "home")
    assert report.encoded == 0
    with clew.open("shop", folder / "home") as shop:
        assert shop.search("lamp", k=1).release == report.release
