from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from clew.core.errors import CorruptError, DataError, FormatError, MismatchError, NotFoundError, QualityError, SpecError
from clew.core.spec import parse
from clew.search.candidates.dense.ann import ANN_KINDS
from clew.search.candidates.dense.int16 import to_int16
from clew.search.candidates.dense.kind import DenseKind, DenseSpec
from clew.search.candidates.dense.recall import synthetic_queries
from clew.search.candidates.dense.shard import DenseShard
from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery, PassageSet

DIM = 32


def unit(n: int, seed: int = 0, clusters: int = 40) -> np.ndarray:
    """Vectors in clusters, as those of texts are."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(clusters, DIM))
    vectors = centres[random.integers(0, clusters, n)] + 0.7 * random.normal(size=(n, DIM))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


VECTORS = unit(6000)
ANN = DenseSpec(kind="hnsw", exact_below=0)


def build(spec: DenseSpec, vectors: np.ndarray, folder: Path, queries: np.ndarray | None = None) -> dict[str, Any]:
    kind, passages = DenseKind(spec, queries), PassageSet({}, vectors)
    return dict(kind.build(passages, kind.combine([kind.local_statistics(passages, folder)]), folder))


def built(root: Path, spec: DenseSpec, *shards: np.ndarray) -> CandidateGenerator:
    kind = DenseKind(spec)
    sets = [PassageSet({}, vectors) for vectors in shards]
    folders = [root / str(n) for n in range(len(sets))]
    global_statistics = kind.combine(
        [kind.local_statistics(passages, folder) for passages, folder in zip(sets, folders, strict=True)]
    )
    kind.save(global_statistics, root / "whole")
    for passages, folder in zip(sets, folders, strict=True):
        kind.build(passages, global_statistics, folder)
    return kind.open(folders, root / "whole")


def ask(vector: np.ndarray | None, k: int, allowed: np.ndarray | None = None) -> CandidateRequest:
    return CandidateRequest(ParsedQuery("q", vector=vector), k, allowed)


@pytest.fixture(scope="module", params=["flat", "rabitq", "hnsw", "ivf"])
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CandidateGenerator:
    return built(tmp_path_factory.mktemp(request.param), replace(ANN, kind=request.param), VECTORS)


@pytest.mark.parametrize("share", [None, 1.0, 0.6, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("k", [1, 10, 100])
def test_k_hits_come_back_whenever_k_are_allowed(generator: CandidateGenerator, share: float | None, k: int) -> None:
    allowed = None if share is None else np.random.default_rng(5).permutation(6000) < share * 6000
    there = 6000 if allowed is None else int(allowed.sum())
    shares = []
    for query in synthetic_queries(to_int16(VECTORS), seed=9)[:40]:
        found = generator.candidates(ask(query, k, allowed))
        assert len(found) == min(k, there)
        assert allowed is None or allowed[found.ordinals].all()
        exact = VECTORS.astype(np.float64) @ query.astype(np.float64)
        np.testing.assert_allclose(found.scores, exact[found.ordinals], atol=1e-4)
        assert (np.diff(found.scores) <= 0).all()
        exact[slice(0, 0) if allowed is None else ~allowed] = -2
        best = np.argsort(-exact, kind="stable")[: min(k, there)]
        shares.append(len(np.intersect1d(best, found.ordinals)) / len(best))
    assert np.mean(shares) >= 0.95


def test_a_filter_that_hides_all_that_the_search_meets(tmp_path: Path) -> None:
    near, far = unit(2500, clusters=1), -unit(2500, clusters=1)
    generator = built(tmp_path, replace(ANN, recall=0.1), np.concatenate([near, far]))
    allowed = np.arange(5000) >= 2500
    assert isinstance(generator, DenseShard)
    assert generator._proposer is not None
    assert len(generator._proposer.search(near[0], 64, 128, allowed)) < 10
    found = generator.candidates(ask(near[0], 10, allowed))
    assert len(found) == 10
    assert allowed[found.ordinals].all()


def test_scores_are_those_of_score_and_explain(generator: CandidateGenerator) -> None:
    request = ask(VECTORS[17], 20)
    found = generator.candidates(request)
    assert found.ordinals[0] == 17
    assert np.array_equal(generator.score(request.query, found.ordinals), found.scores)
    (part,) = generator.explain(request.query, int(found.ordinals[3]))
    assert (part.stage, part.what, part.value) == ("dense", "cosine", found.scores[3])


def test_a_query_without_vector_has_no_dense_ranking(generator: CandidateGenerator) -> None:
    assert len(generator.candidates(ask(None, 10))) == 0
    assert np.isnan(generator.score(ParsedQuery("q"), np.arange(3))).all()
    assert generator.explain(ParsedQuery("q"), 0) == []


def test_a_query_of_another_width_is_refused(generator: CandidateGenerator) -> None:
    with pytest.raises(MismatchError, match="16"):
        generator.candidates(ask(np.ones(16, np.float32) / 4, 10))


@pytest.mark.parametrize("shards", [3, 8])
def test_shards_give_the_ranking_and_the_bits_of_one(tmp_path: Path, shards: int) -> None:
    vectors = np.concatenate([VECTORS[:300], VECTORS[:50]])  # with ties across shards
    one = built(tmp_path / "one", DenseSpec(), vectors)
    many = built(tmp_path / "many", DenseSpec(), *np.array_split(vectors, shards))
    allowed = np.random.default_rng(1).random(350) < 0.4
    for query in unit(5, seed=9):
        for request in (ask(query, 40), ask(query, 40, allowed), ask(query, 1000)):
            expected, found = one.candidates(request), many.candidates(request)
            assert np.array_equal(expected.ordinals, found.ordinals)
            assert np.array_equal(expected.scores, found.scores)


def test_empty_and_small_shards(tmp_path: Path) -> None:
    generator = built(tmp_path, replace(ANN, kind="auto"), VECTORS[:0], VECTORS[:1], VECTORS[1:5])
    assert generator.size == 5
    assert sorted(generator.candidates(ask(VECTORS[3], 100)).ordinals) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("kind", ["auto", "flat", "rabitq", "hnsw", "ivf"])
@pytest.mark.parametrize("n", [0, 1, 3])
def test_fewer_passages_than_wanted(tmp_path: Path, kind: str, n: int) -> None:
    generator = built(tmp_path, replace(ANN, kind=kind), VECTORS[:n])
    assert len(generator.candidates(ask(VECTORS[0], 10))) == n
    generator.close()


def test_the_kind_follows_the_number_of_passages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clew.search.candidates.dense.kind.HNSW_FROM", 1500)
    spec = DenseSpec(exact_below=1000)
    for n, kind in ((1000, "flat"), (1001, "rabitq"), (1500, "hnsw")):
        folder = tmp_path / str(n)
        facts = build(spec, VECTORS[:n], folder)
        assert facts["kind"] == kind
        assert (folder / "ann.faiss").exists() is (kind == "hnsw")
        assert (folder / "signs.npy").exists() is (kind == "rabitq")
        assert min(facts["recall@10"], facts["recall@100"]) >= spec.recall


def test_facts_say_what_was_measured(tmp_path: Path) -> None:
    facts = build(ANN, VECTORS, tmp_path, unit(7, seed=3))
    assert facts["sampled"] == 207
    assert facts["effort"] in ANN_KINDS["hnsw"].efforts
    assert facts["bytes"] == sum(path.stat().st_size for path in tmp_path.iterdir())
    assert 0.97 <= facts["recall@10"] <= 1
    assert json.loads((tmp_path / "ann.json").read_text())["effort"] == facts["effort"]


def test_effort_is_raised_until_the_recall_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANN_KINDS, "ivf", replace(ANN_KINDS["ivf"], efforts=(1, 2, 256)))
    spec = DenseSpec(kind="ivf", exact_below=0, recall=0.999)
    facts = build(spec, unit(6000, clusters=6000), tmp_path)
    assert facts["effort"] == 256


def test_a_recall_out_of_reach_is_not_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ANN_KINDS, "ivf", replace(ANN_KINDS["ivf"], efforts=(1,)))
    spec = DenseSpec(kind="ivf", exact_below=0)
    with pytest.raises(QualityError, match=r"recall@10 0\.\d+.*0\.97") as caught:
        build(spec, unit(6000, clusters=6000), tmp_path)
    assert "flat" in caught.value.hint
    assert not (tmp_path / "ann.faiss").exists()


def test_what_is_not_derived_comes_out_the_same(tmp_path: Path) -> None:
    for name in "ab":
        build(ANN, VECTORS[:500], tmp_path / name)
    fixed = sorted({path.name for path in (tmp_path / "a").iterdir()} - DenseKind(ANN).derived())
    assert fixed == ["vectors.npy"]
    assert (tmp_path / "a" / fixed[0]).read_bytes() == (tmp_path / "b" / fixed[0]).read_bytes()


@pytest.mark.parametrize("hidden", [240, 1000, 3000])
def test_a_filter_on_what_the_query_is_not_about(tmp_path: Path, hidden: int) -> None:
    generator = built(tmp_path, replace(ANN, kind="rabitq"), VECTORS)
    shares = []
    for query in synthetic_queries(to_int16(VECTORS), seed=9)[:40]:
        exact = VECTORS.astype(np.float64) @ query.astype(np.float64)
        # Without the nearest, which is most of what is likely.
        allowed = exact < np.sort(exact)[-hidden]
        best = np.argsort(np.where(allowed, -exact, 2), kind="stable")[:10]
        found = generator.candidates(ask(query, 10, allowed)).ordinals
        shares.append(len(np.intersect1d(best, found)) / 10)
    assert np.mean(shares) >= 0.97


@pytest.mark.parametrize("value", [np.nan, np.inf, 3.0])
def test_a_broken_vector_is_refused_with_its_place(tmp_path: Path, value: float) -> None:
    vectors = VECTORS[:100].copy()
    vectors[42] = value
    with pytest.raises(DataError, match="passage 42"):
        build(DenseSpec(), vectors, tmp_path)


@pytest.mark.parametrize("kind", ["flat", "rabitq", "hnsw"])
def test_texts_the_model_cannot_read_are_never_found(tmp_path: Path, kind: str) -> None:
    vectors = VECTORS[:3000].copy()
    vectors[::2] = 0  # what the indexer writes for them
    generator = built(tmp_path, replace(ANN, kind=kind), vectors)
    away = ask(-vectors[1], 2000)  # most readable passages score below the 0 of a zero vector
    found = generator.candidates(away)
    assert sorted(found.ordinals) == list(range(1, 3000, 2))
    scores = generator.score(away.query, np.arange(4))
    assert np.isnan(scores).tolist() == [True, False, True, False]
    assert generator.explain(away.query, 0) == []


def test_a_cosine_of_exactly_zero_is_a_score(tmp_path: Path) -> None:
    generator = built(tmp_path, DenseSpec(), np.eye(DIM, dtype=np.float32))
    found = generator.candidates(ask(np.eye(DIM, dtype=np.float32)[3], 3))
    assert found.ordinals.tolist() == [3, 0, 1]
    assert found.scores.tolist() == [1, 0, 0]


def test_counts_are_added_and_taken_away(tmp_path: Path) -> None:
    kind = DenseKind(DenseSpec())
    parts = [kind.local_statistics(PassageSet({}, VECTORS[:n]), tmp_path) for n in (5, 0, 7)]
    global_statistics, less = kind.combine(parts), kind.combine(parts, parts[:1])
    assert (global_statistics.passages, global_statistics.dim) == (12, DIM)
    assert (less.passages, less.dim) == (7, DIM)
    assert np.array_equal(less.vector_statistics.product, parts[2].vector_statistics.product)
    with pytest.raises(MismatchError, match="16 and 32"):
        kind.combine([*parts, kind.local_statistics(PassageSet({}, np.eye(16, dtype=np.float32)), tmp_path)])


def test_the_background_is_mean_and_deviation_of_all_cosines(tmp_path: Path) -> None:
    query = unit(1, seed=9)[0]
    one = built(tmp_path / "one", DenseSpec(), VECTORS)
    three = built(tmp_path / "three", DenseSpec(), *np.array_split(VECTORS, 3))
    cosines = VECTORS.astype(np.float64) @ query.astype(np.float64)
    score_statistics = one.candidates(ask(query, 1)).score_statistics
    assert score_statistics is not None
    np.testing.assert_allclose(score_statistics, (cosines.mean(), cosines.std()), atol=1e-4)
    np.testing.assert_allclose(three.candidates(ask(query, 1)).score_statistics, score_statistics, atol=1e-12)


@pytest.mark.parametrize("proposed", ["hnsw", "rabitq"])
def test_files_that_are_off_are_named(tmp_path: Path, proposed: Literal["hnsw", "rabitq"]) -> None:
    built(tmp_path, replace(ANN, kind=proposed), VECTORS[:200])
    folder, kind = tmp_path / "0", DenseKind(ANN)
    good = {path.name: path.read_bytes() for path in folder.iterdir()}
    good |= {f"../whole/{path.name}": path.read_bytes() for path in (tmp_path / "whole").iterdir()}
    of_its_own = {"hnsw": ["ann.faiss"], "rabitq": ["signs.npy", "factors.npy"]}[proposed]
    cases = {
        **{name: good[name][:500] for name in of_its_own},
        "vectors.npy": good["vectors.npy"][:-1000],
        "ann.json": b"{}",
        "../whole/moments.npy": b"no array",
        "../whole/dense.json": b"{",
    }
    for name, data in cases.items():
        (folder / name).write_bytes(data)
        with pytest.raises((CorruptError, FormatError), match=Path(name).name):
            kind.open([folder], tmp_path / "whole")
        (folder / name).write_bytes(good[name])
    with pytest.raises(CorruptError, match=r"dense\.json"):
        kind.open([folder, folder], tmp_path / "whole")
    (folder / "vectors.npy").unlink()
    with pytest.raises(NotFoundError, match=r"vectors\.npy"):
        kind.open([folder], tmp_path / "whole")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"recall": 0}, "recall"),
        ({"recall": 1.1}, "recall"),
        ({"kind": "tree"}, "kind"),
        ({"exact_below": -1}, "exact_below"),
        ({"seed": -1}, "seed"),
        ({"model": ""}, "model"),
        ({"modell": "default"}, "modell"),
    ],
)
def test_spec_values_are_checked(table: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError, match=words):
        parse(DenseSpec, table, "[dense]")


_ALONE = """
import sys, time
from pathlib import Path
sys.path.insert(0, {here!r})
from dataclasses import replace
import numpy as np
from test_kind import ANN, ask, built

vectors = np.random.default_rng(0).normal(size=(8000, 384)).astype(np.float32)
vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
generators = [built(Path({root!r}) / kind, replace(ANN, kind=kind, recall=0.1), vectors) for kind in ("flat", "rabitq")]
time.sleep(1)  # until threads that built have gone to sleep
whole, own = time.process_time(), time.thread_time()
for query in vectors[:300]:
    for generator in generators:
        found = generator.candidates(ask(query, 100))
        generator.score(ask(query, 100).query, found.ordinals)
print((time.process_time() - whole) / (time.thread_time() - own))
"""


@pytest.mark.slow
def test_a_search_leaves_other_processors_alone(tmp_path: Path) -> None:
    # Threads of BLAS or OpenMP that were set to work spin for more of it, and take a processor from other searches.
    script = _ALONE.format(here=str(Path(__file__).parent), root=str(tmp_path))
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "OMP_NUM_THREADS": "2"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.3
