"""Graphs of ONNX: of a network of torch, or written by hand."""

import copy
import warnings

import torch


def exported(network, path, shape=(2, 3, 32, 32), *, batch="n", **metadata):
    """The file of a network of torch; `batch` is its name for any number of pictures."""
    import onnx

    names = {"input_names": ["pictures"], "output_names": ["answers"]}
    axes = {"dynamic_axes": {"pictures": {0: batch}}} if batch else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter without further packages is an older one
        x = torch.rand(*shape)
        torch.onnx.export(copy.deepcopy(network).eval(), (x,), path, dynamo=False, **names, **axes)
    if metadata:
        proto = onnx.load(path)
        onnx.helper.set_model_props(proto, metadata)
        onnx.save(proto, path)
    return str(path)


def graph(*, shape=("n", 3, 8, 8), kind=1, nodes=None, inputs=1, gives=1, known=(), functions=()):
    """A graph whose logits are the means of the channels, or as `nodes` say.

    Args:
        shape: Of each input.
        kind: Of the input's numbers, as ONNX numbers them.
        nodes: From `pictures` to `answers`; the tensor `axes` holds height and width.
        inputs: How many there are.
        gives: The kind of the answers.
        known: Further tensors.
        functions: Of the file's own.
    """
    import onnx

    helper, tensor = onnx.helper, onnx.TensorProto
    axes = [2, 3] if shape[1] == 3 else [1, 2]
    nodes = nodes or [
        helper.make_node("Cast", ["pictures"], ["floats"], to=tensor.FLOAT),
        helper.make_node("ReduceMean", ["floats", "axes"], ["answers"], keepdims=0),
    ]
    takes = [
        helper.make_tensor_value_info(name, kind, shape) for name in ("pictures", "more")[:inputs]
    ]
    answers = [helper.make_tensor_value_info("answers", gives, None)]
    known = [helper.make_tensor("axes", tensor.INT64, [2], axes), *known]
    made = helper.make_graph(nodes, "means", takes, answers, known)
    versions = [helper.make_opsetid("", 18), *(helper.make_opsetid(f.domain, 1) for f in functions)]
    return helper.make_model(made, opset_imports=versions, ir_version=9, functions=list(functions))


def graph_file(path, **said):
    """The file of such a graph."""
    import onnx

    onnx.save(graph(**said), path)
    return str(path)
