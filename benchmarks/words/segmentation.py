"""Ways to cut Chinese into index terms, and BM25 with each of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from clew.core.chinese import han_runs, simplified, words
from clew.core.fold import fold
from clew.core.text import Analyzer
from clew.search.candidates.bm25 import BM25Kind, BM25Spec
from clew.search.protocols import CandidateRequest, ParsedQuery, PassageSet, WordIndex
from clew.search.query_analysis import CHARACTER_WEIGHT, FUNCTION_WEIGHT, PART_WEIGHT

_FIELD = "text"
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Segmentation:
    """A way to cut Chinese, and the weights of its terms in a query. A word of the dictionary has 1.

    words: those of the dictionary, "search" with the words inside longer ones, "" none. grams: lengths of the runs of
    characters that are terms. character: weight of a character of a longer word. part: weight of several characters
    that are no word by themselves. Without words all weights are 1.
    """

    words: Literal["", "default", "search"] = "search"
    grams: tuple[int, ...] = (1, 2)
    character: float = CHARACTER_WEIGHT
    part: float = PART_WEIGHT

    def weighted(self, run: str) -> Iterator[tuple[str, float]]:
        """Yield the terms of a run of simplified characters, each once in a place, and their weights."""
        whole = set(words(run)) if self.words else set()
        inside = {at for _, start, end in whole if end - start > 1 for at in range(start, end)}
        grams = {(run[at : at + n], at, at + n) for n in self.grams for at in range(len(run) - n + 1)}
        found = {*words(run, "search"), *grams} if self.words == "search" else whole | grams
        for place in sorted(found, key=lambda place: place[1:]):
            term, start, end = place
            if not whole or place in whole:
                yield term, 1.0
            else:
                yield term, self.part if end - start > 1 else self.character if start in inside else 1.0


SEGMENTATIONS: Mapping[str, Segmentation] = {
    "words, characters, pairs; .75, .5 (the default)": Segmentation(),
    "words, characters, pairs; .5, 1 (before)": Segmentation(character=0.5, part=1.0),
    "words, characters, pairs; 1, 1": Segmentation(character=1.0, part=1.0),
    "words, characters, pairs; .75, 1": Segmentation(part=1.0),
    "words, characters, pairs; .5, .5": Segmentation(character=0.5),
    "words, characters, pairs; 1, .5": Segmentation(character=1.0),
    "words without those inside them, characters, pairs; .75, .5": Segmentation("default"),
    "words": Segmentation("search", ()),
    "characters": Segmentation("", (1,)),
    "pairs": Segmentation("", (2,)),
    "characters, pairs": Segmentation("", (1, 2)),
    "characters, pairs, threes": Segmentation("", (1, 2, 3)),
    "words, characters; .75, .5": Segmentation("search", (1,)),
    "words, pairs; .5": Segmentation("search", (2,)),
}


class SegmentedAnalyzer(Analyzer):
    """The analyzer with another way to cut Chinese."""

    def __init__(self, segmentation: Segmentation) -> None:
        super().__init__()
        self.segmentation = segmentation

    def weighted(self, text: str) -> Iterator[tuple[str, float]]:
        """Yield the index terms of a text and their weights in a query."""
        folded, _, _ = fold(text)
        for start, end, han in han_runs(folded):
            run = folded[start:end]
            if han:
                yield from self.segmentation.weighted(simplified(run))
            else:
                for term in super().terms(run):
                    yield term, FUNCTION_WEIGHT if term in self.function_terms else 1.0

    def terms(self, text: str) -> list[str]:
        """Return the index terms of a text in text order, with repetitions."""
        return [term for term, _ in self.weighted(text)]


def ranked(
    segmentation: Segmentation, texts: Mapping[str, str], queries: Mapping[str, str]
) -> dict[str, dict[str, float]]:
    """Rank texts (id → text) for queries (id → text) by BM25 with its default settings: query → text → score."""
    analyzer = SegmentedAnalyzer(segmentation)
    return ranked_by(lambda text, _: tuple(analyzer.weighted(text)), analyzer, texts, queries)


def ranked_by(
    weighted: Callable[[str, WordIndex], tuple[tuple[str, float], ...]],
    analyzer: Analyzer,
    texts: Mapping[str, str],
    queries: Mapping[str, str],
) -> dict[str, dict[str, float]]:
    """Rank as `ranked` does. weighted: returns the terms and weights of a query, given its text and the index."""
    kind = BM25Kind(BM25Spec(), {_FIELD: 1.0}, analyzer)
    passages, ids = PassageSet({_FIELD: list(texts.values())}), list(texts)
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        shard, version = Path(temporary, "shard"), Path(temporary, "version")
        kind.save(kind.combine([kind.local_statistics(passages, shard)]), version)
        source = kind.open([shard], version)
        assert isinstance(source, WordIndex)  # noqa: S101 - BM25 is one
        for name, text in queries.items():
            ranking = source.candidates(CandidateRequest(ParsedQuery(text, weighted(text, source)), _DEPTH))
            found[name] = {
                ids[at]: score for at, score in zip(ranking.ordinals.tolist(), ranking.scores.tolist(), strict=True)
            }
        source.close()
    return found
