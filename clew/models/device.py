"""Vectors on a torch device: exact search on a GPU that FAISS cannot use."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import numpy as np

from clew.core.types import Ints, Vectors


def torch_has_gpu() -> bool:
    """Return whether torch is installed and sees a GPU. Imports torch if it is installed."""
    if find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()


class ExactOnDevice:
    """Exact search by inner product on the device: float16 on a GPU, float32 on the CPU."""

    def __init__(self, passages: int, dim: int, device: str = "cuda") -> None:
        """Allocate the memory of (passages, dim) vectors, which `put` fills."""
        import torch

        self._torch: Any = torch
        self._device = device
        precision = torch.float16 if device == "cuda" else torch.float32
        self._vectors = torch.zeros((passages, dim), dtype=precision, device=device)

    def put(self, first: int, vectors: Vectors) -> None:
        """Write (n, dim) float32 vectors from row `first` on."""
        self._vectors[first : first + len(vectors)] = self._torch.from_numpy(vectors).to(self._device)

    def nearest(self, queries: Vectors, k: int) -> Ints:
        """Return (q, k) int64 rows of the largest inner products with (q, dim) queries, in no particular order."""
        with self._torch.inference_mode():
            on_device = self._torch.from_numpy(np.ascontiguousarray(queries, np.float32)).to(self._vectors)
            found = self._torch.topk(on_device @ self._vectors.T, k, sorted=False).indices
            rows: Ints = found.cpu().numpy()
        return rows
