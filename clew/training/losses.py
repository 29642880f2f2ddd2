"""The loss of a reranker: which passage is the best of a list, and whether each is relevant at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, log_softmax
from torch.nn.parallel import DistributedDataParallel

from clew.core.errors import DataError

# Word pieces of one forward pass, padding included. Pairs are sorted by length, so little of it is padding.
PIECES_PER_PASS = 4_096
_LEFT_OUT = -1e4


class RankingLoss(nn.Module):
    """Cross-entropy between the list's gains and the softmax of its scores, and of each score by itself.

    list_weight, point_weight: of the two parts. The first is the listwise loss of Cao et al. 2007 (ListNet) with the
    gains, made to sum to 1, as the target; the second is binary cross-entropy with the gain as the target, which
    fixes what a score of 0 means. smoothing: targets of the second lie between it and 1 - it.
    """

    def __init__(self, model: Any, *, list_weight: float, point_weight: float, smoothing: float = 0.0) -> None:
        super().__init__()
        self.model = model
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
        scores = scored(self.model, pairs, prompt=prompt, task=task)
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
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model

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
        scores = scored(self.model, pairs, prompt=prompt, task=task)
        parts = torch.split(scores, [len(each) for each in lists])
        wanted = [each.to(scores.device, torch.float32) for each in labels]
        loss = torch.stack(
            [((one - one.mean() - other + other.mean()) ** 2).mean() for one, other in zip(parts, wanted, strict=True)]
        ).mean()
        return finite(loss, lambda: queries)


def finite(loss: Tensor, queries: Callable[[], Sequence[Any]]) -> Tensor:
    """The loss itself. Raises DataError with the queries of the batch where it is no number."""
    if not torch.isfinite(loss):
        shown = ", ".join(repr(str(query)[:60]) for query in queries()[:8])
        raise DataError(
            f"the loss of a batch is {float(loss.detach())}; its queries: {shown}",
            "look at their texts, or lower learning_rate",
        )
    return loss


def scored(
    model: Any, pairs: Sequence[tuple[str, str]], *, prompt: str | None = None, task: str | None = None
) -> Tensor:
    """(n,) float32 scores (log-odds) of pairs, those of like length computed together."""
    order = sorted(range(len(pairs)), key=lambda at: -len(pairs[at][0]) - len(pairs[at][1]))
    # Several processes train it in a wrapper that averages gradients and knows nothing else about it.
    bare = model.module if isinstance(model, DistributedDataParallel) else model
    found: list[Tensor] = []
    at = 0
    while at < len(order):
        # About four characters are a word piece; the longest pair of a pass comes first.
        longest = min(bare.max_seq_length, sum(map(len, pairs[order[at]])) // 4 + 4)
        part = order[at : at + max(1, PIECES_PER_PASS // longest)]
        tokens = bare.preprocess([pairs[each] for each in part], prompt=prompt, task=task)
        tokens = {name: value.to(bare.device) if torch.is_tensor(value) else value for name, value in tokens.items()}
        found.append(model(tokens)["scores"].view(-1).float())
        at += len(part)
    places = torch.empty(len(order), dtype=torch.long)
    places[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(found)[places.to(found[0].device)]


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
