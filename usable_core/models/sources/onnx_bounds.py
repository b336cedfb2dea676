"""Bounds of ONNX graphs: weights of their own, tensors that fit, and an end to each trial."""

import threading
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from usable_core.errors import CheckpointError
from usable_core.models.sizes import MOST_ACTIVATION, memory

if TYPE_CHECKING:
    from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto
    from onnxruntime import InferenceSession

SECONDS = 60.0  # of one trial; networks take a few at most, and a loop may have no end
_SMALL = 1024  # numbers of a tensor that may say a shape


def check_weights(onnx: ModuleType, proto: "ModelProto", beside: set[str], name: str) -> None:
    """Check that tensors are in the file itself, or in those beside it that are called after it.

    Raises:
        CheckpointError: one is elsewhere, wherever in the graph it is named.
    """
    for tensor in _tensors(proto):
        if onnx.external_data_helper.uses_external_data(tensor):
            said = {entry.key: entry.value for entry in tensor.external_data}
            where = said.get("location", "")
            if where not in beside:
                raise CheckpointError(
                    f"{name} names weights in {where[:80]!r}, which is not beside it under its own "
                    f"name, such as {name}.data. Save it as one file, or lay them beside it."
                )


def check_sizes(onnx: ModuleType, proto: "ModelProto", pictures: int | None, name: str) -> None:
    """Check that no tensor is larger than any of a network.

    What a graph says of shapes is carried through it; where it says nothing, nothing is known.

    Args:
        onnx: The package.
        proto: The graph.
        pictures: How many it takes at once; None for any number.
        name: Of the file, for the sentence.

    Raises:
        CheckpointError: one is.
    """
    graph, taken = proto.graph, {one.name for one in proto.graph.input}
    form = onnx.ModelProto(ir_version=proto.ir_version)
    form.opset_import.extend(proto.opset_import)
    form.functions.extend(proto.functions)
    form.graph.node.extend(graph.node)
    form.graph.input.extend(graph.input)
    form.graph.output.extend(graph.output)
    for tensor in graph.initializer:
        if np.prod(tensor.dims) <= _SMALL:
            form.graph.initializer.append(tensor)
        elif tensor.name not in taken:  # its numbers say no shape
            kind, dims = tensor.data_type, tensor.dims
            form.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, kind, dims))
    try:
        found = onnx.shape_inference.infer_shapes(form, data_prop=True).graph
    except Exception:  # protobuf's and onnx's have no common class; running it tells what is wrong
        return
    most = min(MOST_ACTIVATION * (pictures or 1), memory() / 4)
    for value in (*found.value_info, *found.output):
        if (size := _size(onnx, value)) > most:
            raise CheckpointError(
                f"{name} needs {size / 2**30:,.1f} GB for a tensor ({value.name[:60]!r}), and at "
                f"most {most / 2**30:.1f} GB are given. Export a smaller network."
            )


def ran(session: "InferenceSession", outputs: list[str], takes: dict[str, Any]) -> list[Any]:
    """Return what a graph answers within a minute.

    Raises:
        TimeoutError: it has no end, or takes longer.
    """
    import onnxruntime

    options, is_late = onnxruntime.RunOptions(), threading.Event()

    def end() -> None:
        is_late.set()
        options.terminate = True

    timer = threading.Timer(SECONDS, end)
    timer.start()
    try:
        return list(session.run(outputs, takes, options))
    except Exception as error:  # onnxruntime's errors have no common class
        if is_late.is_set():
            raise TimeoutError(
                f"it gave no answer within {SECONDS:.0f} s, perhaps for a loop without an end"
            ) from error
        raise
    finally:
        timer.cancel()


def _size(onnx: ModuleType, value: "ValueInfoProto") -> int:
    """Return the bytes of a tensor for one picture, as far as its sides are said."""
    shape = value.type.tensor_type
    sides = [side.dim_value for side in shape.shape.dim if side.dim_value > 0]
    kind = shape.elem_type
    known = kind in onnx.helper.get_all_tensor_dtypes() and kind != onnx.TensorProto.STRING
    item = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind)).itemsize if known else 1
    return item * int(np.prod([1, *sides], dtype=object))


def _tensors(proto: "ModelProto") -> Iterator["TensorProto"]:
    """Yield every tensor that a file holds, in whichever part."""
    training = [g for info in proto.training_info for g in (info.initialization, info.algorithm)]
    for graph in (proto.graph, *training):
        yield from _of_graph(graph)
    for function in proto.functions:
        yield from _of_nodes(function.node)
        yield from _of_attributes(function.attribute_proto)


def _of_graph(graph: "GraphProto") -> Iterator["TensorProto"]:
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    yield from _of_nodes(graph.node)


def _of_nodes(nodes: Iterable["NodeProto"]) -> Iterator["TensorProto"]:
    for node in nodes:
        yield from _of_attributes(node.attribute)


def _of_attributes(attributes: Iterable["AttributeProto"]) -> Iterator["TensorProto"]:
    for one in attributes:
        yield from (one.t, *one.tensors)
        for sparse in (one.sparse_tensor, *one.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for graph in (one.g, *one.graphs):
            yield from _of_graph(graph)
