"""A graph and an index that names it: what the [graph] table may name, and how documents are found in the graph."""

from dataclasses import replace

import pytest

from clew.core.errors import SpecError
from clew.core.progress import Silent
from clew.core.types import Document
from clew.indexer.graphs.attach import joined, resolved
from clew.indexer.spec import spec_of
from clew.indexer.spool import SpoolWriter
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.types import Edge, Entity

ENTITIES = [
    *(Entity(f"product:{n}", "product", f"Chair {n}") for n in range(4)),
    Entity("brand:fjord", "brand", "Fjord"),
    Entity("untyped", "", "Untyped"),
]
EDGES = [Edge(f"product:{n}", "has_brand", "brand:fjord") for n in range(4)]
FIELDS = {
    "title": {"type": "text"},
    "text": {"type": "text"},
    "silent": {"type": "text", "weight": 0},
    "brand": {"type": "keyword"},
}


class Noted(Silent):
    """Keeps what it is told."""

    def __init__(self):
        self.notices = []

    def notice(self, text):
        self.notices.append(text)


@pytest.fixture
def home(tmp_path):
    write_snapshot(tmp_path, "shop", ENTITIES, EDGES, created="2025-01-01T00:00:00Z").close()
    return tmp_path


def spec(home, fields=FIELDS, **graph):
    source = {"path": str(home / "documents.jsonl"), "form": "jsonl"}
    table = {"name": "chairs", "source": source, "fields": fields, "dense": False, "graph": {"name": "shop", **graph}}
    return spec_of(table, "test", home)


def settled(home, ids=("0", "1", "2", "3"), **graph):
    """The graph of a spec, once the build knows the snapshot and the documents."""
    with SpoolWriter(home) as spool:
        for name in ids:
            spool.write(Document(name, {}))
    return joined(resolved(spec(home, **graph), home, Silent()), home, home).search.graph


def test_what_the_graph_knows_may_be_named(home):
    found = resolved(
        spec(
            home,
            link={"types": ["brand"]},
            document_types=["product"],
            expand={"relations": {"has_brand": "both"}},
            about=["has_brand"],
            annotate=["title", "text"],
        ),
        home,
        Silent(),
    )
    assert found.search.graph.snapshot


@pytest.mark.parametrize(
    ("key", "table", "wrong", "offered"),
    [
        ("link.types", {"link": {"types": ["brnd"]}}, "brnd", "'brand'"),
        ("document_types", {"document_types": ["products"]}, "products", "'product'"),
        ("expand.relations", {"expand": {"relations": {"has_brnd": "out"}}}, "has_brnd", "'has_brand'"),
        ("about", {"about": ["brand"]}, "brand", "'has_brand'"),
        ("annotate", {"annotate": ["title", "texts"]}, "texts", "'text'"),
        ("annotate", {"annotate": ["brand"]}, "brand", "text, title"),
        ("annotate", {"annotate": ["silent"]}, "silent", "text, title"),
    ],
)
def test_an_unknown_name_is_told_with_its_key_and_the_nearest_one(home, key, table, wrong, offered):
    with pytest.raises(SpecError) as error:
        resolved(spec(home, **table), home, Silent())
    assert error.value.message.startswith(f"[graph] {key} names {wrong!r}")
    assert offered in error.value.hint


def test_title_stands_for_whatever_names_a_document(home):
    fields = {"name": {"type": "text"}, "text": {"type": "text"}}
    assert resolved(spec(home, fields, annotate=["title"]), home, Silent()).search.graph.snapshot


def test_values_of_a_type_that_the_graph_lacks_are_only_told_of(home):
    fields = FIELDS | {"brand": {"type": "keyword", "entity": "brnd"}}
    noted = Noted()
    assert resolved(spec(home, fields), home, noted).search.graph.snapshot
    (notice,) = noted.notices
    assert notice.startswith("[fields] brand:")
    assert "'brnd'; did you mean 'brand'?" in notice
    resolved(spec(home, FIELDS | {"brand": {"type": "keyword", "entity": "brand"}}), home, noted)
    assert len(noted.notices) == 1


@pytest.mark.parametrize("documents", ["auto", "product:{id}"])
def test_documents_are_found_in_the_graph(home, documents):
    graph = settled(home, documents=documents)
    assert (graph.documents, graph.document_types, graph.about) == ("product:{id}", ["product"], ["has_brand"])


def test_a_pattern_that_no_document_fits_is_told(home):
    with pytest.raises(SpecError) as error:
        settled(home, documents="produkt:{id}")
    assert "'produkt:{id}'" in error.value.message
    assert "'produkt:0'" in error.value.hint


def test_a_pattern_that_one_document_in_very_many_fits_is_good(home):
    graph = settled(home, [f"other-{n}" for n in range(2_001)] + ["3"], documents="product:{id}")
    assert graph.documents == "product:{id}"


@pytest.mark.parametrize("documents", ["auto", ""])
def test_documents_may_be_no_nodes(home, documents):
    graph = settled(home, ["x", "y"], documents=documents)
    assert (graph.documents, graph.document_types, graph.about) == ("", [], [])


def test_an_index_without_a_graph_stays_as_it_is(home):
    plain = spec(home)
    plain = replace(plain, search=replace(plain.search, graph=None))
    assert resolved(plain, home, Silent()) is plain
    assert joined(plain, home, home) is plain
