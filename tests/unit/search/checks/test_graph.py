"""Steps in the entity postings of an imported index: codes of relations, ascending for each passage."""

from __future__ import annotations

import json

import numpy as np
import pytest

from clew.core.errors import CorruptError
from clew.search.checks.graph import GraphSize, check_annotations, check_entity_counts

GRAPH = GraphSize(entities=2, relations=1)


def shard(folder, steps, passages=(0, 0, 1), form=2):
    for name, values in (
        ("entities", np.array([0, 1], np.int32)),
        ("offsets", np.array([0, 2, 3], np.int64)),
        ("passages", np.array(passages, np.int32)),
        ("steps", np.array(steps, np.int32)),
        ("weights", np.ones(3, np.float32)),
    ):
        np.save(folder / f"{name}.npy", values)
    table = {"format": form, "passages": 2, "documents": 2}
    (folder / "graph.json").write_text(json.dumps(table), encoding="utf-8")
    return folder


def counts(folder, steps):
    np.save(folder / "entities.npy", np.array([0, 1], np.int64))
    np.save(folder / "frequencies.npy", np.array([1, 1], np.int64))
    np.save(folder / "steps.npy", np.array(steps, np.int64))
    (folder / "graph.json").write_text(json.dumps({"format": 2, "passages": 2}), encoding="utf-8")
    return folder


def test_a_passage_can_have_a_posting_for_each_step(tmp_path):
    check_annotations(shard(tmp_path, [1, 2, 0]), 2, GRAPH)


@pytest.mark.parametrize("steps", [[1, 3, 0], [-1, 2, 0], [2, 1, 0], [1, 1, 0], [1, 2]])
def test_wrong_steps_of_postings_are_refused(tmp_path, steps):
    with pytest.raises(CorruptError):
        check_annotations(shard(tmp_path, steps), 2, GRAPH)


def test_postings_of_the_format_before_have_each_passage_once(tmp_path):
    check_annotations(shard(tmp_path, [0, 0, 0], (0, 1, 1), form=1), 2, GRAPH)
    with pytest.raises(CorruptError, match="passages"):
        check_annotations(shard(tmp_path, [1, 2, 0], form=1), 2, GRAPH)


def test_a_table_of_another_format_is_refused(tmp_path):
    with pytest.raises(CorruptError, match="format"):
        check_annotations(shard(tmp_path, [1, 2, 0], form=3), 2, GRAPH)


def test_steps_of_a_version_belong_to_entities_and_relations(tmp_path):
    check_entity_counts(counts(tmp_path, [1, 2, (1 << 32) | 1]), 2, GRAPH, 0)


@pytest.mark.parametrize("steps", [[0], [3], [2, 1], [(2 << 32) | 1], [-1]])
def test_wrong_steps_of_a_version_are_refused(tmp_path, steps):
    with pytest.raises(CorruptError, match="steps"):
        check_entity_counts(counts(tmp_path, steps), 2, GRAPH, 0)


@pytest.mark.parametrize("scale", [(0.4, 0.0), (0.4, -0.1), (np.nan, 0.1), (0.4, np.inf), (2.0, 0.1), (0.4,)])
def test_a_scale_of_cosines_that_none_can_have_is_refused(tmp_path, scale):
    folder = counts(tmp_path, [1])
    np.save(folder / "cosine_scale.npy", np.array([0.4, 0.05]))
    check_entity_counts(folder, 2, GRAPH, 0)
    np.save(folder / "cosine_scale.npy", np.array(scale, np.float64))
    with pytest.raises(CorruptError, match=r"cosine_scale\.npy"):
        check_entity_counts(folder, 2, GRAPH, 0)
