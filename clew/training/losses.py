"""Losses: listwise and pointwise ranking, contrastive learning within a batch, a teacher's margins and vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, log_softmax, softplus
from torch.nn.parallel import DistributedDataParallel

from clew.core.errors import DataError

# The number of tokens per forward pass at which a CPU and a GPU are fastest. Texts are sorted by length, so that little
# of it is padding.
_ON_A_CPU, _ON_A_GPU = 4_096, 32_768
_MASKED = -1e4
_ALL = 2**31


class RankingLoss(nn.Module):
    """The weighted sum of a listwise and a pointwise cross-entropy, and of the order of a teacher.

    list_weight, point_weight, order_weight: weights of the parts. The listwise part (ListNet, Cao et al. 2007) compares
    the softmax of a list's scores with its gains, normalised to sum to 1. The pointwise part is the binary
    cross-entropy of each score with its gain, which fixes what a score of 0 means. The order (RankNet, Burges et al.
    2005) is the cross-entropy of each pair of a list of which the teacher scores one higher. smoothing: distance of
    pointwise targets from 0 and 1. tokens_per_pass: see `score_pairs`.
    """

    def __init__(
        self, model: Any, *, list_weight: float, point_weight: float, order_weight: float = 0.0,
        smoothing: float = 0.0, tokens_per_pass: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.model, self._tokens_per_pass = model, tokens_per_pass
        self._list_weight, self._point_weight, self._smoothing = list_weight, point_weight, smoothing
        self._order_weight = order_weight

    def forward(
        self,
        inputs: Sequence[Sequence[Any]],
        labels: Sequence[Tensor],
        prompt: str | None = None,
        task: str | None = None,
    ) -> Tensor:
        """Return the loss of a batch.

        inputs: (queries, lists of passages). labels: (n,) gains, 0 to 1, of each list; with an order (n, 2): gains, and
        the teacher's scores (NaN: it has no order). Raises DataError that names the queries of the batch if the loss is
        not finite.
        """
        queries, lists = inputs[0], inputs[1]
        pairs = [(query, passage) for query, passages in zip(queries, lists, strict=True) for passage in passages]
        scores = score_pairs(self.model, pairs, self._tokens_per_pass, prompt=prompt, task=task)
        found = torch.cat([each.to(scores.device, torch.float32) for each in labels])
        gains = found[:, 0] if found.ndim == 2 else found
        owners = torch.repeat_interleave(
            torch.arange(len(lists), device=scores.device),
            torch.tensor([len(each) for each in lists], device=scores.device),
        )
        smooth = gains * (1 - 2 * self._smoothing) + self._smoothing
        loss = self._point_weight * binary_cross_entropy_with_logits(scores, smooth)
        if self._list_weight:
            loss = loss + self._list_weight * _listwise(scores, gains, owners, len(lists))
        if self._order_weight:
            loss = loss + self._order_weight * _ordered(scores, found[:, 1], owners)
        return check_finite(loss, lambda: queries)


class MarginLoss(nn.Module):
    """Mean squared error of a student's score differences within a list against its teacher's (margin-MSE).

    After Hofstätter et al. 2020. All pairs of a list are computed at once: if both lists of scores are centred on their
    means, their mean squared difference is half the mean over the pairs. tokens_per_pass: see `score_pairs`.
    """

    def __init__(self, model: Any, tokens_per_pass: int = 0) -> None:
        super().__init__()
        self.model, self._tokens_per_pass = model, tokens_per_pass

    def forward(
        self,
        inputs: Sequence[Sequence[Any]],
        labels: Sequence[Tensor],
        prompt: str | None = None,
        task: str | None = None,
    ) -> Tensor:
        """Return the loss of a batch. inputs: (queries, lists of passages); labels: the teacher's scores of each."""
        queries, lists = inputs[0], inputs[1]
        pairs = [(query, passage) for query, passages in zip(queries, lists, strict=True) for passage in passages]
        scores = score_pairs(self.model, pairs, self._tokens_per_pass, prompt=prompt, task=task)
        parts = torch.split(scores, [len(each) for each in lists])
        wanted = [each.to(scores.device, torch.float32) for each in labels]
        loss = torch.stack(
            [((one - one.mean() - other + other.mean()) ** 2).mean() for one, other in zip(parts, wanted, strict=True)]
        ).mean()
        return check_finite(loss, lambda: queries)


