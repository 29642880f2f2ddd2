import math
import os
import pickle
import shutil
import subprocess
import sys
import threading
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rank_bm25 import BM25Okapi

from clew.core.errors import CorruptError, FormatError, MismatchError, NotFoundError
from clew.core.text import Analyzer, AnalyzerSpec
from clew.search.candidates import bm25_kernel, bm25_pruning
from clew.search.candidates.bm25 import BM25, BM25Kind, BM25Spec
from clew.search.candidates.dense import kernel as dense_kernel
from clew.search.protocols import CandidateRequest, MatchesAny, ParsedQuery, PassageSet

ANALYZER = Analyzer(AnalyzerSpec(stem=False))
TEXTS = ["red shoe", "red red hat", "blue shoe shoe with red lace", "green coat", "", "blue"]


def built(folder: Path, texts: list[str], shards: int = 1) -> BM25:
    return opened(folder, BM25Kind(BM25Spec(), {"text": 1.0}, ANALYZER), [{"text": t} for t in texts], shards)


def opened(folder: Path, kind: BM25Kind, rows: list[dict[str, str]], shards: int = 1) -> BM25:
    cuts = [len(rows) * i // shards for i in range(shards + 1)]
    sets = [
        PassageSet({name: [row.get(name, "") for row in rows[a:b]] for name in kind.weights}) for a, b in pairwise(cuts)
    ]
    folders = [folder / f"shard{i}" for i in range(shards)]
    global_statistics = kind.combine(
        [kind.local_statistics(passages, shard) for passages, shard in zip(sets, folders, strict=True)]
    )
    for passages, shard in zip(sets, folders, strict=True):
        kind.build(passages, global_statistics, shard)
    kind.save(global_statistics, folder / "whole")
    reader = kind.open(folders, folder / "whole")
    assert isinstance(reader, BM25)
    return reader


def asked(*terms: str | tuple[str, float]) -> ParsedQuery:
    return ParsedQuery("", tuple(t if isinstance(t, tuple) else (t, 1.0) for t in terms))


def ask(reader: BM25, *terms: str | tuple[str, float], k: int = 10) -> list[tuple[int, float]]:
    found = reader.candidates(CandidateRequest(asked(*terms), k))
    return list(zip(found.ordinals.tolist(), found.scores.tolist(), strict=True))


def reference(corpus: list[list[str]], **parameters: float) -> BM25Okapi:
    """Return rank-bm25 with the idf that Lucene has: its own falls below 0 for terms of most passages."""
    model = BM25Okapi(corpus, **{"k1": BM25Spec().k1, **parameters})
    frequencies = {term: sum(term in words for words in corpus) for term in model.idf}
    model.idf = {term: math.log(1 + (len(corpus) - df + 0.5) / (df + 0.5)) for term, df in frequencies.items()}
    return model


def test_a_score_worked_by_hand(tmp_path: Path) -> None:
    reader = built(tmp_path, TEXTS)
    # "coat" is in 1 of 6 passages, which has 2 words; passages have 2+3+6+2+0+1 = 14 words, 14/6 on average.
    idf = math.log(1 + (6 - 1 + 0.5) / (1 + 0.5))
    expected = idf * 1 * 1.6 / (1 + 0.6 * (1 - 0.75 + 0.75 * 2 / (14 / 6)))
    assert ask(reader, "coat") == [(3, pytest.approx(expected, abs=1e-12))]


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), min_size=1, max_size=12).filter(any),
    st.lists(st.sampled_from("abcdefghz"), min_size=1, max_size=5),
    st.integers(1, 4),
)
@settings(max_examples=60, deadline=None)
def test_scores_agree_with_a_reference(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[list[str]], query: list[str], shards: int
) -> None:
    oracle = reference(corpus).get_scores(query)
    reader = built(tmp_path_factory.mktemp("bm25"), [" ".join(words) for words in corpus], shards)
    everything = np.arange(len(corpus))
    np.testing.assert_allclose(reader.score(asked(*query), everything), oracle, atol=1e-4)
    matching = [i for i, words in enumerate(corpus) if set(words) & set(query)]
    found = ask(reader, *query, k=len(corpus))
    assert sorted(ordinal for ordinal, _ in found) == matching
    assert found == sorted(found, key=lambda hit: (-hit[1], hit[0]))


@given(
    st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=8), min_size=1, max_size=12).filter(any),
    st.sampled_from("abcdefgh"),
)
@settings(max_examples=60, deadline=None)
def test_no_term_lowers_a_passage_that_contains_it(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[list[str]], term: str
) -> None:
    reader = built(tmp_path_factory.mktemp("bm25"), [" ".join(words) for words in corpus])
    scores = reader.score(asked(term), np.arange(len(corpus)))
    assert (scores > 0).tolist() == [term in words for words in corpus]


