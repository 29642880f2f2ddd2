"""The losses against their definitions, and scores against one pair at a time. Importing torch takes seconds."""

import math

import pytest
import torch

from clew.core.errors import DataError
from clew.training.losses import ContrastiveLoss, RankingLoss, score_pairs


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


def test_scores_come_in_the_order_of_the_pairs_whatever_the_passes():
    pairs = [("q", "x" * length) for length in (300, 3, 41, 7, 220, 90)]
    whole = score_pairs(Lengths(), pairs).tolist()
    model = Lengths()
    assert (
        score_pairs(model, pairs, 100).tolist() == whole == pytest.approx([len(passage) * 0.1 for _, passage in pairs])
    )
    assert len(model.batches) > 1
    assert sum(model.batches) == len(pairs)


class Bags(torch.nn.Sequential):
    """A network that embeds a text as the mean of its pieces' vectors, and notes the shape of what it is given."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(torch.nn.Embedding(100, 8, dtype=torch.float64))
        self.tokenizer = self
        self.shapes: list[tuple[int, ...]] = []

    def forward(self, features):
        self.shapes.append(tuple(features["input_ids"].shape))
        mask = features["attention_mask"][:, :, None]
        found = (self[0](features["input_ids"]) * mask).sum(dim=1) / mask.sum(dim=1)
        return {**features, "sentence_embedding": found}

    def batch_decode(self, ids, skip_special_tokens):
        return [f"pieces {row.tolist()}" for row in ids]


class Wrapper(torch.nn.Module):
    """What several processes train a network in: it computes the same, and has nothing else of it."""

    def __init__(self, network) -> None:
        super().__init__()
        self.network = network

    def forward(self, features):
        return self.network(features)


def bag(*texts):
    width = max(map(len, texts))
    ids = [[*text, *[0] * (width - len(text))] for text in texts]
    mask = [[1] * len(text) + [0] * (width - len(text)) for text in texts]
    return {"input_ids": torch.tensor(ids), "attention_mask": torch.tensor(mask)}


QUERIES = bag([1, 2], [3, 4, 5, 6], [7])
PASSAGES = bag([1, 8, 9, 10, 11], [4], [7, 12, 13])
NEGATIVES = bag([2], [5, 14, 15, 16, 17, 18], [19, 20])


def test_a_batch_of_any_size_can_be_learned_from():
    many = [{name: value.repeat(40, 1) for name, value in each.items()} for each in (QUERIES, PASSAGES)]
    model = Bags()
    ContrastiveLoss(model)(many, torch.empty(0)).backward()
    assert torch.isfinite(model[0].weight.grad).all()


def test_texts_of_like_length_are_embedded_together_and_the_loss_is_that_of_the_whole_batch():
    model, same = Bags(), Bags()
    found = ContrastiveLoss(model, tokens_per_pass=6)([QUERIES, PASSAGES, NEGATIVES], torch.empty(0))
    found.backward()
    embedded = [
        torch.nn.functional.normalize(same(each)["sentence_embedding"]) for each in (QUERIES, PASSAGES, NEGATIVES)
    ]
    scores = 20 * embedded[0] @ torch.cat(embedded[1:]).T
    expected = torch.nn.functional.cross_entropy(scores, torch.arange(3))
    expected.backward()
    assert found.item() == pytest.approx(expected.item())
    assert torch.allclose(model[0].weight.grad, same[0].weight.grad)
    # The longest first, no column of padding alone, at most six pieces at once.
    assert model.shapes[:6] == [(2, 4), (1, 1), (1, 5), (2, 3), (1, 6), (2, 2)]


def test_a_contrastive_loss_that_is_no_number_names_the_queries():
    model = Bags()
    model[0].weight.data[3] = float("nan")
    loss = ContrastiveLoss(model)
    loss.model = Wrapper(model)
    with pytest.raises(DataError, match=r"nan.*pieces \[1, 2, 0, 0\].*pieces \[3, 4, 5, 6\]"):
        loss([QUERIES, PASSAGES], torch.empty(0))
