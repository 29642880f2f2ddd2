"""Export a transformer to ONNX, in a process of its own: `python -m clew.models.export FOLDER FILE`.

Its own process, because torch takes seconds to load, hundreds of megabytes, and brings an OpenMP library that the
searching process is better off without.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

from clew.core.errors import StoreError

OPSET = 17
AGREEMENT = 1e-3
"""Largest difference allowed between a value of torch and of onnxruntime (they are of order 1)."""


def export_onnx(folder: Path, target: Path) -> dict[str, Any]:
    """Write the ONNX form of a folder's transformer to `target`; torch stays out of this process.

    Returns facts for the manifest: opset, versions, measured difference to torch. Raises StoreError with the
    last words of the other process when it fails.
    """
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-m", "clew.models.export", str(folder), str(target)],
        env={**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise StoreError(
            f"the model in {folder} could not be exported to ONNX: {words[-1]}",
            "check that sentence_transformers.SentenceTransformer(FOLDER) loads it",
        )
    facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return facts


def write_onnx(folder: Path, target: Path) -> dict[str, Any]:
    """Export in this process: inputs input_ids, attention_mask (and token_type_ids) (b, s); output (b, s, dim)."""
    import onnxruntime
    import torch

    from clew.models.torch_runtime import load_transformer, takes_token_types

    model = load_transformer(folder)
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * takes_token_types(model)

    class LastHiddenState(torch.nn.Module):
        """The transformer with one plain output."""

        def __init__(self) -> None:
            super().__init__()
            self.transformer = model

        def forward(self, *inputs: Any) -> Any:
            return self.transformer(**dict(zip(names, inputs, strict=True))).last_hidden_state

    def example(rows: int, width: int) -> tuple[Any, ...]:
        ids = (torch.arange(rows * width).reshape(rows, width) * 7919) % model.config.vocab_size
        mask = torch.ones_like(ids)
        mask[-1, width // 2 :] = 0
        return (ids, mask, torch.zeros_like(ids))[: len(names)]

    wrapped = LastHiddenState().eval()  # the exporter puts back the mode it finds, and dropout with it
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            example(2, 16),
            str(target),
            input_names=names,
            output_names=["last_hidden_state"],
            dynamic_axes={name: {0: "batch", 1: "pieces"} for name in [*names, "last_hidden_state"]},
            opset_version=OPSET,
            dynamo=False,
        )
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    difference = 0.0
    for rows, width in ((1, 5), (3, 24)):
        inputs = example(rows, width)
        with torch.inference_mode():
            expected = wrapped(*inputs).numpy()
        found = session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})[0]
        read = inputs[1].numpy().astype(bool)
        difference = max(difference, float(abs(found - expected)[read].max()))
    if not difference <= AGREEMENT:
        raise StoreError(f"onnxruntime and torch differ by {difference:.2g} on {folder}", "please report this model")
    return {
        "opset": OPSET,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "difference": difference,
    }


def main() -> None:
    """Export FOLDER to FILE and print the facts as one line of JSON."""
    folder, target = sys.argv[1:]
    facts = write_onnx(Path(folder), Path(target))
    sys.stdout.write("\n" + json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
