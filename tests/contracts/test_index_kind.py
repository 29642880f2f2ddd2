"""What every index kind promises, over every name in KINDS: a new kind is tested as soon as it is registered.

It is made from its constructor; a line in MAKERS says more where that is not enough.

`local_statistics` → `combine` → `build` → `save` → `open`, and the CandidateGenerator that comes out.
"""

import atexit
import hashlib
import pickle
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from clew.core.text import Analyzer
from clew.kg.expand import Reached
from clew.kg.linker import Linked
from clew.kg.snapshot import Snapshot
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.spec import GraphSpec
from clew.kg.types import Edge, Entity
from clew.search.candidates import KINDS
from clew.search.protocols import CandidateGenerator, CandidateRequest, Expansion, IndexKind, ParsedQuery, PassageSet
from tests.contracts.constructed import constructed

WEIGHTS = {"title": 2.0, "text": 1.0}
DIM = 32
WORDS = ["red", "blue", "shoe", "hat", "camera", "zoom", "8mm", "WH-1000XM5", "手机", "running", "wool", "green"]
PASSAGES = 60


def vector(text: str) -> np.ndarray:
    """A unit vector that depends on the text alone."""
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")
    found = np.random.default_rng(seed).standard_normal(DIM).astype(np.float32)
    return found / np.linalg.norm(found)


def passages(first: int = 0, last: int = PASSAGES) -> PassageSet:
    generator = np.random.default_rng(11)
    titles = [" ".join(generator.choice(WORDS, 2)) for _ in range(PASSAGES)]
    texts = [" ".join(generator.choice(WORDS, i % 6)) for i in range(PASSAGES)]
    vectors = np.stack(
        [vector(f"{i} {title} {text}") for i, (title, text) in enumerate(zip(titles, texts, strict=True))]
    )
    fields = {"title": titles[first:last], "text": texts[first:last]}
    return PassageSet(fields, vectors[first:last], [f"doc-{i}" for i in range(first, last)])


@cache
def snapshot() -> Snapshot:
    """A graph in which every word is an entity and every passage's document is about the words it holds."""
    folder = tempfile.TemporaryDirectory(prefix="clew-contract-")
    atexit.register(folder.cleanup)
    fields = passages().fields
    held = [set(f"{t} {x}".split()) for t, x in zip(fields["title"], fields["text"], strict=True)]
    nodes = [Entity(f"word:{word}", "word", word) for word in WORDS]
    nodes += [Entity(f"article:doc-{i}", "article", f"Article {i}") for i in range(PASSAGES)]
    edges = [Edge(f"article:doc-{i}", "about", f"word:{word}") for i, words in enumerate(held) for word in words]
    return write_snapshot(Path(folder.name), "words", nodes, edges, created="2025-01-01T00:00:00Z")


def query(text: str) -> ParsedQuery:
    named = list(dict.fromkeys(text.split()))
    reached = tuple(Reached(f"word:{word}", 1 / place, f"word:{word}") for place, word in enumerate(named, 1))
    rows = np.array([snapshot().row(found.entity) for found in reached], np.int64)
    expansion = Expansion(Linked((), ()), reached, rows, tuple(named))
    terms = tuple((term, 1.0) for term in Analyzer().terms(text))
    return ParsedQuery(text, terms, vector(text), expansion=expansion)


QUERIES = [query(text) for text in ("red shoe", "blue WH-1000XM5 red", "手机 zoom", "hat hat wool")]
NOTHING = ParsedQuery("", (), None)


def from_constructor(name: str) -> IndexKind[Any, Any]:
    """A kind with the defaults of its spec."""
    given = {"weights": WEIGHTS, "analyzer": Analyzer(), "fields": {}, "folder": snapshot().folder}
    kind: IndexKind[Any, Any] = constructed(KINDS, name, given, "MAKERS in tests/contracts/test_index_kind.py")
    return kind


