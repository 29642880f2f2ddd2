"""Create model artifacts under the home: a model folder's files, its ONNX form and a manifest.

<home>/models/<name>/<id>/   the folder as sentence-transformers wrote it, onnx/model.onnx, manifest.json

Artifacts are immutable: they are written to a staging folder, which is then renamed.
"""

from __future__ import annotations

import json
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
from clew.models.folder import (
    PICKLES,
    fingerprint,
    hidden_size,
    read_config,
    read_pair_max_length,
    role_of,
    weight_files,
)
from clew.models.manifest import (
    ADDRESS,
    INT8_FORM,
    MANIFEST,
    ModelManifest,
    Precision,
    Role,
    dumps,
    read_manifest,
    verify,
)
from clew.models.runtimes import ONNX_FILE, OnnxModel, OnnxPairModel

MODEL_NAME = re.compile(r"\w[\w.@-]{0,127}")
FP32_SUFFIX, OLD_FP32_SUFFIX = "-fp32", "-whole"
"""Suffixes of the name of a model that was converted back to fp32: today's, and that of earlier versions of Clew."""
CALIBRATION = ("scale", "fused", "bias")
# Keys that a calibration may have too.
CALIBRATION_EXTRA = ("lead", "sentence", "sentence_bias")
# Names that stand for other models wherever a model is named.
_RESERVED = re.compile(rf"default|overlap|hashing(-.*)?|{ADDRESS.pattern}")
NOT_COPIED = shutil.ignore_patterns(
    ".*", *PICKLES, "*.py", "*.h5", "*.ot", "*.msgpack", "onnx", "openvino", "data_config.json", MANIFEST
)
"""Files of a model folder that are not copied, among them code and pickles."""
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
    """Create the artifact of a trained model and return its folder, <home>/models/<name>/<id>/.

    source: a folder that SentenceTransformer or CrossEncoder saved. lineage, metrics: JSON values without times,
    because they are part of the id. calibration: empty, or finite numbers under scale, fused and bias, and under lead,
    sentence and sentence_bias if known (`clew.search.rerank.calibration`). A model with the same weights, lineage,
    metrics and calibration is stored once.

    Raises UsageError for an invalid name or calibration, NotFoundError for a missing file, FormatError for a pickle,
    for code in the folder, or for a model of another role, StoreError if the export fails.
    """
    check_name(name)
    if calibration and not set(CALIBRATION) <= set(calibration) <= {*CALIBRATION, *CALIBRATION_EXTRA}:
        raise UsageError(
            f"calibration of {name!r} has the wrong keys: {', '.join(sorted(calibration))}",
            f"give {', '.join(CALIBRATION)}, and if known {', '.join(CALIBRATION_EXTRA)}",
        )
    if any(not abs(value) < float("inf") for value in calibration.values()):
        raise UsageError(
            f"calibration of {name!r} has a value that is not a finite number: {dict(calibration)}", "fit it again"
        )
    if (found := role_of(source)) != role:
        raise FormatError(f"{source} contains a {found}, not a {role}", "give a folder with a model of that role")
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
    return save_artifact(home, source, manifest)


def save_quantised(source: Path, home: Path) -> Path:
    """Create the 8-bit artifact of a model's artifact and return its folder, <home>/models/<name>-int8/<id>/.

    It contains only the quantised network, without the original weights, but has their fingerprint, because the vectors
    of both are in the same space. Raises FormatError for an artifact that is already 8-bit, and for a network that is
    not a BERT.
    """
    manifest = read_manifest(source)
    if manifest.precision != "fp32":
        raise FormatError(
            f"{source} is already quantised ({manifest.precision})", "give the model it was quantised from"
        )
    verify(source, manifest)
    lineage = {**manifest.lineage, "quantised from": manifest.id, "form": INT8_FORM}
    origin = f"quantised from {manifest.name}/{manifest.id}"
    made = replace(manifest, name=f"{manifest.name}-int8", created=now(), source=origin, lineage=lineage)
    return save_artifact(home, source, made, "int8")


def save_dequantised(source: Path, home: Path) -> Path:
    """Create fp32 weights from an 8-bit artifact and return their folder, <home>/models/<name>-fp32/<id>/.

    Training can use them, as `base` or `teacher`. Calibration, lineage, metrics and licence are taken over. Raises
    FormatError for an artifact that already has fp32 weights, and for an 8-bit form that Clew did not make.
    """
    from safetensors.numpy import save_file

    from clew.models.dequantise import dequantise

    manifest = read_manifest(source)
    if manifest.precision == "fp32":
        raise FormatError(f"{source} already has fp32 weights", "train it by its name")
    verify(source, manifest)
    lineage = {**manifest.lineage, "dequantised from": manifest.id}
    origin = f"dequantised from {manifest.name}/{manifest.id}"
    name = f"{manifest.name.removesuffix('-int8')}{FP32_SUFFIX}"
    with tempfile.TemporaryDirectory() as scratch, disk_errors(Path(scratch)):
        folder = Path(scratch) / name
        shutil.copytree(source, folder, ignore=NOT_COPIED, copy_function=shutil.copyfile)
        save_file(dequantise(source / ONNX_FILE), str(folder / "model.safetensors"), metadata={"format": "pt"})
        with (folder / "README.md").open("a", encoding="utf-8") as card:
            card.write(f"\n\n## fp32 weights\n\n{origin[0].upper()}{origin[1:]} by `clew models dequantise`.\n")
        made = replace(
            manifest, name=name, created=now(), source=origin, lineage=lineage, fingerprint=fingerprint(folder)
        )
        return save_artifact(home, folder, made)


