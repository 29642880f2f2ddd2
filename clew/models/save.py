"""Make a model artifact: a folder's files, its ONNX form and a manifest, under the home.

<home>/models/<name>/<id>/   the folder as sentence-transformers wrote it, onnx/model.onnx, manifest.json

Artifacts are immutable: written to a staging folder, then renamed.
"""

from __future__ import annotations

import logging
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from clew.core.artifacts import digest_files, promote
from clew.core.clock import now
from clew.core.errors import FormatError, UsageError
from clew.core.files import disk_errors
from clew.core.lock import writing
from clew.core.threads import count
from clew.models.export import export_onnx
from clew.models.folder import PICKLES, fingerprint, hidden_size, read_config, read_pair_length, role_of, weight_files
from clew.models.manifest import INT8_FORM, MANIFEST, ModelManifest, Precision, Role, dumps, read_manifest, verify
from clew.models.runtimes import ONNX_FILE, OnnxModel, OnnxPairModel

MODEL_NAME = re.compile(r"\w[\w.@-]{0,127}")
CALIBRATION = ("scale", "fused", "bias")
# Words that mean another model wherever a model is named.
_TAKEN = re.compile(r"default|overlap|hashing(-.*)?")
# What a folder may hold beside the model that is read here; code and pickles among it.
_LEFT_OUT = shutil.ignore_patterns(
    ".*", *PICKLES, "*.py", "*.h5", "*.ot", "*.msgpack", "onnx", "openvino", "data_config.json", MANIFEST
)
_log = logging.getLogger(__name__)


def save_model(
    source: Path,
    home: Path,
    name: str,
    role: Role,
    *,
    lineage: Mapping[str, Any],
    metrics: Mapping[str, Any],
    calibration: Mapping[str, float],
    licence: str,
) -> Path:
    """Make an artifact of a trained model and return its folder, <home>/models/<name>/<id>/.

    source: what SentenceTransformer or CrossEncoder saved. lineage, metrics: JSON values without the time, since they
    are part of the id. calibration: empty, or finite numbers under scale, fused and bias. Equal weights of which the
    same is said are kept once.

    Raises UsageError for a name or calibration that cannot be, NotFoundError for a missing file, FormatError for a
    pickle, code in the folder, or a model of another role, StoreError where the export fails.
    """
    check_name(name)
    if calibration and set(calibration) != set(CALIBRATION):
        raise UsageError(
            f"calibration of {name!r} has the keys {', '.join(sorted(calibration))}", f"give {', '.join(CALIBRATION)}"
        )
    if any(not abs(value) < float("inf") for value in calibration.values()):
        raise UsageError(f"calibration of {name!r} holds what is no finite number: {dict(calibration)}", "fit it again")
    if (found := role_of(source)) != role:
        raise FormatError(f"{source} holds a {found}, not a {role}", "give the folder that its own trainer saved")
    manifest = ModelManifest(
        name=name,
        source="clew train",
        licence=licence,
        created=now(),
        fingerprint=fingerprint(source),
        files={},
        role=role,
        lineage=dict(lineage),
        metrics=dict(metrics),
        calibration={key: float(value) for key, value in calibration.items()},
    )
    return keep(home, source, manifest)


def save_quantised(source: Path, home: Path) -> Path:
    """Make the 8-bit artifact of a model's artifact; returns its folder, <home>/models/<name>-int8/<id>/.

    It holds the quantised network alone, not the weights it was made of, and has their fingerprint: vectors of both are
    of one space. Raises FormatError for an artifact that is 8-bit already, and for a network that is no BERT.
    """
    manifest = read_manifest(source)
    if manifest.precision != "fp32":
        raise FormatError(f"{source} is quantised already ({manifest.precision})", "name the model it was made of")
    verify(source, manifest)
    lineage = {**manifest.lineage, "quantised from": manifest.id, "form": INT8_FORM}
    origin = f"quantised from {manifest.name}/{manifest.id}"
    made = replace(manifest, name=f"{manifest.name}-int8", created=now(), source=origin, lineage=lineage)
    return keep(home, source, made, "int8")


def save_dequantised(source: Path, home: Path) -> Path:
    """Make whole weights of an 8-bit artifact; returns their folder, <home>/models/<name>-whole/<id>/.

    They can be trained on, as `base` or `teacher`. Calibration and what is said of the model go with them. Raises
    FormatError for an artifact that has its weights, and for an 8-bit form that Clew did not make.
    """
    from safetensors.numpy import save_file

    from clew.models.dequantise import dequantise

    manifest = read_manifest(source)
    if manifest.precision == "fp32":
        raise FormatError(f"{source} has its weights already", "train it by its name")
    verify(source, manifest)
    lineage = {**manifest.lineage, "dequantised from": manifest.id}
    origin = f"dequantised from {manifest.name}/{manifest.id}"
    name = f"{manifest.name.removesuffix('-int8')}-whole"
    with tempfile.TemporaryDirectory() as scratch, disk_errors(Path(scratch)):
        folder = Path(scratch) / name
        shutil.copytree(source, folder, ignore=_LEFT_OUT, copy_function=shutil.copyfile)
        save_file(dequantise(source / ONNX_FILE), str(folder / "model.safetensors"), metadata={"format": "pt"})
        with (folder / "README.md").open("a", encoding="utf-8") as card:
            card.write(f"\n\n## Whole weights\n\n{origin[0].upper()}{origin[1:]} by `clew models dequantise`.\n")
        made = replace(
            manifest, name=name, created=now(), source=origin, lineage=lineage, fingerprint=fingerprint(folder)
        )
        return keep(home, folder, made)