def graph(name: str) -> IndexKind[Any, Any]:
    spec = GraphSpec("words", documents="article:{id}", document_types=["article"], about=["about"], annotate=[])
    return KINDS[name](spec, {}, snapshot().folder)


@dataclass(frozen=True)
class Maker:
    """How to make a kind, whether it ranks only passages that hold a query term, and how exact its scores are.

    by_term: whether a score is a sum over query terms, which the background takes for independent of each other.
    """

    make: Callable[[str], IndexKind[Any, Any]] = from_constructor
    only_matching: bool = False
    tolerance: float = 1e-6
    by_term: bool = False


MAKERS = dict.fromkeys(KINDS, Maker()) | {
    "bm25": Maker(only_matching=True, tolerance=0.0, by_term=True),
    "rank_bm25": Maker(only_matching=True, tolerance=1e-12, by_term=True),
    "graph": Maker(graph, only_matching=True, tolerance=1e-12),
}


@pytest.fixture(params=list(MAKERS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kind(name: str) -> IndexKind[Any, Any]:
    return MAKERS[name].make(name)


def opened(kind: IndexKind[Any, Any], folder: Path, shards: int = 1) -> CandidateGenerator:
    cuts = [PASSAGES * i // shards for i in range(shards + 1)]
    sets = [passages(a, b) for a, b in pairwise(cuts)]
    folders = [folder / f"shard{i}" for i in range(shards)]
    global_statistics = kind.combine(
        [kind.local_statistics(part, shard) for part, shard in zip(sets, folders, strict=True)]
    )
    for part, shard in zip(sets, folders, strict=True):
        kind.build(part, global_statistics, shard)
    kind.save(global_statistics, folder / "whole")
    return kind.open(folders, folder / "whole")


def matching(q: ParsedQuery) -> np.ndarray:
    """Passages that hold a term of the query."""
    wanted = {term for term, _ in q.terms}
    fields = passages().fields
    analyzer = Analyzer()
    held = [set(analyzer.terms(f"{t} {x}")) for t, x in zip(fields["title"], fields["text"], strict=True)]
    return np.array([bool(wanted & terms) for terms in held])


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_rankings_are_ordered_and_scored(kind: IndexKind[Any, Any], name: str, tmp_path: Path) -> None:
    reader = opened(kind, tmp_path)
    assert reader.size == PASSAGES
    for q in QUERIES:
        found = reader.candidates(CandidateRequest(q, 10))
        assert 0 < len(found) <= 10
        assert found.ordinals.dtype == np.int64
        assert found.scores.dtype == np.float64
        assert (found.answered, found.asked) == (1, 1)
        pairs = list(zip((-found.scores).tolist(), found.ordinals.tolist(), strict=True))
        assert pairs == sorted(pairs)
        assert len(set(found.ordinals.tolist())) == len(found)
        again = reader.score(q, found.ordinals)
        np.testing.assert_allclose(again, found.scores, rtol=0, atol=MAKERS[name].tolerance)


def test_the_best_are_the_best_of_all(kind: IndexKind[Any, Any], name: str, tmp_path: Path) -> None:
    reader = opened(kind, tmp_path)
    for q in QUERIES:
        scores = reader.score(q, np.arange(PASSAGES))
        keep = matching(q) if MAKERS[name].only_matching else np.ones(PASSAGES, bool)
        order = sorted(np.flatnonzero(keep).tolist(), key=lambda i: (-scores[i], i))
        for k in (1, 5, PASSAGES, 10 * PASSAGES):
            assert reader.candidates(CandidateRequest(q, k)).ordinals.tolist() == order[:k]


@pytest.mark.parametrize("share", [1.0, 0.3, 0.05, 0.0])
def test_only_allowed_passages_and_k_of_them_whenever_k_exist(
    kind: IndexKind[Any, Any], name: str, tmp_path: Path, share: float
) -> None:
    reader = opened(kind, tmp_path, shards=2)
    allowed = np.random.default_rng(2).random(PASSAGES) < share
    for q in QUERIES:
        keep = allowed & matching(q) if MAKERS[name].only_matching else allowed
        found = reader.candidates(CandidateRequest(q, 10, allowed))
        assert len(found) == min(10, int(keep.sum()))
        assert keep[found.ordinals].all()


@pytest.mark.parametrize("shards", [1, 3])
def test_the_background_is_that_of_all_passages_whatever_is_allowed(
    kind: IndexKind[Any, Any], name: str, tmp_path: Path, shards: int
) -> None:
    reader = opened(kind, tmp_path, shards)
    allowed = np.arange(PASSAGES) % 3 == 0
    for q in QUERIES:
        every = np.arange(PASSAGES)
        scores = np.nan_to_num(reader.score(q, every))
        deviation = scores.std()
        if MAKERS[name].by_term:
            counts = Counter(term for term, _ in q.terms)
            parts = [ParsedQuery("", ((term, float(count)),)) for term, count in counts.items()]
            deviation = sum(reader.score(part, every).var() for part in parts) ** 0.5
        for bitmap in (None, allowed):
            score_statistics = reader.candidates(CandidateRequest(q, 3, bitmap)).score_statistics
            assert score_statistics == pytest.approx((scores.mean(), deviation), abs=1e-4)


def test_explanations_add_up(kind: IndexKind[Any, Any], name: str, tmp_path: Path) -> None:
    reader = opened(kind, tmp_path, shards=2)
    for q in QUERIES:
        found = reader.candidates(CandidateRequest(q, 5))
        for ordinal, score in zip(found.ordinals.tolist(), found.scores.tolist(), strict=True):
            parts = reader.explain(q, ordinal)
            assert parts
            assert sum(part.value for part in parts) == pytest.approx(score, abs=1e-6)


@pytest.mark.parametrize("shards", [3, 8])
def test_any_number_of_shards_gives_the_same_answer(
    kind: IndexKind[Any, Any], name: str, tmp_path: Path, shards: int
) -> None:
    one, many = opened(kind, tmp_path / "one"), opened(kind, tmp_path / "many", shards)
    everything = np.arange(PASSAGES)
    for q in QUERIES:
        a, b = (reader.candidates(CandidateRequest(q, 20)) for reader in (one, many))
        assert a.ordinals.tolist() == b.ordinals.tolist()
        np.testing.assert_allclose(a.scores, b.scores, rtol=0, atol=MAKERS[name].tolerance)
        np.testing.assert_allclose(
            one.score(q, everything), many.score(q, everything), rtol=0, atol=MAKERS[name].tolerance
        )
        assert b.answered == b.asked


def test_the_same_passages_give_the_same_bytes(kind: IndexKind[Any, Any], name: str, tmp_path: Path) -> None:
    opened(kind, tmp_path / "a", shards=2)
    opened(MAKERS[name].make(name), tmp_path / "b", shards=2)
    a, b = files(tmp_path / "a"), files(tmp_path / "b")
    assert a.keys() == b.keys()
    derived = kind.derived()
    fixed = [path for path in a if Path(path).name not in derived]
    assert fixed
    assert [path for path in fixed if a[path] != b[path]] == []


def test_a_kind_writes_only_inside_its_folder(kind: IndexKind[Any, Any], tmp_path: Path) -> None:
    part = passages()
    global_statistics = kind.combine([kind.local_statistics(part, tmp_path / "shard")])
    kind.build(part, global_statistics, tmp_path / "shard")
    assert {path.name for path in tmp_path.iterdir()} == {"shard"}
    before = files(tmp_path)
    kind.save(global_statistics, tmp_path / "whole")
    assert {path.name for path in tmp_path.iterdir()} <= {"shard", "whole"}
    assert files(tmp_path / "shard") == files(tmp_path / "shard") == {
        path.removeprefix("shard/"): data for path, data in before.items()
    }  # fmt: skip


def test_facts_go_into_a_json_manifest(kind: IndexKind[Any, Any], tmp_path: Path) -> None:
    import json

    part = passages()
    facts = kind.build(part, kind.combine([kind.local_statistics(part, tmp_path / "shard")]), tmp_path / "shard")
    assert json.loads(json.dumps(dict(facts))) == dict(facts)


def test_statistics_travel_and_are_subtractive(kind: IndexKind[Any, Any], tmp_path: Path) -> None:
    sets = {"kept": passages(0, 40), "gone": passages(40)}
    kept, gone = (
        pickle.loads(pickle.dumps(kind.local_statistics(part, tmp_path / name))) for name, part in sets.items()
    )
    kind.save(kind.combine([kept]), tmp_path / "never")
    kind.save(pickle.loads(pickle.dumps(kind.combine([kept, gone], [gone]))), tmp_path / "removed")
    kind.save(kind.combine([gone, kept]), tmp_path / "one order")
    kind.save(kind.combine([kept, gone]), tmp_path / "another")
    assert files(tmp_path / "never") == files(tmp_path / "removed")
    assert files(tmp_path / "one order") == files(tmp_path / "another")


def test_a_kind_can_be_pickled(kind: IndexKind[Any, Any], name: str, tmp_path: Path) -> None:
    reader, other = opened(kind, tmp_path / "itself"), opened(pickle.loads(pickle.dumps(kind)), tmp_path / "copy")
    assert files(tmp_path / "itself") == files(tmp_path / "copy")
    assert reader.size == other.size == PASSAGES
    reader.close()
    other.close()


def test_closing_twice_is_closing_once(kind: IndexKind[Any, Any], tmp_path: Path) -> None:
    for shards in (1, 2):
        reader = opened(kind, tmp_path / str(shards), shards)
        reader.close()
        reader.close()


@pytest.mark.parametrize("k", [0, 1_000_000])
def test_any_k(kind: IndexKind[Any, Any], tmp_path: Path, k: int) -> None:
    reader = opened(kind, tmp_path)
    found = reader.candidates(CandidateRequest(QUERIES[0], k))
    assert len(found) <= min(k, PASSAGES)


def test_a_query_of_nothing_finds_nothing(kind: IndexKind[Any, Any], name: str, tmp_path: Path) -> None:
    from clew.core.errors import StageUnavailable

    reader = opened(kind, tmp_path)
    try:
        assert len(reader.candidates(CandidateRequest(NOTHING, 10))) == 0
    except StageUnavailable:
        assert not MAKERS[name].only_matching


def test_shards_without_passages(kind: IndexKind[Any, Any], name: str, tmp_path: Path) -> None:
    sets = [passages(0, 0), passages(), passages(0, 0)]
    folders = [tmp_path / str(i) for i in range(3)]
    global_statistics = kind.combine(
        [kind.local_statistics(part, folder) for part, folder in zip(sets, folders, strict=True)]
    )
    for part, folder in zip(sets, folders, strict=True):
        kind.build(part, global_statistics, folder)
    kind.save(global_statistics, tmp_path / "whole")
    reader = kind.open(folders, tmp_path / "whole")
    alone = opened(kind, tmp_path / "alone")
    assert reader.size == PASSAGES
    for q in QUERIES:
        a, b = (source.candidates(CandidateRequest(q, 9)) for source in (alone, reader))
        assert a.ordinals.tolist() == b.ordinals.tolist()


def test_a_missing_file_is_named(kind: IndexKind[Any, Any], tmp_path: Path) -> None:
    from clew.core.errors import ClewError

    opened(kind, tmp_path).close()
    for path in [p for p in tmp_path.glob("shard0/**/*") if p.is_file()]:
        data = path.read_bytes()
        path.unlink()
        with pytest.raises(ClewError, match=path.name):
            kind.open([tmp_path / "shard0"], tmp_path / "whole")
        path.write_bytes(data)
