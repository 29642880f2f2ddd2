"""Decide what a spec says about the columns of an inspected source: types, weights, facets, identifiers, variants."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from clew.indexer.column_names import (
    COPIES,
    CURRENCIES,
    core,
    is_identifier,
    is_searched,
    language_of,
    names_others,
    names_product_codes,
    says_category,
    says_date,
    says_list,
    says_path,
    says_place,
    says_range,
    says_truth,
    title_rank,
    words_of,
)
from clew.indexer.column_statistics import SEPARATORS, ColumnStatistics
from clew.indexer.inspection import Inspection
from clew.indexer.sources.attribute_columns import AttributeColumns
from clew.indexer.sources.forms import CONTENT_ID
from clew.indexer.variants import ARRAY
from clew.search.fields import names_identifiers

# A column with more words than this on average, or with almost as many values as records, is text and not a keyword.
_KEYWORD_WORDS = 3.0
_KEYWORD_DISTINCT = 0.6
_FEW = 20
# A column has a facet if its values are this often the same, or if it is one of those whose values people search for
# and has no more values than this. In more records than these few, a single value is no facet.
_FACET_DISTINCT = 0.6
_FACET_VALUES = 60
_FEW_FOR_A_FACET = 10
# The share of a column's values that must look alike.
_MOST = 0.8
_OFTEN = 0.3
_RARELY = 0.02
# Words that a title has on average, in a column that is not called one.
_TITLE_WORDS = (1.5, 12.0)
TITLE_WEIGHT = 3.0


@dataclass(frozen=True, slots=True)
class ProposedField:
    """A field of the spec. keys: of its table, in order; column: what is known of its values (None: of a currency)."""

    name: str
    keys: dict[str, Any]
    column: ColumnStatistics | None

    @property
    def searched(self) -> bool:
        """Return whether the field is searched."""
        return self.keys["type"] in {"text", "html"} or "weight" in self.keys


@dataclass(slots=True)
class Proposal:
    """What a spec says. titles: the title, and the same field in other languages. left_out: column → reason."""

    identity: str
    group: str
    titles: tuple[str, ...] = ()
    fields: list[ProposedField] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def propose(found: Inspection, identity: str = "", group: str = "") -> Proposal:
    """Return the proposal for an inspected source. identity, group: those that are given."""
    own = {"beir": "_id", "folder": "id"}.get(found.form, "")
    if own:
        proposal = Proposal(identity, group)
    else:
        id_found, group_found = found.identity()
        proposal = Proposal(identity or id_found, group or (group_found if identity in {"", id_found} else ""))
    proposal.titles = _titles(found)
    paired = {name for name, column in found.columns.items() if column.pairs >= _MOST * column.count > 0}
    if found.form == "csv":
        # The reader of tables makes arrays of these columns, and a table has no other arrays.
        arrays = {name for row in found.first for name, value in row.items() if isinstance(value, list)}
        paired |= AttributeColumns([name for name in found.names if name not in arrays]).columns()
    objects: dict[str, int] = {}
    for name, column in found.columns.items():
        for above in accumulate(name.split(".")[:-1], "{}.{}".format):
            objects[above] = max(objects.get(above, 0), column.records)
    for name, column in found.columns.items():
        if name in {proposal.identity, proposal.group, own} or _is_copied(name, found, paired):
            continue
        keys = _keys(name, column, found, proposal)
        if not column.pairs and objects.get(name, 0) >= column.records:
            keys = "most records have objects in it"
        if isinstance(keys, str):
            proposal.left_out[name] = keys
            continue
        proposal.fields.append(ProposedField(name, keys, column))
        if column.currency and keys["type"] == "number" and not CURRENCIES & set(map(str.lower, found.columns)):
            unit = {"type": "keyword", "currency_of": name, **_variant(name, found)}
            proposal.fields.append(ProposedField(f"{name}_currency", unit, None))
    proposal.left_out |= dict.fromkeys(sorted(COPIES & found.names.keys()), "a copy made for display")
    _complete(proposal)
    return proposal


def _complete(proposal: Proposal) -> None:
    """Put the title first, unless it is one by its name anyway, and make sure that some field is searched."""
    if proposal.titles and proposal.titles[0] not in {"title", "name"}:
        proposal.fields.sort(key=lambda one: one.name not in proposal.titles)
    own = [one for one in proposal.fields if one.column is not None]
    if not any(one.searched for one in own):
        words = [one for one in own if one.keys["type"] in {"keyword", "list"}]
        for one in words:
            one.keys["weight"] = 1.0
        if own and not words:
            own[0].keys.clear()
            own[0].keys.update({"type": "keyword", "weight": 1.0})
    if not proposal.fields and proposal.identity not in {"", CONTENT_ID}:
        proposal.fields.append(ProposedField(proposal.identity, {"type": "text"}, None))


def _is_copied(name: str, found: Inspection, paired: set[str]) -> bool:
    """Return whether a column's values are in others: of names and values, or a text that only looks like it."""
    if name in paired:
        return True
    above = name
    while "." in above:
        above = above.rpartition(".")[0]
        if above in found.columns and above not in paired and found.columns[above].pairs:
            return True
    return False


