import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from clew.benchmarks.calibration.measure import (
    Bin,
    equal_mass,
    equal_width,
    expected_error,
    measure_folder,
    measure_index,
    nothing_good,
    options_for,
    reliability,
)
from clew.benchmarks.calibration.report import full, plain, write
from clew.benchmarks.data.datasets import open_dataset
from clew.benchmarks.signature import code, environment
from clew.core.errors import NotFoundError, UsageError
from clew.indexer.build import build
from clew.indexer.spec import spec_of
from clew.indexer.tuning.rerank import Scored
from clew.search.rerank.calibration import Calibration

OPTIONS = options_for(model="hashing", reranker="overlap")


@pytest.fixture(scope="module")
def measured(shared):
    folder, home = shared
    return measure_folder(open_dataset(folder), home, OPTIONS)


def test_bins_and_error_as_by_hand() -> None:
    probabilities = np.array([0.1, 0.2, 0.9, 1.0])
    relevant = np.array([False, True, True, True])
    bins = equal_width(probabilities, relevant, 2)
    assert bins == (Bin(0.0, 0.5, 2, pytest.approx(0.15), 0.5), Bin(0.5, 1.0, 2, pytest.approx(0.95), 1.0))
    assert expected_error(bins) == pytest.approx((0.35 + 0.05) / 2)
    assert expected_error(()) == 0.0
    assert equal_mass(np.array([]), np.array([], np.bool_)) == ()


def test_bins_of_equal_mass_hold_as_many_each_and_keep_equals_together() -> None:
    spread = equal_mass(np.linspace(0.01, 0.99, 300) ** 3, np.zeros(300, np.bool_))
    assert [each.pairs for each in spread] == [20] * 15
    same = equal_mass(np.full(7, 0.4), np.array([True] * 3 + [False] * 4))
    assert [(each.pairs, each.relevant) for each in same] == [(7, pytest.approx(3 / 7))]


SIZES = st.integers(1, 60)
PROBABILITIES = SIZES.flatmap(lambda n: st.tuples(arrays(np.float64, n, elements=st.floats(0, 1)), arrays(np.bool_, n)))


@given(PROBABILITIES, st.randoms(use_true_random=False))
def test_every_pair_is_in_one_bin_whatever_the_order(pairs, random) -> None:
    probabilities, relevant = pairs
    places = list(range(len(relevant)))
    random.shuffle(places)
    for binned in (equal_width, equal_mass):
        bins = binned(probabilities, relevant)
        assert sum(each.pairs for each in bins) == len(relevant)
        assert all(each.low - 1e-9 <= each.probability <= each.high + 1e-9 for each in bins)
        assert 0 <= expected_error(bins) <= 1
        assert expected_error(binned(probabilities[places], relevant[places])) == pytest.approx(expected_error(bins))


def test_perfect_probabilities_have_no_error_and_overconfident_ones_have() -> None:
    random = np.random.default_rng(5)
    scores = random.normal(0, 2, 20_000)
    true = random.random(20_000) < Calibration().probability(scores)
    found = Scored(scores, np.zeros_like(scores), true, np.arange(20_000) // 10, 2_000)
    good, bold = reliability(found, Calibration()), reliability(found, Calibration(scale=4.0))
    assert max(good.width_error, good.mass_error) < 0.015
    assert min(bold.width_error, bold.mass_error) > 0.05
    assert good.brier < bold.brier < good.base_brier
    assert (good.pairs, good.relevant) == (20_000, int(true.sum()))


def test_nothing_good_is_right_without_and_wrong_with_what_is_relevant() -> None:
    # Query 0: a sure relevant one and a doubtful other; 1: unsure of both; 2: a sure irrelevant one; 3: no other.
    probabilities = np.array([0.9, 0.3, 0.2, 0.1, 0.8, 0.6])
    relevant = np.array([True, False, True, False, False, True])
    query = np.array([0, 0, 1, 1, 2, 3])
    found = nothing_good(probabilities, relevant, query, 0.5)
    assert (found.without_relevant, found.with_relevant) == (3, 3)
    assert (found.right, found.wrong) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    # At the threshold itself a document is good enough, as in a search.
    assert nothing_good(probabilities, relevant, query, 0.8).right == pytest.approx(2 / 3)
    none = nothing_good(np.array([0.5]), np.array([False]), np.array([0]), 0.1)
    assert (none.right, none.wrong, none.with_relevant) == (0.0, None, 0)


def test_a_folder_is_calibrated_on_dev_and_measured_on_test(measured) -> None:
    assert measured.name == "tiny"
    assert measured.learned.queries == 2
    assert measured.calibration == measured.learned.after
    assert (measured.queries, measured.reliability.relevant) == (4, 6)
    assert [each.threshold for each in measured.reliability.nothing_good] == pytest.approx(np.arange(1, 10) / 10)


def test_other_judgements_of_test_change_nothing_that_is_learned(beir, tmp_path, measured) -> None:
    (beir / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\trug\t3\nq2\tmug\t1\nq3\tkettle\t2\n")
    other = measure_folder(open_dataset(beir), tmp_path / "home", OPTIONS)
    assert other.reliability != measured.reliability
    assert (other.learned, other.calibration) == (measured.learned, measured.calibration)


def test_dev_cannot_be_measured_on() -> None:
    with pytest.raises(UsageError, match="learning calibrations"):
        options_for("dev")


def test_a_folder_without_dev_is_not_calibrated_on_something_else(beir, tmp_path) -> None:
    (beir / "qrels" / "dev.tsv").unlink()
    with pytest.raises(NotFoundError, match=r"qrels/dev\.tsv"):
        measure_folder(open_dataset(beir), tmp_path, OPTIONS)


def test_an_index_is_measured_with_its_own_calibration(beir, tmp_path) -> None:
    table = {
        "name": "tiny",
        "dense": {"model": "hashing-16"},
        "source": {"path": str(beir), "form": "beir"},
        "rerank": {"model": "overlap", "top": 3, "early_stop": 100.0},
    }
    build(spec_of(table, "tiny.toml", tmp_path), tmp_path / "home")
    found = measure_index("tiny", tmp_path / "home", beir, OPTIONS)
    assert found.calibration == Calibration().as_table()
    assert (found.learned, found.queries, found.reliability.pairs) == (None, 4, 12)
    assert found.signature["reranker"]["model"] == "overlap"
    with pytest.raises(NotFoundError, match="names no judged queries"):
        measure_index("tiny", tmp_path / "home", None, OPTIONS)


def test_a_sample_is_measured(shared) -> None:
    folder, home = shared
    found = measure_folder(open_dataset(folder), home, replace(OPTIONS, sample=2))
    assert found.queries == 2


def test_the_report_holds_every_figure_and_a_plot(measured, tmp_path) -> None:
    report = full([measured], environment(0), code())
    paths = write(tmp_path, [measured], report)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [
        "results.json", "report.md", "reliability/tiny.png",
    ]  # fmt: skip
    assert paths[2].read_bytes().startswith(b"\x89PNG")
    read = json.loads(paths[0].read_text())
    assert read["results"] == json.loads(json.dumps(plain([measured])))
    figures = read["results"]["tiny"]
    assert set(figures) == {
        "split", "queries", "pairs", "relevant", "brier", "base_brier", "error", "bins", "nothing_good", "calibration",
        "learned",
    }  # fmt: skip
    assert len(read["signature"]["sets"]["tiny"]["files"]) == 4
    text = paths[1].read_text()
    assert "](reliability/tiny.png)" in text
    assert text.count("\n| 0.") + text.count("\n| 1.") >= 9
