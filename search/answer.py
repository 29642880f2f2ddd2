"""Extract answers: from each of the first documents, the sentence that answers a question best.

If the index reranks, a cross-encoder scores the sentences. If it does not rerank, or the cross-encoder cannot answer or
does not read the query's language, the weight of the query's terms in a sentence decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from clew.core.errors import QueryError, StageUnavailable
from clew.core.text import Analyzer
from clew.core.types import FieldValue
from clew.models.passage import embedded_text
from clew.search.answer_words import WORDS, relative_leads
from clew.search.docstore import DocStore
from clew.search.fields import Fields, body, title_field
from clew.search.fusion import FusedCandidates, FusionSpec, passage_rows, standardised
from clew.search.protocols import CandidateGenerator, ParsedQuery, Vocabulary
from clew.search.rerank.calibration import Calibration
from clew.search.rerank.ordering import Ordering, nothing_good
from clew.search.rerank.stage import Reranker
from clew.search.terms import QueryTerms, coverage, importance, weighted_sentences
from clew.search.trace import Trace
from clew.search.types import MAX_ANSWERS, Answer, AnswerRequest, SearchRequest

# Most passages of one document that are searched for sentences.
PASSAGES = 3
# Most sentences that the cross-encoder reads. It is more than MAX_ANSWERS, so that each document gets at least one.
SENTENCES = 64
# If no answer is at least this probable, nothing is good. Chosen on train and dev queries with and without their
# relevant documents (docs/searching.md).
FLOOR = 0.25


def checked(request: AnswerRequest) -> SearchRequest:
    """Return the search for the documents of an answer. Raises QueryError unless k is 1 to MAX_ANSWERS."""
    if not 1 <= request.k <= MAX_ANSWERS:
        raise QueryError(f"k is {request.k:,}", f"give the number of documents to read, 1 to {MAX_ANSWERS}")
    return request.retrieval


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of a document: text is body[start:end]. weight: that of the query terms in it (0 or more)."""

    text: str
    field: str
    start: int
    end: int
    passage: tuple[int, int]
    weight: float


@dataclass(frozen=True, slots=True)
class Group:
    """The part of one document that is searched for an answer.

    at: its index in the pool. passages: (start, end) of its passages, best first. sentences: those of the passages.
    """

    at: int
    title: str
    passages: tuple[tuple[int, int], ...]
    sentences: tuple[Sentence, ...]


def sentences_of(
    values: Mapping[str, FieldValue], fields: Fields, passages: Sequence[tuple[int, int]], terms: QueryTerms
) -> tuple[Sentence, ...]:
    """Return the sentences of a document's passages, those of the first passage first, each sentence once.

    passages: (start, end) in characters of the document's body, best first.
    """
    text, places = body(values, fields)
    found: list[Sentence] = []
    for passage in passages:
        # Passages overlap, and one may cut off a sentence that another contains in full.
        before = [other for other in found if other.start < passage[1] and passage[0] < other.end]
        for name, first, last in places:
            start, end = max(first, passage[0]), min(last, passage[1])
            part = text[start:end]
            for begin, stop, value in weighted_sentences(part, terms.matches(part)):
                one = Sentence(part[begin:stop], name, start + begin, start + stop, passage, value)
                if any(_holds(other, one) for other in before):
                    continue
                if cut := [other for other in before if _holds(one, other)]:
                    found = [other for other in found if other not in cut]
                found.append(one)
    return tuple(found)


def _holds(outer: Sentence, inner: Sentence) -> bool:
    return outer.start <= inner.start and inner.end <= outer.end


def most_promising(groups: Sequence[Group], most: int = SENTENCES) -> list[tuple[int, int]]:
    """Return (group, sentence) indexes of at most `most` sentences.

    The best sentence of each group comes first, then the others by descending weight.
    """
    firsts = [(row, best_by_terms(group)) for row, group in enumerate(groups) if group.sentences]
    taken = set(firsts)
    others = [
        (row, at) for row, group in enumerate(groups) for at in range(len(group.sentences)) if (row, at) not in taken
    ]
    others.sort(key=lambda pair: -groups[pair[0]].sentences[pair[1]].weight)
    return [*firsts, *others][:most]


def best_by_terms(group: Group) -> int:
    """Return the index of the sentence with the highest weight, the first of equals. The group must not be empty."""
    return max(range(len(group.sentences)), key=lambda at: group.sentences[at].weight)


