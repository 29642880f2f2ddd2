"""What `clew init` says about the data and its proposal, in a few lines."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from clew.indexer.column_names import core, words_of
from clew.indexer.inspection import Inspection
from clew.indexer.proposal import Proposal, ProposedField
from clew.indexer.sources.forms import CONTENT_ID
from clew.indexer.variants import ARRAY
from clew.search.fields import names_identifiers

_MOST_SHOWN = 8
_DELIMITERS = {"\t": "tabs", ";": "semicolons", "|": "pipes", ",": "commas"}
_FORMS = {"jsonl": "JSON lines", "json": "JSON", "csv": "CSV", "parquet": "Parquet", "beir": "BEIR", "folder": "pages"}
_PRICES = {"price", "prices", "amount", "价格", "售价", "preis", "prix", "precio"}
_IMAGES = {"image", "images", "img", "picture", "pictures", "photo", "bild", "thumbnail", "pic", "图片"}


def summary(path: str, proposal: Proposal, found: Inspection, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield lines that say what was found at `path` and what is proposed. settings: further keys of [source]."""
    yield f"{path}: {_form(found, settings)}; {_count(found)}"
    if found.fault:
        yield f"  cannot be read: {found.faults:,} records; the first is {found.fault}"
    if found.form not in {"beir", "folder"}:
        yield f"  id: {_identity(proposal)}"
    if grouped := _variants(proposal, found):
        yield f"  variants: {grouped}"
    for title, names in _parts(proposal):
        if names:
            more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
            yield f"  {title}: {', '.join(names[:_MOST_SHOWN])}{more}"
    if proposal.left_out:
        reasons = [f"{name} ({reason})" for name, reason in proposal.left_out.items()]
        yield f"  left out: {', '.join(reasons[:_MOST_SHOWN])}"


def _form(found: Inspection, settings: Mapping[str, Any]) -> str:
    said = [_FORMS[found.form]]
    if found.form == "csv":
        delimiter = str(settings.get("delimiter", ","))
        said[0] = f"CSV with {_DELIMITERS.get(delimiter, repr(delimiter))}"
        said += ["without quoting"] if settings.get("quoting") is False else []
    if settings.get("records"):
        said.append(f"the array {settings['records']!r}")
    if settings.get("encoding"):
        said.append(f"encoding {settings['encoding']}")
    return ", ".join(said)


def _count(found: Inspection) -> str:
    looked = "" if found.inspected == found.count else f", {found.inspected:,} of them inspected"
    return f"{found.count:,} record{'' if found.count == 1 else 's'}{looked}"


def _identity(proposal: Proposal) -> str:
    if proposal.identity == CONTENT_ID:
        return "made from the contents, because no field has a value of its own in every record"
    return f"{proposal.identity} (searched whole, as an identifier)"


def _variants(proposal: Proposal, found: Inspection) -> str:
    if proposal.group:
        return f"records with the same {proposal.group} are one product"
    rows = [row.get(proposal.identity) for row in found.first]
    if found.form in {"csv", "parquet"} and len(set(map(str, rows))) < len(rows):
        return f"rows with the same {proposal.identity} are one product"
    arrays = {name.rpartition(f"{ARRAY}.")[0] + ARRAY for name in found.columns if f"{ARRAY}." in name}
    array = next(iter(sorted(arrays, key=len)), found.array)
    return f"each object in {array} is one" if array else ""


def _parts(proposal: Proposal) -> Iterator[tuple[str, list[str]]]:
    """Yield what fields are used for, with the names of those fields."""

    def names(chosen: Callable[[ProposedField], bool]) -> list[str]:
        return [one.name for one in proposal.fields if one.column is not None and chosen(one)]

    yield "title", list(proposal.titles)
    yield "searched too", names(lambda one: one.searched and one.name not in proposal.titles)
    yield "HTML", names(lambda one: one.keys["type"] == "html")
    yield "identifiers", names(lambda one: one.keys.get("identifier", names_identifiers(one.name)))
    yield "facets", names(lambda one: "facet" in one.keys)
    yield (
        "prices",
        [
            f"{one.name} ({one.column.currency})" if one.column and one.column.currency else one.name
            for one in proposal.fields
            if one.keys["type"] == "number" and not _PRICES.isdisjoint(words_of(core(one.name)))
        ],
    )
    yield (
        "images",
        names(lambda one: bool(one.column and one.column.urls) and not _IMAGES.isdisjoint(words_of(one.name))),
    )
