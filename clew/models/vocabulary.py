"""The vocabulary of a tokenizer.json: its tokens, which of them some languages need, and the file without the rest.

Tokens keep their order, so ids stay monotone. A unigram tokenizer chooses among the tokens that are left, and the best
segmentation of a text is still the best if all of its tokens are left. A WordPiece tokenizer takes the longest token
that matches, which is the same one if it is left.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clew.core.errors import CorruptError, FormatError
from clew.models.scripts import EVERYWHERE, LATIN, scripts_of

_SPACE = "▁"
# Tokens that stand for no text, where the file does not list them as added tokens.
_SPECIAL = re.compile(r"\[(PAD|UNK|CLS|SEP|MASK)\]|<(s|/s|pad|unk|mask|cls|sep)>|<0x[0-9A-F]{2}>")
_UNUSED = re.compile(r"\[unused\d+\]")


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens of a unigram or WordPiece tokenizer.

    table: the content of tokenizer.json. tokens: id → token, without added tokens that are not in the model's own
    vocabulary; None where an id is not used. prefix: what a WordPiece that continues a word begins with; "" for
    unigram. special: ids that stand for no text or that a tokenizer adds.
    """

    table: Mapping[str, Any]
    tokens: tuple[str | None, ...]
    prefix: str
    special: frozenset[int]

    @property
    def size(self) -> int:
        """Number of ids, added tokens included."""
        return max(len(self.tokens), *(at + 1 for at in self.special)) if self.special else len(self.tokens)

    def bare(self, token: str) -> str:
        """Return the text of a token, without the mark of a space or of a word's continuation."""
        return token.removeprefix(self.prefix) if self.prefix else token.replace(_SPACE, "")


def read_vocabulary(path: Path, table: Mapping[str, Any]) -> Vocabulary:
    """Read the vocabulary in the content of a tokenizer.json.

    path: of the file, for messages. Raises FormatError for another kind of tokenizer, CorruptError for a table that is
    not a tokenizer's.
    """
    given = table.get("model")
    model: dict[str, Any] = given if isinstance(given, dict) else {}
    kind = model.get("type")
    if kind not in ("Unigram", "WordPiece"):
        raise FormatError(
            f"{path} has a vocabulary of type {kind or 'unknown'}, which cannot be trimmed",
            "give a model with a unigram or WordPiece vocabulary, such as an XLM-R or a BERT; in one of byte pairs "
            "every merge needs the tokens that it joins",
        )
    try:
        if kind == "Unigram":
            tokens: tuple[str | None, ...] = tuple(str(token) for token, _ in model["vocab"])
            unknown = {model["unk_id"]} - {None}
        else:
            names = {int(at): str(token) for token, at in model["vocab"].items()}
            tokens = tuple(names.get(at) for at in range(max(names) + 1))
            unknown = {model["vocab"].get(model["unk_token"])} - {None}
        special = unknown | {at for at, token in enumerate(tokens) if token and _SPECIAL.fullmatch(token)}
        special |= {added["id"] for added in table.get("added_tokens") or ()} | set(_named_ids(table))
        if not all(isinstance(at, int) and at >= 0 for at in special):
            raise TypeError("an id is not a number")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CorruptError(f"{path} is not a tokenizer's: {error!r}", "save the model again") from None
    prefix = str(model.get("continuing_subword_prefix", "##")) if kind == "WordPiece" else ""
    return Vocabulary(table, tokens, prefix, frozenset(special))


