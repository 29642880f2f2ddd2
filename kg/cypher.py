"""The Cypher statements of the Neo4j store: every value is a parameter, and every name is checked and quoted.

A statement that answers in one record saves work in the driver, which decodes the answer value by value in Python.
Lists are passed inside one map, $ask. If a list is a parameter of its own, the server compiles the statement again
whenever the order of magnitude of its length changes, and compiling takes longer than answering.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clew.core.errors import UsageError
from clew.kg.spec import _WORD

# Every server from 5.26 on has this language version, whatever its default. Community and Enterprise both have this
# runtime, and it passes rows on in the order they arrive, on which the limits of a walk rely.
_HEAD = "CYPHER 5 runtime=slotted "
# Most relationship types in the text of a statement: it is compiled once for each set of types in it.
MOST_IN_TEXT = 64


def can_quote(word: str) -> bool:
    """Return whether a word can be a label, a relationship type or a property in a statement."""
    return bool(_WORD.fullmatch(word))


def quote(word: str) -> str:
    """Quote a label, relationship type or property with backticks.

    Raises UsageError for a word that cannot be quoted, such as one with a backtick.
    """
    if not can_quote(word):
        raise UsageError(
            f"{word!r} cannot be a name in Neo4j",
            "use 1 to 256 characters without backticks, backslashes or control characters",
        )
    return f"`{word}`"


@dataclass(frozen=True, slots=True)
class Graph:
    """The part of a database that is the graph.

    labels: a node with one of them is an entity. ids: property with the id of an entity for each of them ("": the
    element id), before which $ask.prefixes has the prefix of the same place. relations: relationship types of the graph
    (empty: all). mapped: whether this is an existing database that Clew did not load. In such a database ids can be
    integers, relationships can be parallel, and neighbours can be nodes that are not entities, so statements check for
    this. In a graph that Clew loaded, none of this occurs.
    """

    labels: tuple[str, ...]
    ids: tuple[str, ...] = ("id",)
    relations: tuple[str, ...] = ()
    mapped: bool = False
    prefixed: bool = False

    def node(self, name: str) -> str:
        """Return the pattern of an entity."""
        return f"({name}:{'|'.join(map(quote, self.labels))})"

    def neighbour(self, name: str) -> str:
        """Return the pattern of a neighbour of an entity."""
        return self.node(name) if self.mapped else f"({name})"

    def key(self, name: str) -> str:
        """Return the expression for the id of a node, as a string."""
        if not self.mapped:
            return f"{name}.{quote(self.ids[0])}"
        keys = [f"toString({self._value(name, at)})" if at_id else self._value(name, at)
                for at, at_id in enumerate(self.ids)]  # fmt: skip
        if self.prefixed:
            keys = [f"$ask.prefixes[{at}] + {key}" for at, key in enumerate(keys)]
        return self._by_label(name, keys)

    def value(self, name: str) -> str:
        """Return the expression for what a node has as its id, null if it has none."""
        return self._by_label(name, [self._value(name, at) for at in range(len(self.ids))])

    def named(self, name: str) -> str:
        """Return the Cypher condition that a node has a valid id."""
        if not self.mapped:
            return f"{self._value(name, 0)} IS NOT NULL"
        valid = "IS :: INTEGER NOT NULL | STRING NOT NULL"
        return self._by_label(name, [f"{self._value(name, at)} {valid}" for at in range(len(self.ids))])

    def _value(self, name: str, at: int) -> str:
        return f"{name}.{quote(self.ids[at])}" if self.ids[at] else f"elementId({name})"

    def _by_label(self, name: str, texts: Sequence[str]) -> str:
        """Return the expression of the first label that a node has."""
        if len(set(texts)) == 1:
            return texts[0]
        cases = (f"WHEN {name}:{quote(label)} THEN {text}" for label, text in zip(self.labels, texts, strict=True))
        return f"(CASE {' '.join(cases)} END)"

    def valid_ids(self, *names: str) -> list[str]:
        """Return the conditions that neighbours have valid ids (none if every node has one)."""
        return [self.named(name) for name in names] if self.mapped else []

    def distinct(self) -> str:
        """Return DISTINCT if relationships can be parallel."""
        return "DISTINCT " if self.mapped else ""


@dataclass(frozen=True, slots=True)
class RelationFilter:
    """The edges a walk may follow: relationship types that leave a node, and that enter it. None: all types."""

    out: tuple[str, ...] | None = None
    into: tuple[str, ...] | None = None


def _relationships(relations: tuple[str, ...] | None, parameter: str) -> tuple[str, list[str]]:
    """Return the pattern of relationships of some types (None or empty: any type), and the conditions it needs.

    If the types are in the text, the database can skip all others around a node. If they are too many or cannot be
    quoted, they are a parameter.
    """
    if not relations:
        return "[r]", []
    if len(relations) > MOST_IN_TEXT or not all(map(can_quote, relations)):
        return "[r]", [f"type(r) IN $ask.{parameter}"]
    return f"[r:{'|'.join(map(quote, relations))}]", []


def _where(conditions: Iterable[str]) -> str:
    text = " AND ".join(conditions)
    return f"WHERE {text} " if text else ""


def _in_order(name: str) -> str:
    """Return an expression that orders relationship types by code point.

    Neo4j compares ids, which it stores as UTF-8, by code point. It compares its own names as Java does, by UTF-16 code
    unit, in which a character beyond U+FFFF comes before U+E000. A U+FFFF before each half of its surrogate pair puts
    such a character last again.
    """
    key = "CASE WHEN '\ud7ff' < sign < '\ue000' THEN '\uffff' WHEN sign >= '\ufffe' THEN '\ufffe' ELSE '' END + sign"
    return (
        f"CASE WHEN {name} =~ '[^\ue000-\U0010ffff]*' THEN {name} "
        f"ELSE reduce(key = '', sign IN split({name}, '') | key + {key}) END"
    )


def _known(graph: Graph) -> str:
    """Bind n to every entity whose id is in $ask.keys; label by label, so that the index of each label is used.

    $ask.keys: for each label, the values that its id property can have.
    """
    ids = graph.ids if len(graph.ids) == len(graph.labels) else graph.ids * len(graph.labels)
    values = (f"n.{quote(property_)}" if property_ else "elementId(n)" for property_ in ids)
    matches = (
        f"MATCH (n:{quote(label)}) WHERE {value} IN $ask.keys[{at}] RETURN n"
        for at, (label, value) in enumerate(zip(graph.labels, values, strict=True))
    )
    return f"CALL () {{ {' UNION '.join(matches)} }} "


def entities(graph: Graph) -> str:
    """Return [labels, properties, element id] of each entity whose id is in $ask.keys, as one value of one record."""
    return f"{_HEAD}{_known(graph)}RETURN collect([labels(n), properties(n), elementId(n)]) AS found"


def neighbourhood(graph: Graph, relation_filter: RelationFilter, hops: int) -> str:
    """Return everything within `hops` of the seeds, in one record.

    Parameters: $ask.keys: ids of the seeds, in each form in which they can be stored; $ask.places: id → position among
    the seeds; $ask.out, $ask.into, $ask.relations: the relationship types of the filter and of the graph; $fan_out,
    $steps: the limits of the walk.
    Values: nodes: [id, degree] in the order reached. sizes: how many nodes are known before hop 1, 2, … . heads1, far1,
    …: the edges of each hop, in runs. far has the id reached by each edge. heads has [position of the near end,
    relation, outgoing, fan] of each run; all edges of a run share these four. A run has min(fan, $fan_out) edges; the
    last run of a hop can have fewer.
    """
    steps = [
        f"{_HEAD}{_known(graph)}",
        f"WITH n, $ask.places[{graph.key('n')}] AS place WHERE place IS NOT NULL "
        "WITH place, collect(n)[0] AS n ORDER BY place WITH collect(n) AS nodes0 WITH nodes0, 0 AS size0 ",
    ]
    for hop in range(1, hops + 1):
        steps.append(_hop(graph, relation_filter, hop))
        steps.append(
            f"CALL (nodes{hop - 1}, reached{hop}) {{ UNWIND nodes{hop - 1} + reached{hop} AS n "
            f"RETURN collect(DISTINCT n) AS nodes{hop} }} "
            f"WITH *, size(nodes{hop - 1}) AS size{hop} "
        )
    sizes = ", ".join(f"size{hop}" for hop in range(1, hops + 1))
    runs = ", ".join(f"heads{hop}, far{hop}" for hop in range(1, hops + 1))
    steps.append(
        f"CALL (nodes{hops}) {{ UNWIND nodes{hops} AS n "
        f"RETURN collect([{graph.key('n')}, {_degree(graph)}]) AS nodes }} "
        f"RETURN nodes, [{sizes}] AS sizes, {runs}"
    )
    return "".join(steps)


def _hop(graph: Graph, relation_filter: RelationFilter, hop: int) -> str:
    """Walk from the nodes that the hop before reached first.

    There is one subquery for each node, so that no node is read once the limit on steps is reached.
    """
    known, before = f"nodes{hop - 1}", f"size{hop - 1}"
    return (
        f"CALL ({known}, {before}) {{ "
        f"UNWIND range({before}, size({known}) - 1) AS place WITH place, {known}[place] AS n "
        f"CALL (n) {{ {_runs(graph, relation_filter)} }} "
        "UNWIND range(0, size(ends) - 1) AS at "
        "WITH place, relation, outgoing, fan, at, ends[at] AS end, ids[at] AS id LIMIT $steps "
        f"RETURN collect(end) AS reached{hop}, collect(id) AS far{hop}, "
        f"collect(CASE at WHEN 0 THEN [place, relation, outgoing, fan] END) AS heads{hop} }} "
    )


def _runs(graph: Graph, relation_filter: RelationFilter) -> str:
    """Return relation, outgoing, fan, ends, ids: the runs of edges around n, in order and limited to $fan_out."""
    sides = []
    for outgoing, allowed in ((True, relation_filter.out), (False, relation_filter.into)):
        if allowed == ():
            continue
        name = "relations" if allowed is None else "out" if outgoing else "into"
        arrow, conditions = _relationships(graph.relations if allowed is None else allowed, name)
        pattern = f"(n)-{arrow}->" if outgoing else f"(n)<-{arrow}-"
        sides.append(
            f"MATCH {pattern}{graph.neighbour('m')} {_where(conditions + graph.valid_ids('m'))}"
            f"WITH {graph.distinct()}type(r) AS relation, m, {graph.key('m')} AS id ORDER BY id "
            "WITH relation, collect(m) AS ends, collect(id) AS ids "
            f"RETURN relation, {str(outgoing).lower()} AS outgoing, size(ends) AS fan, ends[..$fan_out] AS ends, ids"
        )
    if not sides:
        return "UNWIND [] AS x RETURN x AS relation, x AS outgoing, x AS fan, [] AS ends, [] AS ids"
    return (
        f"CALL (n) {{ {' UNION ALL '.join(sides)} }} "
        f"RETURN relation, outgoing, fan, ends, ids ORDER BY {_in_order('relation')}, outgoing DESC"
    )


def _degree(graph: Graph) -> str:
    """Count the edges of n, with a loop counted twice; uses the counters of the server if they mean the same."""
    if not graph.mapped:
        return "COUNT { (n)-->() } + COUNT { (n)<--() }"
    arrow, conditions = _relationships(graph.relations, "relations")
    neighbour, where = graph.neighbour("m"), _where(conditions + graph.valid_ids("m"))
    return " + ".join(
        f"COUNT {{ MATCH (n){side}{neighbour} {where}RETURN DISTINCT type(r) AS relation, m }}"
        for side in (f"-{arrow}->", f"<-{arrow}-")
    )


def count_types(graph: Graph) -> str:
    """Return type, count: entities of each type; in a mapped database, the first of $ask.labels that a node has."""
    kind = "[label IN $ask.labels WHERE label IN labels(n)][0]" if graph.mapped else "n.type"
    return f"{_HEAD}MATCH {graph.node('n')} {_where(graph.valid_ids('n'))}RETURN {kind} AS type, count(*) AS count"


def count_relations(graph: Graph) -> str:
    """Return relation, count: edges of each relation; $ask.relations: relations of the graph."""
    arrow, conditions = _relationships(graph.relations, "relations")
    where = _where(conditions + graph.valid_ids("n", "m"))
    return (
        f"{_HEAD}MATCH {graph.node('n')}-{arrow}->{graph.neighbour('m')} {where}"
        f"WITH {'DISTINCT n, type(r) AS relation, m' if graph.mapped else 'type(r) AS relation'} "
        "RETURN relation, count(*) AS count"
    )


def all_entities(graph: Graph) -> str:
    """Return labels, properties, element id of every entity, by ascending id."""
    return (
        f"{_HEAD}MATCH {graph.node('n')} WHERE {graph.named('n')} "
        f"RETURN labels(n) AS labels, properties(n) AS properties, elementId(n) AS element ORDER BY {graph.key('n')}"
    )


def all_edges(graph: Graph) -> str:
    """Return source, runs ([relation, targets] each): every edge, by ascending source, relation and target.

    $ask.relations: relations of the graph.
    """
    arrow, conditions = _relationships(graph.relations, "relations")
    where = _where(conditions + graph.valid_ids("m"))
    return (
        f"{_HEAD}MATCH {graph.node('n')} WHERE {graph.named('n')} WITH n ORDER BY {graph.key('n')} "
        f"CALL (n) {{ MATCH (n)-{arrow}->{graph.neighbour('m')} {where}"
        f"WITH {graph.distinct()}type(r) AS relation, {graph.key('m')} AS target ORDER BY target "
        f"WITH relation, collect(target) AS targets ORDER BY {_in_order('relation')} "
        "RETURN collect([relation, targets]) AS runs } "
        f"RETURN {graph.key('n')} AS source, runs"
    )


def bad_nodes(graph: Graph) -> str:
    """Return label, why, id, count: nodes without a valid, unique id.

    label: the first of $ask.labels that such a node has. why: "missing", "type" (neither a string nor an integer) or
    "twice" (several nodes have this id). id: value of the property, null if it is missing.
    """
    value = graph.value("n")
    return (
        f"{_HEAD}MATCH {graph.node('n')} WITH n, [label IN $ask.labels WHERE label IN labels(n)][0] AS label, "
        f"{value} AS value, CASE WHEN {value} IS NULL THEN 'missing' "
        f"WHEN NOT ({graph.named('n')}) THEN 'type' ELSE 'twice' END AS why "
        f"WITH why, CASE why WHEN 'twice' THEN {graph.key('n')} ELSE label END AS same, "
        "collect(label)[0] AS label, collect(value)[0] AS id, count(*) AS count "
        "WHERE why <> 'twice' OR count > 1 RETURN label, why, id, count ORDER BY label, why, same"
    )


def labels() -> str:
    """Return label: every label that some node has."""
    return f"{_HEAD}CALL db.labels() YIELD label RETURN label"


def relation_types() -> str:
    """Return relation: every relationship type of the database."""
    return f"{_HEAD}CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType AS relation"


def properties(label: str) -> str:
    """Return property, count: how many nodes with a label have each property."""
    return f"{_HEAD}MATCH (n:{quote(label)}) UNWIND keys(n) AS property RETURN property, count(*) AS count"


def constraint(label: str) -> str:
    """Make ids unique under the label; this creates the index that lookups and the order of ids need."""
    return f"CREATE CONSTRAINT IF NOT EXISTS FOR (n:{quote(label)}) REQUIRE n.id IS UNIQUE"


def merge_entities(label: str) -> str:
    """Write entities; $rows: the properties of each entity, which replace all properties of its node."""
    return f"{_HEAD}UNWIND $rows AS row MERGE (n:{quote(label)} {{id: row.id}}) SET n = row"


def edges_from(label: str) -> str:
    """Return id, relation, target: every edge that leaves one of the entities $ask.ids."""
    name = quote(label)
    return f"{_HEAD}UNWIND $ask.ids AS id MATCH (:{name} {{id: id}})-[edge]->(b:{name}) RETURN id, type(edge), b.id"


def create_edges(label: str) -> str:
    """Create edges and return found: the number of edges whose two ends exist.

    $rows: [source, relation, target] of each edge; none of these edges exists yet.

    CREATE and not MERGE: MERGE looks through all edges of an end for each new one, so the time for the edges of a hub
    would grow with the square of their number. There is one statement for all relations, because Neo4j 5.26 can take a
    relationship type from a value, and a statement for each type would take longer to compile than to run.
    """
    name = quote(label)
    return (
        f"{_HEAD}UNWIND $rows AS row MATCH (a:{name} {{id: row[0]}}) MATCH (b:{name} {{id: row[2]}}) "
        "CREATE (a)-[:$(row[1])]->(b) RETURN count(*) AS found"
    )


def unknown(label: str) -> str:
    """Return id: the first of $ask.ids that no entity has."""
    return (
        f"{_HEAD}UNWIND range(0, size($ask.ids) - 1) AS at WITH at, $ask.ids[at] AS id "
        f"WHERE NOT EXISTS {{ MATCH (:{quote(label)} {{id: id}}) }} RETURN id ORDER BY at LIMIT 1"
    )


def forget(label: str) -> str:
    """Remove all nodes of a label with their edges, in transactions of $rows nodes.

    The statement must not run inside an explicit transaction.
    """
    return f"{_HEAD}MATCH (n:{quote(label)}) CALL (n) {{ DETACH DELETE n }} IN TRANSACTIONS OF $rows ROWS"


def constraints() -> str:
    """Return name: of each constraint on only the label $label."""
    return "SHOW CONSTRAINTS YIELD name, labelsOrTypes WHERE labelsOrTypes = [$label] RETURN name"


def drop_constraint(name: str) -> str:
    """Remove a constraint by name, if it still exists."""
    return f"DROP CONSTRAINT {quote(name)} IF EXISTS"
