"""Losses: which passage of a list is the best, whether each is relevant at all, which passage of a batch is whose."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax
from torch.nn.parallel import DistributedDataParallel

from clew.core.errors import DataError

# Word pieces of one pass through the network at which a processor and a GPU are fastest. Texts are sorted by length,
# so that little of it is padding.
_ON_A_PROCESSOR, _ON_A_GPU = 4_096, 32_768
_LEFT_OUT = -1e4
_ALL = 2**31


class RankingLoss(nn.Module):
    """Cross-entropy between the list's gains and the softmax of its scores, and of each score by itself.

    list_weight, point_weight: of the two parts. The first is the listwise loss of Cao et al. 2007 (ListNet) with the
    gains, made to sum to 1, as the target; the second is binary cross-entropy with the gain as the target, which
    fixes what a score of 0 means. smoothing: targets of the second lie between it and 1 - it. pieces: see `scored`.
    """

    def __init__(
        self, model: Any, *, list_weight: float, point_weight: float, smoothing: float = 0.0, pieces: int = 0
    ) -> None:
        super().__init__()
        self.model, self._pieces = model, pieces
        self._list_weight, self._point_weight, self._smoothing = list_weight, point_weight, smoothing

    def forward(
        self,
        inputs: Sequence[Sequence[Any]],
        labels: Sequence[Tensor],
        prompt: str | None = None,
        task: str | None = None,
    ) -> Tensor:
        """The loss of a batch. inputs: (queries, lists of passages); labels: (n,) gains, 0 to 1, of each list.

        Raises DataError with the queries of the batch where it is no number.
        """
        queries, lists = inputs[0], inputs[1]
        pairs = [(query, passage) for query, passages in zip(queries, lists, strict=True) for passage in passages]
        scores = scored(self.model, pairs, self._pieces, prompt=prompt, task=task)
        gains = torch.cat([each.to(scores.device, torch.float32) for each in labels])
        owners = torch.repeat_interleave(
            torch.arange(len(lists), device=scores.device),
            torch.tensor([len(each) for each in lists], device=scores.device),
        )
        smooth = gains * (1 - 2 * self._smoothing) + self._smoothing
        loss = self._point_weight * binary_cross_entropy_with_logits(scores, smooth)
        if self._list_weight:
            loss = loss + self._list_weight * _listwise(scores, gains, owners, len(lists))
        return finite(loss, lambda: queries)


class MarginLoss(nn.Module):
    """A student's differences between the passages of a list against its teacher's (margin-MSE, Hofstätter 2020).

    All pairs of a list at once: both are centred on their mean, whose squared distance is half the mean over the pairs.
    pieces: see `scored`.
    """

    def __init__(self, model: Any, pieces: int = 0) -> None:
        super().__init__()
        self.model, self._pieces = model, pieces

    def forward(
        self,
        inputs: Sequence[Sequence[Any]],
        labels: Sequence[Tensor],
        prompt: str | None = None,
        task: str | None = None,
    ) -> Tensor:
        """The loss of a batch. inputs: (queries, lists of passages); labels: (n,) the teacher's scores of each list."""
        queries, lists = inputs[0], inputs[1]
        pairs = [(query, passage) for query, passages in zip(queries, lists, strict=True) for passage in passages]
        scores = scored(self.model, pairs, self._pieces, prompt=prompt, task=task)
        parts = torch.split(scores, [len(each) for each in lists])
        wanted = [each.to(scores.device, torch.float32) for each in labels]
        loss = torch.stack(
            [((one - one.mean() - other + other.mean()) ** 2).mean() for one, other in zip(parts, wanted, strict=True)]
        ).mean()
        return finite(loss, lambda: queries)


