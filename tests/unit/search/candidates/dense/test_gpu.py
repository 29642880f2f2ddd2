"""Whether a GPU is used, whether the vectors fit, and what is done where there is none."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from clew.core.errors import MissingExtraError, UsageError
from clew.models.device import ExactOnDevice
from clew.search.candidates.dense import gpu, kind
from clew.search.candidates.dense.ann import ANN_KINDS, AnnIndex
from clew.search.candidates.dense.exact import exact_top
from clew.search.candidates.dense.gpu import GpuScan, for_build, free_bytes, library, needed_bytes, on_gpu
from clew.search.candidates.dense.int16 import to_int16
from clew.search.candidates.dense.kind import DenseKind
from clew.search.candidates.dense.spec import DenseSpec, Device
from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery, PassageSet

GB = 1 << 30
VECTORS = np.random.default_rng(0).normal(size=(6000, 32)).astype(np.float32)
VECTORS /= np.linalg.norm(VECTORS, axis=1, keepdims=True)
KEPT = to_int16(VECTORS)


def built(root: Path, spec: DenseSpec, vectors: np.ndarray) -> CandidateGenerator:
    """An index of one shard, opened."""
    made, passages = DenseKind(spec), PassageSet({}, vectors)
    global_statistics = made.combine([made.local_statistics(passages, root / "0")])
    made.save(global_statistics, root / "whole")
    made.build(passages, global_statistics, root / "0")
    return made.open([root / "0"], root / "whole")


def ask(vector: np.ndarray, k: int, allowed: np.ndarray | None = None) -> CandidateRequest:
    return CandidateRequest(ParsedQuery("q", vector=vector), k, allowed)


@pytest.fixture
def there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that torch reaches, with 2 GB free."""
    monkeypatch.setattr(gpu, "library", lambda: "torch")
    monkeypatch.setattr(gpu, "free_bytes", lambda: 2 * GB)


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "library", lambda: None)


