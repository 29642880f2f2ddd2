"""What a run's data are: a digest of each set, so that other data under the same name are another run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from clew.core.files import sha256_file
from clew.core.measures.judged import first_file, open_queries
from clew.models.store import load_encoder
from clew.search.versions import IndexFolder
from clew.training.clicks import clicks_file
from clew.training.spec import DataSpec, TrainSpec


def digests(spec: TrainSpec, home: Path) -> dict[str, str]:
    """Name of each data set → sha256, in hex, over all that is read of it, and the model it is mined with.

    That is the queries, the qrels of every split (what is asked on another one is not taught), the documents, and of a
    click log the log. Documents are those of the index where one is named, by what its live version holds; of a folder
    without a corpus.jsonl they are every file in it that is not hidden. Raises NotFoundError for what is not there.
    """
    return {data.name: _digest(data, spec.negatives.model, home) for data in spec.data}


def _digest(data: DataSpec, model: str, home: Path) -> str:
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
        folder = IndexFolder.of(home, data.index)
        parts["index"] = folder.read_version(folder.read_release()).content
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _documents(folder: Path) -> dict[str, Path]:
    """The corpus; without one a spec in the folder says what is indexed, and that lies beside it or below."""
    if corpus := first_file(folder, "corpus.jsonl"):
        return {"corpus": corpus}
    names = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    return {name: path for name, path in names.items() if "/." not in f"/{name}"}  # a home may lie there
