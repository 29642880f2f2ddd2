"""Compute float32 weights from an 8-bit network, so that it can be trained: the reverse of `clew.models.quantise`.

Every weight is its 8-bit number times the scale of its output or row. What rounding removed cannot be recovered: the
scores are as close to those of the 8-bit form as the scores of the 8-bit form are to those of the original.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import FormatError, MissingExtraError
from clew.models.first_token import FIRST
from clew.models.quantise import BYTES, ROWS, SCALES, SHIFT, SHIFTED
from clew.models.smoothing import PARTS, SMOOTH

# Prefix that the exporter gives the wrapped network, in the names of weights and of the nodes that use them.
_NETWORK = "transformer."


def dequantise(file: Path) -> dict[str, Any]:
    """Return the weights of an 8-bit ONNX file that `clew.models.quantise` wrote: name as in transformers → float32.

    A bi-encoder's file has no pooler, because a bi-encoder does not use it. Raises FormatError for another network,
    MissingExtraError if onnx is not installed.
    """
    try:
        import onnx
        from onnx import numpy_helper
    except ImportError as error:
        raise MissingExtraError(
            f"converting a model to float32 needs {error.name}", "run `pip install 'clew[train]'`"
        ) from None
    graph = onnx.load(str(file)).graph
    tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    found = {
        name.removeprefix(_NETWORK): tensor
        for name, tensor in tensors.items()
        if name.startswith(_NETWORK) and not name.endswith((ROWS, SCALES))
    }
    for name in [name.removesuffix(ROWS) for name in tensors if name.startswith(_NETWORK) and name.endswith(ROWS)]:
        table = tensors[f"{name}{ROWS}"].astype(np.float32) * tensors[f"{name}{SCALES}"]
        found[name.removeprefix(_NETWORK)] = table
    for node in graph.node:
        if node.op_type == "MatMulIntegerToFloat":
            name = _layer_name(node.name, file)
            numbers, scales = tensors[node.input[1]], tensors[node.input[3]]
            found[f"{name}.weight"] = numbers.T * scales[:, None] * _smoothing_factors(node.input[0], tensors)
        elif node.op_type == "MultiHeadAttention":
            parts = np.split(tensors[node.input[3]], 3)
            for product, bias in zip(node.input[:3], parts, strict=True):
                found[f"{_layer_name(product, file)}.bias"] = bias
    if not any(node.op_type == "MatMulIntegerToFloat" for node in graph.node):
        raise FormatError(f"{file} has no 8-bit matrix products", "give an 8-bit model that this version of Clew made")
    for shifted in [name for name in found if name.endswith(SHIFTED)]:
        name = shifted.removesuffix(SHIFTED)
        bias = found.pop(shifted)
        weight = found.get(f"{name.removesuffix('.bias')}.weight")
        found[name] = bias if weight is None else (bias + SHIFT * weight.sum(axis=1)).astype(np.float32)
    # An exported network has equal weights once, under one name that does not say which layers they belong to.
    if shared := [name for name in found if not name.endswith((".bias", ".weight"))]:
        raise FormatError(
            f"{file} shares weights between layers ({shared[0]})", "train the model it was quantised from"
        )
    return {name: np.ascontiguousarray(weight) for name, weight in found.items()}


def _smoothing_factors(read: str, tensors: dict[str, Any]) -> Any:
    """Return what a product's inputs were multiplied by when they were smoothed; 1 if they were not.

    read: name of these inputs in 8 bits.
    """
    smooth = read.removesuffix(BYTES).removesuffix(FIRST)
    return tensors[f"{smooth.removesuffix(SMOOTH)}{PARTS}"] if smooth.endswith(SMOOTH) else 1


def _layer_name(name: str, file: Path) -> str:
    """Return the layer of a product, from the name of its node.

    /transformer/bert/encoder/layer.0/attention/self/query/MatMul… → bert.encoder.layer.0.attention.self.query
    """
    path, _, last = name.removeprefix("/").replace("/", ".").rpartition(".")
    if not path.startswith(_NETWORK) or not last.startswith("MatMul"):
        raise FormatError(
            f"{file} has a matrix product {name!r} of an unknown layer", "give an 8-bit model that Clew made"
        )
    return path.removeprefix(_NETWORK)
