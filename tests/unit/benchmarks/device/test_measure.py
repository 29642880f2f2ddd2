"""What is counted and reported of a device; real networks on whatever torch finds here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from clew.benchmarks.device.measure import Job, full, measure, table
from clew.core.errors import UsageError


def test_a_job_without_texts_or_rounds_is_refused() -> None:
    with pytest.raises(UsageError, match="texts is 0"):
        Job(texts=0)
    with pytest.raises(UsageError, match="vectors is 0"):
        Job(vectors=0)
    with pytest.raises(UsageError, match="rounds is -1"):
        Job(rounds=-1)


@pytest.mark.slow
def test_every_item_has_its_pace_and_its_share_of_the_peak(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    said: list[str] = []
    job = Job(texts=6, rounds=1, vectors=3_000)
    found = measure(request.config.rootpath / ".clew" / "tests", job, said.append)
    assert list(found["items"]) == ["encode", "rerank", "train a reranker", "train an encoder"]
    assert {"Clew", "sentence-transformers"} == {who.split()[0] for who in found["items"]["encode"]}
    for rows in found["items"].values():
        for row in rows.values():
            assert row["per_second"] > 0
            # Both figures are rounded to four digits, which matters on a slow or busy machine.
            rounding = 1e-4 / found["peak_tflops"]
            assert row["share_of_peak"] == pytest.approx(row["tflops"] / found["peak_tflops"], abs=1e-3 + rounding)
    assert len(said) == 1 + len(found["items"]) + len(found["vectors"])
    for row in found["vectors"].values():
        assert "missing" in row or (row["queries_per_second"] > 0 and row["recall@100"] > 0)
    assert "missing" not in found["vectors"]["rabitq, processor"]
    assert table(found).row_count == sum(map(len, found["items"].values()))
    written = json.loads(json.dumps(full(found, job)))
    assert written["results"]["device"]["name"]
    assert written["signature"]["options"]["texts"] == 6


@pytest.mark.slow
def test_operations_are_counted_as_torch_counts_them(request: pytest.FixtureRequest) -> None:
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    from clew.benchmarks.device.measure import _TRAINING, _Material
    from clew.models.torch_runtime import load_transformer

    material = _Material(request.config.rootpath / ".clew" / "tests", Job(texts=1), _TRAINING["cpu"])
    model = load_transformer(material.encoder, attention="eager")
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        model(input_ids=torch.ones((1, 100), dtype=torch.long), attention_mask=torch.ones((1, 100), dtype=torch.long))
    pooler = 2 * model.config.hidden_size**2  # which a bi-encoder does not use
    assert material.flops(100) == pytest.approx(counter.get_total_flops() - pooler, rel=1e-3)
