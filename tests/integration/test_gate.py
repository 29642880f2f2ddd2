"""A release with other models has to be non-inferior to the live one, or to say why it is live all the same.

The models are "hashing" encoders, and BM25 weighs nothing: with 8 cells nearly every word collides with another, with
256 hardly any does.
"""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from clew.api.app import create_app
from clew.api.engine import Engine
from clew.api.settings import Settings
from clew.cli import app, doctor
from clew.core.clock import today
from clew.core.errors import CorruptError, QualityError, StageUnavailable
from clew.core.files import write_atomic
from clew.core.measures import evaluate
from clew.core.measures.significance import compare
from clew.indexer.build import build
from clew.indexer.releases import history, judged, publish
from clew.indexer.releases.gc import gc
from clew.indexer.releases.override import Override
from clew.indexer.releases.transfer import export, import_
from clew.indexer.spec import spec_of
from clew.models.hashing import HashingEncoder
from clew.models.overlap import OverlapScorer
from clew.search.assemble import open_index
from clew.search.candidates.sharded import Sharded
from clew.search.versions import IndexFolder, dumps
from tests.builders import write_beir, write_judged

QUERIES = 40
GOOD = {"model": "hashing-256", "enabled": True, "floor": -1}
BAD = {**GOOD, "model": "hashing-8"}
TABLE = {
    "name": "shop",
    "source": {"path": "corpus", "form": "beir"},
    "dense": GOOD,
    "fusion": {"method": "sum", "weights": {"bm25": 0.0, "dense": 1.0}},
    "quality": {"queries": "corpus"},
}
RERANK = {"model": "overlap", "top": 20, "enabled": True}
FOREVER = Override("the new one answers in half the time", today() + timedelta(days=300))


def word(rng) -> str:
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=6))


def write_corpus(folder) -> None:
    """Documents of eight words of their own; each query is two of the words of one of them."""
    rng = random.Random(5)
    documents = {f"d{number}": [word(rng) for _ in range(8)] for number in range(100)}
    asked = {f"q{number}": " ".join(documents[f"d{number}"][:2]) for number in range(QUERIES)}
    judged = {f"q{number}": {f"d{number}": 1} for number in range(QUERIES)}
    write_beir(folder / "corpus", {name: " ".join(words) for name, words in documents.items()}, asked, dev=judged)


def spec(root, **tables):
    return spec_of({**TABLE, **tables}, "shop.toml", root)


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("gate")
    write_corpus(root)
    assert build(spec(root), root / "home").comparison == {}
    return root


