"""Queries in one translation for texts in the other."""

import pytest

from clew.benchmarks.words.shop_names import shop_queries
from clew.core.errors import NotFoundError
from tests.builders import write_rows

NODES = [
    {"id": "c1", "type": "category", "path": ["Kitchen"], "names": {"zh": "厨房", "zh-Hant": "廚房"}},
    {"id": "c2", "type": "category", "path": ["Kitchen", "Kettles"], "names": {"zh": "电热水壶", "zh-Hant": "熱水壺"}},
    {"id": "c3", "type": "category", "path": ["Kitchen", "Jugs"], "names": {"zh": "水罐", "zh-Hant": "熱水壺"}},
    {"id": "v1", "type": "value", "name": "Red", "names": {"zh": "红", "zh-Hant": "紅色"}},
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "graph").mkdir()
    write_rows(tmp_path / "graph", nodes=NODES)
    return tmp_path


def both_splits(folder, kind):
    found = [shop_queries(folder, kind, split) for split in ("train", "dev")]
    assert not found[0].queries.keys() & found[1].queries.keys()
    return {query: set(judged) for each in found for query, judged in each.qrels.items()}


def test_a_text_is_the_path_and_a_query_what_the_other_translation_says(folder):
    assert shop_queries(folder, "names", "dev").texts == {"c1": "厨房", "c2": "厨房 > 电热水壶", "c3": "厨房 > 水罐"}
    # 廚房 is 厨房 in other characters, so it is no query.
    assert both_splits(folder, "names") == {"熱水壺": {"c2", "c3"}}
    assert both_splits(folder, "paths") == {"廚房熱水壺": {"c2", "c3"}}


def test_a_folder_without_a_graph_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match=r"nodes\.jsonl"):
        shop_queries(tmp_path, "names", "dev")
