"""The steps of a build: read → cut → encode → index → verify → publish. Each can be resumed."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clew.core.artifacts import digest_files, link_tree
from clew.core.clock import now
from clew.core.files import disk_errors, sha256_file, shown_url
from clew.core.lock import writing
from clew.core.progress import Progress, Silent
from clew.core.text import Analyzer
from clew.indexer.collect import collect
from clew.indexer.encode import Encoding, encoder_of
from clew.indexer.graphs.annotated import annotated
from clew.indexer.graphs.attach import GraphVectors, joined, resolved
from clew.indexer.graphs.used import lock_snapshot
from clew.indexer.releases.carry_over import carry_over
from clew.indexer.releases.gate import GateResult, apply_override, judge
from clew.indexer.releases.gc import remove_staging
from clew.indexer.releases.history import next_number
from clew.indexer.releases.judged import Judged, not_indexed, read_judged
from clew.indexer.releases.live import Live, find_live
from clew.indexer.releases.models import described_encoder, described_reranker, with_pinned
from clew.indexer.releases.override import Override
from clew.indexer.releases.publish import install_version, write_release
from clew.indexer.releases.stages import prove
from clew.indexer.releases.verify import check_recall, check_searcher, is_shard_intact, recall_of
from clew.indexer.report import BuildReport
from clew.indexer.runner import Runner, Task, local_runner
from clew.indexer.shards import (
    VECTORS,
    ShardJob,
    build_shard,
    cut_shard,
    kinds,
    read_manifest,
    save_statistics,
    shard_statistics,
)
from clew.indexer.sources.forms import files_of
from clew.indexer.spec import IndexSpec, with_variant_fields
from clew.indexer.staging import Staging, plan_of
from clew.models.cached import EmbeddingCache
from clew.search.candidates.dense.gpu import for_build
from clew.search.rerank.cost import rerank_seconds
from clew.search.stages import stages_off
from clew.search.versions import IndexFolder, IndexVersion, Release

if TYPE_CHECKING:
    from clew.search.pipeline import Searcher

REJECTS = "rejects.jsonl"
STATISTICS = "statistics"


def build(
    spec: IndexSpec,
    home: Path,
    *,
    override: Override | None = None,
    progress: Progress | None = None,
    runner: Runner | None = None,
) -> BuildReport:
    """Build a new version of an index, verify it and make it live.

    override: publish even if the version fails on the judged queries, and record the reason. runner: runs the tasks
    (None: as the spec says). If the build is killed, the live release continues to serve, and the next call reuses the
    steps that were finished. Raises DataError (file and line), LockedError, QualityError, StoreError (disk full),
    NotFoundError.
    """
    home = home.absolute()
    folder = IndexFolder.of(home, spec.name)
    progress = progress or Silent()
    chosen = runner or local_runner(spec.build.workers, spec.build.threads)
    try:
        with disk_errors(folder.root), writing(folder.root), ExitStack() as held:
            work = _Build(spec, home, folder, chosen, progress, held)
            with lock_snapshot(home, work.table):
                return work.run(override)
    finally:
        progress.close()
        if runner is None:
            chosen.close()


class _Build:
    def __init__(
        self,
        spec: IndexSpec,
        home: Path,
        folder: IndexFolder,
        runner: Runner,
        progress: Progress,
        held: ExitStack,
    ) -> None:
        """Describe the models and pin them; `held` protects them from gc until a release records them."""
        self._spec = spec = resolved(spec, home, progress)
        self._home = home
        self._folder = folder
        self._runner = runner
        self._progress = progress
        self._report = BuildReport(spec.name)
        self._learned: dict[str, Any] = {}
        if spec.search.dense is not None:
            # Fail before the long steps if the spec asks for a GPU and there is none.
            for_build(spec.search.dense.device, 0, 0)
        encoder, reranker = described_encoder(spec.search.dense, home), described_reranker(spec.search.rerank, home)
        self._encoder = with_pinned(encoder, home, "bi_encoder", held)
        self._reranker = with_pinned(reranker, home, "cross_encoder", held)
        self._analyzer = Analyzer(spec.search.analyzer).fingerprint
        files = files_of(spec.source, spec.form)
        self._staging = Staging.of(folder, plan_of(spec.as_table(), files, self._encoder, self._analyzer))

    def run(self, override: Override | None) -> BuildReport:
        """Run every step in order."""
        # Read before the long steps, so that a missing file is reported at once.
        judged = read_judged(self._spec.quality) if self._spec.quality.queries else None
        with self._step("read"):
            jobs = self._read()
        with self._step("cut", len(jobs)):
            self._cut(jobs)
        if self._spec.search.dense is not None:
            with self._step("encode", self._report.passages):
                self._encode(jobs)
            if self._spec.search.graph is not None:
                with self._step("entities", self._graph_vectors.total):
                    self._staging.once("entities", self._entities, self._graph_vectors.work)
        with self._step("index", len(jobs)):
            shards = self._index(jobs)
            version = self._version(shards)
        live, unread = find_live(self._folder)
        renews = live is not None and override is not None and live.override is not None
        if live is not None and not renews and live.is_same(self._folder, version, self._reranker):
            return self._unchanged(live, override)
        learned, dropped = carry_over(live.release, live.version, version, self._reranker) if live else ({}, [])
        for notice in dropped:
            self._notice(notice)
        with ExitStack() as opened:
            searcher = self._verified(version, learned, opened)
            result = self._judged(searcher, judged, live, unread) if judged else GateResult()
            if searcher.reranker is not None and "rerank" not in stages_off(self._learned):
                self._report.rerank_seconds = round(rerank_seconds(searcher.reranker, searcher.store), 4)
        self._report.override, notice = apply_override(result, override, live)
        for text in filter(None, (notice, result.notice)):
            self._notice(text)
        with self._step("publish"):
            self._publish(replace(version, relevance=self._report.relevance), learned | self._learned)
        return self._report

    # ------------------------------------------------------------------ steps

    def _read(self) -> list[ShardJob]:
        spec, spool = self._spec, self._staging.root / "read"
        rejects = self._folder.root / REJECTS
        found = self._staging.once(
            "read",
            lambda: collect(spec.source, spec.form, spec.search.fields, spool, rejects, self._progress).as_table(),
            spool,
        )
        self._report.documents = count = found["documents"]
        self._report.rejected, self._report.empty = found["rejected"], found["empty"]
        self._report.bad_values, self._report.joined = found["bad_values"], found["joined"]
        self._report.rejects = str(rejects) if found["rejected"] or found["empty"] or found["bad_values"] else ""
        for notice in found["notices"]:
            self._notice(notice)
        spec = with_variant_fields(spec, found["variant_fields"])
        self._spec = spec = joined(spec, self._home, spool)
        if spec.search.dense is not None:
            spec = self._with_passages_that_fit(spec, spec.search.dense.model)
        shards = min(spec.build.shards, count)
        borders = [at * count // shards for at in range(shards + 1)]
        return [
            ShardJob(spec, self._home, spool, self._staging.work(at), borders[at], borders[at + 1])
            for at in range(shards)
        ]

    def _with_passages_that_fit(self, spec: IndexSpec, model: str) -> IndexSpec:
        """Return the spec with passages that are not longer than the encoder reads."""
        longest = encoder_of(model, self._home).max_length
        passages = spec.passages.fitting(longest)
        if passages != spec.passages:
            self._notice(f"[passages] size is reduced to {longest}, the longest input of model {model!r}")
        return replace(spec, passages=passages)

    def _cut(self, jobs: list[ShardJob]) -> None:
        todo = [job for at, job in enumerate(jobs) if self._staging.result(f"cut-{at}") is None]
        tasks = (Task(f"cut shard {job.work.name}", cut_shard, (job,), job) for job in todo)
        for task, counts in self._runner.run(tasks):
            self._staging.finish(f"cut-{task.key.work.name}", counts, task.key.work)
            self._progress.advance(1)
        for at in range(len(jobs)):
            self._report.passages += (self._staging.result(f"cut-{at}") or {})["passages"]

    def _encode(self, jobs: list[ShardJob]) -> None:
        if self._spec.search.dense is None or all(self._is_built(at) for at in range(len(jobs))):
            return
        with self._encoding(self._spec.search.dense.model) as encoding:
            for at, job in enumerate(jobs):
                # Repeated for every shard that is not built, because the cache may have been deleted in between.
                if not self._is_built(at):
                    store = job.store()
                    encoding.run(store.embedded_texts(), job.work / VECTORS)
                    store.close()

    def _entities(self) -> dict[str, int]:
        """Encode the graph's entities and relations; their vectors are stored with the global statistics later."""
        assert self._spec.search.dense is not None  # noqa: S101 - the caller has checked
        with self._encoding(self._spec.search.dense.model) as encoding:
            self._graph_vectors.encode(encoding)
        return {}

    @contextmanager
    def _encoding(self, model: str) -> Iterator[Encoding]:
        """Open the encoding of this build, and add its counts to the report at the end."""
        cache = EmbeddingCache(self._home / "cache" / "embeddings.sqlite")
        try:
            encoding = Encoding(model, self._home, cache, self._runner, self._progress)
            yield encoding
            self._report.encoded += encoding.encoded
            self._report.reused += encoding.reused
        finally:
            cache.close()

    def _index(self, jobs: list[ShardJob]) -> list[str]:
        """Build the missing shards, link all shards into the staging view, and return their addresses."""
        statistics = self._staging.root / STATISTICS
        todo = [job for at, job in enumerate(jobs) if not self._is_built(at)]
        if todo or self._staging.result("statistics") is None:
            global_statistics = self._global_statistics(jobs, statistics)
            tasks = (Task(f"build shard {job.work.name}", build_shard, (job, global_statistics), job) for job in todo)
            for task, built in self._runner.run(tasks):
                self._staging.finish(f"build-{task.key.work.name}", built, task.key.work)
                self._progress.advance(1)
        return [self._link_shard(at, job) for at, job in enumerate(jobs)]

    def _global_statistics(self, jobs: list[ShardJob], statistics: Path) -> Mapping[str, Any]:
        tasks = [Task(f"statistics of shard {at}", shard_statistics, (job,), at) for at, job in enumerate(jobs)]
        parts = {task.key: part for task, part in self._runner.run(tasks)}
        global_statistics = save_statistics(self._spec, self._home, [parts[at] for at in range(len(jobs))], statistics)
        if self._spec.search.graph is not None:
            self._graph_vectors.put(statistics)
        self._staging.finish("statistics", {}, statistics)
        return global_statistics

    def _is_built(self, shard: int) -> bool:
        return self._staging.result(f"build-{shard}") is not None

    def _link_shard(self, at: int, job: ShardJob) -> str:
        """Link a shard into the staging view under its address: the published one if undamaged, else the new one."""
        address: str = (self._staging.result(f"build-{at}") or {})["address"]
        staged, published = self._staging.view.shard(address), self._folder.shard(address)
        # Linked again each time, because a killed build may have linked only a part.
        link_tree(published if is_shard_intact(published) else job.shard, staged)
        return address

    def _version(self, shards: list[str]) -> IndexVersion:
        """Return the record of the built version, and link its statistics into the staging view."""
        view, spec = self._staging.view, self._spec
        manifests = [read_manifest(view.shard(address)) for address in shards]
        derived = {f"{source}/{name}" for source, kind in kinds(spec, self._home).items() for name in kind.derived()}
        files = digest_files(self._staging.root / STATISTICS)
        hashed = sorted((path, digest) for path, digest in files.items() if path not in derived)
        graph = [] if spec.search.graph is None else [spec.search.graph.snapshot]
        content = hashlib.sha256(json.dumps([shards, hashed, self._analyzer, *graph]).encode()).hexdigest()
        version = IndexVersion(
            id=f"{next_number(self._folder)}-{content[:8]}",
            index=spec.name,
            created=now(),
            content=content,
            shards=tuple((address, sha256_file(view.shard(address) / "manifest.json")) for address in shards),
            files=files,
            spec=spec.as_table(),
            encoder=self._encoder,
            analyzer=self._analyzer,
            documents=sum(manifest.documents for manifest in manifests),
            passages=sum(manifest.passages for manifest in manifests),
            recall=recall_of(manifests),
        )
        shutil.rmtree(view.root / "versions", ignore_errors=True)
        link_tree(self._staging.root / STATISTICS, view.version(version.id))
        self._report.content, self._report.shards = content, len(shards)
        self._report.recall = dict(version.recall)
        if spec.search.graph is not None:
            self._report.graph = found = annotated(spec.search.graph, self._home, manifests)
            for notice in found.notices(version.documents):
                self._notice(notice)
        return version

    def _verified(self, version: IndexVersion, learned: dict[str, Any], opened: ExitStack) -> Searcher:
        """Open the version from staging as it will be served; read every file and run sample queries."""
        from clew.search.assemble import open_version

        name = f"r{version.id.split('-')[0]}"
        candidate = Release(name, version.index, version.id, "", version.created, learned, reranker=self._reranker)
        with self._step("verify"):
            searcher = open_version(self._staging.view, version, self._home, candidate, verify=True)
            opened.callback(searcher.close)
            check_searcher(searcher, version)
            if self._spec.search.dense is not None:
                check_recall(self._report.recall, self._spec.search.dense.recall)
        return searcher

    def _judged(self, searcher: Searcher, judged: Judged, live: Live | None, unread: str) -> GateResult:
        """Measure the opened version on the judged queries and compare it with the live release."""
        if missing := not_indexed(searcher, judged):
            self._notice(
                f"{len(missing)} relevant documents of the judged queries are not in the index and count as "
                f"not found, such as {missing[0]!r}"
            )
        asked = [judged.queries[name] for name in judged.counted]
        if asked and searcher.reranker is not None and not searcher.reranker.reads_any(asked):
            self._notice(
                "[rerank] reads none of the judged queries: its model was not made for their language, so they are not "
                "reranked; name a model that was"
            )
        with self._step("judge", len(judged.counted)):
            home = self._folder, self._home
            proved = prove(searcher, judged, self._spec.search, self._progress)
            quality = self._spec.quality
            result = judge(proved.searcher, judged, quality, *home, live, unread, self._progress, proved.measured)
        self._learned, self._report.stages = proved.learned, [proof.as_table() for proof in proved.proofs]
        for notice in filter(None, (proof.notice for proof in proved.proofs)):
            self._notice(notice)
        self._report.relevance, self._report.comparison = dict(result.relevance), dict(result.comparison)
        return result

    def _publish(self, version: IndexVersion, learned: dict[str, Any]) -> None:
        folder, view = self._folder, self._staging.view
        version = replace(version, report=self._facts())
        install_version(folder, view, version)
        release = write_release(
            folder, version, "clew build", learned=learned, reranker=self._reranker, override=self._report.override
        )
        self._report.status = "published"
        self._report.release, self._report.version = release, version.id
        remove_staging(folder)

    def _unchanged(self, live: Live, override: Override | None) -> BuildReport:
        self._report.status = "unchanged"
        self._report.release, self._report.version = live.release.id, live.version.id
        self._report.relevance = dict(live.version.relevance)
        self._report.comparison = dict(live.version.report.get("comparison", {}))
        self._report.stages = list(live.version.report.get("stages", ()))
        self._report.override = live.override
        if live.override is not None and live.override.has_ended():
            self._notice(f"release {live.release.id}: {live.override.describe()}")
        if override is not None:
            self._notice("--override was not needed and is not recorded, because nothing has changed")
        remove_staging(self._folder)
        return self._report

    # ------------------------------------------------------------------ details

    @property
    def table(self) -> dict[str, Any]:
        """The spec as it is stored, with the id of its graph's snapshot."""
        return self._spec.as_table()

    @property
    def _graph_vectors(self) -> GraphVectors:
        return GraphVectors(self._spec, self._home, self._staging.root / "graph")

    def _facts(self) -> dict[str, Any]:
        report = self._report
        names = ("rejected", "bad_values", "empty", "joined", "encoded", "reused", "comparison", "stages", "seconds")
        return {name: getattr(report, name) for name in names} | {"source": shown_url(self._spec.source.path)}

    def _notice(self, text: str) -> None:
        self._report.notices.append(text)
        self._progress.notice(text)

    @contextmanager
    def _step(self, name: str, total: int = 0) -> Iterator[None]:
        self._progress.start(name, total)
        start = time.perf_counter()
        yield
        self._report.seconds[name] = round(time.perf_counter() - start, 3)
