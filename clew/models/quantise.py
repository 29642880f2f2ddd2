"""The 8-bit form of an exported BERT: a quarter of the size, more than twice as fast on a processor, nearly the same.

Weights of matrix products are kept in 8 bits with a scale for every block of 128 inputs; at run time each row of
activations is brought to 8 bits by itself, block by block (onnxruntime's MatMulNBits), so a text's result does not
depend on what its batch-mates say, as it does with the usual dynamic quantisation. Embeddings are kept in 8 bits with a
scale a row. Attention, layer norms and the activation are fused first. Nothing has to be calibrated on texts.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import FormatError, MissingExtraError

BITS, BLOCK = 8, 128
# Least accuracy at which onnxruntime multiplies in 8 bits.
_INT8 = 4
_SMALLEST_TABLE = 1 << 16


def quantise(source: Path, target: Path, heads: int, hidden: int) -> dict[str, Any]:
    """Write the 8-bit form of the float32 network in `source` to `target`; returns facts for the manifest.

    heads, hidden: attention heads and width of the network, as its config.json says. Raises FormatError where the
    network has no attention that can be fused (it is no BERT), MissingExtraError without the quantiser's package.
    """
    try:
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
        from onnxruntime.transformers import optimizer
        from onnxruntime.transformers.fusion_options import FusionOptions
    except ImportError as error:
        raise MissingExtraError(f"quantising needs {error.name}", "pip install 'clew[train]'") from None

    logging.getLogger("onnxruntime.quantization.matmul_nbits_quantizer").setLevel(logging.WARNING)
    options = FusionOptions("bert")
    options.use_multi_head_attention = True  # its projections stay products of their own, which can be quantised
    options.enable_embed_layer_norm = False  # so do the tables
    fused = optimizer.optimize_model(
        str(source), model_type="bert", num_heads=heads, hidden_size=hidden, optimization_options=options, opt_level=0
    )
    layers = fused.get_fused_operator_statistics()["MultiHeadAttention"]
    if not layers:
        raise FormatError(f"{source} has no attention that can be fused", "8 bits are for BERT-like networks")
    quantiser = MatMulNBitsQuantizer(fused.model, bits=BITS, block_size=BLOCK, is_symmetric=True, accuracy_level=_INT8)
    quantiser.process()
    model = quantiser.model.model
    _quantise_tables(model)
    import onnx

    onnx.save(model, str(target))
    return {"precision": "int8", "bits": BITS, "block": BLOCK, "layers": int(layers)}


def _quantise_tables(model: Any) -> None:
    """Replace each large float table that rows are gathered from by 8-bit rows and their scales."""
    from onnx import TensorProto, helper, numpy_helper

    tables = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    nodes: list[Any] = []
    for node in model.graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or int(np.prod(table.dims)) < _SMALLEST_TABLE:
            nodes.append(node)
            continue
        rows, scales = quantised_rows(numpy_helper.to_array(table))
        name, (data, places), out = table.name, node.input, node.output[0]
        model.graph.initializer.remove(table)
        model.graph.initializer.append(numpy_helper.from_array(rows, f"{name}_rows"))
        model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}_scales"))
        nodes += [
            helper.make_node("Gather", [f"{name}_rows", places], [f"{data}_gathered"], axis=0),
            helper.make_node("Cast", [f"{data}_gathered"], [f"{data}_float"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [f"{name}_scales", places], [f"{data}_scaled"], axis=0),
            helper.make_node("Mul", [f"{data}_float", f"{data}_scaled"], [out]),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def quantised_rows(table: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[Any, Any]:
    """((n, d) int8, (n, 1) float32) whose product is an (n, d) table to within half a step of each row's scale."""
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, np.finfo(np.float32).tiny).astype(np.float32)
    return np.clip(np.rint(table / scales), -127, 127).astype(np.int8), scales