def _titles(found: Inspection) -> tuple[str, ...]:
    """Return the column with the title, by its name, and the same in other languages; () if there is none."""
    ranked = [
        ((title_rank(name), _in_variants(name, found), name.count("."), -column.records, at), name)
        for at, (name, column) in enumerate(found.columns.items())
        if title_rank(name) is not None and column.kinds["text"] > column.count / 2 and not column.urls
    ]
    if not ranked:
        return _likely_title(found)
    first = min(ranked)[1]
    language = language_of(first)
    if not language:
        return (first,)
    stem = first.removesuffix(language)
    return (first, *(name for _, name in sorted(ranked) if name != first and name == stem + language_of(name)))


def _likely_title(found: Inspection) -> tuple[str, ...]:
    """Return the first column of a few words, other ones in nearly every record; () if there is none."""
    for name, column in found.columns.items():
        words = column.words / max(column.count, 1)
        short = _TITLE_WORDS[0] <= words <= _TITLE_WORDS[1] and not (column.markup or column.urls or column.paths)
        distinct = len(column.values) >= _MOST * found.inspected and column.kinds["text"] == column.count
        if short and distinct and not (column.fits or column.formats or is_identifier(name) or says_list(name)):
            return (name,)
    return ()


def _in_variants(name: str, found: Inspection) -> bool:
    return ARRAY in name.split(".")[:-1] or bool(found.array and name.startswith(f"{found.array}."))


def _variant(name: str, found: Inspection) -> dict[str, Any]:
    """Return the key that says that a field belongs to variants, where the name of their array does not say it."""
    own = found.array and found.array.split(".")[-1] != ARRAY and name.startswith(f"{found.array}.")
    return {"variant": True} if own else {}


def _keys(name: str, column: ColumnStatistics, found: Inspection, proposal: Proposal) -> dict[str, Any] | str:
    """Return the keys of a column's field, or why it has none."""
    typed = _typed(name, column, name in proposal.titles)
    if isinstance(typed, str):
        return typed
    keys: dict[str, Any] = {"type": typed.pop("type")}
    if name in proposal.titles:
        keys["weight"] = TITLE_WEIGHT
    if _is_code(name, column, keys["type"]):
        keys["identifier"] = True
    if names_others(name) and names_identifiers(name):
        keys["identifier"] = False
    if keys["type"] in {"keyword", "list"} and not column.urls and (is_searched(name) or keys.get("identifier")):
        keys["weight"] = 1.0
    keys |= typed
    if "facet" not in keys and (facet := _facet(name, keys, column)):
        keys["facet"] = facet
    if name in proposal.titles and not _ids_of(proposal, found).isdisjoint(found.groups.get(proposal.group, ())):
        keys["variant"] = False  # the parent has the title of the product
    return keys | _variant(name, found)


def _ids_of(proposal: Proposal, found: Inspection) -> set[str]:
    return found.unique.get(proposal.identity, set())


# ------------------------------------------------------------------ types


def _unusable(column: ColumnStatistics) -> str:
    """Return why no type holds the values; "" if one does."""
    kinds = set(column.kinds)
    if not column.count:
        return "no values"
    if "other" in kinds or ("geo" in kinds and kinds != {"geo"}):
        return f"values of several types ({', '.join(sorted(kinds))})"
    if "money" in kinds and "number" not in column.fits:
        return "prices and other values"
    vectors = column.vectors == column.count and isinstance(column.example, list) and len(column.example) > 3
    return "vectors" if vectors else ""


def _typed(name: str, column: ColumnStatistics, is_title: bool) -> dict[str, Any] | str:
    """Return the type that holds all values, with the keys that it needs; or why there is none."""
    kinds = set(column.kinds)
    if reason := _unusable(column):
        return reason
    if "money" in kinds:
        return {"type": "number"}
    if kinds == {"geo"} or (says_place(name) and _are_places(column)):
        return {"type": "geo"}
    if "list" in kinds and (
        _is_html(column) or column.words > _KEYWORD_WORDS * (column.elements + column.kinds["text"])
    ):
        return {"type": "html" if column.markup else "text"}
    if "list" in kinds:
        return {"type": "keyword", "facet": "hierarchy"} if says_path(name) and kinds == {"list"} else {"type": "list"}
    scalar = None if is_title else _scalar(name, column)
    return scalar or _text(name, column, is_title)


def _are_places(column: ColumnStatistics) -> bool:
    try:
        pairs = [json.loads(value) for value in column.values] if column.vectors == column.count else []
    except ValueError:  # a long vector, of which only the beginning is kept
        return False
    return bool(pairs) and all(len(pair) == 2 and abs(pair[0]) <= 90 and abs(pair[1]) <= 180 for pair in pairs)


