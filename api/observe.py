"""Metrics of the server for Prometheus, and one access log line per request.

Each app has its own registry of metrics; units are seconds and counts.
"""

from __future__ import annotations

import logging
import re
import time
import uuid
from collections.abc import Iterator
from urllib.parse import quote

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clew.api.engine import Engine
from clew.search.graph_reports import store_problem
from clew.search.types import AnswerResponse, GraphUse, SearchResponse

access = logging.getLogger("clew.access")

SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
REQUEST_ID = "X-Request-ID"
_GOOD_REQUEST_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}")

# Reasons are sentences. A label has the words before the first number or colon, so that the number of labels is small.
_CONSTANT_PART = re.compile(r"^[^0-9:]*")


class Metrics:
    """The counters and histograms of one app."""

    def __init__(self, engine: Engine) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.registry.register(_Releases(engine))
        self.requests = Counter(
            "clew_requests", "HTTP requests answered.", ["method", "route", "status"], registry=self.registry
        )
        self.request_seconds = Histogram(
            "clew_request_seconds", "Time of an HTTP request.", ["route"], buckets=SECONDS, registry=self.registry
        )
        self.search_seconds = Histogram(
            "clew_search_seconds", "Time of a search.", ["index"], buckets=SECONDS, registry=self.registry
        )
        self.stage_seconds = Histogram(
            "clew_search_stage_seconds",
            "Time of one stage of a search.",
            ["stage"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.queue_seconds = Histogram(
            "clew_queue_seconds", "Time waiting for a free search thread.", buckets=SECONDS, registry=self.registry
        )
        self.degraded = Counter(
            "clew_degraded", "Stages of searches that were skipped.", ["stage", "reason"], registry=self.registry
        )

        self.graph_used = Counter("clew_graph_used", "Searches that used the graph.", ["index"], registry=self.registry)
        self.graph_decisions = Counter(
            "clew_graph_decisions",
            "Decisions about the graph: asked (by the request), opened or closed (by the gate), nothing_named.",
            ["index", "decision"],
            registry=self.registry,
        )

    def searched(self, response: SearchResponse | AnswerResponse) -> None:
        """Record one search or one question."""
        for stage, milliseconds in response.timings_ms.items():
            if stage == "total":
                self.search_seconds.labels(response.index).observe(milliseconds / 1000)
            else:
                self.stage_seconds.labels(stage).observe(milliseconds / 1000)
        for lost in response.degraded:
            found = _CONSTANT_PART.match(lost.reason)
            self.degraded.labels(lost.stage, found.group().strip()[:80] if found else "").inc()
        if response.graph is not None:
            self.graph_decisions.labels(response.index, decision_of(response.graph)).inc()
            if response.graph.used:
                self.graph_used.labels(response.index).inc()


def decision_of(graph: GraphUse) -> str:
    """Return the decision about the graph in one search, as a label."""
    if graph.probability is not None:
        return "opened" if graph.used else "closed"
    return "asked" if graph.used else "nothing_named"


class _Releases(Collector):
    """Metrics of the release that serves each index, read at scrape time."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def describe(self) -> list[Metric]:
        return []

    def collect(self) -> Iterator[Metric]:
        info = GaugeMetricFamily(
            "clew_release_info", "1 for the release that is served.", labels=["index", "release", "version"]
        )
        documents = GaugeMetricFamily("clew_documents", "Documents in the release that is served.", labels=["index"])
        failed = GaugeMetricFamily("clew_release_failed", "1 if the newest release cannot be opened.", labels=["index"])
        answers = GaugeMetricFamily(
            "clew_graph_answers",
            "0 if a search found that the graph's store does not answer, else 1.",
            labels=["index", "store"],
        )
        for state in self._engine.states():
            failed.add_metric([state.name], float(state.failure is not None))
            if state.searcher is not None:
                info.add_metric([state.name, state.searcher.release.id, state.searcher.version.id], 1.0)
                documents.add_metric([state.name], state.searcher.version.documents)
                if (graph := state.searcher.graph_retriever) is not None:
                    answers.add_metric([state.name, graph.spec.store], float(not store_problem(graph)))
        yield from (info, documents, failed, answers)


class Observed:
    """ASGI middleware that gives each request an id, counts it and writes its access log line."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the app, with its id in the state and in the response's headers."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start = time.perf_counter()
        request_id = _request_id(scope)
        scope.setdefault("state", {})["request_id"] = request_id
        status = 500

        async def send_marked(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        try:
            await self.app(scope, receive, send_marked)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "unmatched")
            self.metrics.requests.labels(scope["method"], route, str(status)).inc()
            self.metrics.request_seconds.labels(route).observe(seconds)
            # The path is quoted again, so that a request cannot inject log lines; the query is private and left out.
            path = quote(scope["path"], safe="/:._-~")
            access.info(
                "method=%s path=%s status=%d ms=%.1f request_id=%s",
                scope["method"], path, status, seconds * 1000, request_id,
            )  # fmt: skip


def _request_id(scope: Scope) -> str:
    """Return the client's X-Request-ID if it has only allowed characters, else a new id."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            given = value.decode("latin-1")
            if _GOOD_REQUEST_ID.fullmatch(given):
                return str(given)
    return uuid.uuid4().hex
