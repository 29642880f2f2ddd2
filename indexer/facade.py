"""`clew.build`: build the index of a spec file from Python."""

from __future__ import annotations

import os
from pathlib import Path

from clew.core.home import home_folder
from clew.indexer.build import build as run
from clew.indexer.releases.override import Override
from clew.indexer.report import BuildReport
from clew.indexer.spec import read_spec


def build(
    spec: str | os.PathLike[str],
    home: str | os.PathLike[str] | None = None,
    *,
    override: str | None = None,
    until: str | None = None,
) -> BuildReport:
    """Build, verify and publish a new version of the index that a spec file describes.

    home: the folder with the indexes and models (None: $CLEW_HOME, else .clew). override, until: the reason to publish
    even if the version fails on the judged queries, and the last day (YYYY-MM-DD) of this exception; give both or
    neither. Raises UsageError if only one is given or the date is invalid, SpecError if the spec cannot be read,
    QualityError if the gate refuses the version, and the errors of `clew.indexer.build.build`.
    """
    chosen = Override.of(override, until)
    return run(read_spec(Path(spec)), home_folder(home), override=chosen)
