"""What a query takes from a graph: relations to documents that fit it, and the relations that are walked."""

import numpy as np
import pytest

from clew.core.types import Deadline
from clew.kg.annotate import step_code
from clew.kg.expand import ExpandSpec, RelationSpec
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.spec import GraphSpec, Neo4jSpec
from clew.kg.types import Edge, Entity
from clew.search.graph_retriever import RELATION_VECTORS, open_graph_retriever, walked
from clew.search.protocols import ParsedQuery

ENTITIES = [
    *(Entity(f"f{n}", "film", f"Film {n}") for n in range(3)),
    Entity("a", "person", "Ada Quillson"),
    Entity("b", "person", "Bram Holt"),
]
EDGES = [Edge("a", "DIRECTED", "f0"), Edge("f1", "produced_by", "a"), Edge("a", "FOLLOWS", "b")]


@pytest.fixture
def snapshot(tmp_path):
    found = write_snapshot(tmp_path, "films", ENTITIES, EDGES, created="2025-01-01T00:00:00Z")
    yield found
    found.close()


def opened(snapshot, home, **values):
    spec = GraphSpec(
        "films", snapshot=snapshot.id, documents="{id}", document_types=["film"], about=["DIRECTED", "produced_by"],
        **values,
    )  # fmt: skip
    return open_graph_retriever(spec, home, home, {}, verify=False)


def odds(snapshot, retriever, text, vector=None):
    steps = retriever.expand(ParsedQuery(text, vector=vector), Deadline()).steps
    codes = {
        "directed": step_code(snapshot.relations.index("DIRECTED"), outgoing=True),
        "produced": step_code(snapshot.relations.index("produced_by"), outgoing=False),
    }
    assert {name: steps.said[code] for name, code in codes.items()} == {name: name for name in codes}
    return {name: (float(steps.odds[code]), float(steps.weights[code])) for name, code in codes.items()}


def test_the_relation_that_is_asked_for_fits_best(snapshot, tmp_path):
    retriever = opened(snapshot, tmp_path)
    asked = odds(snapshot, retriever, "films directed by Ada Quillson")
    assert asked["directed"] > asked["produced"]
    asked = odds(snapshot, retriever, "what has Ada Quillson produced")
    assert asked["produced"] > asked["directed"]
    retriever.close()


def test_vectors_say_which_relation_fits(snapshot, tmp_path):
    vectors = np.zeros((3, 4), np.float32)
    vectors[snapshot.relations.index("produced_by"), 0] = 1.0
    np.save(tmp_path / RELATION_VECTORS, vectors)
    retriever = opened(snapshot, tmp_path)
    asked = odds(snapshot, retriever, "films directed by Ada Quillson", np.array([1, 0, 0, 0], np.float32))
    assert asked["produced"] > asked["directed"]
    retriever.close()


@pytest.fixture
def asked_in_chinese(tmp_path):
    """Ask which relation of one person fits a question best; the graph's relations are named in Chinese and English."""
    relations = ["导演", "出生地", "毕业院校", "spouse"]
    nodes = [Entity("a", "person", "顾衡"), *(Entity(f"x{at}", "thing", f"项{at}") for at in range(4))]
    edges = [Edge("a", relation, f"x{at}") for at, relation in enumerate(relations)]
    found = write_snapshot(tmp_path, "zh", nodes, edges, created="2025-01-01T00:00:00Z")
    # Of the vectors, only those of English names are known, as with an encoder that reads no Chinese.
    vectors = np.zeros((4, 4), np.float32)
    vectors[found.relations.index("spouse"), 0] = 1.0
    np.save(tmp_path / RELATION_VECTORS, vectors)
    spec = GraphSpec("zh", snapshot=found.id)
    retriever = open_graph_retriever(spec, tmp_path, tmp_path, {}, verify=False)

    def best(text, vector=None):
        reached = retriever.expand(ParsedQuery(text, vector=vector), Deadline()).reached
        first = max((each for each in reached if each.path), key=lambda each: each.weight)
        return first.path[0].step.relation

    yield best
    retriever.close()
    found.close()


@pytest.mark.parametrize(
    ("text", "relation"),
    [
        ("顾衡导演了什么？", "导演"),
        ("顧衡導演了什麼？", "导演"),
        ("顾衡的出生地是哪里？", "出生地"),
        ("顾衡出生在哪里？", "出生地"),
        ("顾衡是哪所院校毕业的？", "毕业院校"),
    ],
)
def test_chinese_relations_are_found_by_their_words(asked_in_chinese, text, relation):
    assert asked_in_chinese(text) == relation
    # Also if the encoder reads the question, but not the name of the relation.
    assert asked_in_chinese(text, np.array([0, 1, 0, 0], np.float32)) == relation


def test_a_chinese_question_finds_an_english_relation_by_its_vector(asked_in_chinese):
    assert asked_in_chinese("顾衡的妻子是谁？", np.array([1, 0, 0, 0], np.float32)) == "spouse"


def test_the_policy_weighs_and_directs_relations_to_documents(snapshot, tmp_path):
    policy = ExpandSpec({"DIRECTED": RelationSpec("out", 0.5), "produced_by": "out"}, fit=0.0)
    retriever = opened(snapshot, tmp_path, expand=policy)
    # From a person to a film, produced_by is followed backwards, which the policy does not allow.
    assert odds(snapshot, retriever, "Ada Quillson") == {"directed": (0.0, 0.5), "produced": (0.0, 0.0)}
    retriever.close()


def test_documents_that_are_entities_have_no_steps(snapshot, tmp_path):
    spec = GraphSpec("films", snapshot=snapshot.id, documents="{id}")
    retriever = open_graph_retriever(spec, tmp_path, tmp_path, {}, verify=False)
    assert retriever.expand(ParsedQuery("films directed by Ada Quillson"), Deadline()).steps is None
    retriever.close()


def test_what_is_reached_says_which_words_lead_to_it(snapshot, tmp_path):
    retriever = opened(snapshot, tmp_path, expand=ExpandSpec({"FOLLOWS": "out"}))
    found = retriever.expand(ParsedQuery("Ada Quillson or Bram Holt"), Deadline())
    assert set(found.spans) == {(0, 12), (16, 25)}
    ada = found.named_by((0, 12))
    assert [(reached.entity, reached.seed) for reached in ada.reached] == [("a", "a"), ("b", "a")]
    assert snapshot.ids(ada.rows) == ["a", "b"]
    assert len(ada.paths) == len(ada.spans) == 2
    retriever.close()


def test_a_database_is_walked_along_the_relations_of_the_snapshot():
    mapped = Neo4jSpec("bolt://127.0.0.1:1", labels=["Film"], relations=["b", "c"])
    relations = ["a", "b"]
    assert walked(GraphSpec(store="neo4j", neo4j=mapped), relations) == ["b"]
    assert walked(GraphSpec(neo4j=mapped), relations) == relations
    assert walked(GraphSpec(), relations) == relations
