"""Requests and responses of a search, shared by Python, the command line and HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from clew.core.types import Contribution
from clew.search import notebook

MAX_QUERY_CHARACTERS = 10_000
MAX_K = 1_000
MAX_WINDOW = 10_000
MAX_ANSWERS = 50
MAX_FACET_VALUES = 10_000
MAX_GROUP_LIMIT = 100

GraphMode = Literal["off", "auto", "on"]
GRAPH_MODES: tuple[GraphMode, ...] = ("off", "auto", "on")


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """One search.

    query: at most 10,000 characters; empty or "*" lists all documents that pass the filters. k: documents wanted (1 to
    1,000). offset: documents skipped (offset + k at most 10,000). filters: see clew.search.filters. facets: names of
    facet fields to count. facet_limit: maximum number of values of each facet (1 to 10,000; 0: all). profile: how hits
    are shown. sources: candidate sources to use (None: all of the index). fusion: how they are fused (None: set by the
    release). explain: give each hit its explanation. budget_ms: time limit in milliseconds; stages that do not fit are
    left out and reported. graph: whether the graph is used: "auto" lets the gate decide, "on" always uses it, "off"
    never. rerank: whether a cross-encoder reranks the first candidates (None: set by the index). min_probability: drop
    reranked documents whose probability of being relevant is below this (0 to 1). sort: keys such as "price:desc", see
    clew.search.listing.sort_keys; (): by relevance. search_after: that of the answer with the page before, to get the
    next one. fields: names of the fields that hits have, which may be patterns such as "image_*" (None: those of the
    profile). group_by: a field; hits are then the best document of each of its values, and k, offset and search_after
    count these groups. group_limit: documents of each group in the response (1 to 100; k * group_limit at most 1,000).
    disjunctive: facets that are counted as if the conditions on their own field were not in the filters.
    """

    query: str = ""
    k: int = 10
    offset: int = 0
    filters: Mapping[str, Any] | None = None
    facets: tuple[str, ...] = ()
    facet_limit: int = 20
    profile: str = "product"
    sources: tuple[str, ...] | None = None
    fusion: str | None = None
    explain: bool = False
    budget_ms: float | None = None
    graph: GraphMode = "auto"
    rerank: bool | None = None
    min_probability: float | None = None
    sort: tuple[str, ...] = ()
    search_after: str | None = None
    fields: tuple[str, ...] | None = None
    group_by: str | None = None
    group_limit: int = 1
    disjunctive: tuple[str, ...] = ()

    @property
    def browses(self) -> bool:
        """Return whether the query is empty, so that the search only lists documents."""
        return self.query.strip() in {"", "*"}


@dataclass(frozen=True, slots=True)
class Highlight:
    """A snippet of a field and the spans of the query's terms in it ((start, end) in characters of the snippet)."""

    field: str
    snippet: str
    spans: tuple[tuple[int, int], ...]
    start: int = 0


