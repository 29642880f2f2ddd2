"""The oracle of a graph benchmark: what a perfect linker and a perfect choice of relation would find.

The one place that reads gold.jsonl.gz, and only to score this row.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.measures.runs import Qrels, Run
from clew.core.types import Deadline
from kg.types import EdgeTable, Walk

if TYPE_CHECKING:
    from search.knowledge import Knowledge

GOLD = "gold.jsonl.gz"


def read_gold(folder: Path) -> dict[str, tuple[str, str]]:
    """Query → (entity, relation) of a data set; empty where it has no gold."""
    if not (folder / GOLD).is_file():
        return {}
    with gzip.open(folder / GOLD, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["_id"]: (row["entity"], row["property"]) for row in rows}


def oracle_run(knowledge: Knowledge, gold: Mapping[str, tuple[str, str]], qrels: Qrels) -> Run:
    """All that the gold relation joins to the gold entity, as one tie in the order of ids.

    Where the graph has no edge of the gold name there, the relation counts as gold that joins the entity to an answer
    and to the fewest others, as the judgements were made.
    """
    run: dict[str, dict[str, float]] = {}
    for query, judged in qrels.items():
        if query not in gold:
            continue
        entity, relation = gold[query]
        table = knowledge.store.neighbourhood([entity], Walk(fan_out=10_000, steps=100_000), Deadline())
        reached = _by_relation(table)
        answers = {document for document, gain in judged.items() if gain > 0}
        joined = {name: to for name, to in reached.items() if to & answers}
        if relation in joined:
            found = joined[relation]
        elif joined:
            found = min(joined.values(), key=lambda to: (len(to), sorted(to)))
        else:
            continue
        run[query] = {node: 1.0 - place * 1e-6 for place, node in enumerate(sorted(found))}
    return run


def _by_relation(table: EdgeTable) -> dict[str, set[str]]:
    """Relation → ids it joins to the seed, either way."""
    found: dict[str, set[str]] = {}
    for relation, far in zip(table.relation.tolist(), table.far.tolist(), strict=True):
        found.setdefault(table.relations[relation], set()).add(table.nodes[far])
    return found
