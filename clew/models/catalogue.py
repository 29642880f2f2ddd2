"""The models there are, under a home and with Clew: list them, find one, prove it whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clew.core.artifacts import digest_files
from clew.core.errors import ClewError, CorruptError, NotFoundError, UsageError, nearest
from clew.models import store
from clew.models.folder import fingerprint
from clew.models.hub import HUB_NAME
from clew.models.manifest import MANIFEST, ModelManifest, read_manifest, repair_hint, verify
from clew.models.runtimes import ONNX_FILE, OnnxModel, OnnxPairModel

_PROBES = ("clew", "a ball of thread", "")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. bytes: of its files. default: "default" means this one, wherever a model of its role is named.
    problem: why its manifest cannot be read, "" for nearly all; the rest is empty then."""

    name: str
    id: str
    role: str
    dim: int
    max_length: int
    licence: str
    bytes: int
    created: str
    source: str
    default: bool
    folder: Path
    problem: str = ""


def models(home: Path) -> list[ModelInfo]:
    """Every model under a home and that comes with Clew, by name, each name's newest first."""
    found = [_info(folder) for folder in folders(home)]
    return sorted(sorted(found, key=lambda model: model.created, reverse=True), key=lambda model: model.name)


def folders(home: Path) -> list[Path]:
    """Every artifact folder under a home, and those that come with Clew."""
    found = sorted(path.parent for path in (home / "models").glob(f"[!.]*/[!.]*/{MANIFEST}"))
    return found + store.shipped_folders()


def find(home: Path, name: str) -> Path:
    """The artifact folder of a model that is there.

    name: "name" (the one kept last), "name/id", or "default" for the default bi-encoder. Raises NotFoundError that
    offers the nearest name, and UsageError for a name without files.
    """
    if name == "default":
        return store.prepare(name, home)
    if store.without_files(name):
        raise UsageError(f"{name!r} is no network: it has no files", "there is nothing to show or to change of it")
    kept = store.saved_folder(home, name) if HUB_NAME.fullmatch(name) else None
    if kept is not None:
        return kept
    known = {model.name for model in models(home)}
    raise NotFoundError(f"no model {name!r} under {home / 'models'}", nearest(name, known))


def check(folder: Path) -> ModelManifest:
    """Read every file of an artifact against its sha256, load its tokenizer and its ONNX form, and run them.

    Raises CorruptError that names the first file that was changed, is missing, is not the manifest's, or does not load.
    """
    manifest = read_manifest(folder)
    again = repair_hint(folder, manifest.source)
    verify(folder, manifest)
    if extra := sorted(set(digest_files(folder, leave_out=(MANIFEST,))) - manifest.files.keys()):
        raise CorruptError(f"{folder / extra[0]} is not the model's: {MANIFEST} does not name it", again)
    if not {"tokenizer.json", ONNX_FILE} <= manifest.files.keys():
        raise CorruptError(f"{folder / MANIFEST} names no tokenizer.json or no {ONNX_FILE}", again)
    if any(name.endswith(".safetensors") for name in manifest.files) and fingerprint(folder) != manifest.fingerprint:
        raise CorruptError(
            f"{folder / MANIFEST} has another fingerprint than the weights and settings beside it", again
        )
    from clew.models.bi_encoder import open_tokenizer

    part = folder / "tokenizer.json"
    try:
        open_tokenizer(folder)
        part = folder / ONNX_FILE
        sound = _runs(folder, manifest)
    except ClewError:
        raise
    except Exception as error:  # noqa: BLE001 - neither library raises anything narrower
        raise CorruptError(f"{part} does not load: {str(error).strip().splitlines()[0]}", again) from None
    if not sound:
        raise CorruptError(f"{part} does not give what a {manifest.role} gives", again)
    return manifest


def size(folder: Path, manifest: ModelManifest) -> int:
    """Bytes of a model's files; one that is missing counts nothing."""
    return sum((folder / name).stat().st_size for name in manifest.files if (folder / name).is_file())


def _runs(folder: Path, manifest: ModelManifest) -> bool:
    """Whether a few texts give values of the right shape, all finite."""
    if manifest.role == "cross_encoder":
        from clew.models.cross_encoder import CrossEncoder

        network = OnnxPairModel(folder, 1, manifest.precision)
        scorer = CrossEncoder(folder, network, manifest.fingerprint, manifest.max_length)
        values = scorer.score(_PROBES[0], _PROBES)
        return values.shape == (len(_PROBES),) and bool(np.isfinite(values).all())
    from clew.models.bi_encoder import BiEncoder

    encoder = BiEncoder(folder, OnnxModel(folder, 1, manifest.precision), manifest.fingerprint)
    vectors = encoder.encode_passages(_PROBES)
    right = vectors.shape == (len(_PROBES), encoder.dim) and manifest.dim in {0, encoder.dim}
    return right and bool(np.isfinite(vectors).all())


def _info(folder: Path) -> ModelInfo:
    default = folder in store.shipped_folders()
    try:
        found = read_manifest(folder)
    except ClewError as error:
        return ModelInfo(folder.parent.name, folder.name, "", 0, 0, "", 0, "", "", default, folder, error.message)
    name, id_ = (found.name, found.id) if default else (folder.parent.name, folder.name)
    about = (found.role, found.dim, found.max_length, found.licence, size(folder, found), found.created, found.source)
    return ModelInfo(name, id_, *about, default, folder)
