"""How an index reranks: the [rerank] table of its spec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

MOST = 1_000


@dataclass(frozen=True, slots=True)
class RerankSpec:
    """How a cross-encoder reranks the first candidates.

    model: the cross-encoder, any name that `clew.models.store.load_scorer` accepts. top: how many documents are scored,
    from the first of the fused order on (1 to 1,000). budget_ms: time limit of the stage in milliseconds (0: none);
    if they cannot all be scored in it, none is reranked. early_stop: stop when fewer relevant documents than this
    are expected among those not scored yet (0: never; needs a calibration with `expected_relevant`). enabled: "auto"
    (left out if it lowers nDCG@10 on the judged queries), true or false.
    """

    model: str = "default"
    top: int = 50
    budget_ms: float = 0.0
    early_stop: float = 0.0
    enabled: Literal["auto"] | bool = "auto"
    RENAMED: ClassVar[Mapping[str, str]] = {"settle": "early_stop"}

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError('model is empty, expected the name of a model, such as "default", or a folder')
        if not 1 <= self.top <= MOST:
            raise ValueError(f"top is {self.top}, expected 1 to {MOST:,} documents")
        if not 0 <= self.budget_ms < float("inf"):
            raise ValueError(f"budget_ms is {self.budget_ms}, expected 0 (no budget) or more milliseconds")
        if not 0 <= self.early_stop < float("inf"):
            raise ValueError(
                f"early_stop is {self.early_stop}, expected 0 (never stop early) or more documents, such as 0.003"
            )
