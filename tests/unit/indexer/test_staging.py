"""Plans are named by their inputs; finished steps are found again."""

import pytest

from clew.indexer.staging import Staging, plan_of
from clew.search.versions import IndexFolder

SPEC = {"name": "shop", "passages": {"size": 256}, "build": {"shards": 1, "workers": 0}, "quality": {"queries": ""}}
ENCODER = {"fingerprint": "ab", "runtime": "numpy-fp32"}


@pytest.fixture
def source(tmp_path):
    path = tmp_path / "shop.jsonl"
    path.write_text("{}")
    return str(path)


def test_the_same_inputs_have_the_same_plan(source):
    assert plan_of(SPEC, [source], ENCODER, "an") == plan_of(dict(SPEC), [source], dict(ENCODER), "an")


@pytest.mark.parametrize(
    "change", [{"passages": {"size": 128}}, {"build": {"shards": 2, "workers": 0}}, {"fields": {}}]
)
def test_other_settings_have_another_plan(source, change):
    assert plan_of(SPEC, [source], ENCODER, "an") != plan_of({**SPEC, **change}, [source], ENCODER, "an")


@pytest.mark.parametrize(
    "change",
    [{"build": {"shards": 1, "workers": 8}}, {"quality": {"queries": "judged"}}, {"rerank": {"model": "overlap"}}],
)
def test_settings_that_change_no_content_keep_the_plan(source, change):
    assert plan_of(SPEC, [source], ENCODER, "an") == plan_of({**SPEC, **change}, [source], ENCODER, "an")


def test_other_bytes_encoders_and_analyzers_have_another_plan(source, tmp_path):
    plans = {plan_of(SPEC, [source], ENCODER, "an"), plan_of(SPEC, [source], ENCODER, "other")}
    plans.add(plan_of(SPEC, [source], {**ENCODER, "runtime": "torch-fp32"}, "an"))
    (tmp_path / "shop.jsonl").write_text("{ }")
    plans.add(plan_of(SPEC, [source], ENCODER, "an"))
    assert len(plans) == 4


def test_a_remote_file_is_known_by_its_tag(tmp_path):
    import fsspec

    with fsspec.open("memory://shop.jsonl", "wb") as file:
        file.write(b"{}")
    first = plan_of(SPEC, ["memory://shop.jsonl"], ENCODER, "an")
    with fsspec.open("memory://shop.jsonl", "wb") as file:
        file.write(b"{ }")
    assert plan_of(SPEC, ["memory://shop.jsonl"], ENCODER, "an") != first


def test_a_step_is_done_once(tmp_path):
    staging = Staging.of(IndexFolder(tmp_path), "ab" * 32)
    runs = []
    for _ in range(2):
        assert staging.once("read", lambda: runs.append(1) or {"documents": 3}) == {"documents": 3}
    assert runs == [1]
    assert Staging.of(IndexFolder(tmp_path), "ab" * 32).result("read") == {"documents": 3}
    assert staging.result("cut-0") is None


def test_a_step_that_fails_is_not_done(tmp_path):
    staging = Staging.of(IndexFolder(tmp_path), "ab" * 32)
    with pytest.raises(ZeroDivisionError):
        staging.once("read", lambda: {"documents": 1 // 0})
    assert staging.result("read") is None
