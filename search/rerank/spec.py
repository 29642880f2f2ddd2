"""How an index reranks: the [rerank] table of its spec."""

from __future__ import annotations

from dataclasses import dataclass

MOST = 1_000


@dataclass(frozen=True, slots=True)
class RerankSpec:
    """How the first candidates are read again together with the query.

    model: the cross-encoder, any name that `clew.models.store.load_scorer` takes. top: documents that are scored, from
    the first of the fused order on (1 to 1,000). budget_ms: time the stage may take in milliseconds (0: any); what it
    does not reach keeps its fused order. settle: stop where fewer relevant documents than this are expected among those
    not scored yet (0: never; needs a calibration with `ahead`).
    """

    model: str = "default"
    top: int = 50
    budget_ms: float = 500.0
    settle: float = 0.0

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError('model is empty, expected a name such as "default", or a folder')
        if not 1 <= self.top <= MOST:
            raise ValueError(f"top is {self.top}, expected 1 to {MOST:,} documents")
        if not 0 <= self.budget_ms < float("inf"):
            raise ValueError(f"budget_ms is {self.budget_ms}, expected 0 (no budget) or more milliseconds")
        if not 0 <= self.settle < float("inf"):
            raise ValueError(f"settle is {self.settle}, expected 0 (never stop early) or more documents, such as 0.003")
