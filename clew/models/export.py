"""Export a transformer to ONNX, in a separate process: `python -m clew.models.export FOLDER FILE ROLE PRECISION`.

The process is separate because torch takes seconds to load, needs hundreds of megabytes, and brings an OpenMP library
that the process that searches should not load.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from clew.core.errors import MissingExtraError, StoreError
from clew.models.manifest import Precision, Role

OPSET = 17
_NEEDED = ("torch", "sentence_transformers", "onnx")
AGREEMENT = 1e-3
"""Largest difference allowed between a value from torch and the same one from onnxruntime (they are of order 1)."""
INT8_AGREEMENT = 0.5
"""The same for the 8-bit form, whose values change while their order remains; a model's card has the figures."""


def export_onnx(folder: Path, target: Path, role: Role = "bi_encoder", precision: Precision = "fp32") -> dict[str, Any]:
    """Write the ONNX form of a folder's network to `target`, without loading torch in this process.

    precision: "fp32", or "int8" (see clew.models.quantise). Returns facts for the manifest: opset, versions, precision,
    measured difference to torch. Raises MissingExtraError if torch, sentence_transformers or onnx is not installed, and
    StoreError with the last line of the other process's error output if it fails.
    """
    if missing := [name for name in _NEEDED if find_spec(name) is None]:
        raise MissingExtraError(
            f"exporting the model in {folder} to ONNX needs {', '.join(missing)}",
            "run `pip install 'clew[train]'`, or import the model from another machine, where `clew models export` "
            "wrote it",
        )
    paths = os.pathsep.join(entry for entry in sys.path if entry)
    done = subprocess.run(
        [sys.executable, "-m", "clew.models.export", str(folder), str(target), role, precision],
        env={**os.environ, "PYTHONPATH": paths, "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        kind = "CrossEncoder" if role == "cross_encoder" else "SentenceTransformer"
        raise StoreError(
            f"the model in {folder} could not be exported to ONNX: {words[-1]}",
            f"check that sentence_transformers.{kind}(FOLDER) loads it",
        )
    facts: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return facts


def write_onnx(folder: Path, target: Path, role: Role, precision: Precision) -> dict[str, Any]:
    """Export in this process, with the inputs input_ids, attention_mask (and token_type_ids), each (b, s).

    The output of a bi-encoder is last_hidden_state (b, s, dim), that of a cross-encoder logits (b, 1).
    """
    import onnxruntime
    import torch

    from clew.models.torch_runtime import load_transformer, takes_token_types

    model = load_transformer(folder, role, "sdpa" if precision == "fp32" else "eager")
    names = ["input_ids", "attention_mask"] + ["token_type_ids"] * takes_token_types(model)
    output = "logits" if role == "cross_encoder" else "last_hidden_state"

    class OneOutput(torch.nn.Module):
        """The transformer with one output tensor."""

        def __init__(self) -> None:
            super().__init__()
            self.transformer = model

        def forward(self, *inputs: Any) -> Any:
            return getattr(self.transformer(**dict(zip(names, inputs, strict=True))), output)

    def example_inputs(rows: int, width: int) -> tuple[Any, ...]:
        ids = (torch.arange(rows * width).reshape(rows, width) * 7919) % model.config.vocab_size
        mask = torch.ones_like(ids)
        mask[-1, width // 2 :] = 0
        types = torch.zeros_like(ids)
        if role == "cross_encoder":
            types[:, width // 3 :] = 1
        return (ids, mask, types)[: len(names)]

    wrapped = OneOutput().eval()  # the exporter restores the mode it finds; training mode would have dropout
    axes = {name: {0: "batch", 1: "tokens"} for name in [*names, *([output] if role == "bi_encoder" else [])]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            wrapped,
            example_inputs(2, 16),
            str(target),
            input_names=names,
            output_names=[output],
            dynamic_axes={output: {0: "batch"}, **axes},
            opset_version=OPSET,
            dynamo=False,
        )
    facts: dict[str, Any] = {"precision": "fp32"}
    allowed = AGREEMENT
    if precision == "int8":
        from clew.models.quantise import quantise

        fp32 = target.with_name("fp32.onnx")
        target.rename(fp32)
        config = model.config
        facts = quantise(fp32, target, config.num_attention_heads, config.hidden_size, config.vocab_size)
        fp32.unlink()
        allowed = INT8_AGREEMENT
    session = onnxruntime.InferenceSession(str(target), providers=["CPUExecutionProvider"])
    difference = 0.0
    for rows, width in ((1, 5), (3, 24)):
        inputs = example_inputs(rows, width)
        with torch.inference_mode():
            expected = wrapped(*inputs).numpy()
        found = session.run(None, {name: value.numpy() for name, value in zip(names, inputs, strict=True)})[0]
        apart = abs(found - expected)
        # The output of a bi-encoder for padding is not used; a pair has one value.
        read = apart if role == "cross_encoder" else apart[inputs[1].numpy().astype(bool)]
        difference = max(difference, float(read.max()))
    if not difference <= allowed:
        raise StoreError(
            f"onnxruntime and torch differ by {difference:.2g} for the model in {folder}", "please report this model"
        )
    return {
        "opset": OPSET,
        "torch": torch.__version__,
        "onnxruntime": onnxruntime.__version__,
        "difference": difference,
        **facts,
    }


def main() -> None:
    """Export FOLDER to FILE for ROLE at PRECISION and print the facts as one line of JSON."""
    folder, target, role, precision = sys.argv[1:]
    facts = write_onnx(Path(folder), Path(target), cast("Role", role), cast("Precision", precision))
    sys.stdout.write("\n" + json.dumps(facts) + "\n")


if __name__ == "__main__":
    main()
