import os
import sys
from urllib.parse import quote

import pytest

from clew.benchmarks.peers.serving import Server
from clew.benchmarks.speed.items import ITEMS
from clew.benchmarks.speed.material import Job
from clew.benchmarks.speed.run import full, measure, table
from clew.core.errors import UnknownNameError, UsageError
from tests.builders import write_beir


def quiet(_text):
    pass


def measured(names, home, **changes):
    return measure(
        names, home, Job(**{"docs": 40, "rounds": 2, "model": "hashing", "reranker": "overlap", **changes}), quiet
    )


IN_PROCESS = [
    "bm25", "bm25-terms", "bm25-build", "encode", "query-encode", "query-cached", "rerank", "rerank-long", "hybrid",
    "build", "build-rest", "ann",
]  # fmt: skip
SERVED = ["http", "http-latency", "cold-start", "memory", "memory-base"]


def test_every_item_has_ours_peers_unit_and_ratio(tmp_path):
    found = measured(IN_PROCESS, tmp_path, peers=False)
    assert list(found) == IN_PROCESS
    assert list(ITEMS) == [*IN_PROCESS, *SERVED]
    for name, figures in found.items():
        assert figures["ours"] > 0
        assert figures["unit"] == ITEMS[name].unit
        assert len(figures["rounds"]["ours"]) == 2
        # A peer that was not measured is there all the same, with the reason.
        assert figures["peers"] == figures["ratio"] == dict.fromkeys(ITEMS[name].peers)
        assert set(figures["missing"]) == set(ITEMS[name].peers)
    assert table(found).row_count == sum(max(1, len(ITEMS[name].peers)) for name in IN_PROCESS)
    assert '"environment"' in full(found, Job())


@pytest.fixture
def own_interpreter(tmp_path, monkeypatch):
    """An environment of peers that is this one's interpreter; whatever is not installed here is missing there."""
    folder = tmp_path / "peers"
    (folder / "bin").mkdir(parents=True)
    python = folder / "bin" / "python"
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    monkeypatch.setenv("CLEW_PEERS", str(folder))
    monkeypatch.setattr("clew.benchmarks.speed.run.prepare_peers", lambda _say: {})


@pytest.mark.skipif(os.name == "nt", reason="the interpreter is wrapped in a shell script")
def test_a_peer_takes_turns_and_one_that_cannot_is_reported(own_interpreter, tmp_path, monkeypatch):
    broken = {"rank-bm25": "rank_bm25", "absent": "no_such_peer"}
    monkeypatch.setitem(ITEMS, "bm25", ITEMS["bm25"].__class__(**{**fields_of(ITEMS["bm25"]), "peers": broken}))
    found = measured(["bm25"], tmp_path)["bm25"]
    assert found["peers"]["rank-bm25"] > 0
    assert len(found["rounds"]["rank-bm25"]) == 2
    assert found["ratio"]["rank-bm25"] == pytest.approx(found["ours"] / found["peers"]["rank-bm25"], rel=0.01)
    assert found["peers"]["absent"] is None
    assert found["ratio"]["absent"] is None
    assert "no_such_peer" in found["missing"]["absent"]


def fields_of(item):
    return {name: getattr(item, name) for name in item.__dataclass_fields__}


def test_spans_of_data_sets_can_be_the_texts(tmp_path):
    folders = []
    for name in ("a", "b"):
        documents = {f"{name}{at}": ("Notes", "words that follow one another " * 8) for at in range(8)}
        folders.append(write_beir(tmp_path / name, documents, {"q": "words"}, test={"q": {f"{name}0": 1}}))
    assert measured(["bm25"], tmp_path, peers=False, data=tuple(folders))["bm25"]["ours"] > 0


def test_models_without_files_are_measured(tmp_path):
    job = Job(docs=40, rounds=1, peers=False, model="hashing-16", reranker="overlap")
    found = measure(["query-encode", "rerank", "build"], tmp_path, job, quiet)
    assert all(figures["ours"] > 0 for figures in found.values())


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process is read from /proc")
def test_a_server_is_measured_too(tmp_path):
    found = measured(SERVED, tmp_path, docs=400, rounds=1, peers=False)
    assert all(found[name]["ours"] > 0 for name in SERVED if name != "memory")
    assert found["cold-start"]["ours"] < 300
    # What 300 texts add may be less than two servers differ by.
    assert abs(found["memory"]["ours"]) < 1_000


def test_memory_needs_more_texts_than_what_it_is_held_against(tmp_path):
    with pytest.raises(UsageError, match="docs is 40"):
        measured(["memory"], tmp_path, peers=False)


def test_a_server_that_does_not_answer_is_an_error():
    command = [sys.executable, "-c", "print('no such index'); raise SystemExit(3)"]
    with pytest.raises(RuntimeError, match="no such index"):
        Server(lambda _port: command, quote, "words")


def test_bad_words_are_refused(tmp_path):
    with pytest.raises(UnknownNameError):
        measured(["bm52"], tmp_path)
    with pytest.raises(UsageError, match="rounds is 0"):
        Job(rounds=0)
