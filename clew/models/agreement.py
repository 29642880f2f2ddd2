"""Measure how closely another form of a model agrees with the fp32 form, on texts of several kinds and lengths."""

from __future__ import annotations

from typing import Any

import numpy as np

from clew.models.protocols import Encoder, PairScorer

MIN_AGREEMENT = 0.99
"""Least mean cosine at which vectors of one form may be searched with queries of the other."""

QUERIES = (
    "red running shoes",
    "how long does a lithium battery last",
    "who wrote the first dictionary of English",
    "WH-1000XM5",
    "symptoms of iron deficiency",
    "waterproof jacket for hiking, men, large",
    "difference between a process and a thread",
    "cheap",
)
PASSAGES = (
    "Lightweight running shoes with a breathable mesh upper, a cushioned sole and reflective strips. Red, size 42.",
    "A lithium-ion battery keeps about 80 percent of its capacity after 500 full charges. Heat shortens its life, and "
    "so does leaving it empty for months.",
    "Samuel Johnson's dictionary appeared in 1755 after nine years of work. It was not the first one of the language, "
    "but for more than a century it was the one that others were measured against.",
    "Wireless headphones, noise cancelling, 30 hours, model WH-1000XM5, black.",
    "Tiredness, pale skin and shortness of breath may point to a lack of iron. A blood test shows how much is stored. "
    "Meat, beans and leafy vegetables contain iron; coffee and tea taken with a meal hinder its uptake.",
    "Three-layer shell, taped seams, adjustable hood, pit zips. Packs into its own pocket. Machine washable at 30 °C.",
    "Threads of a process share its memory, processes do not. Switching between threads costs less, but a fault in one "
    "of them ends them all, and shared data must be guarded by locks.",
    "Stainless steel. 250 ml.",
    "Question: can the lid go into the dishwasher? Answer: yes, on the upper rack.",
    "The river rises in the mountains, crosses four countries and reaches the sea through a wide delta, where some "
    "three hundred kinds of birds rest on their way south.",
    "Returns are accepted within 30 days of delivery as long as the item is unused and in its original packaging; the "
    "cost of sending it back is refunded where the item was faulty.",
    "naïve café, 5 × 7 in, No. 10, e-mail: info at example",
)


def compare_encoders(fp32: Encoder, int8: Encoder) -> dict[str, Any]:
    """Return the cosines between the vectors of both encoders: mean, minimum, and number of texts."""
    cosines = np.concatenate(
        [
            (fp32.encode_queries(QUERIES) * int8.encode_queries(QUERIES)).sum(axis=1),
            (fp32.encode_passages(PASSAGES) * int8.encode_passages(PASSAGES)).sum(axis=1),
        ]
    )
    return {"texts": len(cosines), "mean": round(float(cosines.mean()), 5), "least": round(float(cosines.min()), 5)}


def compare_scorers(fp32: PairScorer, int8: PairScorer) -> dict[str, Any]:
    """Return the absolute differences between the log-odds of both scorers: mean, maximum, and number of pairs."""
    found = np.concatenate([np.abs(fp32.score(each, PASSAGES) - int8.score(each, PASSAGES)) for each in QUERIES])
    return {"pairs": len(found), "mean": round(float(found.mean()), 4), "most": round(float(found.max()), 4)}