def test_a_term_of_fewer_passages_weighs_more(tmp_path: Path) -> None:
    reader = built(tmp_path, ["a b c d", "a b c", "a b", "a"])
    idfs = [reader.explain(asked(term), 0)[0].detail["idf"] for term in "abcd"]
    assert idfs == sorted(set(idfs))


def test_what_most_passages_say_does_not_outrank_what_few_say(tmp_path: Path) -> None:
    coats = ["coat waterproof shell"] * 4 + ["coat coat fleece"] * 2
    assert [at for at, _ in ask(built(tmp_path, coats), "waterproof", "coat", k=4)] == [0, 1, 2, 3]


@pytest.mark.parametrize("shards", [3, 8])
def test_shards_change_no_bit_of_any_score(tmp_path: Path, shards: int) -> None:
    generator = np.random.default_rng(7)
    words = [f"w{i}" for i in range(40)]
    texts = [" ".join(generator.choice(words, generator.integers(0, 12))) for _ in range(100)]
    one = built(tmp_path / "one", texts)
    many = built(tmp_path / "many", texts, shards)
    for _ in range(20):
        query = [(str(w), float(x)) for w, x in zip(generator.choice(words, 4), generator.random(4), strict=True)]
        for k in (1, 7, 100):
            assert ask(one, *query, k=k) == ask(many, *query, k=k)
        assert one.explain(asked(*query), 42) == many.explain(asked(*query), 42)


