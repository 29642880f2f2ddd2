"""Read the texts that a vocabulary is counted on, and hold a part of them out to measure on."""

from __future__ import annotations

import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clew.core.errors import DataError, NotFoundError, UsageError
from clew.core.files import COMPRESSED, open_source, reading, sha256_file
from clew.core.measures.judged import first_file, id_of, open_queries, read_rows
from clew.models.passage import embedded_text

SPLIT = "train"
_HELD_OUT_OF = 10
_JSON_LINES = tuple(f".jsonl{ending}" for ending in ("", *COMPRESSED))
_IDS = frozenset({"_id", "id"})


@dataclass(frozen=True, slots=True)
class TextSource:
    """A file of texts, or a BEIR folder whose train split is read. sha256: of what is read, in hex."""

    path: Path
    sha256: str

    def read(self) -> Iterator[str]:
        """Yield the texts: of a folder, the train queries and the documents that are judged for them.

        Of a file, the strings of each JSON object except its id, or each line. Raises DataError that names file and
        line, NotFoundError for what is missing in the folder.
        """
        if self.path.is_dir():
            yield from _train_texts(self.path)
        elif self.path.name.lower().endswith(_JSON_LINES):
            for _, row in read_rows(self.path):
                yield from _strings({key: value for key, value in row.items() if key not in _IDS})
        else:
            yield from _lines(self.path)


def open_texts(names: Sequence[str]) -> dict[str, TextSource]:
    """Find sources of texts by path, or by the name of a folder under $CLEW_DATA; return name → source.

    Raises NotFoundError for a source that does not exist or has no train split, UsageError for two of one name.
    """
    found: list[tuple[str, TextSource]] = []
    for name in names:
        path = Path(name).expanduser()
        if path.is_file():
            found.append((path.name, TextSource(path, sha256_file(path))))
            continue
        try:
            judged = open_queries(path)
        except NotFoundError as error:
            hint = "give a file of lines or .jsonl, or a folder with corpus.jsonl, queries.jsonl and qrels/train.tsv"
            raise NotFoundError(f"texts {name!r}: {error.message}", hint) from None
        judged.qrels(SPLIT, None)
        files = {"queries": judged.queries_file, "qrels": judged.splits[SPLIT]}
        if corpus := first_file(judged.folder, "corpus.jsonl"):
            files["corpus"] = corpus
        digests = json.dumps({part: sha256_file(file) for part, file in files.items()}, sort_keys=True)
        source = TextSource(judged.folder, hashlib.sha256(digests.encode()).hexdigest())
        found.append((judged.folder.name, source))
    if twice := [name for name, count in Counter(name for name, _ in found).items() if count > 1]:
        raise UsageError(f"two sources of texts are named {twice[0]!r}", "rename one of them: the manifest lists them")
    return dict(found)


def is_held_out(text: str) -> bool:
    """Return whether a text is one of those that are not counted, a tenth of all, chosen by their bytes."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass")) % _HELD_OUT_OF == 0


def spellings(text: str) -> Iterable[str]:
    """Return the forms in which the words of a text are searched: as written, in small letters, capitalised, capitals.

    A vocabulary has different pieces for each. Forms that equal another are left out.
    """
    return dict.fromkeys((text, text.lower(), text.title(), text.upper()))


def _train_texts(folder: Path) -> Iterator[str]:
    judged = open_queries(folder)
    qrels = judged.qrels(SPLIT, None)
    documents = {document for found in qrels.values() for document in found}
    yield from (text for query, text in judged.queries.items() if query in qrels)
    corpus = first_file(judged.folder, "corpus.jsonl")
    for number, row in read_rows(corpus) if corpus else ():
        if corpus and id_of(row, corpus, number) in documents:
            yield embedded_text(str(row.get("title") or ""), str(row.get("text") or ""))


def _strings(value: object) -> Iterator[str]:
    """Yield the strings of a JSON value, at any depth."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _strings(each)
    elif isinstance(value, list):
        for each in value:
            yield from _strings(each)


def _lines(path: Path) -> Iterator[str]:
    with reading(str(path)), open_source(str(path)) as stream:
        for number, line in enumerate(stream, 1):
            try:
                text = line.decode("utf-8").strip()
            except UnicodeDecodeError as error:
                raise DataError(f"{path}:{number}: not UTF-8: {error.reason}", "save the file as UTF-8 text") from None
            if text:
                yield text
