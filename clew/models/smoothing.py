"""Smooth the inputs of a fused network's matrix products before they are quantised to 8 bits.

A few channels of a layer norm's output are many times as large as the others, and they are the same for every text.
With one scale per row, they use up most of its 256 steps. Therefore each channel is divided by a factor, and the
weights that read it are multiplied by the same factor, which does not change the result (SmoothQuant, Xiao et al.,
2023, equation 4 with alpha 1/2). The size of each channel is measured on random tokens, because it hardly depends on
the text.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SMOOTH, PARTS = "_smooth", "_parts"
"""Suffixes of the names of a smoothed tensor, and of the constant that it was multiplied by."""
_TEXTS, _TOKENS, _SEED = 40, 24, 0
_QUANTILE = 0.99


def smooth(model: Any, vocabulary: int) -> int:
    """Smooth the layer norms whose output is multiplied by weights; the ONNX model is changed in place.

    vocabulary: number of tokens in the network's vocabulary. Returns the number of layer norms that were smoothed.
    """
    from onnx import helper, numpy_helper

    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer if len(tensor.dims) == 2}
    norms = {node.output[0] for node in graph.node if node.op_type == "LayerNormalization"}
    readers: dict[str, list[Any]] = {}
    for node in graph.node:
        if node.op_type == "MatMul" and node.input[0] in norms and node.input[1] in weights:
            readers.setdefault(node.input[0], []).append(node)
    sizes = _channel_sizes(model, list(readers), vocabulary)
    nodes: list[Any] = []
    for node in graph.node:
        nodes.append(node)
        if (name := node.output[0]) not in readers:
            continue
        products = readers[name]
        tables = [numpy_helper.to_array(weights[product.input[1]]) for product in products]
        factors = _smoothing_factors(sizes[name], np.abs(np.concatenate(tables, axis=1)).max(axis=1))
        for product, table in zip(products, tables, strict=True):
            weights[product.input[1]].CopyFrom(numpy_helper.from_array(table * factors[:, None], product.input[1]))
            product.input[0] = f"{name}{SMOOTH}"
        graph.initializer.append(numpy_helper.from_array(1 / factors, f"{name}{PARTS}"))
        nodes.append(helper.make_node("Mul", [name, f"{name}{PARTS}"], [f"{name}{SMOOTH}"]))
    del graph.node[:]
    graph.node.extend(nodes)
    return len(readers)


def _channel_sizes(model: Any, names: list[str], vocabulary: int) -> dict[str, Any]:
    """Measure how large each channel of the named tensors gets: name → (width,) float32."""
    import onnxruntime
    from onnx import TensorProto, helper

    watched = type(model)()
    watched.CopyFrom(model)
    watched.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(watched.SerializeToString(), options, providers=["CPUExecutionProvider"])
    ids = np.random.default_rng(_SEED).integers(0, vocabulary, (_TEXTS, _TOKENS))
    given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    found = session.run(names, {entry.name: given[entry.name] for entry in session.get_inputs()})
    return {
        name: np.quantile(np.abs(values.reshape(-1, values.shape[-1])), _QUANTILE, axis=0).astype(np.float32)
        for name, values in zip(names, found, strict=True)
    }


def _smoothing_factors(sizes: Any, weights: Any) -> Any:
    """Return the (width,) float32 factors, of geometric mean 1, that each channel is divided by.

    sizes, weights: how large each channel and the weights that read it get.
    """
    tiny = np.finfo(np.float32).tiny
    logs = (np.log(np.maximum(sizes, tiny)) - np.log(np.maximum(weights, tiny))) / 2
    return np.exp(logs - logs.mean()).astype(np.float32)