@dataclass(frozen=True, slots=True)
class Answers:
    """The answers found, best first. notes, nothing_good: see AnswerResponse. read: how many sentences were scored."""

    found: tuple[Answer, ...]
    nothing_good: bool
    notes: tuple[str, ...]
    read: int

    @classmethod
    def ranked(
        cls, found: Sequence[Answer], min_probability: float | None, read: int, by_words: float | None = None
    ) -> Answers:
        """Rank the answers of `found` whose probability is at least min_probability (0 to 1; None: all of them).

        As with hits, an answer that was not scored is not dropped, unless all answers that were scored are dropped.
        Without min_probability none is dropped, but if the best is below FLOOR, nothing is good. by_words: probability
        of the best answer by its words, which counts if none was scored (None: not known).
        """
        judged = [answer.probability for answer in found if answer.probability is not None]
        if min_probability is None:
            ranked = tuple(replace(answer, rank=rank) for rank, answer in enumerate(found, 1))
            said = below_floor(max(judged) if judged else by_words, scored=bool(judged), any_found=bool(found))
            return cls(ranked, bool(said), said, read)
        accepted = [
            answer for answer in found if answer.probability is None or answer.probability >= min_probability
        ]  # fmt: skip
        notes: tuple[str, ...] = ()
        if judged and max(judged) < min_probability:
            accepted = []
            notes = (nothing_good(len(judged), "answers", min_probability, max(judged)),)
        elif not accepted:
            notes = (NO_SENTENCE,)
        ranked = tuple(replace(answer, rank=rank) for rank, answer in enumerate(accepted, 1))
        return cls(ranked, not ranked, notes, read)


NO_SENTENCE = "nothing good: none of the documents found contains a sentence"


def below_floor(best: float | None, *, scored: bool, any_found: bool) -> tuple[str, ...]:
    """Return the note that nothing is good without min_probability, if so.

    best: probability of the best answer (None: not known). scored: whether a cross-encoder gave it. any_found: whether
    there is any answer.
    """
    if not any_found:
        return (NO_SENTENCE,)
    if best is None or best >= FLOOR:
        return ()
    judge = "" if scored else ", judged by its words,"
    return (f"nothing good: the likeliest answer{judge} has the probability {best:.2g}, below {FLOOR:g}",)


@dataclass(frozen=True, slots=True)
class AnswerExtractor:
    """The parts that extract answers. reranker: None if query terms decide. Safe for concurrent searches."""

    store: DocStore
    fields: Fields
    analyzer: Analyzer
    generators: Mapping[str, CandidateGenerator]
    fusion: FusionSpec
    reranker: Reranker | None

    def answers(self, query: ParsedQuery, ordering: Ordering, request: AnswerRequest, trace: Trace) -> Answers:
        """Return the best sentence of each of the first k documents of an ordering, except documents without text.

        With a cross-encoder the most probable answer comes first, and answers that it did not score follow. Without
        one, answers have the order of their documents. If the documents were not reranked, sentences are not scored
        either.
        """
        with trace.mandatory("answer"):
            terms = QueryTerms(self.analyzer, query)
            groups = self.groups(query, ordering, request.k, terms)
        scores: dict[tuple[int, int], float] = {}
        if groups and ordering.stopped in {"all", "early_stop"} and self.reranker is not None:
            with trace.stage("answer"):
                chosen = most_promising(groups, sentences_in_budget(self.reranker, ordering.reached, trace))
                scores = self._scores(self.reranker, query.text, groups, chosen)
        found = [_answer(self.store, group, row, scores, ordering) for row, group in enumerate(groups)]
        found.sort(key=lambda answer: -answer.score if answer.probability is not None else float("inf"))
        by_words = None
        if not scores:
            words = self.words(terms, ordering, groups)
            by_words = max((WORDS.probability(*each) for each in words), default=None)
        return Answers.ranked(found, request.min_probability, len(scores), by_words)

    def groups(self, query: ParsedQuery, ordering: Ordering, k: int, terms: QueryTerms) -> list[Group]:
        """Return the parts of the first k documents shown that are searched for sentences, without empty ones."""
        found = [self._group(query, ordering.pool, int(at), terms) for at in ordering.shown[:k]]
        return [group for group in found if group.sentences]

    def words(self, terms: QueryTerms, ordering: Ordering, groups: Sequence[Group]) -> list[tuple[float, float]]:
        """Return (coverage, relative lead) of each group's best sentence by terms, the features of WordsCalibration.

        Returns none without an index of words.
        """
        known = next((each for each in self.generators.values() if isinstance(each, Vocabulary)), None)
        if known is None:
            return []
        worth, ahead = importance(terms.content, known, self.store.passages), relative_leads(ordering.pool.totals)
        found = []
        for group in groups:
            text = embedded_text(group.title, group.sentences[best_by_terms(group)].text)
            share = coverage(worth, terms.shares(text))
            found.append((share, float(ahead[group.at])))
        return found

    def _group(self, query: ParsedQuery, pool: FusedCandidates, at: int, terms: QueryTerms) -> Group:
        values = self.store.fields_of(int(pool.documents[at]))
        title = title_field(self.fields)
        spans = tuple(self.store.span(passage) for passage in self._passages(query, pool, at))
        named = str(values.get(title) or "") if title else ""
        return Group(at, named, spans, sentences_of(values, self.fields, spans, terms))

    def _passages(self, query: ParsedQuery, pool: FusedCandidates, at: int) -> list[int]:
        """Return the best passage of a candidate, then up to PASSAGES - 1 others.

        The others are those that also score above the mean of the collection.
        """
        best = pool.best_passage(at)
        every = np.arange(*self.store.passage_range(int(pool.documents[at])), dtype=np.int64)
        if len(every) == 1:
            return [best]
        rows = passage_rows(pool.sources)
        names = tuple(pool.sources[row] for row in rows)
        scores = np.stack([self.generators[name].score(query, every) for name in names]).astype(np.float64)
        ranks = np.full(scores.shape, -1, np.int64)
        of_document = FusedCandidates(every, names, scores, ranks, pool.score_statistics[rows], best=ranks)
        totals = standardised(of_document, self.fusion).sum(axis=0)
        order = np.argsort(-totals, kind="stable")
        others = [int(every[place]) for place in order if totals[place] > 0 and every[place] != best]
        return [best, *others[: PASSAGES - 1]]

    def _scores(
        self, reranker: Reranker, query_text: str, groups: Sequence[Group], chosen: Sequence[tuple[int, int]]
    ) -> dict[tuple[int, int], float]:
        """Score the chosen sentences with the cross-encoder in one call, each preceded by its document's title."""
        texts = [embedded_text(groups[row].title, groups[row].sentences[at].text) for row, at in chosen]
        scores = np.asarray(reranker.scorer.score(query_text, texts), np.float64)
        if not np.isfinite(scores).all():
            raise StageUnavailable("the model gave a sentence a score that is not a finite number")
        return dict(zip(chosen, scores.tolist(), strict=True))


