"""The graph in Neo4j: loaded by Clew under its own label, or an existing database that is only read.

Callers are synchronous, but the store uses the asynchronous driver on its own event loop: a cancelled call of that
driver drops its connection at once, whereas a blocking read ends only when the server answers.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from itertools import islice
from typing import Any, TypeVar

from neo4j import READ_ACCESS, AsyncDriver, AsyncGraphDatabase, AsyncResult, AsyncSession, Query
from neo4j.exceptions import DriverError, Neo4jError, ServiceUnavailable, SessionExpired

from clew.core.errors import DataError, StageUnavailable, UsageError
from clew.core.types import Deadline
from clew.kg import cypher
from clew.kg.breaker import CircuitBreaker
from clew.kg.loop import LoopThread
from clew.kg.neo4j_errors import is_late, reason_of
from clew.kg.records import Mapped, Reader, edge_table, keys, keys_by_label, loaded, written
from clew.kg.spec import Neo4jSpec
from clew.kg.types import Edge, EdgeTable, Entity, GraphCounts, Walk

T = TypeVar("T")

# StageUnavailable reports what the driver warns about; without a handler the warnings would be on stderr as well.
logging.getLogger("neo4j").addHandler(logging.NullHandler())

# If an answer is late with a time limit below this, the limit was too short, and the server may be working.
FAIR_MS = 50.0
CLOSE_SECONDS = 1.0
WARM_SECONDS = 30.0
PROBE_SECONDS = 5.0
PAGE = 2_000
ENTITIES_AT_ONCE = 5_000
EDGES_AT_ONCE = 20_000


class _Late(StageUnavailable):
    """The error if the answer did not arrive in time."""


class Neo4jStore:
    """A GraphStore in Neo4j 5.26 or later. It connects with the first request.

    Every request is one statement in a read transaction that the server itself ends at the deadline. If the server
    cannot answer, StageUnavailable says why; the message never contains a password, so it can be shown to users.
    """

    def __init__(
        self,
        spec: Neo4jSpec,
        label: str = "",
        *,
        longest_ms: float = 2_000.0,
        failures: int = 3,
        wait_seconds: float = 1.0,
    ) -> None:
        """Create a store without connecting to the server.

        label: label of a graph that Clew loaded ("" for a mapped database, whose labels are in the spec). longest_ms:
        time limit of `entities` and `neighbourhood` if the deadline allows more. failures: how many in a row open the
        breaker. wait_seconds: how long it stays open at first.
        Raises UsageError if the environment variable of the password is not set, or if neither or both of `label` and
        the spec give a label.
        """
        if bool(label) == spec.is_external:
            raise UsageError(
                f"label {label!r} does not match the spec of {spec.uri}",
                "give a label for a graph that Clew loaded; for an existing database, list its labels in the spec",
            )
        password = os.environ.get(spec.password_env)
        if password is None:
            raise UsageError(
                f"the environment variable {spec.password_env} is not set",
                f"set it to the password of {spec.user!r} at {spec.uri}",
            )
        self._spec, self._label, self._longest_ms = spec, label, longest_ms
        self._prefixes: tuple[str, ...] = ()
        if spec.is_external:
            ids, self._prefixes = zip(*((node.id, node.prefix) for node in spec.mappings), strict=True)
            self._graph = cypher.Graph(tuple(spec.labels), ids, tuple(spec.relations), True, any(self._prefixes))
            self._entity: Reader = Mapped(spec)
        else:
            self._graph = cypher.Graph((label,))
            self._entity = loaded
        cypher.entities(self._graph)  # raises an error now if a name cannot be quoted
        self._breaker = CircuitBreaker(spec.uri, failures=failures, wait_seconds=wait_seconds)
        self._warming: Future[Any] | None = None
        self._probing: Future[None] | None = None
        # Callers wait here and not in the pool of the driver, where one that gives up may block its slot.
        self._places = asyncio.Semaphore(spec.connections)
        self._loop = LoopThread(f"clew-neo4j-{label or spec.database}")
        seconds = spec.connect_ms / 1000
        # No liveness_check_timeout: a cancelled check blocks its slot in the pool for ever (driver 6.4). Instead,
        # `_rows` sends a request twice if the connection is dead.
        self._driver: AsyncDriver = AsyncGraphDatabase.driver(
            spec.uri,
            auth=(spec.user, password),
            connection_timeout=seconds,
            connection_acquisition_timeout=max(seconds, longest_ms / 1000),
            max_connection_pool_size=spec.connections,
            notifications_min_severity="OFF",
            telemetry_disabled=True,
            user_agent="clew",
        )

    def __repr__(self) -> str:
        return f"Neo4jStore({self._spec.uri}, {'|'.join(self._graph.labels)})"

    @property
    def problem(self) -> str:
        """See HealthReporting."""
        return self._breaker.problem

    # -- requests

    def entities(self, ids: Sequence[str], deadline: Deadline) -> list[Entity | None]:
        """See GraphStore."""
        [[rows]] = self._read(cypher.entities(self._graph), {"keys": self._keys(ids)}, deadline)
        found = {entity.id: entity for entity in (self._entity(*row) for row in rows)}
        return [found.get(name) for name in ids]

    def neighbourhood(self, seeds: Sequence[str], walk: Walk, deadline: Deadline) -> EdgeTable:
        """See GraphStore. Sends one statement for all hops."""
        wanted, relation_filter = list(dict.fromkeys(seeds)), self._relation_filter(walk)
        ask = {
            "keys": self._keys(wanted),
            "places": {name: place for place, name in enumerate(wanted) if keys([name], mapped=False)},
            "out": relation_filter.out,
            "into": relation_filter.into,
        }
        text = cypher.neighbourhood(self._graph, relation_filter, walk.hops)
        try:
            [[nodes, sizes, *runs]] = self._read(text, ask, deadline, fan_out=walk.fan_out, steps=walk.steps)
        except _Late:
            self._warm(text)
            raise
        return edge_table(nodes, sizes, list(zip(runs[::2], runs[1::2], strict=True)), walk.fan_out)

    def count(self, deadline: Deadline) -> GraphCounts:
        """See GraphStore. Has no time limit other than the deadline."""
        labels = {"labels": list(self._graph.labels)}
        types = self._read(cypher.count_types(self._graph), labels, deadline, long=True)
        relations = self._read(cypher.count_relations(self._graph), {}, deadline, long=True)
        of_relation: dict[str, int] = dict(sorted(relations))
        of_type: dict[str, int] = dict(sorted(types))
        return GraphCounts(sum(of_type.values()), sum(of_relation.values()), of_relation, of_type)

    def known(self) -> tuple[list[str], list[str]]:
        """Return every label and every relationship type of the whole database, ascending."""
        texts = (cypher.labels(), cypher.relation_types())
        labels, types = (sorted(row[0] for row in self._read(text, {}, Deadline(), long=True)) for text in texts)
        return labels, types

    def properties(self, label: str) -> dict[str, int]:
        """Return property → how many nodes with a label have it, ordered by name."""
        return dict(sorted(self._read(cypher.properties(label), {}, Deadline(), long=True)))

    def bad_nodes(self) -> list[tuple[str, str, Any, int]]:
        """Return the nodes of a mapped database that cannot be entities: (label, why, id, how many), in that order.

        why: "missing" (no id), "type" (an id that is neither string nor integer), "twice" (several nodes have this id).
        """
        rows = self._read(cypher.bad_nodes(self._graph), {"labels": list(self._graph.labels)}, Deadline(), long=True)
        return [(label, why, name, count) for label, why, name, count in rows]

    def all_entities(self) -> Iterator[Entity]:
        """See GraphStore. Read page by page in one transaction."""
        for labels, properties, element in self._stream(cypher.all_entities(self._graph)):
            yield self._entity(labels, properties, element)

    def all_edges(self) -> Iterator[Edge]:
        """See GraphStore. Read page by page in one transaction."""
        for source, runs in self._stream(cypher.all_edges(self._graph)):
            for relation, targets in runs:
                for target in targets:
                    yield Edge(source, relation, target)

    def _keys(self, ids: Sequence[str]) -> list[list[str | int]]:
        return keys_by_label(ids, self._spec) if self._spec.is_external else [keys(ids, mapped=False)]

    def _relation_filter(self, walk: Walk) -> cypher.RelationFilter:
        """Return the relationship types of a walk, without those that the spec does not list."""
        if walk.relations is None:
            return cypher.RelationFilter()
        known = set(self._spec.relations) or set(walk.relations)
        names = [name for name in sorted(walk.relations) if name in known]
        return cypher.RelationFilter(
            tuple(name for name in names if walk.allows(name, "out")),
            tuple(name for name in names if walk.allows(name, "in")),
        )

    # -- loading

    def write(self, entities: Iterable[Entity], edges: Iterable[Edge]) -> None:
        """See GraphStore. Writes in transactions of several thousand rows; an error does not undo earlier ones."""
        if self._spec.is_external:
            raise UsageError(f"{self._spec.uri} is an existing database, which Clew only reads")
        self._write(cypher.constraint(self._label), [])
        text = cypher.merge_entities(self._label)
        waiting = iter(entities)
        while batch := list(islice(waiting, ENTITIES_AT_ONCE)):
            self._write(text, [written(entity) for entity in batch])
        remaining = iter(edges)
        while some := list(islice(remaining, EDGES_AT_ONCE)):
            self._write_edges(some)

    def _write_edges(self, edges: Sequence[Edge]) -> None:
        for edge in edges:
            if not edge.relation or "\0" in edge.relation:
                raise DataError(
                    f"edge {edge} has a relation that Neo4j cannot store", "it must not be empty or contain NUL"
                )
        sources = list(dict.fromkeys(edge.source for edge in edges))
        there = set(map(tuple, self._read(cypher.edges_from(self._label), {"ids": sources}, Deadline(), long=True)))
        fresh = [edge for edge in dict.fromkeys(edges) if (edge.source, edge.relation, edge.target) not in there]
        rows = [[edge.source, edge.relation, edge.target] for edge in fresh]
        if not rows or self._write(cypher.create_edges(self._label), rows):
            return
        ends = list(dict.fromkeys(end for edge in edges for end in (edge.source, edge.target)))
        [[missing]] = self._read(cypher.unknown(self._label), {"ids": ends}, Deadline(), long=True)
        edge = next(edge for edge in edges if missing in {edge.source, edge.target})
        raise DataError(f"edge {edge} refers to {missing!r}, which is not an entity", "write that entity as well")

    def forget(self) -> None:
        """Remove all entities of the label, several thousand in one transaction, and its constraint."""
        if self._spec.is_external:
            raise UsageError(f"{self._spec.uri} is an existing database, which Clew only reads")
        self._ask(self._delete_graph, None)

    def close(self) -> None:
        """See GraphStore. Takes at most a second or two if the server hangs."""
        self._loop.close(self._driver.close, CLOSE_SECONDS)

    # -- sending requests

    def _read(
        self,
        text: str,
        ask: Mapping[str, Any],
        deadline: Deadline,
        *,
        long: bool = False,
        fan_out: int = 1,
        steps: int = 1,
    ) -> list[list[Any]]:
        """Run a read statement with the deadline as its time limit; return the values of each record."""
        if deadline.passed:
            raise StageUnavailable(f"no time was left to query {self._spec.uri}")
        left_ms = deadline.left_ms if long else min(deadline.left_ms, self._longest_ms)
        seconds = None if left_ms == float("inf") else max(left_ms, 1.0) / 1000
        fixed = {"relations": self._graph.relations, "prefixes": self._prefixes}
        parameters = {"ask": {**ask, **fixed}, "fan_out": fan_out, "steps": steps}
        return self._ask(lambda: self._rows(text, parameters, seconds), seconds)

    def _warm(self, text: str) -> None:
        """Make the server compile a walk in the background, because compiling may be what made the answer late.

        Compiling takes a few hundred milliseconds, and the server discards the result if the request is cancelled.
        """
        if self._warming is None or self._warming.done():
            no_seeds = {"ask": {"keys": [], "places": {}, "prefixes": self._prefixes}, "fan_out": 1, "steps": 1}
            with suppress(StageUnavailable):
                self._warming = self._loop.start(lambda: self._rows(text, no_seeds, WARM_SECONDS))

    def _stream(self, text: str) -> Iterator[list[Any]]:
        """Yield the values of each record of a long answer, fetched page by page as they are used."""
        session: AsyncSession = self._session(fetch_size=PAGE)
        try:
            ask = {"relations": self._graph.relations, "prefixes": self._prefixes}
            result = self._ask(lambda: session.run(text, {"ask": ask}), None)
            while page := self._ask(lambda: _page(result), None):
                yield from page
        finally:
            with suppress(StageUnavailable, TimeoutError):
                self._loop.call(lambda: _cancel(session), CLOSE_SECONDS)

    def _write(self, text: str, rows: Sequence[Any]) -> bool:
        """Run a statement over $rows in one transaction.

        Returns False, with nothing written, if the statement did not use all rows.
        """
        try:
            return self._ask(lambda: self._written(text, rows), None)
        except UnicodeEncodeError as error:
            raise DataError(
                f"{error.object[:80]!r} is not valid Unicode text", "remove the unpaired surrogates"
            ) from None

    def _ask(self, work: Callable[[], Coroutine[Any, Any, T]], seconds: float | None) -> T:
        """Run work on the loop if the breaker admits it. Raises StageUnavailable if the server fails."""
        ticket = self._breaker.admit()
        try:
            answer = self._loop.call(work, seconds)
        except TimeoutError:
            raise self._late(ticket, seconds) from None
        except (DriverError, Neo4jError, OSError) as error:
            if is_late(error):
                raise self._late(ticket, seconds) from None
            reason = reason_of(error, self._spec)
            if reason is None:
                self._breaker.succeeded(ticket)
                raise
            self._failed(ticket, reason)
            raise StageUnavailable(reason) from None
        except BaseException:
            self._breaker.inconclusive(ticket)
            raise
        self._breaker.succeeded(ticket)
        return answer

    def _failed(self, ticket: int, reason: str) -> None:
        """Inform the breaker of a failed call; if it is open now, ask the server in the background from now on."""
        self._breaker.failed(ticket, reason)
        if self._breaker.left_seconds is not None and (self._probing is None or self._probing.done()):
            with suppress(StageUnavailable):
                self._probing = self._loop.start(self._probe)

    def _late(self, ticket: int, seconds: float | None) -> _Late:
        """Make the error for an answer that did not arrive in time, and inform the breaker."""
        within = f" within {1000 * seconds:.0f} ms" if seconds else " in the time the server allows"
        reason = f"no answer from {self._spec.uri}{within}"
        if seconds is None or 1000 * seconds >= FAIR_MS:
            self._failed(ticket, reason)
        else:
            self._breaker.inconclusive(ticket)
        return _Late(reason, "allow more time, or use fewer hops or steps")

    # -- on the loop

    def _session(self, **settings: Any) -> AsyncSession:
        return self._driver.session(database=self._spec.database, default_access_mode=READ_ACCESS, **settings)

    async def _rows(self, text: str, parameters: dict[str, Any], seconds: float | None) -> list[list[Any]]:
        """Send a statement, and once again if the connection from the pool is dead."""
        query = Query(text, timeout=seconds)
        for last in (False, True):
            try:
                async with self._places, self._session(fetch_size=-1) as session:
                    result = await session.run(query, parameters)
                    return [record.values() async for record in result]
            except (ServiceUnavailable, SessionExpired):
                if last:
                    raise
        raise AssertionError("unreachable")

    async def _probe(self) -> None:
        """Ask the server for nothing until it answers, each time when the breaker's waiting time is over."""
        while (left := self._breaker.left_seconds) is not None:
            await asyncio.sleep(left)
            ticket = self._breaker.probe()
            if ticket is None:
                continue
            try:
                await asyncio.wait_for(self._rows("RETURN 1", {}, PROBE_SECONDS), PROBE_SECONDS)
            except TimeoutError:
                self._breaker.failed(ticket, f"no answer from {self._spec.uri} within {PROBE_SECONDS:g} s")
            except (DriverError, Neo4jError, OSError) as error:
                self._breaker.failed(ticket, reason_of(error, self._spec) or f"{self._spec.uri} cannot answer now")
            except BaseException:
                self._breaker.inconclusive(ticket)
                raise
            else:
                self._breaker.succeeded(ticket)

    async def _delete_graph(self) -> None:
        async with self._driver.session(database=self._spec.database) as session:
            await (await session.run(cypher.forget(self._label), {"rows": ENTITIES_AT_ONCE})).consume()
            # Last: the constraint makes deleting fast, and after a kill a second call finds the rest by it.
            names = [record[0] async for record in await session.run(cypher.constraints(), {"label": self._label})]
            for name in names:
                await (await session.run(cypher.drop_constraint(name))).consume()

    async def _written(self, text: str, rows: Sequence[Any]) -> bool:
        async with self._driver.session(database=self._spec.database) as session:
            transaction = await session.begin_transaction()
            record = await (await transaction.run(text, {"rows": rows})).single()
            if record is not None and record[0] != len(rows):
                await transaction.rollback()
                return False
            await transaction.commit()
        return True


async def _page(result: AsyncResult) -> list[list[Any]]:
    return [record.values() for record in await result.fetch(PAGE)]


async def _cancel(session: AsyncSession) -> None:
    """Close a session, and its connection too if an answer is still on its way."""
    session.cancel()
