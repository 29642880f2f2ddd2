"""Convert an exported BERT to 8 bits: a quarter of the size, two to three times as fast, nearly the same results.

Weights of matrix products are stored in 8 bits with a scale for every output. At run time each row of activations is
quantised to 8 bits with its own scale. Therefore a text's result does not depend on the other texts of its batch, as it
does with the usual dynamic quantisation, which has one scale for the batch. The products are exact integers. The scales
by row and output are those of LLM.int8 (Dettmers et al., 2022, section 2.1). Embeddings are stored in 8 bits with a
scale for every row. Before that, attention and the activation are fused, the inputs of products are smoothed
(`clew.models.smoothing`), and the work that only serves tokens whose output is not read is removed
(`clew.models.first_token`). No texts are needed for calibration.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from clew.core.errors import FormatError, MissingExtraError
from clew.models.first_token import narrow_to_first_token
from clew.models.smoothing import smooth

BITS = 8
SHIFT = 0.17
"""Added to the results of GELU, whose minimum is -0.16997, so that all of their 8 bits are used."""
SHIFTED = "_shifted"
"""Suffix of the name of a bias that subtracts the effect of SHIFT again."""
BYTES, ROWS, SCALES = "_bytes", "_rows", "_scales"
"""Suffixes of the names of an 8-bit tensor, of an embedding's 8-bit rows, and of the scales of either."""
_SMALLEST_TABLE = 1 << 16
_GELUS = frozenset({"BiasGelu", "FastGelu", "Gelu"})
_UINT8_ZERO, _UINT8_MAX = 128, 255


def quantise(source: Path, target: Path, heads: int, hidden: int, vocabulary: int) -> dict[str, Any]:
    """Write the 8-bit form of the float32 network in `source` to `target` and return facts for the manifest.

    heads, hidden, vocabulary: attention heads, width and vocabulary size of the network, as its config.json says.
    Raises FormatError if it has no attention that can be fused (it is not a BERT), MissingExtraError if onnx is not
    installed.
    """
    try:
        import onnx
        from onnxruntime.transformers import optimizer
        from onnxruntime.transformers.fusion_options import FusionOptions
    except ImportError as error:
        raise MissingExtraError(f"quantising needs {error.name}", "run `pip install 'clew[train]'`") from None

    options = FusionOptions("bert")
    options.use_multi_head_attention = True  # keeps its projections as separate products, which can be quantised
    options.enable_embed_layer_norm = False  # keeps the embedding tables separate too
    options.enable_skip_layer_norm = False  # onnxruntime's is slower than an addition and a layer norm
    fused = optimizer.optimize_model(
        str(source), model_type="bert", num_heads=heads, hidden_size=hidden, optimization_options=options, opt_level=0
    )
    layers = int(fused.get_fused_operator_statistics()["MultiHeadAttention"])
    if not layers:
        raise FormatError(f"{source} has no attention that can be fused", "quantise a BERT-like network")
    model = fused.model
    _copy_shared_weights(model.graph)
    smooth(model, vocabulary)
    narrow_to_first_token(model)
    _Products(model.graph).quantise()
    _quantise_tables(model)
    onnx.save(model, str(target))
    return {"precision": "int8", "bits": BITS, "layers": layers}


def _copy_shared_weights(graph: Any) -> None:
    """Give each product and each addition its own weights, because an exporter stores equal weights once."""
    weights = {tensor.name: tensor for tensor in graph.initializer}
    uses = Counter(name for node in graph.node for name in node.input)
    for node in graph.node:
        if node.op_type not in ("Add", "MatMul"):
            continue
        for at, name in enumerate(node.input):
            if name in weights and uses[name] > 1:
                uses[name] -= 1
                own = type(weights[name])()
                own.CopyFrom(weights[name])
                own.name = node.input[at] = f"{name}_{uses[name]}"
                graph.initializer.append(own)