@pytest.fixture
def root(built, tmp_path):
    shutil.copytree(built, tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def excused(root):
    """A home whose live release r2 has the worse model, by an override of what r1 says."""
    assert build(spec(root, dense=BAD), root / "home", override=FOREVER).release == "r2"
    return root


def folder_of(root):
    return IndexFolder.of(root / "home", "shop")


def live(root):
    return folder_of(root).read_release()


def add_document(root, name="new") -> None:
    with (root / "corpus" / "corpus.jsonl").open("a") as file:
        file.write(json.dumps({"_id": name, "text": f"zeppelin {name}"}) + "\n")


def end_override(root) -> None:
    """Let the live release be one whose override ended yesterday."""
    release = live(root)
    past = {**release.override, "until": (today() - timedelta(days=1)).isoformat()}
    write_atomic(folder_of(root).release(release.id), dumps(replace(release, override=past)))
    history.set_live(folder_of(root), release.id)


def clew(root, *words):
    return CliRunner().invoke(app, [*words, "--home", str(root / "home")], catch_exceptions=False)


def ndcg(root, release):
    """Per-query nDCG@10 of a release, by another way than the gate's."""
    searcher = open_index(root / "home", "shop", release)
    try:
        asked = [json.loads(line) for line in (root / "corpus" / "queries.jsonl").read_text().splitlines()]
        run = {row["_id"]: dict(zip(*searcher.rank(row["text"], 10), strict=True)) for row in asked}
    finally:
        searcher.close()
    return evaluate({f"q{n}": {f"d{n}": 1} for n in range(QUERIES)}, run, ["nDCG@10"]).per_query["nDCG@10"]


# ---------------------------------------------------------------- the rule


def test_a_worse_model_is_refused_with_both_figures_the_interval_and_the_counts(root):
    before = folder_of(root).pointer.read_bytes()
    with pytest.raises(QualityError) as caught:
        build(spec(root, dense=BAD), root / "home")
    said = caught.value.message
    assert "with other models, nDCG@10 is 0." in said
    assert "that of release r1 " in said
    assert "95 % interval -" in said
    assert f" lost of {QUERIES} queries, which can detect a difference of 0." in said
    assert "at least -0.01 is required" in said
    assert "\n" not in said
    assert "use the models of release r1" in caught.value.hint
    assert '--override "REASON" --until' in caught.value.hint
    assert folder_of(root).pointer.read_bytes() == before
    assert [path.stem for path in folder_of(root).root.glob("releases/*.json")] == ["r1"]


def test_a_better_model_goes_live_and_the_comparison_is_kept(tmp_path):
    write_corpus(tmp_path)
    build(spec(tmp_path, dense=BAD), tmp_path / "home")
    report = build(spec(tmp_path), tmp_path / "home")
    assert (report.status, report.release, report.override) == ("published", "r2", None)
    before, after = ndcg(tmp_path, "r1"), ndcg(tmp_path, "r2")
    wanted = compare(after, before)
    found = report.comparison
    assert (found["release"], found["encoder"], found["reranker"]) == ("r1", "hashing-8", None)
    assert (found["queries"], found["non_inferior"]) == (QUERIES, True)
    assert found["before"] == pytest.approx(sum(before.values()) / QUERIES)
    assert found["after"] == pytest.approx(sum(after.values()) / QUERIES)
    assert (found["difference"], found["low"], found["high"]) == (wanted.difference, wanted.low, wanted.high)
    assert (found["won"], found["lost"], found["tied"]) == (wanted.wins, wanted.losses, wanted.ties)
    assert found["won"] > 5
    assert folder_of(tmp_path).read_version(live(tmp_path)).report["comparison"] == found
    assert json.loads(clew(tmp_path, "indexes", "show", "shop", "--json").stdout)["version"]["report"][
        "comparison"
    ] == pytest.approx(found)
    assert f"difference {found['difference']:+.4f}, 95 % interval" in clew(tmp_path, "indexes", "show", "shop").stdout
    assert build(spec(tmp_path), tmp_path / "home").comparison == found


def test_the_reranker_alone_is_another_pair(root):
    report = build(spec(root, rerank=RERANK), root / "home")
    assert report.comparison["release"] == "r1"
    assert (report.comparison["encoder"], report.comparison["reranker"]) == ("hashing-256", None)
    again = build(spec(root, rerank={**RERANK, "top": 10}), root / "home")
    assert (again.status, again.comparison) == ("published", {})


def test_the_same_models_are_held_to_max_drop_alone(root):
    add_document(root)
    report = build(spec(root), root / "home")
    assert (report.status, report.comparison) == ("published", {})
    assert "judge" in report.seconds


def test_queries_of_which_the_live_release_holds_nothing_do_not_count(root):
    add_document(root, "late")
    with (root / "corpus" / "queries.jsonl").open("a") as file:
        file.write('{"_id": "late", "text": "zeppelin late"}\n')
    with (root / "corpus" / "qrels" / "dev.tsv").open("a") as file:
        file.write("late\tlate\t1\n")
    report = build(spec(root, dense={"model": "hashing-512", "enabled": True}), root / "home")
    assert report.comparison["queries"] == QUERIES


def test_no_query_that_counts_is_no_comparison(root):
    add_document(root, "late")
    write_judged(root / "corpus", {"late": "zeppelin late"}, dev={"late": {"late": 1}})
    with pytest.raises(QualityError, match=r"release r1 cannot be measured .* no document that is relevant to a"):
        build(spec(root, dense={"model": "hashing-512", "enabled": True}), root / "home")


# ---------------------------------------------------------------- stages that do not run


class NoNumber(OverlapScorer):
    def score(self, query, texts):
        return np.full(len(texts), np.nan, np.float32)


def test_a_reranker_that_does_not_run_is_an_error_and_no_override_helps(root, monkeypatch):
    monkeypatch.setattr(OverlapScorer, "score", NoNumber.score)
    for override in (None, FOREVER):
        with pytest.raises(QualityError, match=r"query 'q0' cannot be measured because a stage did not run: rerank"):
            build(spec(root, rerank=RERANK), root / "home", override=override)
    assert live(root).id == "r1"


def test_a_source_that_does_not_run_is_an_error(root, monkeypatch):
    def fails(self, texts):
        raise StageUnavailable("out of memory")

    add_document(root)
    monkeypatch.setattr(HashingEncoder, "encode_queries", fails)
    with pytest.raises(QualityError, match="a stage did not run: dense: out of memory"):
        build(spec(root), root / "home")


def test_a_shard_that_does_not_answer_is_an_error(built):
    class Down:
        size = 0

        def candidates(self, request):
            raise StageUnavailable("its disk is gone")

    asked = judged.Judged({"q": "zeppelin"}, {"q": {"d1": 1}})
    searcher = open_index(built / "home", "shop")
    try:
        half = {**searcher.generators, "dense": Sharded([searcher.generators["dense"], Down()])}
        with pytest.raises(QualityError, match="a stage did not run: dense: not every shard answered"):
            judged.measure(replace(searcher, generators=half), asked)
    finally:
        searcher.close()


def test_reranking_is_judged_whole_whatever_its_time_budget(root):
    def figure(name, **table):
        return build(spec(root, dense=BAD, rerank={**RERANK, **table}), root / name).relevance["nDCG@10"]

    whole = figure("whole", top=60, budget_ms=0)
    assert figure("hurried", top=60, budget_ms=1e-6) == whole
    assert figure("chunk", top=16, budget_ms=0) < whole  # what so short a budget would have left


def test_a_live_release_that_cannot_be_measured_is_named_and_needs_an_override(root, monkeypatch):
    build(spec(root, rerank=RERANK), root / "home")
    monkeypatch.setattr(OverlapScorer, "score", NoNumber.score)
    with pytest.raises(QualityError, match=r"release r2 cannot be measured for comparison: .* not run: rerank:"):
        build(spec(root), root / "home")
    report = build(spec(root), root / "home", override=FOREVER)
    assert report.comparison == {}
    assert [failure["rule"] for failure in live(root).override["overrode"]] == ["not_compared"]


def test_a_model_that_is_gone_is_named_and_needs_an_override(root, monkeypatch):
    build(spec(root, rerank=RERANK), root / "home")
    monkeypatch.setattr(OverlapScorer, "fingerprint", "f" * 64)
    with pytest.raises(QualityError, match=r"release r2 cannot be measured .* is not the reranker that release r2"):
        build(spec(root, rerank=RERANK), root / "home")
    report = build(spec(root, rerank=RERANK), root / "home", override=FOREVER)
    assert live(root).override == report.override.as_table()
    assert [failure.rule for failure in report.override.overrode] == ["not_compared"]
    # There is nothing better to measure the next one by.
    assert build(spec(root), root / "home").comparison["release"] == "r3"


def test_a_live_release_that_cannot_be_read_is_not_taken_for_none(root):
    path = folder_of(root).version(live(root).version) / "version.json"
    path.write_bytes(path.read_bytes().replace(b"100", b"101"))
    with pytest.raises(QualityError, match=r"live release cannot be read: .*version\.json"):
        build(spec(root), root / "home")
    assert build(spec(root), root / "home", override=FOREVER).status == "published"


def test_a_damaged_file_of_the_live_release_is_named(root):
    address, _ = folder_of(root).read_version(live(root)).shards[0]
    with (folder_of(root).shard(address) / "documents.arrow").open("r+b") as file:
        file.write(b"damaged")
    with pytest.raises(QualityError, match=r"release r1 cannot be measured .*documents\.arrow"):
        build(spec(root, dense={"model": "hashing-512", "enabled": True}), root / "home")


# ---------------------------------------------------------------- overrides


def test_an_override_is_recorded_with_what_it_overrode(excused):
    release = live(excused)
    assert (release.override["reason"], release.override["until"]) == (FOREVER.reason, FOREVER.until.isoformat())
    assert (release.override["against"], release.override["when"][:10]) == ("r1", release.created[:10])
    (overrode,) = release.override["overrode"]
    comparison = folder_of(excused).read_version(release).report["comparison"]
    assert overrode["rule"] == "non_inferior"
    assert "with other models, nDCG@10" in overrode["said"]
    for name in ("before", "after", "difference", "low", "high", "won", "lost", "queries"):
        assert overrode[name] == comparison[name]
    assert comparison["non_inferior"] is False


def test_an_override_that_is_not_needed_is_said_and_not_recorded(root):
    build(spec(root), root / "home")  # the copy's judged queries lie elsewhere
    unchanged = build(spec(root), root / "home", override=FOREVER)
    assert (unchanged.status, unchanged.override) == ("unchanged", None)
    add_document(root)
    changed = build(spec(root), root / "home", override=FOREVER)
    assert (changed.status, changed.override, live(root).override) == ("published", None, {})
    unjudged = build(spec(root, quality={}, dense=BAD), root / "home", override=FOREVER)
    assert (unjudged.status, unjudged.override) == ("published", None)
    for report in (unchanged, changed, unjudged):
        assert any("--override was not needed and is not recorded" in notice for notice in report.notices)


def test_the_next_build_with_these_models_stands_under_the_same_override(excused):
    add_document(excused)
    report = build(spec(excused, dense=BAD), excused / "home")
    assert (report.release, report.comparison["release"]) == ("r3", "r1")
    kept = live(excused).override
    assert (kept["reason"], kept["until"], kept["against"]) == (FOREVER.reason, FOREVER.until.isoformat(), "r1")
    assert any("the override of release r2 covers this one" in notice for notice in report.notices)


def test_an_override_does_not_become_the_measure_of_the_next_model(excused):
    with pytest.raises(QualityError, match="that of release r1 "):
        build(spec(excused, dense={"model": "hashing-9", "enabled": True}), excused / "home")
    good = build(spec(excused, dense={"model": "hashing-512", "enabled": True}), excused / "home")
    assert (good.comparison["release"], live(excused).override) == ("r1", {})


def test_back_to_the_models_of_before_is_measured_against_what_is_live(excused):
    report = build(spec(excused), excused / "home")
    assert (report.comparison["release"], report.comparison["won"] > 5, live(excused).override) == ("r2", True, {})


def test_while_it_holds_the_better_release_may_be_lost(excused):
    folder_of(excused).release("r1").unlink()
    add_document(excused)
    report = build(spec(excused, dense=BAD), excused / "home")
    assert ([failure.rule for failure in report.override.overrode], report.comparison) == (
        ["not_compared"],
        {},
    )
    assert (report.override.baseline, report.override.until) == ("r1", FOREVER.until)
    end_override(excused)
    add_document(excused, "more")
    with pytest.raises(QualityError, match="r1 cannot be measured for comparison: index 'shop' has no release"):
        build(spec(excused, dense=BAD), excused / "home")
    translate = build(spec(excused, dense=BAD), excused / "home", override=FOREVER)
    assert translate.override.baseline == ""


def test_what_was_held_against_it_is_kept_as_long_as_the_override_is_live(excused):
    for name in ("one", "two", "three"):
        add_document(excused, name)
        build(spec(excused, dense=BAD), excused / "home")
    assert gc(excused / "home", "shop", keep=1).releases == ("r2", "r3")
    add_document(excused, "four")
    assert build(spec(excused, dense=BAD), excused / "home").comparison["release"] == "r1"


def test_after_its_end_a_build_is_refused_until_it_is_renewed(excused):
    end_override(excused)
    unchanged = build(spec(excused, dense=BAD), excused / "home")
    assert (unchanged.status, unchanged.override.reason) == ("unchanged", FOREVER.reason)
    assert any("release r2: override ended on" in notice for notice in unchanged.notices)
    add_document(excused)
    with pytest.raises(QualityError, match="that of release r1 ") as caught:
        build(spec(excused, dense=BAD), excused / "home")
    assert "the override of release r2 ended on" in caught.value.hint
    assert build(spec(excused, dense=BAD), excused / "home", override=FOREVER).status == "published"


def test_an_override_is_renewed_also_where_nothing_else_has_changed(excused):
    end_override(excused)
    report = build(spec(excused, dense=BAD), excused / "home", override=FOREVER)
    assert (report.status, report.release, report.encoded) == ("published", "r3", 0)
    assert live(excused).override["until"] == FOREVER.until.isoformat()


# ---------------------------------------------------------------- after the end


def test_list_show_and_doctor_say_that_an_override_holds_or_has_ended(excused, capsys):
    until = FOREVER.until.isoformat()
    assert f"override until {until}" in clew(excused, "indexes", "list").stdout
    shown = clew(excused, "indexes", "show", "shop").stdout
    assert f"  override until {until}: {FOREVER.reason}\n    cannot tell: judge these " in shown
    assert "that nobody judged, with which -0." in shown
    assert "): with other models, nDCG@10" in shown
    finding = next(doctor.check_override("shop", live(excused)))
    assert (finding.status, FOREVER.reason in finding.found) == ("ok", True)
    end_override(excused)
    yesterday = (today() - timedelta(days=1)).isoformat()
    assert f"override ended on {yesterday}" in clew(excused, "indexes", "list").stdout
    assert f"override ended on {yesterday}: {FOREVER.reason}" in clew(excused, "indexes", "show", "shop").stdout
    (row,) = json.loads(clew(excused, "indexes", "list", "--json").stdout)
    assert (row["override_until"], row["override_ended"]) == (yesterday, True)
    opens, ended = doctor.check_indexes(excused / "home", quick=True)
    assert (opens.status, ended.status, ended.check) == ("ok", "broken", "override shop")
    assert f"release r2: override ended on {yesterday}" in ended.found
    assert "rollback" in ended.hint


def test_the_service_says_that_a_release_lives_on_an_override(excused):
    with TestClient(create_app(Engine(excused / "home"), Settings(home=excused / "home"))) as client:
        for found in (client.get("/v1/indexes/shop").json(), client.get("/v1/indexes").json()["indexes"][0]):
            assert found["override"] == live(excused).override
    publish.rollback(excused / "home", "shop")
    with TestClient(create_app(Engine(excused / "home"), Settings(home=excused / "home"))) as client:
        assert client.get("/v1/indexes/shop").json()["override"] is None


def test_after_its_end_a_release_is_not_activated_but_serves_on_and_can_be_rolled_back_to(excused):
    home = excused / "home"
    end_override(excused)
    open_index(home, "shop").close()
    folder_of(excused).pointer.write_bytes(b"damaged\n")
    publish.activate(home, "shop", "r2")
    publish.activate(home, "shop", "r1")
    with pytest.raises(QualityError, match="r2 of index 'shop' was published with an override that ended on") as caught:
        publish.activate(home, "shop", "r2")
    assert "clew indexes show shop" in caught.value.hint
    assert live(excused).id == "r1"
    back = clew(excused, "indexes", "rollback", "shop")
    assert (back.exit_code, live(excused).id) == (0, "r2")
    assert "release r2: override ended on" in back.stderr


def test_an_override_travels_and_one_that_has_ended_does_not_go_live(excused, tmp_path):
    home = excused / "home"
    export(home, "shop", tmp_path / "holds.tar")
    import_(tmp_path / "there", tmp_path / "holds.tar")
    there = IndexFolder.of(tmp_path / "there", "shop")
    assert there.read_release().override == {**live(excused).override, "against": ""}
    end_override(excused)
    export(home, "shop", tmp_path / "ended.tar")
    with pytest.raises(QualityError, match="override that ended on"):
        import_(tmp_path / "there", tmp_path / "ended.tar")
    assert import_(tmp_path / "there", tmp_path / "ended.tar", activate=False).release == "r2"
    assert there.live()[0] == "r1"


def test_a_release_of_before_there_were_overrides_is_read(root):
    path = folder_of(root).release("r1")
    table = json.loads(path.read_bytes())
    del table["override"]
    write_atomic(path, json.dumps(table).encode())
    with pytest.raises(CorruptError):
        live(root)
    history.set_live(folder_of(root), "r1")
    assert live(root).override == {}


# ---------------------------------------------------------------- the command line


def write_spec(root, model) -> str:
    (root / "shop.toml").write_text(
        'name = "shop"\n[source]\npath = "corpus"\nform = "beir"\n'
        f'[dense]\nmodel = "{model}"\nenabled = true\n'
        f'[fusion]\nmethod = "sum"\nweights = {{ bm25 = 0.0, dense = 1.0 }}\n'
        '[quality]\nqueries = "corpus"\n'
    )
    return str(root / "shop.toml")


def test_build_takes_the_override_and_shows_it(root):
    words = ["build", write_spec(root, "hashing-8"), "--override", "faster", "--until", FOREVER.until.isoformat()]
    report = json.loads(clew(root, *words, "--json").stdout)
    assert report["override"]["reason"] == "faster"
    assert set(report["comparison"]) == {
        "release", "encoder", "reranker", "measure", "queries", "before", "after", "difference", "low", "high", "won",
        "lost", "tied", "detectable", "non_inferior",
    }  # fmt: skip
    text = clew(root, "build", write_spec(root, "hashing-8")).stdout
    assert "that of release r1 is 1.0000: difference -0." in text
    assert f"  override until {FOREVER.until}: faster\n" in text


def test_python_takes_the_override_too(root):
    import clew as product

    report = product.build(
        write_spec(root, "hashing-8"), root / "home", override="faster", until=FOREVER.until.isoformat()
    )
    assert report.override.reason == "faster"
