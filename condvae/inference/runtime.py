"""Graphs in onnxruntime."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray
from onnx import ModelProto

ERRORS = 3  # the level of messages: it would warn of inputs that have defaults
Runner = Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]


def session_of(model: Path | bytes) -> onnxruntime.InferenceSession:
    """A session that runs a file, or its content, on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def runner(session: onnxruntime.InferenceSession, outputs: Sequence[str], prefix: str = "") -> Runner:
    """A function that runs one graph: inputs by name to its outputs, and computes nothing for the other graphs.

    Args:
        session: a session of the file with the graph.
        outputs: the names of the outputs.
        prefix: what stands before the names of inputs and outputs in the file.
    """
    options = onnxruntime.RunOptions()
    options.only_execute_path_to_fetches = True
    names = [prefix + name for name in outputs]

    def run(inputs: dict[str, NDArray[Any]]) -> list[NDArray[Any]]:
        found: list[NDArray[Any]] = session.run(names, {prefix + name: one for name, one in inputs.items()}, options)
        return found

    return run


def graph_names(whole: ModelProto) -> set[str]:
    """The names of the graphs that were joined in one model."""
    return {output.name.partition(".")[0] for output in whole.graph.output}


def part_of(whole: ModelProto, name: str) -> ModelProto:
    """One of the graphs that were joined in one model.

    A session of it is made in a fraction of the time, and runs several times as fast as one of the whole.
    """
    prefix, graph = f"{name}.", whole.graph
    outputs = [value for value in graph.output if value.name.startswith(prefix)]
    used, nodes = {value.name for value in outputs}, []
    for node in reversed(graph.node):  # each node stands after those that it needs
        if used.intersection(node.output):
            used.update(node.input)
            nodes.append(node)
    part = ModelProto(ir_version=whole.ir_version, opset_import=whole.opset_import)
    part.graph.name = name
    part.graph.node.extend(reversed(nodes))
    inputs = [value for value in graph.input if value.name.startswith(prefix)]
    defaults = {value.name for value in inputs}
    part.graph.input.extend(inputs)
    part.graph.output.extend(outputs)
    part.graph.initializer.extend(one for one in graph.initializer if one.name in used - defaults)
    return part
