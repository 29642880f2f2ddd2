"""Measure encoding, reranking and training in torch on this machine, on a GPU if there is one.

Compared with sentence-transformers in the same process, in alternating rounds, and with the peak of the device.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from clew.benchmarks.data.texts import queries_of, synthetic
from clew.benchmarks.device.vectors import measure_vectors
from clew.benchmarks.signature import code, environment
from clew.core import threads
from clew.core.errors import UsageError

if TYPE_CHECKING:
    import torch
    from rich.table import Table

_LENGTH = 256
# Number of synthetic texts that make a passage: about 40 to 240 tokens.
_SPANS = (2, 12)
# Passages in a list that is trained on, passages in a list that is scored, and pairs in a peer's bfloat16 batch.
_LEARNED, _SCORED, _BIG_BATCH = 7, 1_000, 256


@dataclass(frozen=True, slots=True)
class _Training:
    """What is timed of training: number of steps, lists per step for a reranker, queries per step for an encoder."""

    steps: int
    lists: int
    queries: int


_TRAINING = {"cuda": _Training(10, 32, 256), "cpu": _Training(1, 2, 4)}


@dataclass(frozen=True, slots=True)
class Job:
    """What is measured.

    texts: passages to encode, and pairs to score. rounds: of each measurement; the median is reported. vectors: number
    of vectors that are searched. model, reranker: bi-encoder and cross-encoder; torch reads their fp32 weights. Raises
    UsageError for a number below 1.
    """

    texts: int = 20_000
    rounds: int = 3
    vectors: int = 100_000
    model: str = "default"
    reranker: str = "default"
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in (("texts", self.texts), ("rounds", self.rounds), ("vectors", self.vectors)):
            if value < 1:
                raise UsageError(f"{name} is {value}", "give 1 or more")


@dataclass(frozen=True, slots=True)
class _Workload:
    """Work that is timed. count: texts or pairs per round; tokens: number of tokens of each, without padding.

    passes: passes through the network per text, 1 for inference and 3 for training (backward costs twice forward).
    """

    unit: str
    count: int
    tokens: Sequence[int]
    once: Callable[[], object]
    passes: int = 1


def measure(home: Path, job: Job, say: Callable[[str], None]) -> dict[str, Any]:
    """Measure every item and its peers.

    home: where the models are stored. Returns {"device", "peak_tflops", "items": item → who → {"unit", "per_second",
    "tokens_per_second", "tflops", "share_of_peak", "rounds"}, "vectors"}. peak_tflops: of a product of two bfloat16
    matrices of 8,192 rows (on a CPU float32, 2,048 rows). tflops: of the matrix products in the layers, attention
    included. vectors: as `device.vectors.measure_vectors` returns.
    """
    import torch

    threads.configure()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    material = _Material(home, job, _TRAINING[device.type])
    peak = _peak(device)
    say(f"{_device(device)['name']}: {peak:.3g} TFLOP/s peak")
    items: dict[str, dict[str, Any]] = {}
    for name, make in _ITEMS.items():
        items[name] = _timed(make(material), job.rounds, material.flops, peak)
        shown = (f"{who} {each['per_second']:,.0f} {each['unit']}" for who, each in items[name].items())
        say(f"{name}: {', '.join(shown)}")
    searched = measure_vectors(job.vectors, job.seed, say)
    return {"device": _device(device), "peak_tflops": round(peak, 4), "items": items, "vectors": searched}


def full(found: Mapping[str, Any], job: Job) -> dict[str, Any]:
    """Return the figures with what they depend on."""
    signature = {"code": code(), "options": asdict(job)}
    return {"results": found, "signature": signature, "environment": environment(job.seed)}


def table(found: Mapping[str, Any]) -> Table:
    """Return the figures as a table for the terminal."""
    from rich.table import Table

    shown = Table("item", "by", "unit", "per second", "tokens per second", "TFLOP/s", "share of peak")
    for name, each in found["items"].items():
        for who, row in each.items():
            figures = (f"{row['per_second']:,.0f}", f"{row['tokens_per_second']:,.0f}", f"{row['tflops']:.3g}")
            shown.add_row(name, who, row["unit"], *figures, f"{row['share_of_peak']:.1%}")
    return shown


class _Material:
    """The texts and models, and the number of operations for a text."""

    def __init__(self, home: Path, job: Job, training: _Training) -> None:
        from transformers import AutoConfig

        from clew.models.bi_encoder import open_tokenizer
        from clew.models.store import fp32_folder, prepare, scorer_folder

        self.home, self.training = home, training
        draw = random.Random(job.seed)  # noqa: S311 - reproducible texts, no secret
        spans = synthetic(2_000, job.seed)
        self.texts = [" ".join(draw.choices(spans, k=draw.randint(*_SPANS))) for _ in range(job.texts)]
        self.queries = queries_of(spans, training.queries, job.seed)
        self.encoder = fp32_folder(prepare(job.model, home, "bi_encoder"), home)
        self.scorer = fp32_folder(scorer_folder(job.reranker, home), home)
        tokenizer = open_tokenizer(self.encoder)
        tokenizer.enable_truncation(_LENGTH)
        self.lengths = [len(each.ids) for each in tokenizer.encode_batch_fast(self.texts)]
        self.query_lengths = [len(each.ids) for each in tokenizer.encode_batch_fast(self.queries)]
        self._config = AutoConfig.from_pretrained(str(self.encoder), local_files_only=True)

    def flops(self, tokens: int) -> float:
        """Return the number of multiplications and additions in one pass over a text with this many tokens.

        Only those of the layers (Kaplan et al. 2020, table 1): looking up embeddings takes none.
        """
        wide, inner = self._config.hidden_size, self._config.intermediate_size
        per_token = 2 * (4 * wide * wide + 2 * wide * inner) + 4 * tokens * wide
        return float(self._config.num_hidden_layers * tokens * per_token)

    def lists(self, count: int, size: int) -> list[tuple[str, list[str]]]:
        """Return `count` queries, each with `size` passages."""
        asked, passages = cycle(self.queries), cycle(self.texts)
        return [(query, list(islice(passages, size))) for query in islice(asked, count)]

    def pair_lengths(self, pairs: Sequence[tuple[str, Sequence[str]]]) -> list[int]:
        """Return the number of tokens of each pair of query and passage."""
        place = {text: at for at, text in enumerate(self.texts)}
        asked = {query: at for at, query in enumerate(self.queries)}
        return [
            min(_LENGTH, self.query_lengths[asked[query]] + self.lengths[place[text]] - 1)
            for query, texts in pairs
            for text in texts
        ]


def _encode(material: _Material) -> dict[str, _Workload]:
    from sentence_transformers import SentenceTransformer

    from clew.models.store import load_encoder

    encoder = load_encoder(str(material.encoder), material.home, runtime="torch")

    def peer(batch: int, dtype: torch.dtype) -> Callable[[], object]:
        model = SentenceTransformer(str(material.encoder), local_files_only=True, model_kwargs={"dtype": dtype})
        model.max_seq_length = _LENGTH
        return lambda: model.encode(
            material.texts, batch_size=batch, normalize_embeddings=True, show_progress_bar=False
        )

    ours = {f"Clew {encoder.runtime}": lambda: encoder.encode_passages(material.texts)}
    return {
        who: _Workload("texts/s", len(material.texts), material.lengths, once)
        for who, once in {**ours, **_peers(peer)}.items()
    }


def _rerank(material: _Material) -> dict[str, _Workload]:
    from sentence_transformers import CrossEncoder

    from clew.models.store import load_scorer

    scorer = load_scorer(str(material.scorer), material.home, runtime="torch")
    lists = material.lists(-(-len(material.texts) // _SCORED), min(_SCORED, len(material.texts)))
    pairs = [(query, text) for query, texts in lists for text in texts]
    lengths = material.pair_lengths(lists)

    def peer(batch: int, dtype: torch.dtype) -> Callable[[], object]:
        model = CrossEncoder(str(material.scorer), local_files_only=True, model_kwargs={"dtype": dtype})
        model.max_seq_length = _LENGTH
        return lambda: model.predict(pairs, batch_size=batch, show_progress_bar=False)

    ours = {f"Clew {scorer.runtime}": lambda: [scorer.score(query, texts) for query, texts in lists]}
    return {who: _Workload("pairs/s", len(pairs), lengths, once) for who, once in {**ours, **_peers(peer)}.items()}


def _peers(make: Callable[[int, torch.dtype], Callable[[], object]]) -> dict[str, Callable[[], object]]:
    """Return rounds of sentence-transformers with its defaults and at its fastest. make: batch, precision → a round."""
    import torch

    return {
        "sentence-transformers fp32": make(32, torch.float32),
        f"sentence-transformers bf16, batches of {_BIG_BATCH}": make(_BIG_BATCH, torch.bfloat16),
    }


def _train_rerank(material: _Material) -> dict[str, _Workload]:
    import torch

    from clew.training.cross_encoder import load_cross_encoder
    from clew.training.losses import RankingLoss

    model = load_cross_encoder(material.scorer, _LENGTH)
    loss = RankingLoss(model, list_weight=1.0, point_weight=0.2)
    lists = material.lists(material.training.lists, _LEARNED)
    inputs = [query for query, _ in lists], [texts for _, texts in lists]
    labels = [torch.tensor([1.0] + [0.0] * (_LEARNED - 1)) for _ in lists]
    lengths = material.pair_lengths(lists)
    return _training_steps(model, lambda: loss(inputs, labels), material.training.steps, "pairs/s", lengths)


def _train_encode(material: _Material) -> dict[str, _Workload]:
    import torch

    from clew.training.bi_encoder import load_encoder
    from clew.training.losses import ContrastiveLoss

    model = load_encoder(material.encoder, _LENGTH)
    loss = ContrastiveLoss(model)
    count = len(material.queries)
    passages, tokens = cycle(material.texts), cycle(material.lengths)
    columns = [material.queries, *(list(islice(passages, count)) for _ in range(2))]
    lengths = [*material.query_lengths, *islice(tokens, 2 * count)]

    def once() -> Any:
        features = [
            {name: value.to(model.device) for name, value in model.preprocess(texts).items() if torch.is_tensor(value)}
            for texts in columns
        ]
        return loss(features, torch.empty(0))

    # Cached gradients need one more pass.
    return _training_steps(model, once, material.training.steps, "texts/s", lengths, passes=4)


def _training_steps(
    model: Any, loss: Callable[[], Any], steps: int, unit: str, lengths: Sequence[int], passes: int = 3
) -> dict[str, _Workload]:
    """Return training steps: loss, gradients, weights. On a CPU in float32, because bfloat16 is not faster there."""
    import torch

    on_gpu = model.device.type == "cuda"
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-6)
    model.train()

    def once() -> None:
        for _ in range(steps):
            with torch.autocast("cuda", torch.bfloat16, enabled=on_gpu):
                found = loss()
            found.backward()
            optimizer.step()
            optimizer.zero_grad()
        if on_gpu:
            torch.cuda.synchronize()

    work = _Workload(unit, steps * len(lengths), [*lengths] * steps, once, passes)
    return {f"Clew {'bf16' if on_gpu else 'fp32'}": work}


_ITEMS: Mapping[str, Callable[[_Material], dict[str, _Workload]]] = {
    "encode": _encode,
    "rerank": _rerank,
    "train a reranker": _train_rerank,
    "train an encoder": _train_encode,
}


def _timed(
    workloads: Mapping[str, _Workload], rounds: int, flops: Callable[[int], float], peak: float
) -> dict[str, dict[str, Any]]:
    """Time all works in turns; a first round is not counted."""
    seconds: dict[str, list[float]] = {who: [] for who in workloads}
    for at in range(rounds + 1):
        for who, work in workloads.items():
            start = perf_counter()
            work.once()
            if at:
                seconds[who].append(perf_counter() - start)
    found = {}
    for who, work in workloads.items():
        took = median(seconds[who])
        tflops = work.passes * sum(map(flops, work.tokens)) / took / 1e12
        found[who] = {
            "unit": work.unit,
            "per_second": round(work.count / took, 1),
            "tokens_per_second": round(sum(work.tokens) / took),
            "tflops": round(tflops, 4),
            "share_of_peak": round(tflops / peak, 4),
            "rounds": [round(work.count / each, 1) for each in seconds[who]],
        }
    return found


def _peak(device: torch.device) -> float:
    """Return the TFLOP/s of a large matrix product, the median of ten."""
    import torch

    size, kind = (8_192, torch.bfloat16) if device.type == "cuda" else (2_048, torch.float32)
    one, other = (torch.randn(size, size, device=device).to(kind) for _ in range(2))
    took = []
    for _ in range(13):
        start = perf_counter()
        product = one @ other
        if device.type == "cuda":
            torch.cuda.synchronize()
        took.append(perf_counter() - start)
        del product
    return float(2 * size**3 / median(took[3:]) / 1e12)


def _device(device: torch.device) -> dict[str, Any]:
    """Return a description of the device."""
    import torch

    if device.type != "cuda":
        return {"name": environment(0)["cpu"], "type": "cpu", "threads": torch.get_num_threads()}
    known = torch.cuda.get_device_properties(device)
    return {
        "name": known.name,
        "type": "cuda",
        "memory_gib": round(known.total_memory / 2**30, 1),
        "multiprocessors": known.multi_processor_count,
        "cuda": torch.version.cuda,
        "torch": torch.__version__,
    }
