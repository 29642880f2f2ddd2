"""`clew graph link` and `clew graph expand`, and the graph in `clew search` and `clew run`, over a small index."""

import gzip
import json

import pytest
from typer.testing import CliRunner

import clew
from clew.cli import app
from clew.core.errors import NotFoundError, QueryError
from tests.builders import build_home, spec_table, write_rows

TABLES = {"dense": False, "fields": {"title": {"type": "text"}}}
GRAPH = {
    "name": "rooms",
    "expand": {"hops": 2, "relations": {"below": {"direction": "in", "back": "such as"}}},
}
DOCUMENTS = [{"id": "1", "title": "Bluebird with pull-out bed"}, {"id": "2", "title": "Oak table"}]
NODES = [
    {"id": "c:seats", "type": "category", "name": "Seating"},
    {"id": "c:sofas", "type": "category", "name": "Sofas", "aliases": ["couch"]},
    {"id": "c:sleepers", "type": "category", "name": "Sleeper Sofas\x1b"},
    {"id": "p:1", "type": "product", "name": "Bluebird"},
    {"id": "p:2", "type": "product", "name": "Oak table"},
]
EDGES = [
    {"source": "c:sofas", "relation": "below", "target": "c:seats"},
    {"source": "c:sleepers", "relation": "below", "target": "c:sofas"},
    {"source": "p:1", "relation": "in", "target": "c:sleepers"},
]


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    root = tmp_path_factory.mktemp("graph-query")
    write_rows(root, nodes=NODES, edges=EDGES)
    files = ["--nodes", f"{root}/nodes.jsonl", "--edges", f"{root}/edges.jsonl"]
    words = ["graph", "load", "rooms", *files, "--home", f"{root}/home"]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    tables = [spec_table("shop", graph=GRAPH, **TABLES), spec_table("plain", **TABLES)]
    return build_home(root, *tables, docs=DOCUMENTS)


@pytest.fixture
def run(home):
    def run(*words):
        return CliRunner().invoke(app, [*words, "--home", str(home)])

    return run


def lines(result):
    assert result.exit_code == 0, result.exception
    return result.stdout.splitlines()


@pytest.mark.parametrize("name", ["shop", "rooms"])
def test_link_by_index_or_by_graph_names_the_mention_and_its_features(run, name):
    shown = lines(run("graph", "link", name, "my couch"))
    assert shown[0].startswith("rooms, snapshot ")
    assert shown[0].endswith(": 1 of 1 candidates")
    assert shown[2].startswith("'couch' = Sofas (category, 0.")
    assert shown[2].endswith("c:sofas")
    assert shown[3].startswith("     alias 1, ")


def test_link_says_why_a_name_was_dropped(run):
    shown = lines(run("graph", "link", "shop", "the sleeper sofas"))
    assert any(line.startswith("'sofas' names no entity") for line in shown)
    assert any("c:sofas: overlaps 'sleeper sofas', which is more likely" in line for line in shown)
    assert lines(run("graph", "link", "shop", "xylophone"))[0].endswith(": 0 of 0 candidates")


def test_link_as_json_is_the_report(run, home):
    found = json.loads(run("graph", "link", "shop", "my couch", "--json").stdout)
    with clew.open("shop", home) as index:
        [mention] = index.link("my couch").mentions
        assert index.link("my couch").candidates == ()
    assert found["mentions"][0]["id"] == mention.id == "c:sofas"
    assert (mention.start, mention.end, mention.text) == (3, 8, "couch")
    assert found["candidates"][0]["features"]["alias"] == 1


def test_expand_shows_weights_and_paths_in_the_words_of_the_policy(run):
    shown = lines(run("graph", "expand", "shop", "couch"))
    assert shown[0].endswith("; 2 reached")
    assert shown[1].split("  ")[-2:] == ["couch → alias of Sofas", "[c:sofas]"]
    assert "couch → alias of Sofas → such as Sleeper Sofas" in shown[2]
    assert "\x1b" not in "".join(shown)
    weights = [float(line.split()[0]) for line in shown[1:]]
    assert weights == sorted(weights, reverse=True)


def test_expand_shows_k_of_all(run):
    shown = lines(run("graph", "expand", "shop", "seating", "-k", "1"))
    assert shown[0].endswith("; 3 reached")
    assert shown[-1] == "  and 2 more; raise -k to show them"
    found = json.loads(run("graph", "expand", "shop", "seating", "--json").stdout)
    assert [(entity["id"], entity["hops"]) for entity in found["reached"]] == [
        ("c:seats", 0), ("c:sofas", 1), ("c:sleepers", 2),
    ]  # fmt: skip
    assert "the query names no entity; 0 reached" in lines(run("graph", "expand", "shop", "xylophone"))[0]


@pytest.mark.parametrize(
    ("words", "error", "message", "hint"),
    [
        (["link", "shpo", "couch"], NotFoundError, "no index or graph 'shpo'", "did you mean 'shop'?"),
        (["link", "../rooms", "couch"], NotFoundError, "'../rooms'", "rooms"),
        (["link", "x" * 100_000, "couch"], NotFoundError, "xxx", ""),
        (["link", "plain", "couch"], QueryError, "index 'plain' has no graph", "[graph]"),
        (["link", "shop", " "], QueryError, "text is empty", "10,000"),
        (["link", "rooms", "x" * 1_000_000], QueryError, "1,000,000 characters", "10,000"),
        (["expand", "shpo", "couch"], NotFoundError, "'shpo'", "did you mean 'shop'?"),
        (["expand", "plain", "couch"], QueryError, "index 'plain' has no graph", "[graph]"),
        (["expand", "shop", ""], QueryError, "query is empty", "10,000"),
        (["expand", "shop", "couch", "-k", "0"], QueryError, "k is 0", "1 or more"),
    ],
)
def test_bad_input_is_named_with_a_way_out(run, words, error, message, hint):
    result = run("graph", *words)
    assert isinstance(result.exception, error), result.exception
    assert message in result.exception.message
    assert len(result.exception.message) < 300
    assert hint in result.exception.hint


def test_a_search_shows_the_path_and_what_the_graph_did(run):
    shown = lines(run("search", "shop", "couch", "--graph", "on", "--explain"))
    assert any("couch → alias of Sofas → such as Sleeper Sofas" in line for line in shown)
    assert shown[-1].startswith("graph used: 'couch' = Sofas (category, 0.")
    assert shown[-1].endswith("(asked for)")
    assert lines(run("search", "shop", "couch", "--graph", "off")) == ["no hits"]
    assert lines(run("search", "shop", "oak"))[-1] == "graph not used (the query names no entity of the graph)"


def test_a_run_uses_the_graph_as_asked(run, tmp_path):
    (tmp_path / "queries.tsv").write_text("q1\tcouch\n")
    found = {}
    for when in ("on", "off"):
        target = tmp_path / f"{when}.run.gz"
        words = (f"{tmp_path}/queries.tsv", "--out", str(target), "--graph")
        assert run("run", "shop", *words, when).exit_code == 0
        found[when] = gzip.decompress(target.read_bytes()).decode().split()[:4]
    assert found == {"on": ["q1", "Q0", "1", "1"], "off": []}
    assert isinstance(run("run", "plain", *words, "on").exception, QueryError)


def test_a_closed_index_links_nothing(home):
    from clew.core.errors import UsageError

    index = clew.open("shop", home)
    index.close()
    with pytest.raises(UsageError, match="closed"):
        index.link("couch")
