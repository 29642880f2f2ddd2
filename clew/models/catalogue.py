"""List the models under a home and those that come with Clew, find one, and check that it is intact."""

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
    """Entry of the list of models.

    bytes: size of its files. default: whether "default" names this model, for its role. problem: why
    its manifest cannot be read, in which case the other values are empty; "" if it can be read.
    """

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
    """Return every model under a home or that comes with Clew, sorted by name, the newest of each name first."""
    found = [_model_info(folder) for folder in folders(home)]
    return sorted(sorted(found, key=lambda model: model.created, reverse=True), key=lambda model: model.name)


def folders(home: Path) -> list[Path]:
    """Return every artifact folder under a home, and those that come with Clew."""
    found = sorted(path.parent for path in (home / "models").glob(f"[!.]*/[!.]*/{MANIFEST}"))
    return found + store.shipped_folders()


def find(home: Path, name: str) -> Path:
    """Return the artifact folder of a saved model.

    name: "name" (the one saved last), "name/id", or "default" for the default bi-encoder. Raises NotFoundError that
    suggests the nearest name, and UsageError for a model without files.
    """
    if name == "default":
        return store.prepare(name, home)
    if store.is_without_files(name):
        raise UsageError(f"{name!r} is not a network: it has no files", "name a model that `clew models list` shows")
    saved = store.saved_folder(home, name) if HUB_NAME.fullmatch(name) else None
    if saved is not None:
        return saved
    known = {model.name for model in models(home)}
    raise NotFoundError(f"no model {name!r} under {home / 'models'}", nearest(name, known))


def check(folder: Path) -> ModelManifest:
    """Compare every file of an artifact with its sha256, load its tokenizer and its ONNX form, and run them.

    Raises CorruptError that names the first file that was changed, is missing, is not in the manifest, or does not
    load.
    """
    manifest = read_manifest(folder)
    again = repair_hint(folder, manifest.source)
    verify(folder, manifest)
    if extra := sorted(set(digest_files(folder, leave_out=(MANIFEST,))) - manifest.files.keys()):
        raise CorruptError(f"{folder / extra[0]} does not belong to the model: {MANIFEST} does not list it", again)
    if not {"tokenizer.json", ONNX_FILE} <= manifest.files.keys():
        raise CorruptError(f"{folder / MANIFEST} lacks tokenizer.json or {ONNX_FILE}", again)
    if any(name.endswith(".safetensors") for name in manifest.files) and fingerprint(folder) != manifest.fingerprint:
        raise CorruptError(
            f"{folder / MANIFEST} has a fingerprint that does not match the weights and settings next to it", again
        )
    from clew.models.bi_encoder import open_tokenizer

    part = folder / "tokenizer.json"
    try:
        open_tokenizer(folder)
        part = folder / ONNX_FILE
        sound = _outputs_are_valid(folder, manifest)
    except ClewError:
        raise
    except Exception as error:  # noqa: BLE001 - neither library raises anything narrower
        raise CorruptError(f"{part} does not load: {str(error).strip().splitlines()[0]}", again) from None
    if not sound:
        raise CorruptError(f"{part} does not return valid outputs of a {manifest.role}", again)
    return manifest


def size(folder: Path, manifest: ModelManifest) -> int:
    """Return the size of a model's files in bytes; a missing file counts 0."""
    return sum((folder / name).stat().st_size for name in manifest.files if (folder / name).is_file())


def _outputs_are_valid(folder: Path, manifest: ModelManifest) -> bool:
    """Return whether the model returns finite values of the right shape for a few texts."""
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


def _model_info(folder: Path) -> ModelInfo:
    default = folder in store.shipped_folders()
    try:
        found = read_manifest(folder)
    except ClewError as error:
        return ModelInfo(folder.parent.name, folder.name, "", 0, 0, "", 0, "", "", default, folder, error.message)
    name, id_ = (found.name, found.id) if default else (folder.parent.name, folder.name)
    about = (found.role, found.dim, found.max_length, found.licence, size(folder, found), found.created, found.source)
    return ModelInfo(name, id_, *about, default, folder)
