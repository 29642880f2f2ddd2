"""Documents by the entities they are about, each score checked by arithmetic."""

import json
import math
import shutil
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from clew.core.errors import FormatError
from clew.core.text import Analyzer
from clew.kg.annotate import TEXT_WEIGHT, open_linker
from clew.kg.expand import Reached
from clew.kg.linker import Linked, LinkSpec
from clew.kg.snapshot_writer import write_snapshot
from clew.kg.spec import GraphSpec
from clew.kg.types import Edge, Entity
from clew.search.candidates.graph import GraphKind
from clew.search.fields import FieldSpec
from clew.search.protocols import CandidateRequest, DocumentSteps, Expansion, ParsedQuery, PassageSet

FJORD, LAMPS, SOFAS, WOOL = "brand:fjord", "category:lamps", "category:sofas", "fabric:wool"
ENTITIES = [
    Entity(FJORD, "brand", "Fjord"),
    Entity(LAMPS, "category", "Lamps"),
    Entity(SOFAS, "category", "Sofas"),
    Entity(WOOL, "fabric", "Wool"),
    *(Entity(f"product:{name}", "product", f"Product {name}") for name in "abc"),
]
EDGES = [
    Edge("product:a", "in_category", SOFAS),
    Edge("product:b", "in_category", LAMPS),
    Edge("product:c", "goes_with", LAMPS),
    Edge("product:b", "goes_with", LAMPS),
]
FIELDS = {
    "title": FieldSpec("text"),
    "text": FieldSpec("text"),
    "brand": FieldSpec("keyword", entity="brand"),
}
# Document a has three passages, b and c have one each.
DOCUMENTS = ["a", "a", "a", "b", "c"]
TITLES = ["Seat of wool"] * 3 + ["Lampan", "Sofas"]
TEXTS = ["three seats", "made of wool", "three seats", "a light of wool", "nothing"]
BRANDS = [["Fjord"]] * 3 + [[], ["FJORD"]]
PASSAGES = len(DOCUMENTS)


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory):
    found = write_snapshot(tmp_path_factory.mktemp("home"), "shop", ENTITIES, EDGES, created="2025-01-01T00:00:00Z")
    yield found
    found.close()


def spec(*annotate):
    return GraphSpec(
        "shop",
        documents="product:{id}",
        document_types=["product"],
        about=["in_category"],
        annotate=list(annotate),
        link=LinkSpec(threshold=0.0),
    )


def cut(first, last):
    fields = {"title": TITLES[first:last], "text": TEXTS[first:last]}
    return PassageSet(fields, None, DOCUMENTS[first:last], {"brand": BRANDS[first:last]})


def opened(snapshot, folder, *annotate, cuts=(0, PASSAGES)):
    kind = GraphKind(spec(*annotate), FIELDS, snapshot.folder)
    sets = [cut(first, last) for first, last in pairwise(cuts)]
    folders = [folder / str(at) for at in range(len(sets))]
    global_statistics = kind.combine(
        [kind.local_statistics(part, shard) for part, shard in zip(sets, folders, strict=True)]
    )
    for part, shard in zip(sets, folders, strict=True):
        kind.build(part, global_statistics, shard)
    kind.save(global_statistics, folder / "whole")
    return kind.open(folders, folder / "whole")


def asking(snapshot, **weights):
    """A query that leads to some entities, by the last word of their ids."""
    ids = {name.partition(":")[2]: name for name in (FJORD, LAMPS, SOFAS, WOOL)}
    reached = tuple(Reached(ids[name], weight, ids[name]) for name, weight in weights.items())
    rows = np.array([snapshot.row(found.entity) for found in reached], np.int64)
    return ParsedQuery("q", expansion=Expansion(Linked((), ()), reached, rows, tuple(weights)))


def fitting(query, weights=(1.0, 1.0), **odds):
    """The query, with the log-odds and weights of the two relations."""
    steps = DocumentSteps(
        np.array([0.0, odds["goes_with"], 0.0, odds["in_category"], 0.0]),
        np.array([1.0, weights[0], 1.0, weights[1], 1.0]),
        ("", "goes with", "", "category", ""),
    )
    return replace(query, expansion=replace(query.expansion, steps=steps))


