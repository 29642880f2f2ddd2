"""The oracle of a graph benchmark: what a perfect linker and a perfect choice of relation would find.

Only this module reads gold.jsonl.gz, and only to score the oracle.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.measures.runs import Qrels, Run
from clew.core.types import Deadline
from clew.kg.networkx_store import NetworkxStore
from clew.kg.types import MAX_FAN_OUT, MAX_STEPS, EdgeTable, Walk

if TYPE_CHECKING:
    from clew.search.graph_retriever import GraphRetriever

GOLD = "gold.jsonl.gz"


def read_gold(folder: Path) -> dict[str, tuple[str, str]]:
    """Return query → (entity, relation) of a data set; empty if it has no gold file."""
    if not (folder / GOLD).is_file():
        return {}
    with gzip.open(folder / GOLD, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return {row["_id"]: (row["entity"], row["property"]) for row in rows}


def oracle_run(graph_retriever: GraphRetriever, gold: Mapping[str, tuple[str, str]], qrels: Qrels) -> Run:
    """Return all documents that the gold relation joins to the gold entity, ordered by id and so independent of grades.

    If the entity has no edge of the gold relation, the relation is used that joins it to an answer and to the fewest
    other documents, as the judgements were made. Empty if documents are not nodes of the graph.
    """
    run: dict[str, dict[str, float]] = {}
    # The snapshot itself, because the searcher has no open store if no system traverses the graph.
    store = NetworkxStore.open(graph_retriever.snapshot.folder, verify=False)
    try:
        for query in (name for name in qrels if name in gold):
            entity, relation = gold[query]
            table = store.neighbourhood([entity], Walk(fan_out=MAX_FAN_OUT, steps=MAX_STEPS), Deadline())
            answers = {document for document, gain in qrels[query].items() if gain > 0}
            if found := _gold(_by_relation(table, graph_retriever.spec.documents), relation, answers):
                run[query] = {document: 1.0 - place * 1e-6 for place, document in enumerate(sorted(found))}
    finally:
        store.close()
    return run


def _gold(reached: Mapping[str, set[str]], relation: str, answers: set[str]) -> set[str]:
    """Return the documents of the gold relation, or of its substitute; empty if no relation leads to an answer."""
    joined = {name: to for name, to in reached.items() if to & answers}
    return joined.get(relation) or min(joined.values(), key=lambda to: (len(to), sorted(to)), default=set())


def _by_relation(table: EdgeTable, pattern: str) -> dict[str, set[str]]:
    """Return relation → ids of the documents that it joins to the seed, in either direction.

    pattern: as in GraphSpec.documents.
    """
    found: dict[str, set[str]] = {}
    head, _, tail = pattern.partition("{id}")
    for relation, far in zip(table.relation.tolist(), table.far.tolist(), strict=True):
        node = table.nodes[far]
        if pattern and len(node) > len(head) + len(tail) and node.startswith(head) and node.endswith(tail):
            document = node[len(head) : len(node) - len(tail)]
            found.setdefault(table.relations[relation], set()).add(document)
    return found
