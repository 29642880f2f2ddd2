"""Nodes as entities and back, ids as they may be stored, and the edge table of a server's answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clew.kg.records import Mapped, edge_table, keys, keys_by_label, loaded, plain, written
from clew.kg.spec import LabelSpec, Neo4jSpec
from clew.kg.types import Entity

TEXT = st.text(max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
ENTITIES = st.builds(
    Entity, TEXT, TEXT, TEXT, st.lists(TEXT, max_size=3).map(tuple), st.dictionaries(TEXT, TEXT, max_size=3), TEXT,
    st.dictionaries(TEXT, JSON, max_size=3),
)  # fmt: skip


@given(ENTITIES)
def test_what_is_written_is_what_is_loaded(entity):
    assert loaded(["Clew_1"], written(entity)) == entity
    assert all(isinstance(value, str | list) for value in written(entity).values())


class Date:
    def iso_format(self):
        return "1815-12-10"


def test_properties_become_plain_json():
    assert plain([1, 2.5, True, None, "a", float("nan"), float("inf"), b"\x01\xff", (1.0, 2.0), Date()]) == [
        1, 2.5, True, None, "a", None, None, "01ff", [1.0, 2.0], "1815-12-10",
    ]  # fmt: skip
    assert plain({1}) == "{1}"


def test_a_mapping_takes_what_fits_and_leaves_the_rest():
    spec = Neo4jSpec("bolt://x:1", labels=["B", "A"], name="n", aliases=["x", "y"], names={"zh": "z"}, description="d")
    read = Mapped(spec)
    assert read(
        ["A", "Z", "B"], {"id": 7, "n": 3.5, "x": ["p", None, "", 4], "y": "q", "z": ["no"], "d": True}
    ) == Entity("7", type="B", name="3.5", aliases=("p", "4", "q"))
    assert read(["A"], {"id": "i", "k": [1], "a": 2}) == Entity("i", type="A", properties={"a": 2, "k": [1]})


NORTHWIND = Neo4jSpec(
    "bolt://x:1",
    labels=["Product", "Order", "Note"],
    nodes={
        "Product": LabelSpec(id="productID", name="productName", aliases=["code"], description="about"),
        "Order": LabelSpec(id="", name="", names={"de": "titel"}),
    },
)
ELEMENT = "4:0a1b2c3d-0000-1111-2222-0123456789ab:17"


def test_a_label_has_a_mapping_of_its_own():
    read = Mapped(NORTHWIND)
    assert read(
        ["Product"], {"productID": 1, "productName": "Chai", "code": "C1", "name": "n", "about": "Tea."}
    ) == Entity("Product:1", "Product", "Chai", ("C1",), description="Tea.", properties={"name": "n"})
    assert read(["Order"], {"id": 1, "name": "n", "titel": "Auftrag"}, ELEMENT) == Entity(
        ELEMENT, "Order", names={"de": "Auftrag"}, properties={"id": 1, "name": "n"}
    )
    assert read(["Note"], {"id": 1, "name": "n"}, ELEMENT) == Entity("1", "Note", "n")


def test_an_id_is_looked_up_where_it_can_be():
    assert keys_by_label(["Product:1", "1", ELEMENT, "Product:1"], NORTHWIND) == [
        ["1", 1],
        [ELEMENT],
        ["Product:1", "1", 1, ELEMENT],
    ]


def test_a_mapping_of_a_label_that_is_not_pulled_is_refused():
    with pytest.raises(ValueError, match="nodes: 'Movei' is not one of labels"):
        Neo4jSpec("bolt://x:1", labels=["Movie"], nodes={"Movei": LabelSpec()})
    with pytest.raises(ValueError, match=r"nodes\.Movie: 'a`b' cannot be quoted"):
        Neo4jSpec("bolt://x:1", labels=["Movie"], nodes={"Movie": LabelSpec(name="a`b")})


@pytest.mark.parametrize(
    ("name", "stored"),
    [
        ("17", ["17", 17]),
        ("-3", ["-3", -3]),
        ("0", ["0", 0]),
        ("9223372036854775807", ["9223372036854775807", 2**63 - 1]),
        ("-9223372036854775808", ["-9223372036854775808", -(2**63)]),
        ("9223372036854775808", ["9223372036854775808"]),
        ("017", ["017"]),
        ("-0", ["-0"]),
        ("--1", ["--1"]),
        ("1.0", ["1.0"]),
        ("٣", ["٣"]),
        ("", [""]),
        ("\ud800", []),
    ],
)
def test_ids_as_a_database_of_others_may_hold_them(name, stored):
    assert keys([name], mapped=True) == stored
    assert keys([name], mapped=False) == stored[:1]


def test_ids_are_asked_for_once():
    assert keys(["b", "a", "b"], mapped=False) == ["b", "a"]


def test_runs_are_as_long_as_fans_and_cuts_say():
    nodes = [["a", 3], ["b", 2], ["c", 1], ["d", 1]]
    first = ([[0, "r", True, 2], [0, "r", False, 3]], ["b", "c", "b"])  # fan_out 2: the second run was cut by the hop
    second = ([[1, "q", True, 1]], ["d"])
    table = edge_table(nodes, [1, 3], [first, second], 2)
    assert table.nodes == ("a", "b", "c", "d")
    assert table.hops.tolist() == [0, 1, 1, 2]
    assert table.degrees.tolist() == [3, 2, 1, 1]
    assert table.relations == ("q", "r")
    assert table.near.tolist() == [0, 0, 0, 1]
    assert table.relation.tolist() == [1, 1, 1, 0]
    assert table.outgoing.tolist() == [True, True, False, True]
    assert table.far.tolist() == [1, 2, 1, 3]
    assert table.fans.tolist() == [2, 2, 3, 1]


def test_an_answer_without_edges():
    for nodes in ([], [["a", 0]]):
        table = edge_table(nodes, [len(nodes)], [([], [])], 5)
        assert table.nodes == tuple(name for name, _ in nodes)
        assert (len(table), table.relations, table.hops.tolist()) == (0, (), [0] * len(nodes))


def test_nodes_that_share_an_id_are_one():
    nodes = [["a", 1], ["b", 1], ["b", 5], ["c", 1]]
    table = edge_table(nodes, [1, 3], [([[0, "r", True, 2]], ["b", "b"]), ([[2, "r", True, 1]], ["c"])], 9)
    assert table.nodes == ("a", "b", "c")
    assert table.hops.tolist() == [0, 1, 2]
    assert table.degrees.tolist() == [1, 1, 1]
    assert table.near.tolist() == [0, 0, 1]
    assert table.far.tolist() == [1, 1, 2]