def driver(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make `nvidia-smi` a script."""
    program = folder / "nvidia-smi"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/bin:/usr/bin")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def test_the_driver_says_how_much_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, 'for last; do :; done; case "$last" in 0) echo 81000;; 3) echo 500;; esac', monkeypatch)
    assert free_bytes() == 81_000 << 20
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,0")
    assert free_bytes() == 500 << 20
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert free_bytes() is None


@pytest.mark.parametrize("script", ["exit 9", "echo no devices were found", "true"])
def test_a_driver_that_does_not_say(tmp_path: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, script, monkeypatch)
    assert free_bytes() is None


def test_without_a_driver_nothing_reaches_a_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    library.cache_clear()
    assert library() is None
    library.cache_clear()


def test_a_driver_alone_is_not_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(tmp_path, "echo 81000", monkeypatch)
    monkeypatch.setattr("clew.models.device.torch_has_gpu", lambda: False)
    monkeypatch.setattr("faiss.get_num_gpus", lambda: 0, raising=False)
    library.cache_clear()
    assert library() is None
    library.cache_clear()


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize(("device", "used"), [("auto", "torch"), ("cuda", "torch"), ("cpu", None)])
def test_what_fits_is_put_there(device: Device, used: str | None) -> None:
    assert for_build(device, 1_000_000, 384) == used


@pytest.mark.usefixtures("there")
def test_what_does_not_fit_is_refused_with_both_sizes() -> None:
    passages = GB // 2 // 384 + 1000
    assert needed_bytes(passages, 384) > 2 * GB
    assert for_build("auto", passages, 384) is None
    with pytest.raises(
        UsageError, match=r"1,399,101 vectors of 384 numbers need 2\.1 GB on the GPU, but 2\.1 GB are free"
    ) as error:
        for_build("cuda", passages, 384)
    assert "shards" in error.value.hint


@pytest.mark.usefixtures("nowhere")
def test_a_build_that_asks_for_a_gpu_fails_without_one(tmp_path: Path) -> None:
    assert for_build("auto", 10, 10) is None
    assert for_build("cpu", 10, 10) is None
    with pytest.raises(MissingExtraError, match=r"\[dense\] device") as error:
        built(tmp_path, DenseSpec(kind="ivf", exact_below=0, recall=0.1, device="cuda"), VECTORS[:100])
    assert "gpu" in error.value.hint


@pytest.mark.usefixtures("nowhere")
def test_an_index_made_for_a_gpu_is_served_without_one(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spec = DenseSpec(kind="ivf", exact_below=0, recall=0.1)
    built(tmp_path, spec, VECTORS)
    with caplog.at_level(logging.WARNING):
        served = DenseKind(replace(spec, device="cuda")).open([tmp_path / "0"], tmp_path / "whole")
    assert "CPU" in caplog.text
    assert len(served.candidates(ask(VECTORS[3], 10))) == 10


def scan() -> GpuScan:
    return GpuScan(ExactOnDevice(*KEPT.shape, device="cpu"), KEPT)


@pytest.mark.parametrize("k", [1, 10, 300])
def test_the_scan_proposes_the_nearest(k: int) -> None:
    found = scan().search(VECTORS[5], k, scan().effort_for(2 * k, 1, 1.0))
    assert set(exact_top(KEPT, VECTORS[5], k).ordinals) <= set(found)


def test_with_a_filter_it_fetches_more() -> None:
    made = scan()
    assert made.effort_for(100, 1, 0.1) == 1001
    assert made.effort_for(100, 1, 0.001) == 2048
    allowed = np.arange(6000) % 10 == 0
    found = made.search(VECTORS[5], 100, 1001, allowed)
    assert allowed[found].all()


@pytest.mark.usefixtures("there")
@pytest.mark.parametrize("share", [None, 0.5, 0.02])
@pytest.mark.parametrize("name", ["rabitq", "ivf"])
def test_an_opened_index_answers_exactly(
    tmp_path: Path, name: str, share: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On the processor in place of the GPU; the vectors, their scores and the way to them are those of an index.
    monkeypatch.setattr(kind, "for_build", lambda *_: None)
    monkeypatch.setattr("clew.models.device.ExactOnDevice", lambda n, dim: ExactOnDevice(n, dim, device="cpu"))
    generator = built(tmp_path, DenseSpec(kind=name, exact_below=50), VECTORS)  # type: ignore[arg-type]
    allowed = None if share is None else np.random.default_rng(0).random(6000) < share
    for query in VECTORS[:20]:
        found, expected = generator.candidates(ask(query, 30, allowed)), exact_top(KEPT, query, 30, allowed)
        assert np.array_equal(found.ordinals, expected.ordinals)
        assert np.array_equal(found.scores, expected.scores)
    (part,) = generator.explain(ask(VECTORS[0], 1).query, 0)
    assert part.detail["search"] == "gpu"


@pytest.mark.usefixtures("there")
def test_an_exact_index_is_searched_exactly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kind, "on_gpu", lambda *_: pytest.fail("float16 is not exact"))
    assert len(built(tmp_path, DenseSpec(kind="flat", exact_below=50), VECTORS).candidates(ask(VECTORS[0], 10))) == 10


@pytest.mark.usefixtures("there")
def test_memory_that_goes_meanwhile_is_no_failure(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def taken(*_: object) -> None:
        raise RuntimeError("CUDA out of memory\nby another")

    monkeypatch.setattr("clew.models.device.ExactOnDevice", taken)
    assert on_gpu("auto", KEPT) is None
    assert "on the CPU: CUDA out of memory" in caplog.text


def test_a_gpu_without_room_is_told(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(gpu, "library", lambda: "faiss")
    monkeypatch.setattr(gpu, "free_bytes", lambda: GB // 2)
    assert on_gpu("auto", KEPT) is None
    assert "lacks the memory for 6000 vectors" in caplog.text


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_a_gpu_that_fails_while_it_builds(tmp_path: Path, device: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(kind, "for_build", lambda *_: "faiss")
    monkeypatch.setattr(kind, "on_gpu", lambda *_: None)
    monkeypatch.setattr("clew.search.candidates.dense.ann.train_on_gpu", fails)
    spec = DenseSpec(kind="ivf", exact_below=0, recall=0.1, device=device)
    if device == "cuda":
        with pytest.raises(UsageError, match="the GPU failed: out of memory"):
            built(tmp_path, spec, VECTORS[:500])
    else:
        assert len(built(tmp_path, spec, VECTORS[:500]).candidates(ask(VECTORS[0], 10))) == 10


@pytest.mark.gpu
def test_an_index_built_on_a_gpu_is_one_of_the_processor(tmp_path: Path) -> None:
    if library() != "faiss":
        pytest.skip("needs a GPU and faiss-gpu")
    ann = AnnIndex.make(ANN_KINDS["ivf"], KEPT, 0, gpu=True)
    ann.write(tmp_path)
    read = AnnIndex.read(ANN_KINDS["ivf"], tmp_path)
    for query in VECTORS[:20]:
        assert set(read.search(query, 10, 256)) == set(exact_top(KEPT, query, 10).ordinals)


@pytest.mark.gpu
def test_the_scan_on_a_gpu() -> None:
    if (found := library()) is None:
        pytest.skip("needs a GPU")
    made = GpuScan.with_library(found, KEPT)
    for query in VECTORS[:20]:
        assert set(exact_top(KEPT, query, 50).ordinals) <= set(made.search(query, 50, 100))
