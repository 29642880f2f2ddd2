"""What an import adds to a home before its release: models and the snapshot of a graph.

They are named by their content, so that another build or import can use them as soon as they are there. If the import
fails, only what nothing else uses by then is removed.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from clew.core.errors import ClewError
from clew.indexer.graphs.gc import remove_unused
from clew.indexer.releases.pinned import unused_models


@dataclass(frozen=True, slots=True)
class Additions:
    """The folders of models and graph snapshots that are new in a home. held: until it is closed, they are in use."""

    held: ExitStack
    models: list[Path] = field(default_factory=list)
    snapshots: list[Path] = field(default_factory=list)


@contextmanager
def undone_on_error(home: Path) -> Iterator[Additions]:
    """Yield an empty `Additions` to be filled. If the block raises, remove what it has, except what is used by then.

    What cannot be removed now, such as a snapshot of a graph that is being written, is left to the next gc.
    """
    with ExitStack() as held:
        additions = Additions(held)
        try:
            yield additions
        except BaseException:
            held.close()  # the locks of this process, which would look like those of a user
            _remove(home, additions)
            raise


def _remove(home: Path, additions: Additions) -> None:
    with suppress(ClewError, OSError), unused_models(home, ()) as (unused, _):
        for folder in set(unused).intersection(additions.models):
            shutil.rmtree(folder)
    for snapshot in additions.snapshots:
        with suppress(ClewError, OSError):
            remove_unused(home, snapshot)
