"""Parts of ONNX models: renamed, joined, and without weights that are there twice."""

from collections.abc import Callable, Iterable
from hashlib import sha256

from onnx import GraphProto, ModelProto, TensorProto, ValueInfoProto, helper

Rename = Callable[[str], str]
Values = list[ValueInfoProto]


def renamed(graph: GraphProto, name: Rename) -> GraphProto:
    """A copy of a graph with other names for its values and for its open sizes. Nodes get no names."""
    found = GraphProto()
    found.CopyFrom(graph)
    for node in found.node:
        node.name = ""
        for names in (node.input, node.output):
            names[:] = [name(one) if one else "" for one in names]
    for values in (found.input, found.output, found.value_info, found.initializer):
        for value in values:
            value.name = name(value.name)
    for info in (*found.input, *found.output, *found.value_info):
        for size in info.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_param = name(size.dim_param)
    return found


def prefixed(graph: GraphProto, prefix: str) -> GraphProto:
    """A copy of a graph with a prefix before all names of values."""
    return renamed(graph, lambda name: prefix + name)


def chained(first: GraphProto, second: GraphProto, through: str) -> GraphProto:
    """Two graphs, one after the other. Inputs of the same name are one input.

    Args:
        first: it has the output `through` and no other.
        second: it has the input `through`.
        through: the value that passes from one to the other.
    """
    shared = {one.name for one in first.input}
    kept = shared | {through} | {one.name for one in second.output} | {one.name for one in second.input}
    first = renamed(first, lambda name: name if name in kept else f"first.{name}")
    second = renamed(second, lambda name: name if name in kept else f"second.{name}")
    new = [one for one in second.input if one.name not in shared | {through}]
    return _joined([first, second], [*first.input, *new], list(second.output))


def side_by_side(graphs: Iterable[GraphProto]) -> GraphProto:
    """Graphs without a common name in one."""
    every = list(graphs)
    return _joined(
        every, [one for graph in every for one in graph.input], [one for graph in every for one in graph.output]
    )


def model_of(graph: GraphProto, like: ModelProto, metadata: dict[str, str]) -> ModelProto:
    """A model with the opset of another one."""
    model = helper.make_model(
        graph, opset_imports=like.opset_import, ir_version=like.ir_version, producer_name="condvae"
    )
    helper.set_model_props(model, metadata)
    return model


def _joined(graphs: list[GraphProto], inputs: Values, outputs: Values) -> GraphProto:
    """The nodes of all graphs. Weights with the same content are kept once."""
    weights: dict[bytes, TensorProto] = {}
    same = {}
    for weight in (one for graph in graphs for one in graph.initializer):
        same[weight.name] = weights.setdefault(_content(weight), weight).name
    nodes = [node for graph in graphs for node in renamed(graph, lambda name: same.get(name, name)).node]
    return helper.make_graph(nodes, "condvae", inputs, outputs, list(weights.values()))


def _content(weight: TensorProto) -> bytes:
    """A digest of everything but the name."""
    nameless = TensorProto()
    nameless.CopyFrom(weight)
    nameless.name = ""
    return sha256(nameless.SerializeToString(deterministic=True)).digest()
