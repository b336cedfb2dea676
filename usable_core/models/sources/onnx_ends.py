"""Where an ONNX graph begins and ends: what its first steps prepare, what its last ones undo."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

# Steps that lay numbers out anew, or round them.
_ROUNDED = ("QuantizeLinear", "DequantizeLinear")
_LAID_OUT = {"Cast", "Transpose", "Identity", "Reshape", "Expand", "Slice", "Gather", "Resize"}
_PREPARES = ("Sub", "Div", "Mul", "Add", "BatchNormalization")
_BEHIND = ("Identity", "Cast", *_ROUNDED)  # a softmax


def prepared(graph: "GraphProto", name: str) -> tuple[str, tuple[str, ...]]:
    """Return the tensor before the first step that learned from pictures, and what prepared it.

    Args:
        graph: A graph.
        name: Its input.

    Returns:
        The tensor's name, and the kinds of the steps with numbers of their own before it.
    """
    steps: list[str] = []
    for _ in graph.node:  # a graph that is none may lead back to where it was
        if len(takers := [node for node in graph.node if name in node.input]) != 1:
            break
        kind = takers[0].op_type
        if kind not in {*_LAID_OUT, *_ROUNDED, *_PREPARES}:
            break
        steps += [kind] if kind in _PREPARES else []
        name = takers[0].output[0]
    return name, tuple(steps)


def before_the_end(graph: "GraphProto", output: str) -> tuple[str, str, bool] | None:
    """Return what a softmax or sigmoid at the end of a graph takes, and which it is.

    Returns:
        The tensor's name, the step's kind, and whether its answer is rounded to steps of bytes;
        None for another end.
    """
    made_by = {name: node for node in graph.node for name in node.output}
    node: NodeProto | None = made_by.get(output)
    is_rounded = False
    for _ in graph.node:
        if node is None or node.op_type not in _BEHIND:
            break
        is_rounded = is_rounded or node.op_type in _ROUNDED
        node = made_by.get(node.input[0])
    if node is None or node.op_type not in ("Softmax", "Sigmoid"):
        return None
    return node.input[0], node.op_type, is_rounded
