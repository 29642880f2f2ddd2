"""Open the judged queries that parameters are learned from, and the index that answers them."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.errors import NotFoundError
from clew.core.measures.judged import JudgedQueries, data_folder, first_file, open_queries
from clew.core.measures.runs import Qrels
from clew.core.spec import read_toml
from clew.indexer.build import build
from clew.indexer.spec import spec_of
from clew.models.store import resolve_if_saved

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

TRAIN, DEV = "train", "dev"


def dev_qrels(judged: JudgedQueries, *, allow_unknown: bool = False, integers: bool = False) -> Qrels:
    """Return the dev qrels. integers: as of `read_qrels`.

    Raises NotFoundError if there are none, because test queries are never used for tuning.
    """
    if DEV not in judged.splits:
        raise NotFoundError(
            f"{judged.folder} has no qrels/{DEV}.tsv, which fusion weights are learned on",
            "move some judged queries to a dev split, or leave tuned systems out; test queries are not used for tuning",
        )
    # A judged document that is not in the index only lowers the best possible measure; measuring itself is strict.
    return judged.qrels(DEV, None, allow_unknown=allow_unknown, integers=integers)


def open_judged(name: str, home: Path, judged: Path | None) -> tuple[Searcher, JudgedQueries]:
    """Open a live index and its judged queries. The caller closes the index.

    judged: the folder of the judged queries (None: the one that the index's spec names). Raises NotFoundError if the
    index or the folder does not exist, or if the spec names no folder.
    """
    from clew.search.assemble import open_index

    searcher = open_index(home, name)
    try:
        named = judged or (searcher.version.spec.get("quality") or {}).get("queries")
        if not named:
            raise NotFoundError(
                f"the spec of index {name!r} names no judged queries",
                "give them with --judged DIR (queries and qrels/)",
            )
        return searcher, open_queries(Path(named))
    except BaseException:
        searcher.close()
        raise


def open_folder(
    path: Path, home: Path, model: str = "default", *, models: Path | None = None
) -> tuple[Searcher, JudgedQueries]:
    """Open the index of a folder with judged queries, and build it if necessary. The caller closes the index.

    path: a BEIR folder, or a folder with an index spec that names judged queries; its [graph] table is ignored. home:
    where the index is stored. model: the bi-encoder ("default": that of the spec). models: home of the models (None:
    the same home). Raises NotFoundError if the folder, its documents or its judged queries are missing.
    """
    from clew.search.assemble import open_index

    folder = data_folder(path)
    table, queries = folder_spec(folder)
    # Without [quality], because here the judged queries are training data and not the release's gate.
    table = {key: value for key, value in table.items() if key not in {"graph", "quality"}}
    if model != "default" and table.get("dense", {}) is not False:
        table["dense"] = {**table.get("dense", {}), "model": resolve_if_saved(model, models or home)}
    key = hashlib.sha256(json.dumps([str(folder), table], sort_keys=True).encode()).hexdigest()[:12]
    table["name"] = f"{table['name'][:40]}-{key}"
    build(spec_of(table, f"spec of {folder}", folder), home)
    return open_index(home, table["name"]), queries


def beir_spec(folder: Path) -> dict[str, Any]:
    """Return the spec of an index of a BEIR corpus, as a table, with every setting at its default."""
    name = re.sub("[^a-z0-9]", "-", folder.name.lower()).strip("-")
    return {"name": name[:40] or "data", "source": {"path": str(folder.resolve()), "form": "beir"}}


def folder_spec(folder: Path) -> tuple[dict[str, Any], JudgedQueries]:
    """Return the index spec of a folder, as a table, and its judged queries.

    folder: a BEIR folder, for which the spec has every setting at its default, or a folder with an index spec that
    names judged queries. Raises NotFoundError if it is neither.
    """
    if first_file(folder, "corpus.jsonl"):
        return beir_spec(folder), open_queries(folder)
    for file in sorted(folder.glob("*.toml")):
        table = read_toml(file)
        if named := table.get("quality", {}).get("queries"):
            return table, open_queries(folder / named)
    raise NotFoundError(
        f"{folder} contains neither corpus.jsonl, plain or compressed, nor a spec with [quality] queries",
        "give a BEIR folder (corpus.jsonl, queries.jsonl and qrels/) or one with such a spec; see "
        "docs/benchmarks/method.md",
    )
