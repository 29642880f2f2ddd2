from pathlib import Path

import numpy as np
import pytest

from clew.core.errors import CorruptError, SpecError
from clew.core.text import Analyzer
from clew.search.candidates.bm25 import BM25Kind, BM25Spec
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


def opened(folder: Path, kind: BM25Kind, deleted: PassageSet | None = None) -> CandidateGenerator:
    taken_out = [kind.local_statistics(deleted, folder / "deleted")] if deleted else []
    global_statistics = kind.combine([kind.local_statistics(ROWS, folder / "shard")], taken_out)
    kind.build(ROWS, global_statistics, folder / "shard")
    kind.save(global_statistics, folder / "whole")
    return kind.open([folder / "shard"], folder / "whole")


@pytest.mark.parametrize("deleted", [None, PassageSet({name: values[1:2] for name, values in ROWS.fields.items()})])
def test_both_backends_agree_with_field_weights_and_term_weights(tmp_path: Path, deleted: PassageSet | None) -> None:
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
