"""The record of models that a version and a release store: name, fingerprint and runtime."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clew.indexer.encode import encoder_of
from clew.search.candidates.dense import DenseSpec
from clew.search.rerank.spec import RerankSpec
from clew.search.versions import IndexVersion, Release

Models = tuple[str, str]


def described_encoder(dense: DenseSpec | None, home: Path) -> dict[str, Any]:
    """Describe the bi-encoder, including its dim; empty for an index without vectors.

    Raises NotFoundError, CorruptError.
    """
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
    """Describe the cross-encoder; empty for an index without a reranker.

    Raises NotFoundError, MismatchError, CorruptError.
    """
    if rerank is None:
        return {}
    from clew.models.store import load_scorer

    scorer = load_scorer(rerank.model, home)
    return {"model": rerank.model, "fingerprint": scorer.fingerprint, "runtime": scorer.runtime}


def models_of(version: IndexVersion, release: Release) -> Models:
    """Return the identities of the bi-encoder and the reranker, each fingerprint and runtime, "" if there is none.

    The runtime is included because the fingerprint identifies only the weights: the 8-bit form of a reranker has the
    fingerprint of the fp32 weights.
    """
    return _identity(version.encoder), _identity(release.reranker)


def _identity(recorded: Mapping[str, Any]) -> str:
    return f"{recorded['fingerprint']} {recorded.get('runtime', '')}" if recorded else ""
