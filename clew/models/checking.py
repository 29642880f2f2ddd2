"""Check a model from elsewhere in a process of its own, before this one loads it; see `clew.core.isolated`."""

from __future__ import annotations

from mmap import ACCESS_READ, mmap
from pathlib import Path

from clew.core.errors import CorruptError
from clew.core.isolated import answer_lines, check_isolated
from clew.models.catalogue import check
from clew.models.manifest import MANIFEST, ModelManifest, read_manifest, verify
from clew.models.onnx_files import external_files
from clew.models.runtimes import ONNX_FILE


def check_elsewhere(folder: Path) -> ModelManifest:
    """Check a model as `clew.models.catalogue.check` does, but in another process; return its manifest.

    Raises the same errors, and CorruptError for a network whose weights are in another file than the manifest names, or
    if the process crashes.
    """
    manifest = read_manifest(folder)
    verify(folder, manifest)
    if ONNX_FILE in manifest.files:
        _check_external(folder / ONNX_FILE, manifest)
    size = sum((folder / name).stat().st_size for name in manifest.files)
    found = check_isolated(__name__, [str(folder.absolute())], size)[0]
    if found is not None:
        raise found
    return manifest


def _check_external(path: Path, manifest: ModelManifest) -> None:
    """Check that an ONNX file names no other file for its weights, unless it belongs to the model."""
    inside = Path(ONNX_FILE).parent
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            for name in external_files(data):
                if (inside / name).as_posix() not in manifest.files:
                    raise CorruptError(f"{path} takes weights from {name[:200]!r}, which is not in {MANIFEST}")
    except ValueError as error:
        raise CorruptError(f"{path} is not an ONNX network: {error}") from None


def _check(folder: str) -> None:
    check(Path(folder))


if __name__ == "__main__":
    answer_lines(_check)
