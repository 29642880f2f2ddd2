"""The models there are, under a home and with Clew: list them, find one, prove it whole."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clew.core.artifacts import digest_files
from clew.core.errors import ClewError, CorruptError, NotFoundError, nearest
from clew.models import store
from clew.models.folder import fingerprint, hidden_size, read_config
from clew.models.hub import HUB_NAME
from clew.models.keep import licence_of
from clew.models.manifest import MANIFEST, ModelManifest, mend, read_manifest, verify
from clew.models.runtimes import ONNX_FILE, OnnxModel, OnnxPairModel

_PROBES = ("clew", "a ball of thread", "")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One model. bytes: of its files. default: "default" means this one. folder: None for the default bi-encoder
    before its first use. problem: why its manifest cannot be read, "" for nearly all; the rest is empty then."""

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
    folder: Path | None
    problem: str = ""


def models(home: Path) -> list[ModelInfo]:
    """Every model under a home and that comes with Clew, by name, each name's newest first."""
    found = [_info(folder, home) for folder in folders(home)]
    source = store.default_source()
    if source is not None and not (store.default_folder(home) / MANIFEST).is_file():
        found.append(_packaged(source, home))
    return sorted(sorted(found, key=lambda model: model.created, reverse=True), key=lambda model: model.name)


def folders(home: Path) -> list[Path]:
    """Every artifact folder under a home and the one that comes with Clew."""
    found = sorted(path.parent for path in (home / "models").glob(f"[!.]*/[!.]*/{MANIFEST}"))
    return found + [store.SHIPPED_SCORER] * (store.SHIPPED_SCORER / MANIFEST).is_file()


def find(home: Path, name: str) -> Path:
    """The artifact folder of a model that is there.

    name: "name" (the one kept last), "name/id", or "default" for the default bi-encoder. Raises NotFoundError that
    offers the nearest name.
    """
    if name == "default":
        folder = store.default_folder(home)
        if not (folder / MANIFEST).is_file():
            raise NotFoundError(
                f"the default model is not kept under {home / 'models'} yet",
                "its first use keeps it; `clew models import default` does it now",
            )
        return folder
    shipped = read_manifest(store.SHIPPED_SCORER) if store.SHIPPED_SCORER in folders(home) else None
    kept = store.kept_folder(home, name) if HUB_NAME.fullmatch(name) else None
    if kept is not None:
        return kept
    if shipped is not None and name in {shipped.name, f"{shipped.name}/{shipped.id}"}:
        return store.SHIPPED_SCORER
    known = {model.name for model in models(home) if model.folder is not None}
    raise NotFoundError(f"no model {name!r} under {home / 'models'}", nearest(name, known))


def check(folder: Path) -> ModelManifest:
    """Read every file of an artifact against its sha256, load its tokenizer and its ONNX form, and run them.

    Raises CorruptError that names the first file that was changed, is missing, is not the manifest's, or does not load.
    """
    manifest = read_manifest(folder)
    again = mend(folder, manifest.source)
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

    encoder = BiEncoder(folder, OnnxModel(folder, 1), manifest.fingerprint)
    vectors = encoder.encode_passages(_PROBES)
    right = vectors.shape == (len(_PROBES), encoder.dim) and manifest.dim in {0, encoder.dim}
    return right and bool(np.isfinite(vectors).all())


def _info(folder: Path, home: Path) -> ModelInfo:
    default = folder in {store.SHIPPED_SCORER, store.default_folder(home)}
    try:
        found = read_manifest(folder)
    except ClewError as error:
        return ModelInfo(folder.parent.name, folder.name, "", 0, 0, "", 0, "", "", default, folder, error.message)
    shipped = folder == store.SHIPPED_SCORER
    name, id_ = (found.name, found.id) if shipped else (folder.parent.name, folder.name)
    about = (found.role, found.dim, found.max_length, found.licence, size(folder, found), found.created, found.source)
    return ModelInfo(name, id_, *about, default, folder)


def _packaged(source: Path, home: Path) -> ModelInfo:
    """The default bi-encoder before its first use."""
    name, id_ = store.default_folder(home).parts[-2:]
    took = sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    about = (hidden_size(source), read_config(source).max_length, licence_of(source), took, "", store.default_origin())
    return ModelInfo(name, id_, "bi_encoder", *about, default=True, folder=None)
