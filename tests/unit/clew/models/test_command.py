"""`clew models`: what is said of the models of a home, and exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from clew.cli import app
from clew.core.errors import NotFoundError, UsageError
from clew.models.store import SHIPPED_ENCODER

Run = Callable[..., str]


@pytest.fixture
def run(trained_home: Path) -> Run:
    """Run `clew models WORDS` over the home with the tiny reranker; its stdout."""

    def call(*words: str, code: int = 0, home: Path = trained_home) -> str:
        done = CliRunner().invoke(app, ["models", *words, "--home", str(home)], catch_exceptions=False)
        assert done.exit_code == code, done.output
        return done.stdout

    return call


def table(text: str) -> Any:
    return json.loads(text)


def test_list(run: Run, trained: Path) -> None:
    default, *_, tiny = run("list").splitlines()
    assert default.startswith("* clew-bilingual-int8 ")
    assert tiny.split()[:4] == ["tiny-reranker", trained.name, "cross-encoder", "32"]
    assert tiny.endswith("clew train")
    assert "apache-2.0" in tiny


def test_list_as_json(run: Run, trained: Path) -> None:
    default, *_, tiny = table(run("list", "--json"))
    assert default["folder"] == str(SHIPPED_ENCODER)
    assert list(tiny) == ["name", "id", "role", "dim", "max_length", "licence", "bytes", "created", "source", "default",
                          "folder", "problem"]  # fmt: skip
    assert (tiny["id"], tiny["role"], tiny["max_length"]) == (trained.name, "cross_encoder", 32)


def test_list_says_which_manifest_is_broken(run: Run, trained_home: Path) -> None:
    (manifest,) = trained_home.glob("models/tiny-reranker/*/manifest.json")
    manifest.write_text("{")
    assert f"{manifest} is not valid JSON" in run("list")


def test_show(run: Run, trained: Path) -> None:
    shown = run("show", "tiny-reranker")
    assert shown.startswith(f"tiny-reranker/{trained.name}: cross-encoder, reads up to 32 tokens\n")
    lines = [line.strip() for line in shown.splitlines()]
    assert "licence      apache-2.0" in lines
    assert "spec.seed 7" in lines
    assert "metrics      dev.ndcg 0.5" in lines
    assert {"calibration  bias -1", "scale 1.5"} <= set(lines)
    assert any(line.endswith("onnxruntime.precision fp32") for line in lines)


def test_show_as_json(run: Run, trained: Path) -> None:
    shown = table(run("show", f"tiny-reranker/{trained.name}", "--json"))
    assert shown["id"] == trained.name
    assert shown["lineage"]["spec"] == {"seed": 7, "data": ["shop"]}
    assert shown["calibration"] == {"scale": 1.5, "fused": 0.25, "bias": -1.0}
    assert shown["bytes"] > 10_000


def test_a_model_that_is_not_there(run: Run, tmp_path: Path) -> None:
    for words in (["show", "nope"], ["verify", "nope"], ["export", "nope", str(tmp_path / "x.tar")]):
        with pytest.raises(NotFoundError, match="no model 'nope'"):
            run(*words)


def test_verify(run: Run, trained_home: Path) -> None:
    assert ": intact, " in run("verify", "tiny-reranker")
    rows = {row["name"]: row for row in table(run("verify", "--all", "--json"))}
    assert len(rows) == 3  # those that come with Clew too
    assert [row["problem"] for row in rows.values()] == [""] * 3
    assert rows["tiny-reranker"]["files"] > 4


@pytest.mark.parametrize("name", ["tokenizer.json", "onnx/model.onnx", "model.safetensors"])
def test_verify_names_the_damaged_file_and_ends_with_1(run: Run, trained_home: Path, name: str) -> None:
    (path,) = trained_home.glob(f"models/tiny-reranker/*/{name}")
    path.write_bytes(path.read_bytes()[:-1])
    assert f"{path} was changed" in run("verify", "tiny-reranker", code=1)
    (row,) = (row for row in table(run("verify", "--all", "--json", code=1)) if row["problem"])
    assert str(path) in row["problem"]
    assert "delete" in row["hint"]


def test_verify_takes_a_model_or_all(run: Run) -> None:
    for words in (["verify"], ["verify", "tiny-reranker", "--all"]):
        with pytest.raises(UsageError, match="a model or --all"):
            run(*words)


def test_export_and_import(run: Run, trained: Path, tmp_path: Path) -> None:
    file, home = tmp_path / "tiny.tar.zst", tmp_path / "other"
    assert run("export", "tiny-reranker", str(file)).startswith(f"{file}: tiny-reranker/{trained.name}, ")
    assert run("import", str(file), home=home) == (
        f"tiny-reranker/{trained.name}: cross-encoder in {home / 'models' / 'tiny-reranker' / trained.name}\n"
    )
    back = table(run("import", str(file), "--name", "mine", "--json", home=home))
    assert list(back) == ["name", "id", "role", "place", "bytes"]
    assert back["name"] == "mine"
    kept = [row["name"] for row in table(run("list", "--json", home=home)) if not row["default"]]
    assert kept == ["mine", "tiny-reranker"]