def test_a_small_k_gives_the_head_of_a_large_one(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    texts = [" ".join(generator.choice(["a", "b", "c"], generator.integers(0, 4))) for _ in range(200)]
    reader = built(tmp_path, texts)
    full = ask(reader, "a", "b", k=200)
    assert len({score for _, score in full}) < len(full)  # ties are there to be broken
    for k in (1, 2, 3, 10, 50, len(full) - 1, len(full)):
        assert ask(reader, "a", "b", k=k) == full[:k]


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("words", [6, 2_000])
def test_the_best_are_those_of_scoring_every_passage(tmp_path: Path, words: int, shards: int) -> None:
    """Words as unequally frequent as in a language: with six all but one are in most passages, and weigh little."""
    generator = np.random.default_rng(words)
    vocabulary, chance = [f"w{i}" for i in range(words)], 1 / np.arange(1, words + 1)
    drawn = partial(generator.choice, vocabulary, p=chance / chance.sum())
    reader = built(tmp_path, [" ".join(drawn(8 if at % 3 else at % 20)) for at in range(4_000)], shards)
    for _ in range(60):
        query = asked(*((str(w), float(generator.choice([1.0, 0.3]))) for w in drawn(generator.integers(1, 7))))
        allowed = generator.random(4_000) < generator.choice([1.0, 0.5, 0.01])
        scores = reader.score(query, np.arange(4_000))
        keep = np.flatnonzero(reader.matches_any([term for term, _ in query.terms]) & allowed)
        order = keep[np.lexsort((keep, -scores[keep]))]
        for k in (1, 10, 1_000):
            found = reader.candidates(CandidateRequest(query, k, allowed))
            assert found.ordinals.tolist() == order[:k].tolist()
            assert found.scores.tolist() == scores[order[:k]].tolist()


def test_weights_of_query_terms_scale_and_add_up(tmp_path: Path) -> None:
    reader = built(tmp_path, TEXTS)
    once = reader.score(asked("red"), np.arange(6))
    np.testing.assert_allclose(reader.score(asked(("red", 0.5)), np.arange(6)), once / 2)
    np.testing.assert_allclose(reader.score(asked("red", ("red", 0.5)), np.arange(6)), once * 1.5)
    assert ask(reader, ("red", 0.0), ("blue", -1.0)) == []


def test_field_weights_act_inside_tf_and_length(tmp_path: Path) -> None:
    rows = [{"title": "shoe", "text": "red"}, {"title": "red", "text": "shoe x"}, {"title": "y", "text": "z"}]
    reader = opened(tmp_path, BM25Kind(BM25Spec(), {"title": 2.5, "text": 1.0}, ANALYZER), rows)
    idf = math.log(1 + 1.5 / 2.5)
    average = (3.5 + 4.5 + 3.5) / 3
    by_hand = [idf * tf * 1.6 / (tf + 0.6 * (0.25 + 0.75 * n / average)) for tf, n in ((1.0, 3.5), (2.5, 4.5))]
    np.testing.assert_allclose(reader.score(asked("red"), np.array([0, 1])), by_hand, rtol=1e-6)


@pytest.mark.parametrize("shards", [1, 3])
def test_a_term_may_have_more_frequencies_than_there_are_codes(tmp_path: Path, shards: int) -> None:
    most = 400
    corpus = [" ".join(["b"] + ["a"] * times) for times in range(1, most + 1)]
    reader = built(tmp_path, corpus, shards)
    oracle = reference([text.split() for text in corpus]).get_scores(["a", "b"])
    np.testing.assert_allclose(reader.score(asked("a", "b"), np.arange(most)), oracle, atol=1e-9)
    assert ask(reader, "a", "b", k=most) == [
        (at, reader.score(asked("a", "b"), np.array([at]))[0]) for at in np.lexsort((np.arange(most), -oracle))
    ]
    for times in (1, 254, 255, 256, 399):
        shown = {part.what: part.detail["tf"] for part in reader.explain(asked("a", "b"), times - 1)}
        assert shown == {"term 'a'": times, "term 'b'": 1}


def test_explain_shows_the_numbers_of_each_term(tmp_path: Path) -> None:
    reader = built(tmp_path, TEXTS)
    parts = reader.explain(asked("shoe", ("hat", 0.5), "red", "unknown"), 2)
    assert [part.what for part in parts] == ["term 'shoe'", "term 'red'"]
    assert parts[0].detail["tf"] == 2.0
    assert parts[0].detail["df"] == 2
    assert parts[0].detail["length"] == 6.0
    assert parts[0].detail["average_length"] == pytest.approx(14 / 6)
    assert sum(part.value for part in parts) == reader.score(asked("shoe", ("hat", 0.5), "red"), np.array([2]))[0]


def test_matches_any(tmp_path: Path) -> None:
    reader = built(tmp_path, TEXTS, shards=2)
    assert isinstance(reader, MatchesAny)
    assert reader.matches_any(["blue", "coat", "unknown"]).tolist() == [False, False, True, True, False, True]
    for term in ("blue", "coat", "unknown"):
        assert reader.passages_with(term).tolist() == np.flatnonzero(reader.matches_any([term])).tolist()
    assert not reader.matches_any([]).any()


def test_deleted_passages_are_taken_out_of_the_statistics(tmp_path: Path) -> None:
    kind = BM25Kind(BM25Spec(), {"text": 1.0}, ANALYZER)
    base, gone = PassageSet({"text": TEXTS}), PassageSet({"text": TEXTS[1:3]})
    taken_out = kind.local_statistics(gone, tmp_path / "gone")
    left = kind.combine([kind.local_statistics(base, tmp_path / "shard")], [taken_out])
    kind.build(base, left, tmp_path / "shard")
    kind.save(left, tmp_path / "whole")
    reader = kind.open([tmp_path / "shard"], tmp_path / "whole")
    fresh = built(tmp_path / "fresh", [TEXTS[0], *TEXTS[3:]])
    np.testing.assert_array_equal(
        reader.score(asked("red", "blue"), np.array([0, 3, 4, 5])), fresh.score(asked("red", "blue"), np.arange(4))
    )
    with pytest.raises(ValueError, match="below zero"):
        kind.combine([taken_out], [kind.local_statistics(base, tmp_path / "shard")])


def test_long_corpora_are_counted_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"word{i % 7} word{i % 3} same" for i in range(50)]
    global_statistics = built(tmp_path / "whole", texts)
    monkeypatch.setattr("clew.search.candidates.bm25_postings._BLOCK", 4)
    blocks = built(tmp_path / "blocks", texts)
    assert ask(global_statistics, "word1", "same", k=50) == ask(blocks, "word1", "same", k=50)
    for path in sorted((tmp_path / "whole").rglob("*.*")):
        assert path.read_bytes() == (tmp_path / "blocks" / path.relative_to(tmp_path / "whole")).read_bytes()


def test_many_threads_get_the_answers_of_one(tmp_path: Path) -> None:
    generator = np.random.default_rng(5)
    texts = [" ".join(generator.choice([f"w{i}" for i in range(30)], 10)) for _ in range(500)]
    reader = built(tmp_path, texts)
    expected = {w: ask(reader, f"w{w}", "w1") for w in range(30)}
    wrong: list[int] = []

    def work() -> None:
        wrong.extend(w for _ in range(5) for w in range(30) if ask(reader, f"w{w}", "w1") != expected[w])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("k1", [0.0, 3.0])
