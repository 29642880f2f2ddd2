"""nDCG of one ranking, for many short lists, for each of which a call of a library would take too long."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clew.core.types import Floats


def ndcg(ranked: Floats | Sequence[float], ideal: Floats | Sequence[float], k: int = 10) -> float:
    """Return nDCG@k (0 to 1) with linear gains and discount 1 / log2(rank + 1) (Järvelin and Kekäläinen 2002).

    ranked: (n,) gains in ranking order. ideal: gains of all relevant documents, in any order.
    """
    discounts = 1 / np.log2(np.arange(2, k + 2))
    shown = np.asarray(ranked, np.float64)[:k]
    wanted = np.sort(np.asarray(ideal, np.float64))[::-1][:k]
    best = float(wanted @ discounts[: len(wanted)])
    return float(shown @ discounts[: len(shown)]) / best if best > 0 else 0.0