class ContrastiveLoss(CachedMultipleNegativesRankingLoss):
    """Cross-entropy over the passages of the whole batch, texts of like length embedded together.

    The loss is that of multiple negatives ranking (Henderson et al. 2017), with gradients cached so that a batch may be
    larger than memory (GradCache, Gao et al. 2021). pieces: of one pass through the network, padding left out; 0: what
    suits the device.
    """

    def __init__(self, model: Any, pieces: int = 0) -> None:
        # The loss itself in one part: its way back leads through the order of the rows, which can be gone once.
        super().__init__(model, mini_batch_size=_ALL, mini_batch_num_tokens=pieces or _fastest(model.device))
        self._tokenizer = model.tokenizer  # which the wrapper that several processes train it in has not
        self._places: list[Tensor] = []

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """The loss of a batch: of queries, of their passages, and of each further column of passages.

        Raises DataError with the queries of the batch where it is no number.
        """
        given = list(sentence_features)
        orders = [features["attention_mask"].sum(dim=1).argsort(descending=True, stable=True) for features in given]
        self._places = [order.argsort() for order in orders]
        columns = [
            {name: value[order] if torch.is_tensor(value) else value for name, value in features.items()}
            for features, order in zip(given, orders, strict=True)
        ]
        return finite(super().forward(columns, labels), lambda: self._asked(given[0]["input_ids"]))

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """The loss of embedded columns, their rows put back in the order of the batch."""
        columns = [[torch.cat(parts)[place]] for parts, place in zip(reps, self._places, strict=True)]
        return super().calculate_loss(columns, labels, with_backward=with_backward)

    def _asked(self, ids: Tensor) -> Sequence[str]:
        """The queries of a batch, out of the word pieces that are all a loss is given."""
        read: Sequence[str] = self._tokenizer.batch_decode(ids, skip_special_tokens=True)
        return read


def finite(loss: Tensor, queries: Callable[[], Sequence[Any]]) -> Tensor:
    """The loss itself. Raises DataError with the queries of the batch where it is no number."""
    if not torch.isfinite(loss):
        shown = ", ".join(repr(str(query)[:60]) for query in queries()[:8])
        raise DataError(
            f"the loss of a batch is {float(loss.detach())}, not a finite number; its queries: {shown}",
            "check their texts, or lower learning_rate",
        )
    return loss


def scored(
    model: Any, pairs: Sequence[tuple[str, str]], pieces: int = 0, *, prompt: str | None = None, task: str | None = None
) -> Tensor:
    """(n,) float32 scores (log-odds) of pairs, those of like length computed together.

    pieces: word pieces of one pass through the network, padding included; 0: what suits the device.
    """
    order = sorted(range(len(pairs)), key=lambda at: -len(pairs[at][0]) - len(pairs[at][1]))
    # Several processes train it in a wrapper that averages gradients and knows nothing else about it.
    bare = model.module if isinstance(model, DistributedDataParallel) else model
    most = pieces or _fastest(bare.device)
    found: list[Tensor] = []
    at = 0
    while at < len(order):
        # About four characters are a word piece; the longest pair of a pass comes first.
        longest = min(bare.max_seq_length, sum(map(len, pairs[order[at]])) // 4 + 4)
        part = order[at : at + max(1, most // longest)]
        tokens = bare.preprocess([pairs[each] for each in part], prompt=prompt, task=task)
        tokens = {name: value.to(bare.device) if torch.is_tensor(value) else value for name, value in tokens.items()}
        found.append(model(tokens)["scores"].view(-1).float())
        at += len(part)
    places = torch.empty(len(order), dtype=torch.long)
    places[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(found)[places.to(found[0].device)]


def _fastest(device: torch.device) -> int:
    return _ON_A_GPU if device.type == "cuda" else _ON_A_PROCESSOR


def _listwise(scores: Tensor, gains: Tensor, owners: Tensor, lists: int) -> Tensor:
    """Mean over the lists of the cross-entropy of their scores; one without a gain counts nothing."""
    width = int(torch.bincount(owners, minlength=lists).max())
    first = torch.searchsorted(owners, torch.arange(lists, device=owners.device))
    place = torch.arange(len(owners), device=owners.device) - first[owners]
    table = torch.full((lists, width), _LEFT_OUT, device=scores.device).index_put((owners, place), scores)
    target = torch.zeros((lists, width), device=scores.device).index_put((owners, place), gains)
    total = target.sum(dim=1, keepdim=True)
    each = -(target / total.clamp(min=1e-6) * log_softmax(table, dim=1)).sum(dim=1)
    return each.sum() / (total > 0).sum().clamp(min=1)