class ContrastiveLoss(CachedMultipleNegativesRankingLoss):
    """Cross-entropy over the passages of the whole batch; texts of similar length are embedded together.

    This is the multiple negatives ranking loss (Henderson et al. 2017) with cached gradients, so that a batch may be
    larger than memory (GradCache, Gao et al. 2021). tokens_per_pass: tokens per forward pass, without padding;
    0: a number that suits the device. temperature: cosines are divided by it.
    """

    def __init__(self, model: Any, tokens_per_pass: int = 0, temperature: float = 0.05) -> None:
        # Compute the loss in one part, because the graph includes the reordering of rows and allows one backward pass.
        super().__init__(
            model,
            scale=1 / temperature,
            mini_batch_size=_ALL,
            mini_batch_num_tokens=tokens_per_pass or _default_tokens(model.device),
        )
        self._tokenizer = model.tokenizer  # the wrapper for training with several processes has none
        self._places: list[Tensor] = []

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor) -> Tensor:
        """Return the loss of a batch of queries, their passages, and each further column of passages.

        Raises DataError that names the queries of the batch if the loss is not finite.
        """
        given = list(sentence_features)
        orders = [features["attention_mask"].sum(dim=1).argsort(descending=True, stable=True) for features in given]
        self._places = [order.argsort() for order in orders]
        columns = [
            {name: value[order] if torch.is_tensor(value) else value for name, value in features.items()}
            for features, order in zip(given, orders, strict=True)
        ]
        return check_finite(super().forward(columns, labels), lambda: self._decode_queries(given[0]["input_ids"]))

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Return the loss of embedded columns, after restoring the order of the batch."""
        return super().calculate_loss(self._in_order(reps), labels, with_backward=with_backward)

    def _in_order(self, reps: list[list[Tensor]]) -> list[list[Tensor]]:
        """Return the vectors of each column in the order of the batch, in one part."""
        return [[torch.cat(parts)[place]] for parts, place in zip(reps, self._places, strict=True)]

    def _decode_queries(self, ids: Tensor) -> Sequence[str]:
        """Decode the queries of a batch from their tokens, which are all that a loss receives."""
        read: Sequence[str] = self._tokenizer.batch_decode(ids, skip_special_tokens=True)
        return read


class ImitationLoss(ContrastiveLoss):
    """The distance of an encoder's vectors from its teacher's, and the contrastive loss with a weight.

    The distance of a text is 1 minus the cosine of the student's vector and the teacher's, averaged over all texts of
    the batch: queries, relevant passages and negatives. vectors: (n, dim) array of the teacher's vectors, each of
    length 1. contrast: weight of the contrastive part (0 or more). Labels are (batch, columns) int64: the row of
    `vectors` for each text. tokens_per_pass, temperature: as of `ContrastiveLoss`.
    """

    def __init__(
        self, model: Any, vectors: np.ndarray[Any, Any], contrast: float, tokens_per_pass: int = 0,
        temperature: float = 0.05,
    ) -> None:  # fmt: skip
        super().__init__(model, tokens_per_pass, temperature)
        self._vectors, self._contrast = vectors, contrast

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Return the loss of embedded columns. Raises ValueError without labels."""
        if labels is None:
            raise ValueError("labels is None, expected the rows of the teacher's vectors")
        student = torch.cat([parts[0] for parts in self._in_order(reps)]).float()
        rows = labels.T.reshape(-1).cpu().numpy()  # column by column, as the student's vectors
        teacher = torch.from_numpy(self._vectors[rows].astype(np.float32)).to(student.device)
        loss = (1 - cosine_similarity(student, teacher)).mean()
        if self._contrast:
            loss = loss + self._contrast * super().calculate_loss(reps, None)
        if with_backward:
            torch.autograd.backward(loss)
            loss = loss.detach()
        return loss