def scores(reader, query):
    return reader.score(query, np.arange(PASSAGES)).tolist()


def rarity(passages):
    return math.log(1 + PASSAGES / passages) / math.log(1 + PASSAGES)


def mentioned(snapshot, text):
    """What a mention of wool in a text counts."""
    (chance,) = [
        mention.probability
        for mention in open_linker(snapshot.folder, spec()).link(text).mentions
        if mention.entity == snapshot.row(WOOL)
    ]
    return TEXT_WEIGHT * chance


def test_a_score_is_weight_times_annotation_times_rarity(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path)
    # Document a by an edge, in 3 of 5 passages; the brand of a and c in 4 of 5.
    sofas, fjord = 0.5 * 1.0 * rarity(3), 0.25 * 1.0 * rarity(4)
    expected = [sofas + fjord] * 3 + [0.0, fjord]
    assert scores(reader, asking(snapshot, sofas=0.5, fjord=0.25)) == pytest.approx(expected, rel=1e-6)


def test_what_the_title_names_holds_for_every_passage(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path, "title")
    wool = mentioned(snapshot, "Seat of wool") * rarity(3)
    assert scores(reader, asking(snapshot, wool=1.0)) == pytest.approx([wool] * 3 + [0.0] * 2, rel=1e-6)


def test_what_a_body_names_holds_for_the_window_it_is_in(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path, "text")
    expected = [0.0, mentioned(snapshot, TEXTS[1]) * rarity(2), 0.0, mentioned(snapshot, TEXTS[3]) * rarity(2), 0.0]
    assert scores(reader, asking(snapshot, wool=1.0)) == pytest.approx(expected, rel=1e-6)


def test_the_best_of_title_and_window_counts_and_never_lowers_an_edge(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path, "title", "text")
    title, window = mentioned(snapshot, TITLES[0]), mentioned(snapshot, TEXTS[1])
    expected = [title, max(title, window), title, mentioned(snapshot, TEXTS[3]), 0.0]
    assert scores(reader, asking(snapshot, wool=1.0)) == pytest.approx([s * rarity(4) for s in expected], rel=1e-6)
    # The title of c names the category that a is joined to.
    sofas = scores(reader, asking(snapshot, sofas=1.0))
    assert sofas[:4] == pytest.approx([rarity(4)] * 3 + [0.0], rel=1e-6)
    assert 0 < sofas[4] < sofas[0]


def test_a_relation_that_fits_the_query_less_counts_less(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path)
    query = fitting(asking(snapshot, lamps=1.0, fjord=0.5), goes_with=-1.0, in_category=1.0)
    # Lamps: b by both relations, c by one. The brand is the value of a field, and no relation fits it less.
    lamps, fjord = rarity(2), 0.5 * rarity(4)
    assert scores(reader, query) == pytest.approx([fjord] * 3 + [lamps, math.exp(-2.0) * lamps + fjord], rel=1e-6)
    [best, less] = [reader.explain(query, passage)[0] for passage in (3, 4)]
    assert (best.what, best.detail["relation"], best.detail["fit"]) == ("lamps → category", "category", 1.0)
    assert (less.what, less.detail["relation"]) == ("lamps → goes with", "goes with")
    assert less.detail["fit"] == pytest.approx(math.exp(-2.0))
    turned = fitting(asking(snapshot, lamps=1.0), goes_with=1.0, in_category=-1.0)
    assert scores(reader, turned)[3:] == pytest.approx([lamps, lamps], rel=1e-6)
    # The only relation of an entity fits as well as any.
    alone = fitting(asking(snapshot, sofas=1.0), goes_with=1.0, in_category=-1.0)
    assert scores(reader, alone)[0] == pytest.approx(rarity(3), rel=1e-6)


def test_a_relation_counts_as_the_policy_weighs_it(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path)
    query = fitting(asking(snapshot, lamps=1.0), (0.5, 0.0), goes_with=0.0, in_category=5.0)
    assert scores(reader, query)[3:] == pytest.approx([0.5 * rarity(2)] * 2, rel=1e-6)
    none = fitting(asking(snapshot, sofas=1.0), (0.5, 0.0), goes_with=0.0, in_category=0.0)
    assert len(reader.candidates(CandidateRequest(none, 10))) == 0
    assert reader.explain(none, 0) == []


