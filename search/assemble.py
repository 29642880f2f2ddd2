"""Build a Searcher from the files and models that a release names. No other module does so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.artifacts import SharedLock, verify_files
from clew.core.errors import FormatError, MismatchError, NotFoundError, SpecError, StoreError
from clew.core.spec import parse
from clew.core.tables import REBUILD
from clew.core.text import Analyzer
from clew.kg.manifest import AGAIN as GRAPH_AGAIN
from clew.search.candidates import KINDS
from clew.search.fields import searched
from clew.search.fusion import FusionSpec
from clew.search.gate import Gate
from clew.search.match_set import MeaningFloor
from clew.search.pipeline import Searcher
from clew.search.protocols import CandidateGenerator, IndexKind
from clew.search.query_analysis import QueryAnalyzer
from clew.search.rerank.spec import RerankSpec
from clew.search.spec import SearchSpec
from clew.search.stages import stages_off
from clew.search.versions import IndexFolder, IndexVersion, Release, ShardManifest, load, rebuild_hint

if TYPE_CHECKING:
    from clew.kg.spec import GraphSpec
    from clew.models.protocols import Encoder
    from clew.search.graph_retriever import GraphRetriever
    from clew.search.rerank.stage import Reranker


def kinds_of(spec: SearchSpec, analyzer: Analyzer, home: Path) -> dict[str, IndexKind[Any, Any]]:
    """Return source name → index kind. The indexer builds an index with the same kinds that search opens.

    analyzer: that of the spec. "dense" is a source if the index has vectors, "graph" if it has a graph.
    """
    bm25 = KINDS[spec.bm25.backend](spec.bm25, searched(spec.fields), analyzer)
    kinds: dict[str, IndexKind[Any, Any]] = {"bm25": bm25}
    if spec.dense is not None:
        kinds["dense"] = KINDS["dense"](spec.dense)
    if spec.graph is not None:
        from clew.kg.snapshot import graph_folder

        snapshot = graph_folder(home, spec.graph.name) / spec.graph.snapshot
        kinds["graph"] = KINDS["graph"](spec.graph, spec.fields, snapshot)
    return kinds


def open_index(
    home: Path, name: str, release: str | None = None, *, verify: bool = True, model: str | None = None
) -> Searcher:
    """Open the live release of an index, or the one named.

    verify: read every file once and compare its sha256 (about 1 GB per second). model: a bi-encoder to use instead of
    the spec's, for an index whose model was moved. Raises NotFoundError, CorruptError that names the file, FormatError
    if another version of Clew wrote the index, or MismatchError if the encoder, the reranker or the text analysis is
    not the one that the index was built with.
    """
    folder = IndexFolder.of(home, name)
    chosen = folder.read_release(release)
    return open_version(folder, folder.read_version(chosen), home, chosen, verify=verify, model=model)


def open_version(
    folder: IndexFolder,
    version: IndexVersion,
    home: Path,
    release: Release,
    *,
    verify: bool = True,
    model: str | None = None,
) -> Searcher:
    """Open one version as `release` would serve it, with the models it was published with if the home has them stored.

    The version is held until `Searcher.close`, so that gc does not remove it.
    """
    shared_lock = SharedLock(folder.version(version.id))
    try:
        return _opened(folder, version, home, release, shared_lock, verify=verify, model=model)
    except SpecError as error:  # the spec was valid when the index was built, so its format has changed since
        shared_lock.release()
        raise FormatError(
            f"index {version.index!r}, release {release.id}, was written by another version of Clew: {error.message}",
            "build it again from its spec file with `clew build`, which does not encode passages again",
        ) from None
    except StoreError as error:
        shared_lock.release()
        raise _named(error, version, release) from None
    except BaseException:
        shared_lock.release()
        raise


def _named(error: StoreError, version: IndexVersion, release: Release) -> StoreError:
    """Return the error with the name of the index, and with the command that builds this index again."""
    message = error.message
    if isinstance(error, FormatError):
        message = f"index {version.index!r}, release {release.id}, was written by another version of Clew: {message}"
        # A build also loads the graph again where a snapshot has another format.
        again = error.hint in {REBUILD, GRAPH_AGAIN}
    else:
        again = error.hint == REBUILD
    hint = rebuild_hint(version.index) if again else error.hint
    return type(error)(message, hint)


def _opened(
    folder: IndexFolder,
    version: IndexVersion,
    home: Path,
    release: Release,
    shared_lock: SharedLock,
    *,
    verify: bool,
    model: str | None,
) -> Searcher:
    root = folder.version(version.id)
    shards = [folder.shard(address) for address, _ in version.shards]
    for shard, (_, sha256) in zip(shards, version.shards, strict=True):
        manifest = load(ShardManifest, shard / "manifest.json", sha256)
        if verify:
            verify_files(shard, manifest.files)
    if verify:
        verify_files(root, version.files)
    spec = SearchSpec.of_table(version.spec, stored=True)
    analyzer = Analyzer(spec.analyzer)
    if analyzer.fingerprint != version.analyzer:
        raise MismatchError(f"index {version.index!r} was built with another version of the text analysis", REBUILD)
    learned = release.learned.get("fusion")
    fusion = parse(FusionSpec, learned, "[fusion]") if learned else spec.fusion
    gate = Gate.of_table(release.learned.get("gate", {}))
    encoder = _encoder(version, home, model)
    off = stages_off(release.learned)
    reranker = None if "rerank" in off else _reranker(spec.rerank, version, home, release)
    generators: dict[str, CandidateGenerator] = {
        source: kind.open([shard / source for shard in shards], root / source)
        for source, kind in kinds_of(spec, analyzer, home).items()
        if source not in off
    }
    from clew.search.docstore import DocStore

    return Searcher(
        release=release,
        version=version,
        fields=spec.fields,
        store=DocStore.open(shards, spec.fields),
        query_analyzer=QueryAnalyzer(analyzer, encoder),
        generators=generators,
        fusion=fusion,
        shared_lock=shared_lock,
        gate=gate,
        floor=MeaningFloor(spec.dense.floor if spec.dense and spec.dense.floor != "auto" else None),
        reranker=reranker,
        # Opened last, because an error after it would have to close its snapshot and its connections.
        graph_retriever=_graph_retriever(
            None if "graph" in off else spec.graph, home, root, release.learned, verify=verify
        ),
    )


def _graph_retriever(
    spec: GraphSpec | None, home: Path, root: Path, learned: Mapping[str, Any], *, verify: bool
) -> GraphRetriever | None:
    if spec is None:
        return None
    from clew.search.graph_retriever import open_graph_retriever

    return open_graph_retriever(spec, home, root / "graph", learned.get("relations", {}), verify=verify)


def load_reranker(spec: RerankSpec, home: Path, learned: Mapping[str, Any] | None = None) -> Reranker:
    """Load the cross-encoder of a [rerank] table. learned: its calibration (None or empty: the model's own).

    Raises NotFoundError if there is no such model, CorruptError, or SpecError if the calibration is invalid.
    """
    from clew.models.store import load_scorer, scorer_calibration
    from clew.search.rerank.calibration import Calibration
    from clew.search.rerank.stage import Reranker

    scorer = load_scorer(spec.model, home)
    return Reranker(scorer, spec, Calibration.of_table(learned or scorer_calibration(spec.model, home)))


def _reranker(spec: RerankSpec | None, version: IndexVersion, home: Path, release: Release) -> Reranker | None:
    if spec is None:
        return None
    from clew.models.recorded import find_recorded

    published = replace(spec, model=find_recorded(release.reranker, home)) if release.reranker else spec
    try:
        found = load_reranker(published, home, release.learned.get("rerank"))
    except NotFoundError as error:
        raise NotFoundError(error.message, f"the index reranks with {spec.model!r}; {error.hint}") from None
    wanted = str(release.reranker.get("fingerprint", ""))
    if found.scorer.fingerprint != wanted:
        raise MismatchError(
            f"model {spec.model!r} is not the reranker that release {release.id} of index {version.index!r} was "
            f"published with (fingerprint {found.scorer.fingerprint[:12]}, published with {wanted[:12] or 'none'})",
            "import the model it was published with (`clew models import`), or build the index again with `clew build`",
        )
    # Answers name the model as the spec does, not the folder that it is stored in.
    return replace(found, spec=spec)


def _encoder(version: IndexVersion, home: Path, model: str | None) -> Encoder | None:
    if not version.encoder:
        return None
    from clew.models.agreement import MIN_AGREEMENT
    from clew.models.cached import CachedEncoder
    from clew.models.recorded import find_recorded
    from clew.models.store import load_encoder

    wanted = model or find_recorded(version.encoder, home)
    try:
        encoder = load_encoder(wanted, home)
    except NotFoundError as error:
        raise NotFoundError(
            error.message, f"the index was built with {version.encoder['model']!r}; {error.hint}"
        ) from None
    if encoder.fingerprint != version.encoder["fingerprint"]:
        raise MismatchError(
            f"model {model or version.encoder['model']!r} is not the encoder that built index {version.index!r} "
            f"(fingerprint {encoder.fingerprint[:12]}, built with {version.encoder['fingerprint'][:12]})",
            "import the model it was built with (`clew models import`) and use that, or build the index again",
        )
    # Variants of one model share a vector space; the manifest says how closely each agrees with the fp32 model.
    agreement = min(encoder.agreement, float(version.encoder.get("agreement", 1.0)))
    if encoder.runtime != version.encoder["runtime"] and agreement < MIN_AGREEMENT:
        raise MismatchError(
            f"index {version.index!r} was built on {version.encoder['runtime']}, and {wanted!r} runs on "
            f"{encoder.runtime}: the cosine of their vectors is {agreement:.3f}, expected at least {MIN_AGREEMENT}",
            "open it with the model variant it was built with, or build it again with `clew build`",
        )
    return CachedEncoder(encoder, None)
