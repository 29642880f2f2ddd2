"""The [dense] table of a spec."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Device: TypeAlias = Literal["auto", "cpu", "cuda"]


@dataclass(frozen=True, slots=True)
class DenseSpec:
    """Settings of dense retrieval.

    model: "default", a model stored in the home, a sentence-transformers folder, a Hugging Face name, or "hashing".
    recall: the minimum share of the true 10 and 100 nearest passages that a search must find, measured at the build
    (above 0, at most 1). kind: "flat" (exact), "rabitq", "hnsw", "ivf", or "auto" (chosen by the number of passages).
    exact_below: with at most this many passages, in total or after a filter, a search compares all of them.
    seed: of the sample for the measurement, and of the clustering.
    device: "cpu", "cuda" (a build without a GPU fails; a server without one searches on the CPU), or "auto" (a GPU if
    one is available and has enough memory). floor: the least cosine of a document that matches by meaning alone (-1 to
    1; -1: every document matches), or "auto", see `clew.search.match_set`. enabled: "auto" (left out if it lowers
    nDCG@10 on the judged queries), true or false.
    """

    model: str = "default"
    recall: float = 0.97
    kind: Literal["auto", "flat", "rabitq", "hnsw", "ivf"] = "auto"
    exact_below: int = 20_000
    seed: int = 0
    device: Device = "auto"
    floor: Literal["auto"] | float = "auto"
    enabled: Literal["auto"] | bool = "auto"

    def __post_init__(self) -> None:
        if not self.model:
            raise ValueError("model is empty, expected a name or a folder")
        if not 0 < self.recall <= 1:
            raise ValueError(f"recall is {self.recall}, expected above 0 and at most 1")
        if not 0 <= self.exact_below <= 10_000_000:
            raise ValueError(f"exact_below is {self.exact_below}, expected 0 to 10,000,000")
        if self.floor != "auto" and not -1 <= self.floor <= 1:
            raise ValueError(f'floor is {self.floor}, expected "auto" or a cosine, -1 to 1')
        if not 0 <= self.seed < 2**31:
            raise ValueError(f"seed is {self.seed}, expected 0 to 2,147,483,647")
