from pathlib import Path

import numpy as np
import pytest
from rank_bm25 import BM25Okapi

from clew.core.errors import CorruptError, SpecError
from clew.core.text import Analyzer
from clew.search.candidates.bm25 import BM25Kind, BM25Spec
from clew.search.candidates.bm25_statistics import VersionStatistics
from clew.search.candidates.rank_bm25 import RankBM25Kind
from clew.search.protocols import CandidateGenerator, CandidateRequest, ParsedQuery, PassageSet

ROWS = PassageSet(
    {
        "title": ["Sony WH-1000XM5", "Red hat", "Sony camera", "Shoes", "Blue coat"],
        "text": ["wireless headphones", "a red hat of wool", "zoom 8mm", "running shoes, red", ""],
    }
)
WEIGHTS = {"title": 3.0, "text": 1.0}
QUERY = ParsedQuery("", (("soni", 1.0), ("red", 0.5), ("hat", 1.0), ("red", 0.5), ("nowhere", 1.0)))


def okapi(statistics: VersionStatistics, term: str) -> float:
    """Return the idf of rank-bm25, with which both backends must agree."""
    return statistics.okapi_idf(term, BM25Spec().epsilon)


def opened(folder: Path, kind: BM25Kind, deleted: PassageSet | None = None) -> CandidateGenerator:
    taken_out = [kind.local_statistics(deleted, folder / "deleted")] if deleted else []
    global_statistics = kind.combine([kind.local_statistics(ROWS, folder / "shard")], taken_out)
    kind.build(ROWS, global_statistics, folder / "shard")
    kind.save(global_statistics, folder / "whole")
    return kind.open([folder / "shard"], folder / "whole")


@pytest.mark.parametrize("deleted", [None, PassageSet({name: values[1:2] for name, values in ROWS.fields.items()})])
def test_both_backends_agree_but_for_the_idf(
    tmp_path: Path, deleted: PassageSet | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(VersionStatistics, "idf", okapi)
    ours = opened(tmp_path / "ours", BM25Kind(BM25Spec(), WEIGHTS, Analyzer()), deleted)
    theirs = opened(tmp_path / "theirs", RankBM25Kind(BM25Spec(), WEIGHTS, Analyzer()), deleted)
    everything = np.arange(5)
    np.testing.assert_allclose(ours.score(QUERY, everything), theirs.score(QUERY, everything), atol=1e-4)
    request = CandidateRequest(QUERY, 10)
    assert ours.candidates(request).ordinals.tolist() == theirs.candidates(request).ordinals.tolist()
    for mine, reference in zip(ours.explain(QUERY, 1), theirs.explain(QUERY, 1), strict=True):
        assert mine.what == reference.what
        assert mine.value == pytest.approx(reference.value, abs=1e-4)
        assert mine.detail == pytest.approx(reference.detail)


def test_its_idf_is_that_of_rank_bm25_however_low(tmp_path: Path) -> None:
    rows = PassageSet({"text": ["a b", "a c", "a d", "a"]})
    kind = RankBM25Kind(BM25Spec(), {"text": 1.0}, Analyzer())
    kind.build(rows, kind.local_statistics(rows, tmp_path / "shard"), tmp_path / "shard")
    kind.save(kind.local_statistics(rows, tmp_path / "shard"), tmp_path / "whole")
    reader = kind.open([tmp_path / "shard"], tmp_path / "whole")
    reference = BM25Okapi([text.split() for text in rows.fields["text"]], k1=BM25Spec().k1)
    query = ParsedQuery("", (("a", 1.0), ("b", 1.0)))
    np.testing.assert_allclose(reader.score(query, np.arange(4)), reference.get_scores(["a", "b"]))


def test_weights_that_are_no_whole_numbers_are_refused() -> None:
    with pytest.raises(SpecError, match=r"title: weight is 2.5") as error:
        RankBM25Kind(BM25Spec(), {"title": 2.5}, Analyzer())
    assert 'backend = "bm25"' in error.value.hint


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    kind = RankBM25Kind(BM25Spec(), WEIGHTS, Analyzer())
    opened(tmp_path, kind).close()
    (tmp_path / "shard" / "words.json").write_text("{")
    with pytest.raises(CorruptError, match=r"shard/words\.json"):
        kind.open([tmp_path / "shard"], tmp_path / "whole")
