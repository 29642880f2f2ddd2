"""An index whose [dense] and [rerank] each name the average of two models: built, searched, and kept apart."""

from __future__ import annotations

import numpy as np
import pytest

import clew
from clew.core.errors import MismatchError, SpecError
from clew.indexer.build import build
from clew.indexer.spec import spec_of
from clew.models.averaged import AveragedEncoder
from clew.models.cached import CachedEncoder
from clew.models.hashing import HashingEncoder
from clew.search.assemble import open_index
from tests.builders import write_rows

ROWS = ["red leather shoe", "blue running shoe", "green felt hat", "warm oak reading lamp", "steel water kettle"]
BOTH = "hashing-32+hashing-16"
TABLE = {
    "name": "shop",
    "source": {"path": "docs.jsonl"},
    "fields": {"text": {"type": "text"}},
    "dense": {"model": BOTH, "floor": -1},
    "rerank": {"model": "overlap+overlap", "budget_ms": 0},
}


@pytest.fixture
def root(tmp_path):
    return write_rows(tmp_path, docs=[{"id": f"d{at}", "text": text} for at, text in enumerate(ROWS)])


def built(root, **tables):
    return build(spec_of({**TABLE, **tables}, "shop.toml", root), root / "home")


def test_an_average_is_built_searched_and_reranked_with(root):
    built(root)
    both = AveragedEncoder(HashingEncoder(32), HashingEncoder(16))
    with clew.open("shop", root / "home") as index:
        assert index.searcher.version.encoder == {
            "model": BOTH, "fingerprint": both.fingerprint, "runtime": "numpy-fp32+numpy-fp32", "dim": 48,
            "agreement": 1.0,
        }  # fmt: skip
        found = index.search("running shoe", sources=("dense",), rerank=False, k=5, explain=True)
        cosines = [
            encoder.encode_passages(ROWS) @ encoder.encode_queries(["running shoe"])[0]
            for encoder in (HashingEncoder(32), HashingEncoder(16))
        ]
        mean = (cosines[0] + cosines[1]) / 2
        assert [hit.id for hit in found.hits] == [f"d{at}" for at in np.argsort(-mean)]
        scores = {hit.id: next(s.score for s in hit.why if s.stage == "dense") for hit in found.hits}
        assert scores == pytest.approx({f"d{at}": value for at, value in enumerate(mean)}, abs=1e-4)
        reranked = index.search("running shoe")
        assert reranked.rerank.model == "overlap+overlap"
        assert (reranked.hits[0].id, reranked.hits[0].scored_by) == ("d1", "rerank")


def test_its_vectors_are_cached_apart_from_those_of_its_parts(root):
    assert built(root, dense={"model": "hashing-32"}).encoded == len(ROWS)
    assert built(root).encoded == len(ROWS)
    assert built(root, dense={"model": "hashing-16+hashing-32"}).encoded == len(ROWS)
    (root / "docs.jsonl").write_text((root / "docs.jsonl").read_text() + '{"id": "new", "text": "wool rug"}\n')
    assert built(root).encoded == 1


def test_the_other_order_of_its_parts_is_another_encoder(root):
    built(root)
    with pytest.raises(MismatchError, match="is not the encoder that built index 'shop'"):
        open_index(root / "home", "shop", model="hashing-16+hashing-32")
    opened = open_index(root / "home", "shop", model=BOTH)
    assert isinstance(opened.query_analyzer.encoder, CachedEncoder)
    opened.close()


def test_three_models_are_refused_before_anything_is_built(root):
    with pytest.raises(SpecError, match=r"shop\.toml \[dense\]: model 'a\+b\+c' joins 3 models"):
        built(root, dense={"model": "a+b+c"})
    assert not (root / "home").exists()
