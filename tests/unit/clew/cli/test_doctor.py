"""Each check of `clew doctor` says what it found and, if something is wrong, how to fix it."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import pytest

from clew.cli import doctor


def only(findings: object) -> doctor.Finding:
    (finding,) = list(findings)  # type: ignore[call-overload]
    return finding  # type: ignore[no-any-return]


def test_a_good_machine_has_nothing_broken(tmp_path: Path) -> None:
    findings = doctor.run_checks(tmp_path / "home")
    assert [finding for finding in findings if finding.status == "broken"] == []
    assert {"python", "packages", "faiss", "default encoder", "home", "indexes"} <= {f.check for f in findings}


def test_json_output_has_one_entry_for_each_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doctor.doctor(home=tmp_path, as_json=True)
    shown = json.loads(capsys.readouterr().out)
    assert shown["ok"] is True
    assert all(set(check) == {"check", "status", "found", "hint", "mend"} for check in shown["checks"])


def test_missing_and_old_packages_are_named() -> None:
    assert doctor.requirement_problem("surely-not-installed>=1") == "surely-not-installed is not installed"
    numpy = f"numpy {metadata.version('numpy')} is installed, but Clew requires"
    assert doctor.requirement_problem("numpy>=999") == f"{numpy} >=999"
    assert doctor.requirement_problem("numpy<1,>=0.5") == f"{numpy} <1,>=0.5"
    assert doctor.requirement_problem("numpy>=1.0") is None
    assert doctor.requirement_problem('surely-not-installed>=1; extra == "gpu"') is None
    assert doctor.requirement_problem("surely-not-installed; sys_platform == 'no-such'") is None
    assert doctor.requirement_problem("surely-not-installed[extra]~=1.0") == "surely-not-installed is not installed"


def test_two_flavours_of_faiss_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda name: "1.10")
    finding = only(doctor.check_faiss())
    assert finding.status == "broken"
    assert "pip uninstall" in finding.hint
    monkeypatch.setattr(doctor, "_version", lambda name: None)
    assert only(doctor.check_faiss()).status == "broken"


def test_a_flipped_byte_in_a_model_is_found(trained_home: Path) -> None:
    (file,) = trained_home.glob("models/*/*/onnx/model.onnx")
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(bytes(data))
    (broken,) = (finding for finding in doctor.check_model(trained_home) if finding.status == "broken")
    assert broken.check == "model tiny-reranker"
    assert "model.onnx" in broken.found
    assert "train it again" in broken.hint


def test_the_packages_of_the_graph_stores(monkeypatch: pytest.MonkeyPatch) -> None:
    there = {"networkx": "3.6", "neo4j": "6.4"}
    monkeypatch.setattr(doctor, "_version", there.get)
    assert only(doctor.check_graph_stores()) == doctor.Finding("graph stores", "ok", "networkx 3.6, neo4j 6.4")
    del there["neo4j"]
    assert only(doctor.check_graph_stores()).status == "warning"
    del there["networkx"]
    assert only(doctor.check_graph_stores()).status == "broken"


def test_a_neo4j_server_is_asked_only_where_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEO4J_URI", raising=False)
    assert list(doctor.check_neo4j()) == []


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("bolt://127.0.0.1:1", "cannot reach bolt://127.0.0.1:1"),
        ("bolt://neo4j:hush-hush@127.0.0.1:1", "$NEO4J_URI is not a valid address"),
        ("http://127.0.0.1:1/hush-hush", "$NEO4J_URI is not a valid address"),
    ],
)
def test_a_neo4j_server_that_does_not_answer_is_a_warning_without_its_password(
    uri: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEO4J_URI", uri)
    monkeypatch.setenv("NEO4J_PASSWORD", "hush-hush")
    finding = only(doctor.check_neo4j())
    assert (finding.status, says in finding.found) == ("warning", True)
    assert "hush" not in finding.found + finding.hint


def test_a_neo4j_server_without_a_password_says_which_variable_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_URI", "bolt://127.0.0.1:1")
    monkeypatch.delenv("NEO4J_PASSWORD", raising=False)
    assert "NEO4J_PASSWORD" in only(doctor.check_neo4j()).found


def test_a_home_that_is_a_file_is_broken(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")
    assert only(doctor.check_home(tmp_path / "home")).status == "broken"


def test_a_full_disk_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "LOW_DISK_BYTES", 1 << 62)
    finding = only(doctor.check_home(tmp_path))
    assert finding.status == "warning"
    assert "gc" in finding.hint


def test_a_broken_index_ends_with_exit_code_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import typer

    pointer = tmp_path / "indexes" / "shop" / "CURRENT"
    pointer.parent.mkdir(parents=True)
    pointer.write_text("r1 " + "0" * 64)
    with pytest.raises(typer.Exit) as raised:
        doctor.doctor(home=tmp_path)
    assert raised.value.exit_code == 1
    assert "index shop" in capsys.readouterr().out


def test_an_index_that_cannot_be_opened_is_one_finding(tmp_path: Path) -> None:
    (tmp_path / "indexes" / "shop" / "CURRENT").mkdir(parents=True)
    finding = only(doctor.check_indexes(tmp_path, quick=True))
    assert (finding.check, finding.status) == ("index shop", "broken")