def choose_tokens(
    vocabulary: Vocabulary,
    scripts: frozenset[str],
    counts: Mapping[int, int] | None,
    *,
    needed: Iterable[int] = (),
    most: int = 0,
) -> list[int]:
    """Return the ids that languages need, sorted.

    scripts: those of the languages. counts: how often each id occurs in texts of the languages; None if it is not
    known. needed: ids that stay in any case. most: largest number of ids (0: no limit); beyond it the rarest leave, but
    only tokens that are chosen by their counts.

    These stay: special tokens; single characters of the scripts, of Latin and Greek, and those that no script owns;
    tokens with letters of a script other than Latin, and those without letters; of Latin, which most languages share,
    the tokens with a count, or all if there are no counts and Latin is one of the scripts. A token with a character
    that is no token by itself stays too, because the character would be unknown without it.
    """
    allowed = scripts | EVERYWHERE
    own = scripts - {LATIN}
    single = {token for token in vocabulary.tokens if token and len(vocabulary.bare(token)) == 1}
    kept = set(vocabulary.special) | set(needed)
    counted: list[tuple[int, int]] = []
    for at, token in enumerate(vocabulary.tokens):
        if token is None or at in kept or _UNUSED.fullmatch(token):
            continue
        text = vocabulary.bare(token)
        found = scripts_of(text)
        if not found <= allowed:
            continue
        is_needed = len(text) < 2 or not found or found & own or not _is_spelled(vocabulary, token, single)
        if is_needed or (counts is None and found <= scripts):
            kept.add(at)
        elif counts is not None and counts.get(at):
            counted.append((-counts[at], at))
    if not vocabulary.prefix:
        kept.add(_lowest(vocabulary))
    room = max(0, most - len(kept)) if most else len(counted)
    return sorted(kept | {at for _, at in sorted(counted)[:room]})


def trimmed_table(vocabulary: Vocabulary, kept: Sequence[int]) -> dict[str, Any]:
    """Return the content of tokenizer.json with only these tokens, whose ids become 0, 1, 2, …"""
    new = {old: at for at, old in enumerate(kept)}
    model = dict(vocabulary.table["model"])
    if vocabulary.prefix:
        model["vocab"] = {token: new[at] for token, at in _sorted(model["vocab"]) if at in new}
    else:
        model["vocab"] = [row for at, row in enumerate(model["vocab"]) if at in new]
        model["unk_id"] = new.get(model["unk_id"])
    table = {**vocabulary.table, "model": model}
    table["added_tokens"] = [{**added, "id": new[added["id"]]} for added in table.get("added_tokens") or ()]
    if table.get("padding"):
        table["padding"] = {**table["padding"], "pad_id": new[table["padding"]["pad_id"]]}
    table["post_processor"] = _renumbered(table.get("post_processor"), new)
    return table


def _is_spelled(vocabulary: Vocabulary, token: str, single: set[str]) -> bool:
    """Return whether each character of a token is a token by itself, at the place of a word where it is."""
    text = vocabulary.bare(token)
    if not vocabulary.prefix:
        return all(character in single for character in text)
    starts = not token.startswith(vocabulary.prefix)
    return (not starts or text[0] in single) and all(f"{vocabulary.prefix}{each}" in single for each in text[starts:])


def _lowest(vocabulary: Vocabulary) -> int:
    """Return the token with the lowest score, from which a unigram tokenizer computes that of unknown characters."""
    scores = [score for _, score in vocabulary.table["model"]["vocab"]]
    return scores.index(min(scores))


def _sorted(tokens: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(tokens.items(), key=lambda item: item[1])


def _named_ids(table: Mapping[str, Any]) -> Iterator[int]:
    """Yield the ids that padding and the post-processor use."""
    if table.get("padding"):
        yield table["padding"]["pad_id"]
    yield from _ids_of(table.get("post_processor"))


def _ids_of(step: Any) -> Iterator[int]:
    for processor in (step or {}).get("processors") or ():
        yield from _ids_of(processor)
    for name in ("sep", "cls"):
        if step and name in step:
            yield step[name][1]
    for token in ((step or {}).get("special_tokens") or {}).values():
        yield from token["ids"]


def _renumbered(step: Any, new: Mapping[int, int]) -> Any:
    """Return a post-processor with other ids."""
    if not step:
        return step
    made = dict(step)
    if "processors" in made:
        made["processors"] = [_renumbered(each, new) for each in made["processors"]]
    for name in ("sep", "cls"):
        if name in made:
            made[name] = [made[name][0], new[made[name][1]]]
    if "special_tokens" in made:
        made["special_tokens"] = {
            name: {**token, "ids": [new[at] for at in token["ids"]]} for name, token in made["special_tokens"].items()
        }
    return made