def _scalar(name: str, column: ColumnStatistics) -> dict[str, Any] | None:
    """Return the type of truth values, numbers and dates; None if the values are of none of these."""
    identifies = is_identifier(name)
    if "bool" in column.fits or (column.zero_or_one and says_truth(name) and not identifies):
        return {"type": "bool"}
    if "date" in column.fits and not identifies and (says_date(name) if column.digits_only else True):
        return {"type": "date"}
    ranges = says_range(name) and column.ranges
    if "number" in column.fits and not (column.coded or identifies or len(column.units) > 1 or ranges):
        return {"type": "number", **({"decimal": column.decimal} if column.decimal else {})}
    if column.date_format and set(column.kinds) == {"text"}:
        return {"type": "date", "format": column.date_format}
    return None


def _text(name: str, column: ColumnStatistics, is_title: bool) -> dict[str, Any]:
    """Return the type of texts: text, html, keyword, or list where cells have several values."""
    if is_title:
        return {"type": "html" if column.markup else "text"}
    html = _is_html(column)
    separator = "" if html else _separator(name, column)
    paths = column.paths >= (_OFTEN if says_category(name) else _MOST) * column.count
    levels = "/" if not column.paths and says_category(name) and column.slashes >= _MOST * column.count else ""
    if separator:
        found: dict[str, Any] = {"type": "list"}
        if separator != "|":
            found["separator"] = separator
    elif html or not (column.urls or paths or levels or not _is_text(name, column)):
        return {"type": "html" if column.markup else "text"}
    else:
        found = {"type": "keyword"}
    if levels or (column.paths and (separator or paths)):
        found["facet"] = "hierarchy"
        found |= {"levels": levels} if levels else {}
    return found


def _is_html(column: ColumnStatistics) -> bool:
    """Return whether a column holds HTML, and not keywords of which a few have tags or any have entities."""
    return column.tags > _RARELY * column.count


def _separator(name: str, column: ColumnStatistics) -> str:
    """Return what separates the values in cells of a column; "" if each has one value."""
    found = [one for one in SEPARATORS if column.separated[one]]
    if not found or column.kinds["text"] != column.count:
        return ""
    separator = found[0]
    if separator == ", " and column.separated[","] > column.separated[", "]:
        separator = ","
    if column.urls == column.count:
        return separator
    if column.urls or not {"alt", "text", "caption", "title", "description"}.isdisjoint(words_of(core(name))):
        return ""
    short = column.words <= _KEYWORD_WORDS * (column.count + column.separated[separator])
    often = column.separated[separator] >= _OFTEN * column.count
    return separator if (says_list(name) and (short or column.paths)) or (separator in "|;" and often and short) else ""


def _is_text(name: str, column: ColumnStatistics) -> bool:
    if is_identifier(name) and column.codes >= _MOST * column.count:
        return False
    if len(column.values) == 1 and column.count > _FEW_FOR_A_FACET:
        return False
    if column.words / column.count > _KEYWORD_WORDS:
        return True
    distinct = len(column.values) / column.count
    return distinct > _KEYWORD_DISTINCT and column.count > _FEW and column.words > 1.5 * column.count


# ------------------------------------------------------------------ identifiers and facets


def _is_code(name: str, column: ColumnStatistics, kind: str) -> bool:
    """Return whether a column's values are identifiers of products, although its name alone does not say so."""
    if kind not in {"keyword", "list"} or names_identifiers(name) or not names_product_codes(name) or "." in name:
        return False
    return column.codes >= _MOST * column.count / 2 and len(column.values) >= _MOST * column.count > 1


def _facet(name: str, keys: dict[str, Any], column: ColumnStatistics) -> bool | str | list[float] | None:
    kind, distinct = keys["type"], len(column.values)
    if kind == "number":
        return (_borders(column.numbers) or None) if distinct > 10 else None
    if kind not in {"keyword", "list", "bool"} or column.urls or is_identifier(name) or keys.get("identifier"):
        return None
    if distinct == 1 and column.count > _FEW_FOR_A_FACET:
        return None
    if column.paths and kind == "list":
        return "hierarchy"
    few = distinct <= _FACET_VALUES and (is_searched(name) or kind == "list" or column.count <= _FEW_FOR_A_FACET)
    return True if few or distinct <= _FACET_DISTINCT * column.count else None


def _borders(numbers: list[float]) -> list[float]:
    """Return rounded borders near the quartiles of the values."""
    ordered = sorted(numbers)
    quarters = [ordered[len(ordered) * at // 4] for at in (1, 2, 3)]
    found = sorted({float(f"{quarter:.1g}") for quarter in quarters})
    return [int(border) if border == int(border) else border for border in found]
