"""Whole weights out of an 8-bit network, so that it can be trained on: what `clew.models.quantise` did, turned round.

Every weight is its 8-bit number times the scale of its block or row. What rounding took is gone: the scores are as near
to those of the 8-bit form as that form's are to what it was made of.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import FormatError, MissingExtraError

_ZERO = 128
"""What stands for 0 in MatMulNBits' 8-bit numbers where it has no zero points."""
# How the exporter names the network inside the one it is given, in weights and in the nodes that use them.
_NETWORK = "transformer."
_ROWS, _SCALES = "_rows", "_scales"


def dequantise(file: Path) -> dict[str, Any]:
    """Name as in transformers → float32 weight, of an 8-bit ONNX file that `clew.models.quantise` wrote.

    A bi-encoder's file holds no pooler, which is not read. Raises FormatError for another network, MissingExtraError
    without onnx.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtraError(f"making whole weights needs {error.name}", "pip install 'clew[train]'") from None
    graph = onnx.load(str(file)).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {
        name.removeprefix(_NETWORK): tensor
        for name, tensor in tensors.items()
        if name.startswith(_NETWORK) and not name.endswith((_ROWS, _SCALES))
    }
    for name in [name.removesuffix(_ROWS) for name in tensors if name.startswith(_NETWORK) and name.endswith(_ROWS)]:
        table = tensors[f"{name}{_ROWS}"].astype(np.float32) * tensors[f"{name}{_SCALES}"]
        found[name.removeprefix(_NETWORK)] = table
    for node in graph.node:
        if node.op_type == "MatMulNBits":
            name = _layer(node.name, file)
            found[f"{name}.weight"] = _product(node, tensors)
        elif node.op_type == "MultiHeadAttention":
            parts = np.split(tensors[node.input[3]], 3)
            for product, bias in zip(node.input[:3], parts, strict=True):
                found[f"{_layer(product, file)}.bias"] = bias
    return {name: np.ascontiguousarray(weight) for name, weight in found.items()}


def _layer(name: str, file: Path) -> str:
    """bert.encoder.layer.0.attention.self.query of /transformer/bert/encoder/layer.0/attention/self/query/MatMul_…"""
    path, _, last = name.removeprefix("/").replace("/", ".").rpartition(".")
    if not path.startswith(_NETWORK) or not last.startswith("MatMul_"):
        raise FormatError(
            f"{file} has a product {name!r} whose layer is not known", "give an 8-bit form that Clew made"
        )
    return path.removeprefix(_NETWORK)


def _product(node: Any, tensors: dict[str, Any]) -> Any:
    """(outputs, inputs) float32 weight of a product in 8 bits, as torch's Linear keeps it."""
    settings = {attribute.name: attribute.i for attribute in node.attribute}
    numbers, scales = tensors[node.input[1]], tensors[node.input[2]]
    outputs, inputs = settings["N"], settings["K"]
    blocks = numbers.astype(np.float32) - _ZERO  # (outputs, blocks, block)
    whole = blocks * scales.reshape(outputs, blocks.shape[1], 1)
    return whole.reshape(outputs, -1)[:, :inputs]