def check_finite(loss: Tensor, queries: Callable[[], Sequence[Any]]) -> Tensor:
    """Return the loss. Raises DataError that names the queries of the batch if it is not finite."""
    if not torch.isfinite(loss):
        shown = ", ".join(repr(str(query)[:60]) for query in queries()[:8])
        raise DataError(
            f"the loss of a batch is {float(loss.detach())}, not a finite number; its queries: {shown}",
            "check the texts of these queries, or lower learning_rate",
        )
    return loss


def score_pairs(
    model: Any,
    pairs: Sequence[tuple[str, str]],
    tokens_per_pass: int = 0,
    *,
    prompt: str | None = None,
    task: str | None = None,
) -> Tensor:
    """Return (n,) float32 scores (log-odds) of n pairs; pairs of similar length are computed together.

    tokens_per_pass: tokens per forward pass, with padding; 0: a number that suits the device.
    """
    # A token has about four bytes: four letters, or one Chinese character and a third of the next.
    lengths = [len(query.encode()) + len(passage.encode()) for query, passage in pairs]
    order = sorted(range(len(pairs)), key=lambda at: -lengths[at])
    # With several processes, the model is in a wrapper that averages gradients and lacks the attributes of the model.
    unwrapped = model.module if isinstance(model, DistributedDataParallel) else model
    most = tokens_per_pass or _default_tokens(unwrapped.device)
    found: list[Tensor] = []
    at = 0
    while at < len(order):
        # The first pair of a pass is the longest.
        longest = min(unwrapped.max_seq_length, lengths[order[at]] // 4 + 4)
        part = order[at : at + max(1, most // longest)]
        tokens = unwrapped.preprocess([pairs[each] for each in part], prompt=prompt, task=task)
        tokens = {
            name: value.to(unwrapped.device) if torch.is_tensor(value) else value for name, value in tokens.items()
        }
        found.append(model(tokens)["scores"].view(-1).float())
        at += len(part)
    places = torch.empty(len(order), dtype=torch.long)
    places[torch.tensor(order)] = torch.arange(len(order))
    return torch.cat(found)[places.to(found[0].device)]


def _default_tokens(device: torch.device) -> int:
    return _ON_A_GPU if device.type == "cuda" else _ON_A_CPU


def _listwise(scores: Tensor, gains: Tensor, owners: Tensor, lists: int) -> Tensor:
    """Return the mean cross-entropy over the lists; lists without a gain above 0 are ignored."""
    width = int(torch.bincount(owners, minlength=lists).max())
    first = torch.searchsorted(owners, torch.arange(lists, device=owners.device))
    place = torch.arange(len(owners), device=owners.device) - first[owners]
    table = torch.full((lists, width), _MASKED, device=scores.device).index_put((owners, place), scores)
    target = torch.zeros((lists, width), device=scores.device).index_put((owners, place), gains)
    total = target.sum(dim=1, keepdim=True)
    each = -(target / total.clamp(min=1e-6) * log_softmax(table, dim=1)).sum(dim=1)
    return each.sum() / (total > 0).sum().clamp(min=1)


def _ordered(scores: Tensor, wanted: Tensor, owners: Tensor) -> Tensor:
    """Return the mean over the pairs of each list of which `wanted` is higher for the first; 0 if there are none."""
    pairs = (owners[:, None] == owners[None, :]) & (wanted[:, None] > wanted[None, :])  # false for NaN
    apart = scores[:, None] - scores[None, :]
    return (softplus(-apart) * pairs).sum() / pairs.sum().clamp(min=1)