def save_artifact(
    home: Path, source: Path, manifest: ModelManifest, precision: Precision = "fp32", *, replace_existing: bool = False
) -> Path:
    """Copy and export `source` into the folder given by the manifest's name and id, unless that folder has a model.

    replace_existing: replace a model that is already in the folder. It is safe if other processes do the same at the
    same time. The manifest's files, runtimes, dim and max_length are filled in.
    """
    target = home / "models" / manifest.name / manifest.id
    if (target / MANIFEST).is_file() and not replace_existing:
        return target
    with staging_lock(target.parent):
        if replace_existing or not (target / MANIFEST).is_file():
            _log.info("saving model %s (done once) in %s", manifest.name, target)
            write_folder(target, lambda staged: _write_artifact(staged, source, manifest, precision))
    return target


@contextmanager
def staging_lock(folder: Path) -> Iterator[None]:
    """Wait for the lock on the models of one name, hold it, and delete the staging folders of killed processes.

    folder: <home>/models/<name>. Raises StoreError if it cannot be written.
    """
    with disk_errors(folder), writing(folder, wait=True):
        for stale in folder.glob(".staging-*"):  # its writer has ended, because this process has the lock
            shutil.rmtree(stale, ignore_errors=True)
        yield


def write_folder(target: Path, fill: Callable[[Path], None]) -> None:
    """Fill a staging folder next to `target` and rename it to `target`; delete it if that fails."""
    staged = Path(tempfile.mkdtemp(prefix=".staging-", dir=target.parent))
    try:
        fill(staged)
        staged.chmod(0o755)  # mkdtemp's folders are private
        promote(staged, target)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


def check_new_folder(target: Path, hint: str = "name a new folder") -> None:
    """Check that a folder can be created. Raises UsageError unless it is missing or empty, in a folder that exists."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(f"{target} already exists", hint)
    if not target.absolute().parent.is_dir():
        raise UsageError(
            f"{target} cannot be written: {target.parent} is not a folder", "create it, or name another place"
        )


def check_name(name: str) -> None:
    """Check that a saved model may have this name. Raises UsageError if it may not."""
    if not MODEL_NAME.fullmatch(name):
        raise UsageError(f"{name!r} is not a valid model name", "use letters, digits, '-', '_' and '.'")
    if _RESERVED.fullmatch(name):
        raise UsageError(f"model name {name!r} is reserved for a model of Clew", "choose another name")


def default_name(path: Path) -> str:
    """Return the default name of a model that is read from a folder or file."""
    name = re.sub(r"[^\w.@-]+", "-", path.name).lstrip(".-@")[:100] or "model"
    return f"model-{name}" if _RESERVED.fullmatch(name) else name


def licence_of(source: Path) -> str:
    """Return the licence that the head of the model card names; "" if there is none."""
    card = source / "README.md"
    head = card.read_text(encoding="utf-8", errors="replace")[:4000] if card.is_file() else ""
    match = re.search(r"^license:\s*(\S+)", head, re.MULTILINE)
    return match[1] if match else ""


def _measure_agreement(fp32: Path, int8: Path, max_length: int, role: str) -> dict[str, Any]:
    """Measure on the CPU how closely the 8-bit form in `int8` agrees with the artifact it was quantised from."""
    from clew.models.agreement import compare_encoders, compare_scorers
    from clew.models.bi_encoder import BiEncoder
    from clew.models.cross_encoder import CrossEncoder

    forms = ((fp32, "fp32"), (int8, "int8"))
    if role == "bi_encoder":
        return compare_encoders(*(BiEncoder(folder, OnnxModel(folder, count(), form), "") for folder, form in forms))
    return compare_scorers(
        *(CrossEncoder(folder, OnnxPairModel(folder, count(), form), "", max_length) for folder, form in forms)
    )


def _extend_card(card: Path, origin: str, agreement: Mapping[str, Any]) -> None:
    """Add to the model's card that this is an 8-bit form, and how closely it agrees with the original."""
    what = "vectors (cosine)" if "texts" in agreement else "log-odds (difference)"
    figures = ", ".join(f"{name} {value}" for name, value in agreement.items())
    made = f"{origin[0].upper()}{origin[1:]} by `clew models quantise`"
    words = f"{made}. Compared with the {what} of the fp32 model: {figures}."
    with card.open("a", encoding="utf-8") as file:
        file.write(f"\n\n## 8-bit form\n\n{words}\n")


def _write_compactly(file: Path) -> None:
    """Rewrite a JSON file without spaces and escapes: a tokenizer of 50,000 tokens is then half as large."""
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def _write_artifact(staged: Path, source: Path, manifest: ModelManifest, precision: Precision) -> None:
    pairs = manifest.role == "cross_encoder"
    max_length = read_pair_max_length(source) if pairs else read_config(source).max_length
    shutil.copytree(source, staged, ignore=NOT_COPIED, dirs_exist_ok=True, copy_function=shutil.copyfile)
    (staged / ONNX_FILE).parent.mkdir()
    facts = export_onnx(staged, staged / ONNX_FILE, "cross_encoder" if pairs else "bi_encoder", precision)
    if precision != "fp32":
        for weights in weight_files(staged):
            weights.unlink()
        facts["agreement"] = _measure_agreement(source, staged, max_length, manifest.role)
        _extend_card(staged / "README.md", manifest.source, facts["agreement"])
        _write_compactly(staged / "tokenizer.json")
    written = replace(
        manifest,
        files=digest_files(staged),
        runtimes={"onnxruntime": facts},
        dim=0 if pairs else hidden_size(source),
        max_length=max_length,
    )
    (staged / MANIFEST).write_text(dumps(written), encoding="utf-8")
