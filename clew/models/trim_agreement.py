"""Measure how closely a model with fewer tokens agrees with the whole one: on its tokens, and on its output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.threads import count
from clew.models.agreement import PASSAGES, QUERIES
from clew.models.bi_encoder import BiEncoder, open_tokenizer
from clew.models.folder import read_pair_max_length
from clew.models.manifest import Role
from clew.models.scripts import HAN, LATIN

_HAN_TEXTS = (
    "可以调节温度的电热水壶，不锈钢内胆，1.7升。",
    "怎么清洗咖啡机里的水垢？",
    "無線降噪耳機，續航三十小時，支援快速充電。",
    "長江是亞洲最長的河流，全長約6300公里，流經十一個省市。",
    "纯棉四件套，床单、被套和两个枕套，1.8米床适用。",
    "退货须在收到商品后七天内提出，商品应保持完好，运费由买家承担。",
)
# Vectors take much longer than tokens.
_COMPARED = 100


@dataclass(frozen=True, slots=True)
class TrimAgreement:
    """How closely a trimmed model agrees with the whole one.

    texts: number of texts. same_tokens: share of them (0 to 1) whose tokens are the same. compared: number of texts, or
    of pairs of a cross-encoder, whose output was compared. mean, worst: mean and lowest cosine of vectors; for a
    cross-encoder mean and largest difference of log-odds.
    """

    role: Role
    texts: int
    same_tokens: float
    compared: int
    mean: float
    worst: float

    def as_table(self) -> dict[str, Any]:
        """Return the values for a manifest."""
        table = asdict(self)
        del table["role"]
        return table

    def shown(self) -> str:
        """Describe the values in one sentence."""
        what = "the cosine of the vectors" if self.role == "bi_encoder" else "the difference of the log-odds"
        extreme = "lowest" if self.role == "bi_encoder" else "largest"
        return (
            f"{self.same_tokens:.1%} of {self.texts:,} texts that were not counted have the same tokens as in the "
            f"whole model; for {self.compared:,} of them {what} is {self.mean:.5f} on average, "
            f"{extreme} {self.worst:.5f}."
        )


def samples(scripts: frozenset[str]) -> list[str]:
    """Return a few texts in some scripts, to measure on where no others are given."""
    return [*((*QUERIES, *PASSAGES) if LATIN in scripts else ()), *(_HAN_TEXTS if HAN in scripts else ())]


def compare_trimmed(whole: Path, trimmed: Path, kept: Sequence[int], role: Role, texts: Sequence[str]) -> TrimAgreement:
    """Compare the tokens of texts and, of some of them, the fp32 output of both models.

    whole, trimmed: folders with fp32 weights. kept: the ids of the whole model's tokens that the trimmed one has, in
    its order. texts: at least one.
    """
    encodings = [open_tokenizer(folder).encode_batch_fast(list(texts)) for folder in (whole, trimmed)]
    same = [[kept[at] for at in after.ids] == before.ids for before, after in zip(*encodings, strict=True)]
    chosen = list(texts)[:: -(-len(texts) // _COMPARED)]
    values = _cosines(whole, trimmed, chosen) if role == "bi_encoder" else _differences(whole, trimmed, chosen)
    worst = values.min() if role == "bi_encoder" else values.max()
    return TrimAgreement(
        role, len(texts), round(float(np.mean(same)), 5), len(values), round(float(values.mean()), 5),
        round(float(worst), 5),
    )  # fmt: skip


def _cosines(whole: Path, trimmed: Path, texts: Sequence[str]) -> Any:
    from clew.models.torch_runtime import TorchModel

    first, second = (
        BiEncoder(folder, TorchModel(folder, count(), "fp32"), "").encode_passages(texts) for folder in (whole, trimmed)
    )
    return (first * second).sum(axis=1)


def _differences(whole: Path, trimmed: Path, texts: Sequence[str]) -> Any:
    """Return the absolute differences of scores; each text is scored as the query of the next one."""
    from clew.models.cross_encoder import CrossEncoder
    from clew.models.torch_runtime import TorchPairModel

    most = read_pair_max_length(whole)
    scorers = [CrossEncoder(folder, TorchPairModel(folder, count(), "fp32"), "", most) for folder in (whole, trimmed)]
    pairs = list(zip(texts, [*texts[1:], texts[0]], strict=True))
    found = [[float(scorer.score(query, [text])[0]) for query, text in pairs] for scorer in scorers]
    return np.abs(np.array(found[0]) - np.array(found[1]))
