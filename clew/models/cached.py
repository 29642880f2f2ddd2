"""Cache of computed vectors: on disk for builds, in memory for repeated queries."""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np

from clew.core.errors import CorruptError, FormatError, LockedError
from clew.core.files import disk_errors
from clew.core.types import Vectors
from clew.models.manifest import INT8_FORM
from clew.models.protocols import Encoder

FORMAT = 1
_KEYS_PER_QUERY = 500
_WAIT_SECONDS = 60.0


def cache_key(encoder: Encoder, role: str, text: str) -> str:
    """Return the sha256 in hex over what determines a vector: encoder, runtime, "query" or "passage", and text."""
    # The fingerprint is that of the fp32 weights, which can be rounded to 8 bits in several ways.
    runtime = encoder.runtime.replace("-int8", f"-int8.{INT8_FORM}")
    content = "\0".join((encoder.fingerprint, runtime, role, text))
    return hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest()


class EmbeddingCache:
    """Vectors on disk by key, in one SQLite file.

    Several threads and processes may read and write it at once. A `put` is one transaction, so a killed process loses
    at most the `put` in progress. The file may be deleted: every vector can be computed again.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises CorruptError or FormatError if it cannot be used."""
        self._path = path
        self._lock, self._reading = threading.Lock(), threading.Lock()
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._translated_errors():
            self._connection = sqlite3.connect(path, timeout=_WAIT_SECONDS, check_same_thread=False)
            # With a connection of their own, readers do not wait for writers.
            self._reader = sqlite3.connect(path, timeout=_WAIT_SECONDS, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            (written,) = self._connection.execute("PRAGMA user_version").fetchone()
            if written not in {0, FORMAT}:
                self.close()
                raise FormatError(
                    f"{path} has format {written}, this Clew reads {FORMAT}", "delete the file: it is a cache"
                )
            with self._connection:
                self._connection.execute(
                    "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB NOT NULL) WITHOUT ROWID"
                )
                self._connection.execute(f"PRAGMA user_version = {FORMAT}")

    def get(self, keys: Sequence[str]) -> dict[str, Vectors]:
        """Return the stored vectors of these keys: key → (dim,) float32."""
        found: dict[str, Vectors] = {}
        wanted = iter(dict.fromkeys(keys))
        with self._reading, self._translated_errors():
            while chunk := [bytes.fromhex(key) for key in islice(wanted, _KEYS_PER_QUERY)]:
                marks = ",".join("?" * len(chunk))
                rows = self._reader.execute(
                    f"SELECT key, vector FROM vectors WHERE key IN ({marks})",  # noqa: S608 - only question marks
                    chunk,
                )
                for key, blob in rows:
                    found[key.hex()] = np.frombuffer(blob, np.float32)
        return found

    def put(self, keys: Sequence[str], vectors: Vectors) -> None:
        """Store (n, dim) float32 vectors under n keys; the vector of a key that is already stored is unchanged."""
        rows = zip(map(bytes.fromhex, keys), (row.tobytes() for row in vectors.astype(np.float32)), strict=True)
        with self._lock, self._translated_errors(), self._connection:
            self._connection.executemany("INSERT OR IGNORE INTO vectors VALUES (?, ?)", rows)

    def __len__(self) -> int:
        with self._reading, self._translated_errors():
            (count,) = self._reader.execute("SELECT count(*) FROM vectors").fetchone()
        return int(count)

    def close(self) -> None:
        """Close the file. May be called twice."""
        self._reader.close()
        self._connection.close()

    @contextmanager
    def _translated_errors(self) -> Iterator[None]:
        """Replace SQLite's errors by Clew's."""
        try:
            with disk_errors(self._path):
                yield
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise LockedError(
                    f"{self._path} is in use by another process", "try again when that process has ended"
                ) from None
            raise
        except sqlite3.ProgrammingError:
            raise
        except sqlite3.DatabaseError as error:
            hint = "delete the file: it is a cache, and its vectors will be computed again"
            raise CorruptError(f"{self._path} is damaged: {error}", hint) from None


class CachedEncoder:
    """Encoder that caches the vectors of another one: of queries in memory and, given a cache, of all texts on disk."""

    def __init__(self, encoder: Encoder, cache: EmbeddingCache | None = None, memory: int = 4096) -> None:
        """memory: maximum number of queries cached in memory (0: none)."""
        self._encoder = encoder
        self._cache = cache
        self._memory = memory
        self._recent: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()
        self.dim = encoder.dim
        self.fingerprint = encoder.fingerprint
        self.runtime = encoder.runtime
        self.agreement = encoder.agreement
        self.max_length = encoder.max_length

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n queries."""
        with self._lock:
            known = {text: self._recent[text] for text in texts if text in self._recent}
        missing = [text for text in dict.fromkeys(texts) if text not in known]
        known.update(zip(missing, self._get_or_encode(missing, "query"), strict=True))
        with self._lock:
            for text in texts:
                self._recent[text] = known[text]
                self._recent.move_to_end(text)
            while len(self._recent) > self._memory:
                self._recent.popitem(last=False)
        return self._stack([known[text] for text in texts])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Return (n, dim) float32 unit vectors of n passages."""
        return self._get_or_encode(texts, "passage")

    def unknown_shares(self, texts: Sequence[str]) -> list[float]:
        """Return the shares of unknown tokens of the wrapped encoder."""
        return self._encoder.unknown_shares(texts)

    def knows_words(self, text: str) -> bool:
        """Return whether a word of the text is in the vocabulary (see clew.models.unread)."""
        return self._encoder.knows_words(text)

    def _get_or_encode(self, texts: Sequence[str], role: str) -> Vectors:
        """Return vectors from disk if they are stored; otherwise compute them (each text once) and store them."""
        keys = [cache_key(self._encoder, role, text) for text in texts]
        found = {} if self._cache is None else self._cache.get(keys)
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        if missing:
            encode = self._encoder.encode_queries if role == "query" else self._encoder.encode_passages
            made = encode(list(missing.values()))
            if self._cache is not None:
                self._cache.put(list(missing), made)
            found.update(zip(missing, made, strict=True))
        return self._stack([found[key] for key in keys])

    def _stack(self, rows: Sequence[Vectors]) -> Vectors:
        return np.stack(rows) if rows else np.empty((0, self.dim), np.float32)
