"""Remove from a fused network the work that only serves tokens whose output is not read.

The score of a cross-encoder is read from the first token. Therefore the last layer has to compute attention from that
token only, and the products after it have one row for each pair instead of one for each token. For six layers, this is
a seventh less work, with the same score.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FIRST = "_first_piece"
"""Suffix of the name of a tensor's first token."""
_TOKENWISE = frozenset({"Add", "BiasGelu", "FastGelu", "Gelu", "LayerNormalization", "MatMul", "Mul"})
"""Operators that compute the output of each token independently of the other tokens."""


def narrow_to_first_token(model: Any) -> int:
    """Limit those nodes of an ONNX model of which only the first token is read to that token; tensors are (b, s, …).

    The model is changed in place. Returns the number of nodes that were limited. A network that reads all tokens to the
    end, such as a bi-encoder, is unchanged.
    """
    graph = model.graph
    nodes = list(graph.node)
    constants = _constants(graph)
    # Tensors of which more than the first token is read.
    read_in_full = {entry.name for entry in graph.output}
    narrowed: dict[int, list[int]] = {}
    for at in reversed(range(len(nodes))):
        node = nodes[at]
        if _selects_first_token(node, constants):
            continue
        places = [] if read_in_full.intersection(node.output) else _tokenwise_inputs(node, constants)
        if places:
            narrowed[at] = places
        read_in_full.update(name for place, name in enumerate(node.input) if place not in places)
    if narrowed:
        del graph.node[:]
        graph.node.extend(_with_slices(nodes, narrowed, read_in_full, graph))
    return len(narrowed)


def _constants(graph: Any) -> dict[str, Any]:
    """Return the tensors that do not depend on the inputs: name → value."""
    from onnx import numpy_helper

    found = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant" and node.attribute[0].name == "value":
            found[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
    return found


def _selects_first_token(node: Any, constants: dict[str, Any]) -> bool:
    """Return whether a node selects the first token of its input: x[:, 0]."""
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    return node.op_type == "Gather" and axis == 1 and np.array_equal(constants.get(node.input[1], ()), 0)


def _tokenwise_inputs(node: Any, constants: dict[str, Any]) -> list[int]:
    """Return the positions of the inputs whose first token is enough to compute the first token of the output."""
    if node.op_type == "MultiHeadAttention":
        # The query; key and value are needed for all tokens. A bias of the attention has a row for each query token.
        return [] if len(node.input) > 5 and node.input[5] else [0]
    if node.op_type not in _TOKENWISE or (node.op_type == "MatMul" and node.input[1] not in constants):
        return []
    return [place for place, name in enumerate(node.input) if name and name not in constants]


def _with_slices(nodes: list[Any], narrowed: dict[int, list[int]], read_in_full: set[str], graph: Any) -> list[Any]:
    """Return the nodes, each with a slice before it if it needs the first token of a tensor with all tokens."""
    from onnx import helper, numpy_helper

    bounds = {"first_piece_start": [0], "first_piece_end": [1], "first_piece_axis": [1]}
    for name, value in bounds.items():
        graph.initializer.append(numpy_helper.from_array(np.array(value, np.int64), name))
    sliced_nodes: list[Any] = []
    sliced: set[str] = set()
    for at, node in enumerate(nodes):
        for place in narrowed.get(at, ()):
            if (name := node.input[place]) in read_in_full:
                node.input[place] = f"{name}{FIRST}"
                if name not in sliced:
                    sliced.add(name)
                    sliced_nodes.append(helper.make_node("Slice", [name, *bounds], [node.input[place]]))
        sliced_nodes.append(node)
    return sliced_nodes
