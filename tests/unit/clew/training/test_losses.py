"""The ranking loss against its definition, and scores against one pair at a time."""

import math

import pytest
import torch

from clew.core.errors import DataError
from clew.training.losses import RankingLoss, scored


class Lengths:
    """A stand-in network whose score of a pair is known: the length of its passage, times a weight."""

    device = torch.device("cpu")
    max_seq_length = 64

    def __init__(self, weight: float = 0.1) -> None:
        self.weight = torch.tensor(weight, requires_grad=True)
        self.batches: list[int] = []

    def preprocess(self, pairs, prompt=None, task=None):
        self.batches.append(len(pairs))
        return {"lengths": torch.tensor([[float(len(passage))] for _, passage in pairs])}

    def __call__(self, tokens):
        return {"scores": tokens["lengths"] * self.weight}


def loss_of(lists, labels, **options):
    model = Lengths()
    loss = RankingLoss(model, **({"list_weight": 1.0, "point_weight": 0.0} | options))
    queries = [f"q{at}" for at in range(len(lists))]
    return loss([queries, lists], [torch.tensor(each) for each in labels]), model


def listwise(scores, gains):
    total = sum(math.exp(score) for score in scores)
    return -sum(
        gain / sum(gains) * math.log(math.exp(score) / total) for score, gain in zip(scores, gains, strict=True)
    )


def test_the_listwise_part_is_listnets():
    found, _ = loss_of([["a" * 10, "b" * 20, "c" * 5], ["d" * 7, "e" * 3]], [[1.0, 0.5, 0.0], [0.0, 1.0]])
    expected = (listwise([1.0, 2.0, 0.5], [1.0, 0.5, 0.0]) + listwise([0.7, 0.3], [0.0, 1.0])) / 2
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_the_pointwise_part_is_cross_entropy_with_smoothed_gains():
    found, _ = loss_of([["a" * 10, "b" * 20]], [[1.0, 0.0]], list_weight=0.0, point_weight=1.0, smoothing=0.1)
    odds, targets = [1.0, 2.0], [0.9, 0.1]
    chances = [1 / (1 + math.exp(-each)) for each in odds]
    each = [-(t * math.log(p) + (1 - t) * math.log(1 - p)) for p, t in zip(chances, targets, strict=True)]
    assert found.item() == pytest.approx(sum(each) / 2, rel=1e-5)


def test_a_list_without_a_gain_teaches_no_order():
    with_it, _ = loss_of([["a" * 10, "b" * 20], ["c", "d" * 4]], [[1.0, 0.0], [0.0, 0.0]])
    without, _ = loss_of([["a" * 10, "b" * 20]], [[1.0, 0.0]])
    assert with_it.item() == pytest.approx(without.item(), rel=1e-5)


def test_weights_learn_from_it():
    found, model = loss_of([["a" * 10, "b" * 20]], [[1.0, 0.0]])
    found.backward()
    assert model.weight.grad > 0  # the longer passage is the wrong one


def test_a_loss_that_is_no_number_names_the_queries():
    with pytest.raises(DataError, match=r"nan.*'q0'.*'q1'"):
        loss_of([["a", "b"], ["c"]], [[float("nan"), 0.0], [1.0]])


def test_scores_come_in_the_order_of_the_pairs_whatever_the_passes(monkeypatch):
    pairs = [("q", "x" * length) for length in (300, 3, 41, 7, 220, 90)]
    whole = scored(Lengths(), pairs).tolist()
    monkeypatch.setattr("clew.training.losses.PIECES_PER_PASS", 100)
    model = Lengths()
    assert scored(model, pairs).tolist() == whole == pytest.approx([len(passage) * 0.1 for _, passage in pairs])
    assert len(model.batches) > 1
    assert sum(model.batches) == len(pairs)