class _Products:
    """Rewriter of a graph that replaces its products with weights by products of 8-bit numbers."""

    def __init__(self, graph: Any) -> None:
        from onnx import helper, numpy_helper

        self._graph = graph
        self._make_node: Callable[..., Any] = helper.make_node
        self._to_array: Callable[[Any], Any] = numpy_helper.to_array
        self._from_array: Callable[[Any, str], Any] = numpy_helper.from_array
        self._weights = {tensor.name: tensor for tensor in graph.initializer}
        self._producers = {node.output[0]: node for node in graph.node}
        self._nodes: list[Any] = []
        self._rows: dict[str, tuple[str, str, str]] = {}
        self._constants: set[str] = set()

    def quantise(self) -> None:
        """Change the graph in place."""
        for node in list(self._graph.node):
            weights = self._weights.get(node.input[1]) if node.op_type == "MatMul" else None
            if weights is not None and len(weights.dims) == 2:
                self._quantise_product(node)
            else:
                self._nodes.append(node)
        del self._graph.node[:]
        self._graph.node.extend(self._nodes)

    def _quantise_product(self, node: Any) -> None:
        """Replace a product by one of bytes, whose result the scales of outputs and of rows convert back to floats."""
        x, weight, y = node.input[0], node.input[1], node.output[0]
        numbers, scales = quantise_rows(self._to_array(self._weights[weight]).T)
        shifted = self._subtract_shift(x, y, (numbers * scales).sum(axis=1))
        rows, steps, zero = self._quantise_input(x, numbers.shape[1], shifted)
        self._graph.initializer.remove(self._weights[weight])
        self._add_constant(f"{weight}{BYTES}", np.ascontiguousarray(numbers.T))
        self._add_constant(f"{weight}{SCALES}", scales[:, 0])
        self._add_constant("one", np.array(1, np.float32))
        given = [rows, f"{weight}{BYTES}", "one", f"{weight}{SCALES}", zero]
        self._add_node("MatMulIntegerToFloat", given, f"{y}_unscaled", domain="com.microsoft", name=node.name)
        self._add_node("Mul", [f"{y}_unscaled", steps], y)

    def _subtract_shift(self, x: str, y: str, sums: Any) -> bool:
        """Subtract the effect of SHIFT from y's bias if possible, and return whether x is to be shifted.

        sums: (n,) sums of the weights of each output.
        """
        if x not in self._producers or self._producers[x].op_type not in _GELUS:
            return False
        readers = [node for node in self._graph.node if y in node.input]
        if len(readers) != 1 or sum(x in node.input for node in self._graph.node) != 1:
            return False
        after = readers[0]
        places = [at for at, name in enumerate(after.input) if after.op_type == "Add" and name in self._weights]
        for at in places:
            bias = self._weights[after.input[at]]
            self._graph.initializer.remove(bias)
            self._add_constant(f"{bias.name}{SHIFTED}", (self._to_array(bias) - SHIFT * sums).astype(np.float32))
            after.input[at] = f"{bias.name}{SHIFTED}"
        return bool(places)

    def _quantise_input(self, x: str, width: int, shifted: bool) -> tuple[str, str, str]:
        """Return the names of x in 8 bits, of the step between two numbers in each row, and of the number for 0."""
        if x in self._rows:
            return self._rows[x]
        name = f"{x}_{'shifted' if shifted else 'size'}"
        if shifted:
            self._add_constant("shift", np.array(SHIFT, np.float32))
            self._add_node("Add", [x, "shift"], name)
        else:
            self._add_node("Abs", [x], name)
        most, zero = (_UINT8_MAX, "byte_least") if shifted else (_UINT8_MAX - _UINT8_ZERO, "byte_middle")
        self._add_constant(zero, np.array(0 if shifted else _UINT8_ZERO, np.uint8))
        self._add_constant(f"part_{most}", np.array(1 / most, np.float32))
        self._add_constant("least_step", np.array(np.finfo(np.float32).tiny, np.float32))
        self._add_constant("flat", np.array([-1], np.int64))
        self._add_constant(f"flat_{width}", np.array([-1, width], np.int64))
        self._add_node("ReduceMax", [name], f"{x}_most", axes=[-1], keepdims=1)
        self._add_node("Mul", [f"{x}_most", f"part_{most}"], f"{x}_part")
        self._add_node("Max", [f"{x}_part", "least_step"], f"{x}_step")
        # onnxruntime supports a scale for each row only for a matrix.
        self._add_node("Reshape", [f"{x}_step", "flat"], f"{x}_steps")
        self._add_node("Shape", [f"{x}_steps"], f"{x}_rows")
        self._add_node("Expand", [zero, f"{x}_rows"], f"{x}_zeros")
        self._add_node("Reshape", [name if shifted else x, f"flat_{width}"], f"{x}_flat")
        self._add_node("QuantizeLinear", [f"{x}_flat", f"{x}_steps", f"{x}_zeros"], f"{x}_flat{BYTES}", axis=0)
        self._add_node("Shape", [x], f"{x}_shape")
        self._add_node("Reshape", [f"{x}_flat{BYTES}", f"{x}_shape"], f"{x}{BYTES}")
        self._rows[x] = f"{x}{BYTES}", f"{x}_step", zero
        return self._rows[x]

    def _add_node(self, kind: str, given: list[str], made: str, **settings: Any) -> None:
        self._nodes.append(self._make_node(kind, given, [made], **settings))

    def _add_constant(self, name: str, value: Any) -> None:
        if name not in self._constants:
            self._constants.add(name)
            self._graph.initializer.append(self._from_array(value, name))


def _quantise_tables(model: Any) -> None:
    """Replace each large float table from which rows are gathered by 8-bit rows and their scales."""
    from onnx import TensorProto, helper, numpy_helper

    tables = {tensor.name: tensor for tensor in model.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    nodes: list[Any] = []
    for node in model.graph.node:
        table = tables.get(node.input[0]) if node.op_type == "Gather" else None
        if table is None or len(table.dims) != 2 or int(np.prod(table.dims)) < _SMALLEST_TABLE:
            nodes.append(node)
            continue
        rows, scales = quantise_rows(numpy_helper.to_array(table))
        name, (data, places), out = table.name, node.input, node.output[0]
        model.graph.initializer.remove(table)
        model.graph.initializer.append(numpy_helper.from_array(rows, f"{name}{ROWS}"))
        model.graph.initializer.append(numpy_helper.from_array(scales, f"{name}{SCALES}"))
        nodes += [
            helper.make_node("Gather", [f"{name}{ROWS}", places], [f"{data}_gathered"], axis=0),
            helper.make_node("Cast", [f"{data}_gathered"], [f"{data}_float"], to=TensorProto.FLOAT),
            helper.make_node("Gather", [f"{name}{SCALES}", places], [f"{data}_scaled"], axis=0),
            helper.make_node("Mul", [f"{data}_float", f"{data}_scaled"], [out]),
        ]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def quantise_rows(table: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[Any, Any]:
    """Return (n, d) int8 rows and (n, 1) float32 scales, whose product is within half a scale of the table."""
    scales = np.maximum(np.abs(table).max(axis=1, keepdims=True) / 127, np.finfo(np.float32).tiny).astype(np.float32)
    return np.clip(np.rint(table / scales), -127, 127).astype(np.int8), scales