@dataclass(frozen=True, slots=True)
class StageScore:
    """The score and the rank of a hit in one stage (1 is best; None: not among its candidates)."""

    stage: str
    score: float | None
    rank: int | None
    parts: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchedVariant:
    """The variant of a document that matches a search best.

    index: its number among the document's variants, from 0; of: how many there are. id: its own id, such as its SKU
    ("" if it has none). fields: its values of the variant fields that the profile shows.
    """

    index: int
    of: int
    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One document found.

    score: of the last stage that reached the document, named by scored_by. passage: (start, end) characters of the
    best passage in the document's body. why: the explanation, one entry per stage, only if it was requested.
    probability: that the document is relevant (0 to 1), only if it was reranked; score is then its log-odds.
    variant: the variant that passes the filters and has most query terms; None in an index without variants.
    sort_values: the values that it is sorted by, by field; None for a missing one.
    """

    id: str
    rank: int
    score: float
    scored_by: str
    fields: Mapping[str, Any]
    highlights: tuple[Highlight, ...] = ()
    passage: tuple[int, int] | None = None
    why: tuple[StageScore, ...] = ()
    probability: float | None = None
    variant: MatchedVariant | None = None
    sort_values: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """The documents that have one value of the field that a search groups by.

    value: None for a document without a value, which is a group of its own. count: how many documents match and have
    the value. hits: the first of them, ranked within the group.
    """

    value: Any
    count: int
    hits: tuple[Hit, ...]


@dataclass(frozen=True, slots=True)
class FacetValue:
    """One value (or path, or range) of a facet and how many documents have it."""

    value: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedEntity:
    """An entity that the query names.

    start, end: characters of the query. probability: that this entity is meant (0 to 1).
    """

    id: str
    name: str
    type: str
    start: int
    end: int
    text: str
    probability: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphUse:
    """How the graph was used in one search.

    used: whether it was. reason: why, or why not. entities: those that the query names. reached: how many entities
    are reached from them. outmatched: how many candidates that they lead to do not count, because other candidates hold
    more of the query. probability: the gate's, if it decided; parts: of its log-odds, if the search is explained.
    """

    used: bool
    reason: str
    entities: tuple[LinkedEntity, ...] = ()
    reached: int = 0
    outmatched: int = 0
    probability: float | None = None
    parts: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RerankUse:
    """How documents were reranked in one search.

    model: the cross-encoder. reranked: how many documents it scored; of: how many it was to score. dropped: how many
    had a probability below min_probability. unjudged: how many of the hits shown it did not score. stopped: why it
    ended: "all" (all were scored), "budget" (not all could be scored in time, so none is reranked), "early_stop"
    (hardly anything relevant is expected among the others), "unread" (the cross-encoder does not read the query's
    language, see `notes`), or "unavailable". For "budget" and "unavailable" see `degraded`.
    """

    model: str
    reranked: int
    of: int
    dropped: int
    unjudged: int
    stopped: Literal["all", "budget", "early_stop", "unread", "unavailable"]


@dataclass(frozen=True, slots=True)
class Degradation:
    """A stage that was left out, and why."""

    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class Total:
    """How many documents match a search. relation: "eq" (exactly so many) or "gte" (so many, or more)."""

    value: int
    relation: Literal["eq", "gte"] = "eq"

    def __str__(self) -> str:
        return f"{self.value:,}" if self.relation == "eq" else f"at least {self.value:,}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResponse:
    """The answer to one search.

    total: how many documents match (`clew.search.match_set`): those that pages can list and that facets count.
    considered: how many matched before min_probability dropped any. timings_ms: stage → time.
    coverage: share of shards that answered (1.0: all). graph: None if the index has no graph or the search did not use
    it. rerank: None if nothing was to be reranked. search_after: what the request for the next page gives as its
    search_after; None if this is the last page. groups: with group_by, one for each hit. total_groups: with group_by,
    how many groups there are on all pages; total counts documents.
    """

    query: str
    hits: tuple[Hit, ...]
    considered: int
    release: str
    index: str
    total: Total = Total(0)
    facets: Mapping[str, tuple[FacetValue, ...]] = field(default_factory=dict)
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[Degradation, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: float = 1.0
    graph: GraphUse | None = None
    rerank: RerankUse | None = None
    search_after: str | None = None
    groups: tuple[Group, ...] = ()
    total_groups: int | None = None

    def to_arrow(self) -> Any:
        """Return the hits as a pyarrow.Table: rank, id, score, scored_by, probability, then the fields."""
        return notebook.to_arrow(notebook.hit_rows(self.hits))

    def to_pandas(self) -> Any:
        """Return the hits as a pandas.DataFrame with the same columns. Raises MissingExtraError without pandas."""
        return notebook.to_pandas(notebook.hit_rows(self.hits))

    def _repr_html_(self) -> str:
        """Show the hits in a notebook."""
        return notebook.search_html(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRequest:
    """A question to answer with sentences of documents.

    search: the search for the documents; its k, offset, facets, profile, explain, min_probability, sort, search_after,
    fields, group_by, group_limit and disjunctive have no effect.
    k: how many documents, from the first on, are read for an answer (1 to 50). min_probability: leave out answers
    whose probability of being right is below this (0 to 1).
    """

    search: SearchRequest
    k: int = 5
    min_probability: float | None = None

    @property
    def retrieval(self) -> SearchRequest:
        """Return the search for the documents that are read."""
        return replace(
            self.search,
            k=self.k,
            offset=0,
            facets=(),
            profile="qa",
            explain=False,
            min_probability=self.min_probability,
            sort=(),
            search_after=None,
            group_by=None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The sentence of a document that answers best.

    id, title: of the document ("" if it has no title). text: the sentence; it is body[start:end] of the document's
    `clew.search.fields.body`. field: the field it is from. passage: (start, end) of the passage it was found in; more:
    of the document's other passages that were searched, best first; all in characters of the body.
    score: log-odds if scored_by is "rerank", else ("terms") the weight of the query's terms in it (0 or more).
    probability: that the sentence answers (0 to 1), document_probability: that the document is relevant; None if it
    was not scored.
    """

    id: str
    rank: int
    text: str
    title: str
    field: str
    start: int
    end: int
    passage: tuple[int, int]
    score: float
    scored_by: Literal["rerank", "terms"]
    probability: float | None = None
    document_probability: float | None = None
    more: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerResponse:
    """The answers to one question, best first, at most one per document.

    nothing_good: whether the documents found probably do not answer: no answer reaches min_probability, and `answers`
    is empty then, or without min_probability no answer reaches the default floor (`clew.search.answer.FLOOR`), and
    `answers` has them nevertheless. sentences: how many the cross-encoder scored. The other fields are those of
    SearchResponse.
    """

    query: str
    answers: tuple[Answer, ...]
    nothing_good: bool
    considered: int
    sentences: int
    release: str
    index: str
    timings_ms: Mapping[str, float] = field(default_factory=dict)
    degraded: tuple[Degradation, ...] = ()
    notes: tuple[str, ...] = ()
    coverage: float = 1.0
    graph: GraphUse | None = None
    rerank: RerankUse | None = None

    def to_arrow(self) -> Any:
        """Return the answers as a pyarrow.Table with the fields of `Answer` as columns."""
        return notebook.to_arrow([asdict(answer) for answer in self.answers])

    def to_pandas(self) -> Any:
        """Return the answers as a pandas.DataFrame with the same columns. Raises MissingExtraError without pandas."""
        return notebook.to_pandas([asdict(answer) for answer in self.answers])

    def _repr_html_(self) -> str:
        """Show the answers in a notebook."""
        return notebook.answer_html(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyNot:
    """Which stage lost a document.

    found: whether it is among the hits. lost_at: the stage that lost it, None if it is a hit. reason: why. stages: its
    score and rank in each stage.
    """

    id: str
    found: bool
    lost_at: str | None
    reason: str
    stages: tuple[StageScore, ...]
