"""The record of models that a version and a release store: name, fingerprint and runtime, and where they are pinned."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from clew.indexer.encode import encoder_of
from clew.models.manifest import Role
from clew.models.pinned import PINNED, pin
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


def with_pinned(recorded: dict[str, Any], home: Path, role: Role, held: ExitStack) -> dict[str, Any]:
    """Pin a recorded model under the home and return the record with its address; see `clew.models.pinned.pin`.

    An empty record and that of a model without files are returned unchanged.
    """
    parts = pin(str(recorded["model"]), home, role, held) if recorded else []
    return recorded | {PINNED: parts} if parts else recorded


def models_of(version: IndexVersion, release: Release) -> Models:
    """Return the identities of the bi-encoder and the reranker, each fingerprint and runtime, "" if there is none.

    The runtime is included because the fingerprint identifies only the weights: the 8-bit form of a reranker has the
    fingerprint of the fp32 weights.
    """
    return _identity(version.encoder), _identity(release.reranker)


def _identity(recorded: Mapping[str, Any]) -> str:
    return f"{recorded['fingerprint']} {recorded.get('runtime', '')}" if recorded else ""
