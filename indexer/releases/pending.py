"""The pairs that the gate asks people to judge: a file in the folder of the index, which `clew judge` reads."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.errors import CorruptError
from clew.core.files import write_atomic
from clew.indexer.releases.undecided import Pair, Undecided
from clew.search.versions import IndexFolder

if TYPE_CHECKING:
    from clew.indexer.releases.judged import Judged
    from clew.indexer.spec import QualitySpec
    from clew.search.pipeline import Searcher

FILE = "judge.json"
_SNIPPET = 300


@dataclass(frozen=True, slots=True)
class Question:
    """A pair to judge, as a person reads it. title, snippet: of the document, empty if the index does not contain it.

    influence: how far the judgement can move the mean that was decided on.
    """

    query: str
    text: str
    document: str
    title: str
    snippet: str
    influence: float


@dataclass(frozen=True, slots=True)
class Pending:
    """The questions of a decision, the most influential first.

    folder, split: where the judgements belong. first: how many questions have to be answered first.
    """

    folder: str
    split: str
    first: int
    questions: tuple[Question, ...]


def questions(searcher: Searcher, queries: dict[str, str], pairs: Iterable[Pair]) -> tuple[Question, ...]:
    """Return pairs with the texts that a person needs to judge them."""
    return tuple(_question(searcher, queries[pair.query], pair) for pair in pairs)


def save(
    folder: IndexFolder, spec: QualitySpec, judged: Judged, searcher: Searcher, undecided: Undecided | None
) -> None:
    """Write the questions of a decision that unjudged documents could change; without one remove the earlier file."""
    path = folder.root / FILE
    if undecided is None:
        path.unlink(missing_ok=True)
        return
    asked = questions(searcher, dict(judged.queries), undecided.pairs)
    pending = Pending(str(Path(spec.queries).absolute()), spec.split, undecided.first, asked)
    write_atomic(path, (json.dumps(asdict(pending), ensure_ascii=False, indent=1) + "\n").encode())


def load(folder: IndexFolder) -> Pending | None:
    """Read the questions of the last build; None if it asked none. Raises CorruptError for a file that is damaged."""
    path = folder.root / FILE
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        asked = tuple(Question(**each) for each in table["questions"])
        return Pending(str(table["folder"]), str(table["split"]), int(table["first"]), asked)
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise CorruptError(f"{path} cannot be read", "delete it, or build the index again") from None


def _question(searcher: Searcher, text: str, pair: Pair) -> Question:
    from clew.search.fields import title_field

    store = searcher.store
    at = store.find(pair.document)
    title = snippet = ""
    if at is not None:
        name = title_field(store.fields)
        title = str(store.fields_of(at).get(name) or "") if name else ""
        snippet = " ".join(store.body(at)[: 2 * _SNIPPET].split())[:_SNIPPET]
    return Question(pair.query, text, pair.document, title, snippet, pair.influence)