def test_k1_and_b_apply_at_query_time(tmp_path: Path, k1: float) -> None:
    built(tmp_path, TEXTS)
    spec = BM25Spec(k1=k1, b=0.2)
    reader = BM25Kind(spec, {"text": 1.0}, ANALYZER).open([tmp_path / "shard0"], tmp_path / "whole")
    oracle = reference([text.split() for text in TEXTS], k1=k1, b=0.2)
    matching = [0, 1, 2, 5]
    expected = oracle.get_scores(["red", "blue"])[matching] if k1 else None
    found = reader.score(asked("red", "blue"), np.array(matching))
    if expected is None:  # rank-bm25 divides 0 by 0 here
        expected = np.array([sum(oracle.idf[w] for w in {"red", "blue"} & set(TEXTS[i].split())) for i in matching])
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_no_word_at_all_and_no_passage_at_all(tmp_path: Path) -> None:
    for name, texts in (("wordless", ["", ""]), ("empty", [])):
        reader = built(tmp_path / name, texts)
        assert reader.size == len(texts)
        assert ask(reader, "red") == []


def test_a_field_that_passages_lack_counts_as_empty(tmp_path: Path) -> None:
    kind = BM25Kind(BM25Spec(), {"title": 2.0, "text": 1.0}, ANALYZER)
    part = kind.local_statistics(PassageSet({"text": ["a b", "a"]}), tmp_path)
    assert part.words == (0, 3)


@pytest.mark.parametrize(("table", "name"), [({"k1": -1.0}, "k1"), ({"b": 1.5}, "b"), ({"epsilon": 2.0}, "epsilon")])
def test_parameters_out_of_range_are_named(table: dict[str, float], name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is "):
        BM25Spec(**table)


def test_kinds_travel_to_worker_processes() -> None:
    kind = pickle.loads(pickle.dumps(BM25Kind(BM25Spec(b=0.5), {"text": 2.0}, ANALYZER)))
    assert (kind.spec.b, kind.weights, kind.analyzer.spec) == (0.5, {"text": 2.0}, ANALYZER.spec)


def test_other_weights_or_another_analyzer_are_refused(tmp_path: Path) -> None:
    built(tmp_path, TEXTS)
    for kind, words in (
        (BM25Kind(BM25Spec(), {"text": 2.0}, ANALYZER), "field weights"),
        (BM25Kind(BM25Spec(), {"text": 1.0}, Analyzer()), "another text analyzer"),
    ):
        with pytest.raises(MismatchError, match=words):
            kind.open([tmp_path / "shard0"], tmp_path / "whole")


@pytest.mark.parametrize("file", ["shard0/terms.marisa", "shard0/passages.npy", "whole/statistics.json"])
def test_missing_and_broken_files_are_named(tmp_path: Path, file: str) -> None:
    built(tmp_path, TEXTS).close()
    kind = BM25Kind(BM25Spec(), {"text": 1.0}, ANALYZER)
    (tmp_path / file).write_bytes(b"broken")
    with pytest.raises(CorruptError, match=file):
        kind.open([tmp_path / "shard0"], tmp_path / "whole")
    (tmp_path / file).unlink()
    with pytest.raises(NotFoundError, match=file):
        kind.open([tmp_path / "shard0"], tmp_path / "whole")


def test_another_format_is_refused(tmp_path: Path) -> None:
    built(tmp_path, TEXTS)
    path = tmp_path / "whole" / "statistics.json"
    path.write_text(path.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(FormatError, match="format 99, but this version of Clew reads format 2"):
        BM25Kind(BM25Spec(), {"text": 1.0}, ANALYZER).open([tmp_path / "shard0"], tmp_path / "whole")


@pytest.mark.parametrize("module", [bm25_kernel, bm25_pruning, dense_kernel])
def test_compiled_code_calls_none_of_another_file(module: ModuleType) -> None:
    """Numba keeps what it compiled for as long as the function's own file stays the same."""
    compiled = {name: made for name, made in vars(module).items() if hasattr(made, "py_func")}
    own = {name for name, made in compiled.items() if made.py_func.__module__ == module.__name__}
    assert own
    for name in own:
        assert compiled.keys() & set(compiled[name].py_func.__code__.co_names) <= own


@pytest.mark.slow
@pytest.mark.parametrize("home", ["home", "taken/home"])
def test_the_kernel_loads_from_a_folder_nobody_can_write(tmp_path: Path, home: str) -> None:
    # A file where the cache folder would go works as a read-only install does, for root too.
    shutil.copy(bm25_kernel.__file__, tmp_path / "kernel_copy.py")
    (tmp_path / "__pycache__").touch()
    (tmp_path / "taken").touch()
    environment = {k: v for k, v in os.environ.items() if k not in {"NUMBA_CACHE_DIR", "XDG_CACHE_HOME"}}
    environment |= {"HOME": str(tmp_path / home), "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-B", "-c", "import kernel_copy; print(kernel_copy.count_words.signatures)"],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    cached = list(tmp_path.glob("home/**/*.nbc"))
    assert bool(cached) == (home == "home")
