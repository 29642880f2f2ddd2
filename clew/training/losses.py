"""Losses: listwise and pointwise ranking, contrastive learning within a batch, a teacher's margins and states."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from sentence_transformers.sentence_transformer.losses import CachedMultipleNegativesRankingLoss
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity, log_softmax, pad, softplus
from torch.nn.parallel import DistributedDataParallel

from clew.core.errors import DataError

# The number of tokens per forward pass at which a CPU and a GPU are fastest. Texts are sorted by length, so that little
# of it is padding.
_ON_A_CPU, _ON_A_GPU = 4_096, 32_768
_MASKED = -1e4
# Of the states after each layer (the vectors have 1): the only one tried, see docs/training.md, Students.
LAYERS_WEIGHT = 0.1
_LEAST_VARIANCE = 1e-4
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
        found = super().forward(columns, labels)
        return check_finite(found, lambda: _decoded(self._tokenizer, given[0]["input_ids"]))

    def calculate_loss(
        self, reps: list[list[Tensor]], labels: Tensor | None = None, *, with_backward: bool = False
    ) -> Tensor:
        """Return the loss of embedded columns, after restoring the order of the batch."""
        in_order = [[torch.cat(parts)[place]] for parts, place in zip(reps, self._places, strict=True)]
        return super().calculate_loss(in_order, labels, with_backward=with_backward)


class ImitationLoss(nn.Module):
    """How far an encoder is from its teacher: in its vectors, and after each of its layers but the last.

    The distance of vectors is 1 minus their cosine, averaged over all texts of the batch: queries, relevant passages
    and negatives. After a layer of the student, each token is compared with what the teacher gives to the next layer
    that both have (Jiao et al. 2020 call this the hidden states): the squared difference in units of the variance of a
    dimension over the tokens of a pass, averaged over tokens, dimensions and layers. LAYERS_WEIGHT is its weight.
    teacher: the encoder; it is not trained. layers: which of its layers the student has, counted from 0, in order.
    tokens_per_pass: tokens per forward pass, with padding; 0: a number that suits the device.
    """

    def __init__(self, model: Any, teacher: Any, layers: Sequence[int], tokens_per_pass: int = 0) -> None:
        super().__init__()
        self.model, self._tokens_per_pass = model, tokens_per_pass
        # In a list, so that it is not a part of this module: the trainer would train it.
        self._teacher = [teacher.to(model.device).eval()]
        self._states = [
            (LayerOutput(_layer(model, at)), LayerOutput(_layer(teacher, after - 1)))
            for at, after in enumerate(layers[1:])
        ]

    def forward(self, sentence_features: Iterable[dict[str, Tensor]], labels: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the loss of a batch of queries, their passages, and each further column of passages.

        Raises DataError that names the queries of the batch if the loss is not finite.
        """
        given = [dict(features) for features in sentence_features]
        parts = list(self._passes(_one_column(given)))
        count = sum(len(part["input_ids"]) for part in parts)
        loss = torch.stack([self._distance(part) * len(part["input_ids"]) for part in parts]).sum() / count
        return check_finite(loss, lambda: _decoded(self._teacher[0].tokenizer, given[0]["input_ids"]))

    def _passes(self, features: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Cut a column into passes of texts of similar length, without the padding that they do not need."""
        most = self._tokens_per_pass or _default_tokens(features["input_ids"].device)
        lengths = features["attention_mask"].sum(dim=1)
        order = lengths.argsort(descending=True, stable=True)
        at = 0
        while at < len(order):
            longest = int(lengths[order[at]])
            rows = order[at : at + max(1, most // longest)]
            yield {name: value[rows, :longest] if _is_of_tokens(value) else value for name, value in features.items()}
            at += len(rows)

    def _distance(self, features: dict[str, Tensor]) -> Tensor:
        """Return the mean distance of the texts of a pass."""
        with torch.no_grad():
            wanted = self._teacher[0](dict(features))["sentence_embedding"].float()
        found = self.model(dict(features))["sentence_embedding"].float()
        loss = (1 - cosine_similarity(found, wanted)).mean()
        if self._states:
            read = features["attention_mask"].bool()
            apart = [_standardised(own.last[read], theirs.last[read]) for own, theirs in self._states]
            loss = loss + LAYERS_WEIGHT * torch.stack(apart).mean()
        return loss


def _is_of_tokens(value: Any) -> bool:
    """Return whether a part of tokenised texts is of shape (texts, tokens)."""
    return torch.is_tensor(value) and value.ndim == 2


def _one_column(columns: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Put the tokenised texts of all columns into one; what is padded is masked."""
    widest = max(features["input_ids"].shape[1] for features in columns)
    return {
        name: torch.cat([pad(features[name], (0, widest - features[name].shape[1])) for features in columns])
        if _is_of_tokens(value)
        else value
        for name, value in columns[0].items()
    }


class LayerOutput:
    """The output of a layer in the last forward pass, (texts, tokens, width)."""

    def __init__(self, layer: nn.Module) -> None:
        self.last = torch.empty(0)
        layer.register_forward_hook(self._keep)

    def _keep(self, _: nn.Module, __: Any, output: Any) -> None:
        self.last = output[0] if isinstance(output, tuple) else output


def _layer(model: Any, at: int) -> nn.Module:
    """Return a layer of a sentence-transformers encoder that is BERT-like."""
    found: nn.Module = model.transformers_model.base_model.encoder.layer[at]
    return found


def _standardised(found: Tensor, wanted: Tensor) -> Tensor:
    """Return the mean squared difference of (tokens, width) states, in units of the variance of each dimension."""
    found, wanted = found.float(), wanted.float()
    return ((found - wanted) ** 2 / (wanted.var(dim=0, correction=0) + _LEAST_VARIANCE)).mean()


def _decoded(tokenizer: Any, ids: Tensor) -> Sequence[str]:
    """Decode the queries of a batch from their tokens, which are all that the loss of an encoder receives."""
    read: Sequence[str] = tokenizer.batch_decode(ids, skip_special_tokens=True)
    return read


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
