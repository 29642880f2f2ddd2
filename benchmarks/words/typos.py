"""Queries with a typing error of people who write Chinese by sound: one character of the rarest word is a homophone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping

from clew.benchmarks.words.segmentation import ranked_by
from clew.benchmarks.words.shop_names import Queries
from clew.core.chinese import chinese_dictionary, han_runs, simplified, words
from clew.core.fold import fold
from clew.core.text import Analyzer
from clew.search.homophones import HOMOPHONE_WEIGHT, homophones, same_syllable
from clew.search.protocols import WordIndex
from clew.search.query_analysis import QueryAnalyzer


def misspelt(data: Queries, seed: int = 0) -> dict[str, str]:
    """Return the queries (id → text, simplified) with an error each, without those that can have none.

    The word is that of the dictionary which the fewest texts have, at least one. The wrong character is drawn from
    those of the texts that share its syllable, by how often they occur.
    """
    analyzer = Analyzer()
    frequency = Counter(term for text in data.texts.values() for term in set(analyzer.terms(text)))
    characters = Counter(character for text in data.texts.values() for character in simplified(text))
    drawn = random.Random(seed)  # noqa: S311 - reproducible errors, no secret
    found = {}
    for name, query in data.queries.items():
        text = simplified(fold(query)[0])
        for start, end in sorted(_words(text), key=lambda place: (frequency[text[slice(*place)]], place)):
            wrong = _wrong(text[start:end], characters, drawn) if frequency[text[start:end]] else None
            if wrong is not None:
                found[name] = text[:start] + wrong + text[end:]
                break
    return found


def ranked_with(texts: Mapping[str, str], queries: Mapping[str, str], *, sound: bool) -> dict[str, dict[str, float]]:
    """Rank texts (id → text) for queries by BM25: query → text → score. sound: whether homophones are searched too."""
    analyzer = Analyzer()
    parser = QueryAnalyzer(analyzer, None)

    def weighted(text: str, index: WordIndex) -> tuple[tuple[str, float], ...]:
        terms = parser.terms(text).terms
        known = {term for term, _ in terms}
        added = (each.term for each in homophones(text, analyzer, index) if each.term not in known) if sound else ()
        return (*terms, *((term, HOMOPHONE_WEIGHT) for term in added))

    return ranked_by(weighted, analyzer, texts, queries)


def _words(text: str) -> Iterator[tuple[int, int]]:
    """Yield (start, end) of the words of several characters that are in the dictionary."""
    for first, last, han in han_runs(text):
        for word, start, end in words(text[first:last]) if han else ():
            if end - start > 1 and chinese_dictionary().has_word(word):
                yield first + start, first + end


def _wrong(word: str, characters: Mapping[str, int], drawn: random.Random) -> str | None:
    """Return a word with a homophone in a drawn place; None if no character has one in the texts."""
    places = list(range(len(word)))
    drawn.shuffle(places)
    for at in places:
        others = [c for c in same_syllable().get(word[at], "") if c != word[at] and characters[c]]
        if others:
            (wrong,) = drawn.choices(others, [characters[c] for c in others])
            return word[:at] + wrong + word[at + 1 :]
    return None