def test_an_index_without_steps_still_opens(snapshot, tmp_path):
    opened(snapshot, tmp_path)
    for folder in (tmp_path / "0", tmp_path / "whole"):
        (folder / "steps.npy").unlink()
        table = json.loads((folder / "graph.json").read_text())
        (folder / "graph.json").write_text(json.dumps(table | {"format": 1}))
    kind = GraphKind(spec(), FIELDS, snapshot.folder)
    reader = kind.open([tmp_path / "0"], tmp_path / "whole")
    query = fitting(asking(snapshot, sofas=1.0), goes_with=-1.0, in_category=1.0)
    assert scores(reader, query) == pytest.approx([rarity(3)] * 3 + [0.0, 0.0], rel=1e-6)


def test_an_unknown_format_is_named(snapshot, tmp_path):
    opened(snapshot, tmp_path)
    path = tmp_path / "whole" / "graph.json"
    path.write_text(json.dumps({"format": 9}))
    with pytest.raises(FormatError, match="format 9, but this version of Clew reads format 2"):
        GraphKind(spec(), FIELDS, snapshot.folder).open([tmp_path / "0"], tmp_path / "whole")


def test_a_filter_leaves_the_background_as_it_is(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path)
    query = asking(snapshot, lamps=1.0, fjord=0.5)
    allowed = np.array([False, True, False, False, True])
    every, some = (reader.candidates(CandidateRequest(query, 10, bitmap)) for bitmap in (None, allowed))
    assert every.ordinals.tolist() == [4, 3, 0, 1, 2]
    assert some.ordinals.tolist() == [4, 1]
    assert some.score_statistics == every.score_statistics
    found = scores(reader, query)
    assert every.score_statistics == pytest.approx((np.mean(found), np.std(found)))


def test_explanations_add_up_and_name_each_factor(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path, "title", "text")
    query = asking(snapshot, sofas=0.5, wool=1.0, lamps=2.0)
    for passage, score in enumerate(scores(reader, query)):
        parts = reader.explain(query, passage)
        assert sum(part.value for part in parts) == pytest.approx(score)
        for part in parts:
            factors = [part.detail[name] for name in ("weight", "annotation", "rarity")]
            assert part.value == pytest.approx(math.prod(factors))
    assert [part.detail["entity"] for part in reader.explain(query, 0)] == [SOFAS, WOOL]


@pytest.mark.parametrize("annotate", [("title",), ("text",), ("title", "text")])
def test_shards_change_no_score(snapshot, tmp_path, annotate):
    one = opened(snapshot, tmp_path / "one", *annotate)
    many = opened(snapshot, tmp_path / "many", *annotate, cuts=(0, 3, 4, PASSAGES))
    query = asking(snapshot, sofas=0.7, wool=0.6, fjord=0.2, lamps=0.4)
    assert scores(one, query) == scores(many, query)
    query = fitting(query, goes_with=0.3, in_category=-0.3)
    assert scores(one, query) == scores(many, query)


def test_a_query_without_the_graph_has_no_score(snapshot, tmp_path):
    reader = opened(snapshot, tmp_path)
    plain = ParsedQuery("sofas", tuple((term, 1.0) for term in Analyzer().terms("sofas")))
    assert np.isnan(scores(reader, plain)).all()
    assert len(reader.candidates(CandidateRequest(plain, 10))) == 0
    assert reader.explain(plain, 0) == []


def test_a_shard_is_linked_once(snapshot, tmp_path):
    folder = shutil.copytree(snapshot.folder, tmp_path / snapshot.folder.name)
    kind = GraphKind(spec("title", "text"), FIELDS, folder)
    part, shard = cut(0, 3), tmp_path / "shard"
    global_statistics = kind.combine([kind.local_statistics(part, shard)])
    shutil.rmtree(folder)
    facts = kind.build(part, global_statistics, shard)
    assert facts["passages"] == facts["annotated"] == 3
    assert facts["documents"] == 1
    assert facts["entities"] == len(global_statistics.entities)
    assert facts["postings"] == global_statistics.frequencies.sum()
