"""Encode passages, each distinct text once, in batches that are the same after a killed build is restarted.

Texts are processed in source order, in chunks of a fixed size. Of each chunk, only the texts that were in no earlier
chunk and are not in the cache are encoded; then the chunk is written to the cache in one step. After a kill, every
chunk is therefore either complete in the cache or not started. The batches of the restarted build are the same as
those of an uninterrupted one, and with the same number of threads the vectors are identical bit for bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from clew.core.mapped import new_array
from clew.core.progress import Progress
from clew.core.types import Vectors
from clew.indexer.runner import Runner, Task
from clew.models.cached import EmbeddingCache, cache_key
from clew.models.protocols import Encoder
from clew.search.query_analysis import passage_vectors

CHUNK = 512


@lru_cache(maxsize=2)
def encoder_of(model: str, home: Path) -> Encoder:
    """Return the encoder, which is loaded once per process."""
    from clew.models.store import load_encoder

    return load_encoder(model, home)


def encode_texts(model: str, home: Path, texts: Sequence[str]) -> Vectors:
    """Return (n, dim) float32 vectors of n passages, 0 for texts that the model cannot read; runs in a worker."""
    return passage_vectors(encoder_of(model, home), texts)


@dataclass(slots=True)
class Encoding:
    """The encoding of one build. encoded: number of texts encoded; reused: passages whose vector already existed."""

    model: str
    home: Path
    cache: EmbeddingCache
    runner: Runner
    progress: Progress
    encoded: int = 0
    reused: int = 0
    _earlier: set[bytes] = field(default_factory=set)

    def run(self, texts: Sequence[str], target: Path) -> None:
        """Write the (n, dim) float32 vectors of n passages to `target` (.npy)."""
        encoder = encoder_of(self.model, self.home)
        keys = [cache_key(encoder, "passage", text) for text in texts]
        out = new_array(target, np.float32, (len(texts), encoder.dim))
        filled = np.zeros(len(texts), np.bool_)
        # One chunk is written while the next is encoded.
        with ThreadPoolExecutor(1, thread_name_prefix="clew-cache") as writer:
            written: Future[None] | None = None
            for task, vectors in self.runner.run(self._tasks(texts, keys)):
                if written is not None:
                    written.result()
                rows, encoded = task.key
                written = writer.submit(self.cache.put, encoded, vectors)
                out[rows], filled[rows] = vectors, True
                self.encoded += len(encoded)
                self.progress.advance(len(encoded))
            if written is not None:
                written.result()
        for first in range(0, len(keys), CHUNK):
            rows = first + np.flatnonzero(~filled[first : first + CHUNK])
            found = self.cache.get([keys[row] for row in rows])
            for row in rows:
                out[row] = found[keys[row]]
        out.flush()

    def _tasks(self, texts: Sequence[str], keys: Sequence[str]) -> Iterator[Task]:
        for first in range(0, len(texts), CHUNK):
            new: dict[str, int] = {}
            for row, key in enumerate(keys[first : first + CHUNK], first):
                digest = bytes.fromhex(key)
                if digest not in self._earlier:
                    self._earlier.add(digest)
                    new[key] = row
            known = self.cache.get(list(new))
            missing = {key: row for key, row in new.items() if key not in known}
            reused = min(CHUNK, len(texts) - first) - len(missing)
            self.reused += reused
            self.progress.advance(reused)
            if missing:
                rows = list(missing.values())
                arguments = (self.model, self.home, [texts[row] for row in rows])
                yield Task(f"encode passages from {first}", encode_texts, arguments, (rows, list(missing)))
