"""What a build records of the models that an index is used with: name, fingerprint and runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clew.indexer.encode import encoder_of
from clew.search.candidates.dense import DenseSpec
from clew.search.rerank.spec import RerankSpec


def described_encoder(dense: DenseSpec | None, home: Path) -> dict[str, Any]:
    """The bi-encoder, with its dim; empty where the index has no vectors. Raises NotFoundError, CorruptError."""
    if dense is None:
        return {}
    encoder = encoder_of(dense.model, home)
    return {
        "model": dense.model,
        "fingerprint": encoder.fingerprint,
        "runtime": encoder.runtime,
        "dim": encoder.dim,
        "agreement": encoder.agreement,
    }


def described_reranker(rerank: RerankSpec | None, home: Path) -> dict[str, Any]:
    """The cross-encoder; empty where the index reranks nothing. Raises NotFoundError, MismatchError, CorruptError."""
    if rerank is None:
        return {}
    from clew.models.store import load_scorer

    scorer = load_scorer(rerank.model, home)
    return {"model": rerank.model, "fingerprint": scorer.fingerprint, "runtime": scorer.runtime}
