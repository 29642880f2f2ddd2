"""Digests of the data of a run, so that a run on other data is another run even if the names are the same."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING

from clew.core.files import sha256_file
from clew.core.measures.judged import first_file, open_queries
from clew.models.store import load_encoder
from clew.training.clicks import clicks_file
from clew.training.spec import DataSpec, TrainSpec

if TYPE_CHECKING:
    from clew.training.candidates import CandidateSources


def digests(spec: TrainSpec, home: Path, sources: CandidateSources) -> dict[str, str]:
    """Return the name of each data set → sha256, in hex, of everything that is read from it.

    That covers the queries, the qrels of every split (queries of other splits are not trained on), the documents, the
    click log, and the encoder that negatives are mined with. The documents of a published index are identified by the
    content of its live version; of a folder without corpus.jsonl they are all its files that are not hidden. Raises
    NotFoundError for data that do not exist.
    """
    return {data.label: _digest(data, spec.negatives.model, home, sources) for data in spec.data}


def _digest(data: DataSpec, model: str, home: Path, sources: CandidateSources) -> str:
    if data.clicks:
        files = {"clicks": clicks_file(Path(data.clicks))}
    else:
        judged = open_queries(Path(data.folder))
        files = {"queries": judged.queries_file, **{f"qrels {split}": file for split, file in judged.splits.items()}}
        if data.candidates == "judged" or not data.index:
            files |= _documents(judged.folder)
    parts = {name: sha256_file(file) for name, file in files.items()}
    if data.candidates == "mined" and not data.index:
        parts["model"] = load_encoder(model, home).fingerprint
    if data.index:
        parts["index"] = sources.content(data.index)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _documents(folder: Path) -> dict[str, Path]:
    """Return the files that hold a folder's documents: its corpus, or all files if an index spec says which to read."""
    if corpus := first_file(folder, "corpus.jsonl"):
        return {"corpus": corpus}
    names = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in names.items() if "/." not in f"/{name}"}  # a home may be in the folder