def keep(
    home: Path, source: Path, manifest: ModelManifest, precision: Precision = "fp32", *, anew: bool = False
) -> Path:
    """Copy and export `source` into the folder that the manifest's name and id give, unless it is there.

    anew: take the place of one that is there. Safe against other processes that do the same. The manifest's files,
    runtimes, dim and max_length are filled in.
    """
    target = home / "models" / manifest.name / manifest.id
    if (target / MANIFEST).is_file() and not anew:
        return target
    with staging(target.parent):
        if anew or not (target / MANIFEST).is_file():
            _log.info("keeping model %s (once) in %s", manifest.name, target)
            write_folder(target, lambda staged: _fill(staged, source, manifest, precision))
    return target


@contextmanager
def staging(folder: Path) -> Iterator[None]:
    """Be the only writer of the models of one name, after any other. What a killed one left behind is swept first.

    folder: <home>/models/<name>. Raises StoreError where it may not be written.
    """
    with disk_errors(folder), writing(folder, wait=True):
        for stale in folder.glob(".staging-*"):  # its writer is gone: we have the lock
            shutil.rmtree(stale, ignore_errors=True)
        yield


def write_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a staging folder beside `target` and rename it; nothing is left behind when that fails."""
    staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=target.parent))
    try:
        fill(staged)
        staged.chmod(0o755)  # mkdtemp's folders are private
        promote(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def check_name(name: str) -> None:
    """Raises UsageError for what cannot be the name of a kept model."""
    if not MODEL_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a model", "use letters, digits, '-', '_' and '.'")
    if _TAKEN.fullmatch(name):
        raise UsageError(
            f"a model cannot be called {name!r}: that is what another one is called", "choose another name"
        )


def name_of(path: Path) -> str:
    """The name that a model of a folder or file gets where none was given."""
    name = re.sub(r"[^\w.@-]+", "-", path.name).lstrip(".-@")[:100] or "model"
    return f"model-{name}" if _TAKEN.fullmatch(name) else name


def licence_of(source: Path) -> str:
    """The licence that the model card's head names; "" where there is none."""
    card = source / "README.md"
    head = card.read_text(encoding="utf-8", errors="replace")[:4000] if card.is_file() else ""
    match = re.search(r"^license:\s*(\S+)", head, re.MULTILINE)
    return match[1] if match else ""


def _agreement(whole: Path, small: Path, max_length: int, role: str) -> dict[str, Any]:
    """How far the 8-bit form in `small` is from the artifact it was made of, on the processor."""
    from clew.models.agreement import encoders, scorers
    from clew.models.bi_encoder import BiEncoder
    from clew.models.cross_encoder import CrossEncoder

    forms = ((whole, "fp32"), (small, "int8"))
    if role == "bi_encoder":
        return encoders(*(BiEncoder(folder, OnnxModel(folder, count(), form), "") for folder, form in forms))
    return scorers(
        *(CrossEncoder(folder, OnnxPairModel(folder, count(), form), "", max_length) for folder, form in forms)
    )


def _tell(card: Path, origin: str, agreement: Mapping[str, Any]) -> None:
    """Say in the model's card that this is its 8-bit form, and how near it is."""
    what = "vectors (cosine)" if "texts" in agreement else "log-odds (difference)"
    figures = ", ".join(f"{name} {value}" for name, value in agreement.items())
    words = f"{origin[0].upper()}{origin[1:]} by `clew models quantise`. Against the whole model's {what}: {figures}."
    with card.open("a", encoding="utf-8") as file:
        file.write(f"\n\n## 8-bit form\n\n{words}\n")


def _fill(staged: Path, source: Path, manifest: ModelManifest, precision: Precision) -> None:
    pairs = manifest.role == "cross_encoder"
    max_length = read_pair_length(source) if pairs else read_config(source).max_length
    shutil.copytree(source, staged, ignore=_LEFT_OUT, dirs_exist_ok=True, copy_function=shutil.copyfile)
    (staged / ONNX_FILE).parent.mkdir()
    facts = export_onnx(staged, staged / ONNX_FILE, "cross_encoder" if pairs else "bi_encoder", precision)
    if precision != "fp32":
        for weights in weight_files(staged):
            weights.unlink()
        facts["agreement"] = _agreement(source, staged, max_length, manifest.role)
        _tell(staged / "README.md", manifest.source, facts["agreement"])
    written = replace(
        manifest,
        files=digest_files(staged),
        runtimes={"onnxruntime": facts},
        dim=0 if pairs else hidden_size(source),
        max_length=max_length,
    )
    (staged / MANIFEST).write_text(dumps(written), encoding="utf-8")
