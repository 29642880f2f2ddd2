"""Elasticsearch's bulk format: a line with an action, then, unless it deletes, a line with the document it is about.

A bulk file is a log, and a build reads what is there at its end: documents that were updated are read with their
updates, and documents that were deleted are not read. What cannot be applied, such as a script, is a fault.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from clew.indexer.sources.record import Fault, Read, Record, shown

# What an action names besides the document.
_TARGET = {
    "_index", "_id", "_type", "routing", "_routing", "version", "version_type", "require_alias", "pipeline",
    "retry_on_conflict", "if_seq_no", "if_primary_term", "dynamic_templates", "list_executed_pipelines",
    "require_data_stream", "_source",
}  # fmt: skip
_ADDING, _CHANGING = {"index", "create"}, {"update", "delete"}


@dataclass(frozen=True, slots=True)
class Action:
    """One action. name: index, create, update or delete. id: "" if it has none. given: its `_id` as written."""

    name: str
    id: str
    given: Mapping[str, Any]
    origin: str

    @property
    def changes(self) -> bool:
        """Return whether it changes a document that is there already."""
        return self.name in _CHANGING


@dataclass(slots=True)
class _State:
    """A document at the end of a log. origin: the line that it is read at. values: of an update that adds it."""

    origin: str
    values: Mapping[str, Any] | None = None
    updates: list[Mapping[str, Any]] = field(default_factory=list)


def action_of(record: Record) -> Action | None:
    """Return the action that a line of a bulk file is; None if it is none."""
    if len(record.values) != 1:
        return None
    ((name, target),) = record.values.items()
    if name not in _ADDING | _CHANGING or not isinstance(target, dict) or not _TARGET.issuperset(target):
        return None
    if name in _CHANGING and not target:
        return None
    given = {"_id": target["_id"]} if target.get("_id") is not None else {}
    return Action(name, str(given.get("_id", "")), given, record.origin)


def steps(reads: Iterable[Read]) -> Iterator[tuple[Action | None, Read | None]]:
    """Yield each line that is no action, with the action before it, and (action, None) for one that deletes."""
    action: Action | None = None
    for found in reads:
        if action is None and isinstance(found, Record) and (action := action_of(found)) is not None:
            if action.name == "delete":
                yield action, None
                action = None
            continue
        # A damaged line was the one that the action is about.
        yield action, found
        action = None
    if action is not None:
        yield None, Fault(action.origin, f"no line follows the action {action.name!r}", "the file is cut short")


class Changes:
    """The documents that a source's bulk files update or delete, as they are at the end."""

    def __init__(self, read: Callable[[], Iterator[Read]]) -> None:
        """Read the files twice if they change any document, else once. read: yields all their lines."""
        changed = {action.id for action, _ in steps(read()) if action is not None and action.changes} - {""}
        self._states: dict[str, _State] = {}
        self._faults: dict[str, Fault] = {}
        self._changed = changed
        if changed:
            for action, found in steps(read()):
                if action is not None and action.id in changed:
                    self._replay(action, found)

    def applied(self, action: Action, found: Read | None) -> Read | None:
        """Return what is read at the line of an action and its document; None if nothing is."""
        if isinstance(found, Fault):
            return found
        if action.changes and not action.id:
            return Fault(action.origin, f"the action {action.name!r} has no _id", "name the document in _id")
        if action.origin in self._faults:
            return self._faults[action.origin]
        if not action.changes and action.id not in self._changed:
            return Record({**action.given, **found.values}, found.origin) if found is not None else None
        state = self._states.get(action.id)
        if state is None or state.origin != action.origin:
            return None
        origin, values = action.origin, state.values
        if found is not None:
            origin, values = found.origin, found.values if values is None else values
        for update in state.updates:
            values = _merged(values or {}, update)
        return Record({**action.given, **(values or {})}, origin)

    def _replay(self, action: Action, found: Read | None) -> None:
        if isinstance(found, Fault):
            return
        known = self._states.get(action.id)
        if action.name == "index" or (action.name == "create" and known is None):
            self._states[action.id] = _State(action.origin)
        elif action.name == "create":
            self._faults[action.origin] = Fault(
                action.origin, f"creates document {shown(action.id)}, which is there already", "use the action index"
            )
        elif action.name == "update" and found is not None:
            self._update(action, found, known)
        elif known is not None:
            del self._states[action.id]
        else:
            self._faults[action.origin] = _missing(action, "deletes")

    def _update(self, action: Action, found: Record, known: _State | None) -> None:
        """Apply the line after an update: {"doc": …}, {"upsert": …}, or both."""
        doc, upsert = found.values.get("doc"), found.values.get("upsert")
        if known is None and found.values.get("doc_as_upsert") is True:
            upsert = doc
        if known is None and isinstance(upsert, dict) and found.values.get("scripted_upsert") is not True:
            self._states[action.id] = _State(action.origin, upsert)
        elif "script" in found.values:
            self._faults[action.origin] = Fault(
                found.origin,
                f"updates document {shown(action.id)} by a script, which a build does not run",
                "write the document as it is afterwards, with the action index",
            )
        elif not isinstance(doc, dict):
            self._faults[action.origin] = Fault(
                found.origin,
                f"updates document {shown(action.id)} with {shown(found.values)}, expected an object in doc",
                'write {"doc": {…}} with the fields that change',
            )
        elif known is None:
            self._faults[action.origin] = _missing(action, "updates")
        else:
            known.updates.append(doc)


def _missing(action: Action, does: str) -> Fault:
    return Fault(
        action.origin,
        f"{does} document {shown(action.id)}, which no line before it adds",
        "a build reads whole documents: add the file that has it, in an order by name, or remove the line",
    )


def _merged(values: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with those of an update, as Elasticsearch merges them: objects by key, anything else replaced."""
    found = dict(values)
    for key, value in update.items():
        old = found.get(key)
        found[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return found