def sentences_in_budget(reranker: Reranker, passages: int, trace: Trace) -> int:
    """Return how many sentences (1 to SENTENCES) can be read in the time left.

    It assumes that a sentence takes as long as each of the passages took. A sentence is no longer than a passage, so
    this is a safe estimate. Raises StageUnavailable if there is not enough time for one.
    """
    left = min(trace.deadline.left_ms, reranker.spec.budget_ms or float("inf"))
    each = trace.timings_ms["rerank"] / max(1, passages)
    if left < each:
        raise StageUnavailable("the time that is left is too short to read one sentence")
    return SENTENCES if left == float("inf") or left >= each * SENTENCES else int(left / each)


def _log_odds(ordering: Ordering, at: int, score: float) -> float:
    """Return the log-odds that a sentence with this score answers, of the document at a place."""
    calibration = ordering.calibration
    if ordering.judged(at):
        return calibration.sentence_log_odds(score, float(ordering.scores[at]), float(ordering.log_odds[at]))
    # Reranking stopped before this document: its sentence stands for its passage.
    known = ordering.scores.copy()
    known[at] = score
    document = ordering.as_ranked(at, float(calibration.log_odds(known, ordering.pool.prior)[at]))
    return calibration.sentence_log_odds(score, score, document)


def _answer(
    store: DocStore, group: Group, row: int, scores: Mapping[tuple[int, int], float], ordering: Ordering
) -> Answer:
    """Return the best sentence of a group: by the cross-encoder if it read any of them, else by query terms."""
    pool, at = ordering.pool, group.at
    read = [place for place in range(len(group.sentences)) if (row, place) in scores]
    if read:
        place = max(read, key=lambda place: scores[row, place])
        score = _log_odds(ordering, at, scores[row, place])
        probability = float(Calibration.probability(np.array(score)))
    else:
        place = best_by_terms(group)
        score, probability = group.sentences[place].weight, None
    best = group.sentences[place]
    return Answer(
        id=store.id(int(pool.documents[at])),
        rank=0,
        text=best.text,
        title=group.title,
        field=best.field,
        start=best.start,
        end=best.end,
        passage=best.passage,
        score=score,
        scored_by="terms" if probability is None else "rerank",
        probability=probability,
        document_probability=ordering.score(at)[2],
        more=tuple(span for span in group.passages if span != best.passage),
    )
