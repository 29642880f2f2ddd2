"""Get a model that was given by its Hugging Face name, from the local Hugging Face cache or by download."""

from __future__ import annotations

import re
from pathlib import Path

from clew.core.errors import NotFoundError, nearest
from clew.models.manifest import MANIFEST, Role

HUB_NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?(@\w[\w.-]*)?")
# The files to download; neither pickles nor code.
_WANTED = ("*.json", "*.safetensors", "*.txt", "*.model", "README.md")


def fetch(model: str, home: Path, role: Role | None) -> tuple[Path, str]:
    """Return the folder of a model "name" or "name@revision", and its origin, "huggingface name@commit".

    role: the role that is needed, or None; the hint of an error depends on it.

    Raises NotFoundError if the model cannot be fetched; its hint says what works without a network.
    """
    import httpx
    from huggingface_hub import snapshot_download

    name, _, revision = model.partition("@")
    try:
        fetched = snapshot_download(
            name, revision=revision or None, allow_patterns=list(_WANTED), ignore_patterns=["onnx/*", "openvino/*"]
        )
    # The hub's own errors are OSErrors; httpx raises its own before an answer arrives.
    except (OSError, httpx.HTTPError) as error:
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        known = sorted({path.parent.parent.name for path in (home / "models").glob(f"[!.]*/[!.]*/{MANIFEST}")})
        local, kind = ('"overlap"', "CrossEncoder") if role == "cross_encoder" else ('"hashing"', "SentenceTransformer")
        raise NotFoundError(
            f"no model {model!r}: it is not a folder, not under {home / 'models'}, and the Hugging Face hub "
            f"did not return it ({reason})",
            f'without a network, use "default", {local}, or a folder saved elsewhere with '
            f"{kind}({name!r}).save(FOLDER)" + (f"; {nearest(model, known)}" if known else ""),
        ) from None
    return Path(fetched), f"huggingface {name}@{Path(fetched).name}"
