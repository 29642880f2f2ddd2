"""Write and read the manifest of a model folder, and verify the files with it."""

from __future__ import annotations

import fnmatch
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from clew.core.artifacts import verify_files
from clew.core.errors import CorruptError
from clew.core.tables import read_table, record_of

FORMAT = 1
MANIFEST = "manifest.json"
ADDRESS = re.compile(r"[0-9a-f]{64}")
"""Name of the folder of a pinned model (clew.models.pinned)."""
Role = Literal["bi_encoder", "cross_encoder"]
ROLES: tuple[str, ...] = get_args(Role)
Precision = Literal["fp32", "int8"]
INT8_FORM = 2
"""Version of how 8-bit networks are written (clew.models.quantise).

It is raised if the same weights would give other values.
"""
# Path of a file inside the folder, which cannot lead out of it.
_PART = r"(?!\.{1,2}(?:/|$))[^/\\\x00-\x1f]+"
FILE_NAME = re.compile(rf"{_PART}(?:/{_PART})*")
# Starts of the source of a model that is saved again when its name is used again.
RECREATED_SOURCES = ("package ", "folder ", "huggingface ")


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """Description of a model folder. Keys that older manifests lack have defaults.

    source: where the weights came from. licence: "" if unknown. created: UTC, ISO 8601. fingerprint: sha256 over what
    determines the model's output (see clew.models.folder). files: path in the folder → sha256, for every file except
    the manifest. runtimes: facts of each exported form (opset, versions, precision, measured difference to torch).
    role: "bi_encoder" or "cross_encoder". dim: width of a bi-encoder's vectors; 0 for a cross-encoder. max_length:
    maximum number of tokens read, special tokens included. Both are 0 if an older manifest does not say, which is only
    valid for a bi-encoder. lineage: what a trained model was made from (base, data, spec, seed). metrics: what was
    measured on it. calibration: what turns a cross-encoder's scores into probabilities (scale, fused, bias, lead,
    sentence, sentence_bias), or empty.
    """

    name: str
    source: str
    licence: str
    created: str
    fingerprint: str
    files: dict[str, str]
    runtimes: dict[str, Any] = field(default_factory=dict)
    role: str = "bi_encoder"
    dim: int = 0
    max_length: int = 0
    lineage: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    calibration: dict[str, float] = field(default_factory=dict)
    format: int = FORMAT

    @property
    def precision(self) -> str:
        """Precision of the exported form, such as "fp32" or "int8"."""
        return str(self.runtimes.get("onnxruntime", {}).get("precision", "fp32"))

    @property
    def agreement(self) -> float:
        """Mean cosine of a bi-encoder's vectors with those of the fp32 model (clew.models.agreement); 1 for fp32."""
        return float(self.runtimes.get("onnxruntime", {}).get("agreement", {}).get("mean", 1.0))

    @property
    def id(self) -> str:
        """Name of the model's folder, from its fingerprint and, if present, lineage, metrics and calibration."""
        return artifact_id(self.fingerprint, self.lineage, self.metrics, self.calibration)


def artifact_id(
    fingerprint: str, lineage: Mapping[str, Any], metrics: Mapping[str, Any], calibration: Mapping[str, float]
) -> str:
    """Return sixteen hex characters and the format.

    Equal weights with another calibration are another artifact, because a folder is never written twice.
    """
    identity = [lineage, metrics, calibration]
    if any(identity):
        fingerprint = hashlib.sha256(json.dumps([fingerprint, *identity], sort_keys=True).encode()).hexdigest()
    return f"{fingerprint[:16]}-v{FORMAT}"


def dumps(manifest: ModelManifest) -> str:
    """Return the text of the manifest file: indented JSON with sorted keys."""
    return json.dumps(asdict(manifest), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> ModelManifest:
    """Read the manifest of a model folder.

    Raises NotFoundError, CorruptError or FormatError that name the file and the key.
    """
    path = folder / MANIFEST
    table = read_table(path, FORMAT, repair_hint(folder, ""))
    again = repair_hint(folder, str(table.get("source")))
    manifest = record_of(ModelManifest, table, path, again)
    if wrong := _invalid_key(manifest):
        raise CorruptError(f"{path}: {wrong} is {getattr(manifest, wrong)!r}, which is not valid", again)
    return manifest


def verify(folder: Path, manifest: ModelManifest, patterns: tuple[str, ...] = ("*",)) -> None:
    """Compare files that match a pattern with their sha256. Raises CorruptError that names the first different one."""
    wanted = {n: h for n, h in manifest.files.items() if any(fnmatch.fnmatch(n, p) for p in patterns)}
    try:
        verify_files(folder, wanted)
    except CorruptError as error:
        raise CorruptError(error.message, repair_hint(folder, manifest.source)) from None


def repair_hint(folder: Path, source: str) -> str:
    """Return the hint for a damaged folder: how to get the model again."""
    if folder.is_relative_to(Path(__file__).parent):
        return "install Clew again"
    if ADDRESS.fullmatch(folder.name):
        return f"delete {folder}: `clew build` stores it again, and so does importing the file that the index came from"
    if source.startswith(RECREATED_SOURCES):
        return f"delete {folder}: the model is saved again when it is next used"
    return f"delete {folder}, and import the model again or train it again"


def _invalid_key(manifest: ModelManifest) -> str | None:
    """Return the first key whose value is not of a kind that Clew writes; None if there is none."""
    texts = ("name", "source", "licence", "created", "fingerprint")
    tables = ("files", "runtimes", "lineage", "metrics", "calibration")
    checks = {
        **{key: isinstance(getattr(manifest, key), str) for key in texts},
        **{key: isinstance(getattr(manifest, key), dict) for key in tables},
        "role": manifest.role in ROLES,
        "dim": _is_count(manifest.dim),
        # Manifests of cross-encoders have always had it; with 0 every pair would be truncated to nothing.
        "max_length": _is_count(manifest.max_length) and (manifest.max_length > 0 or manifest.role == "bi_encoder"),
    }
    if wrong := next((key for key, right in checks.items() if not right), None):
        return wrong
    checks = {
        "fingerprint": re.fullmatch(r"[0-9a-f]{64}", manifest.fingerprint) is not None,
        "files": all(FILE_NAME.fullmatch(n) and isinstance(h, str) for n, h in manifest.files.items()),
        "calibration": all(_is_number(value) for value in manifest.calibration.values()),
        "runtimes": all(isinstance(facts, dict) for facts in manifest.runtimes.values()),
    }
    return next((key for key, right in checks.items() if not right), None)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
