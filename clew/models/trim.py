"""Trim a model to the tokens that some languages need, and leave out the rest of its vocabulary and embeddings.

Multilingual models consist mostly of embeddings of tokens that the texts of one user never have: of the 118 million
weights of multilingual-e5-small, 96 million are embeddings. The other weights and the rows that stay are unchanged, so
a text whose tokens stay has the same vector (vocabulary trimming, Ushio et al. 2023, arXiv:2305.15020).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from clew.core.clock import now
from clew.core.errors import DataError, UsageError
from clew.core.files import disk_errors
from clew.core.progress import Progress
from clew.models.bi_encoder import open_tokenizer
from clew.models.catalogue import size
from clew.models.folder import fingerprint, fixed_ids, is_folder, read_config, role_of
from clew.models.manifest import MANIFEST, ModelManifest, Precision, read_manifest, verify
from clew.models.rows import keep_rows, special_ids
from clew.models.save import check_new_folder, default_name, save_artifact, save_quantised, write_folder
from clew.models.scripts import scripts_of_languages
from clew.models.store import fp32_folder, new_manifest, prepare
from clew.models.texts import TextSource, is_held_out, open_texts, spellings
from clew.models.trim_agreement import TrimAgreement, compare_trimmed, samples
from clew.models.vocabulary import Vocabulary, choose_tokens, read_vocabulary

_WINDOW = 2048
_MEASURED = 2000


@dataclass(frozen=True, slots=True)
class Trimmed:
    """Result of trimming.

    place: the folder written. tokens, weights, bytes: (before, after) of the vocabulary, of the network's weights, and
    of the model's files. counted: number of texts whose tokens were counted. agreement: of the trimmed fp32 model with
    the whole one, on texts that were not counted; None if there were none.
    """

    place: Path
    name: str
    id: str
    languages: tuple[str, ...]
    scripts: tuple[str, ...]
    tokens: tuple[int, int]
    weights: tuple[int, int]
    bytes: tuple[int, int]
    counted: int
    agreement: TrimAgreement | None


def trim_model(
    model: str,
    languages: Sequence[str],
    target: Path,
    home: Path,
    progress: Progress,
    *,
    texts: Sequence[str] = (),
    most: int = 0,
    precision: Precision = "int8",
) -> Trimmed:
    """Write a model with only the tokens that some languages need to a new folder, as an artifact.

    model: a folder that sentence-transformers or transformers saved, an artifact, or a name (see
    `clew.models.store.prepare`). languages: ISO 639-1 codes. texts: files, or BEIR folders whose train splits are read;
    nine tenths of the texts are counted and a tenth is measured on. most: largest number of tokens (0: no limit).
    precision: of the result; training can start from either.

    Raises UsageError for an unknown language, for a folder that is not empty, and for a limit below what the languages
    need; NotFoundError for a missing model or file of texts; DataError for files without a text; FormatError for a
    vocabulary that is not unigram or WordPiece; MissingExtraError without torch.
    """
    languages = tuple(dict.fromkeys(languages))
    scripts = scripts_of_languages(languages)
    check_new_folder(target)
    sources = open_texts(texts)
    if most and not sources:
        raise UsageError("a largest number of tokens needs texts, which say which tokens are rare", "give --texts")
    source, before, taken = _source(model, home)
    vocabulary = read_vocabulary(
        source / "tokenizer.json", json.loads((source / "tokenizer.json").read_text(encoding="utf-8"))
    )
    counts, counted, held_out = _count(source, sources, progress)
    if sources and not counted:
        raise DataError(f"no text in {', '.join(sources)}", "give files with texts of the languages")
    kept = choose_tokens(
        vocabulary, scripts, counts if sources else None, needed=_needed(source, vocabulary), most=most
    )
    if most and len(kept) > most:
        raise UsageError(
            f"{len(kept):,} tokens are needed for {', '.join(languages)} before any is counted, but at most {most:,} "
            "are to be kept",
            f"allow more than {len(kept):,}",
        )
    measured = held_out if sources else samples(scripts)
    with tempfile.TemporaryDirectory() as scratch, disk_errors(Path(scratch)):
        folder = Path(scratch) / "trimmed"
        weights = keep_rows(source, folder, vocabulary, kept)
        progress("measuring", 0, 0)
        agreement = compare_trimmed(source, folder, kept, role_of(source), measured) if measured else None
        lineage = _lineage(before, languages, scripts, (vocabulary.size, len(kept)), sources)
        _extend_card(folder / "README.md", before, lineage, agreement)
        made = replace(
            before,
            name=default_name(target).removesuffix("-int8"),
            source=f"trimmed from {before.name}",
            created=now(),
            fingerprint=fingerprint(folder),
            lineage=lineage,
            metrics={"agreement": agreement.as_table()} if agreement else {},
            files={},
            runtimes={},
        )
        progress("exporting", 0, 0)
        artifact = save_artifact(Path(scratch), folder, made)
        if precision == "int8":
            artifact = save_quantised(artifact, Path(scratch))

        def fill(staged: Path) -> None:
            shutil.copytree(artifact, staged, dirs_exist_ok=True, copy_function=shutil.copyfile)

        with disk_errors(target):
            write_folder(target, fill)
    written = read_manifest(target)
    return Trimmed(
        place=target, name=written.name, id=written.id, languages=languages, scripts=tuple(sorted(scripts)),
        tokens=(vocabulary.size, len(kept)), weights=weights, bytes=(taken, size(target, written)), counted=counted,
        agreement=agreement,
    )  # fmt: skip


def _source(model: str, home: Path) -> tuple[Path, ModelManifest, int]:
    """Return the folder of a model's fp32 weights, its manifest, and the size of the model in bytes."""
    if is_folder(model) and not (Path(model).expanduser() / MANIFEST).is_file():
        folder = Path(model).expanduser().resolve()
        manifest = new_manifest(folder, default_name(folder), f"folder {folder.name}")
        return folder, manifest, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    named = prepare(model, home)
    whole = read_manifest(named)
    folder = fp32_folder(named, home)
    verify(folder, read_manifest(folder))
    return folder, whole, size(named, whole)


