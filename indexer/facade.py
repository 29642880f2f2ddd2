"""`clew.build`: build from Python the index that a spec file describes."""

from __future__ import annotations

import os
from pathlib import Path

from clew.core.home import home_folder
from clew.indexer.build import BuildReport
from clew.indexer.build import build as run
from clew.indexer.releases.override import Override
from clew.indexer.spec import read_spec


def build(
    spec: str | os.PathLike[str],
    home: str | os.PathLike[str] | None = None,
    *,
    override: str | None = None,
    until: str | None = None,
) -> BuildReport:
    """Build, verify and publish a new version of the index that a spec file describes.

    home: the folder that holds indexes and models (None: $CLEW_HOME, else .clew). override, until: the reason to
    publish even where the judged queries speak against it, and the last day (YYYY-MM-DD) on which that holds; give both
    or neither. Raises UsageError where only one is given or the date is not valid, SpecError for a spec that cannot be
    read, QualityError where the gate refuses the version, and what `clew.indexer.build.build` raises.
    """
    chosen = Override.of(override, until)
    return run(read_spec(Path(spec)), home_folder(home), override=chosen)