def _needed(source: Path, vocabulary: Vocabulary) -> set[int]:
    """Return the ids that the network's settings and its prompts need, and those before its positions."""
    config = json.loads((source / "config.json").read_text(encoding="utf-8"))
    found = {at for at in special_ids(config) if at < vocabulary.size} | set(range(fixed_ids(source)))
    if role_of(source) == "bi_encoder":
        settings = read_config(source)
        tokenizer = open_tokenizer(source)
        for prompt in (settings.query_prompt, settings.passage_prompt):
            for text in (prompt, prompt.strip()):
                found.update(tokenizer.encode(text.lower() if settings.lower else text).ids)
    return found


def _count(source: Path, sources: Mapping[str, TextSource], progress: Progress) -> tuple[Counter[int], int, list[str]]:
    """Return (id → how often it occurs in the texts to count, number of these texts, the texts to measure on)."""
    tokenizer = open_tokenizer(source)
    lower = role_of(source) == "bi_encoder" and read_config(source).lower
    counts: Counter[int] = Counter()
    counted, held_out = 0, []
    for name, texts in sources.items():
        progress.start(f"counting {name}")
        for window in _windows(texts.read()):
            held_out += [text for text in window if is_held_out(text)]
            rows = [text for text in window if not is_held_out(text)]
            forms = [form for text in rows for form in spellings(text.lower() if lower else text)]
            for encoding in tokenizer.encode_batch_fast(forms, add_special_tokens=False):
                counts.update(encoding.ids)
            counted += len(rows)
            progress.advance(len(window))
    return counts, counted, held_out[:: max(1, -(-len(held_out) // _MEASURED))]


def _windows(texts: Iterator[str]) -> Iterator[list[str]]:
    while window := list(islice(texts, _WINDOW)):
        yield window


def _lineage(
    before: ModelManifest,
    languages: Sequence[str],
    scripts: frozenset[str],
    tokens: tuple[int, int],
    sources: Mapping[str, TextSource],
) -> dict[str, Any]:
    """Return what the trimmed model was made from."""
    found = {
        "kind": "trimmed",
        "base": before.fingerprint,
        "languages": sorted(languages),
        "scripts": sorted(scripts),
        "tokens": {"before": tokens[0], "after": tokens[1]},
        "texts": {name: source.sha256 for name, source in sources.items()},
    }
    return {**found, "started from": before.lineage} if before.lineage else found


def _extend_card(
    card: Path, before: ModelManifest, lineage: Mapping[str, Any], agreement: TrimAgreement | None
) -> None:
    """Add to the model's card which tokens were kept, and how closely the model agrees with the whole one."""
    tokens = lineage["tokens"]
    words = (
        f"Made of {before.name} (fingerprint {before.fingerprint[:16]}) by `clew models trim`. It keeps "
        f"{tokens['after']:,} of {tokens['before']:,} tokens, for the languages {', '.join(lineage['languages'])} "
        f"({', '.join(name.capitalize() for name in lineage['scripts'])} script)"
    )
    if lineage["texts"]:
        words += f", counted on {', '.join(lineage['texts'])}"
    found = f" {agreement.shown()}" if agreement else ""
    with card.open("a", encoding="utf-8") as file:
        file.write(f"\n\n## Trimmed vocabulary\n\n{words}.{found}\n")
