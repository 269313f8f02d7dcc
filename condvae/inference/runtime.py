"""Graphs in onnxruntime."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import onnxruntime
from numpy.typing import NDArray

ERRORS = 3  # the level of messages: it would warn of inputs that have defaults


def session_of(path: Path) -> onnxruntime.InferenceSession:
    """A session that runs a file on the CPU."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def runner(
    session: onnxruntime.InferenceSession, outputs: Sequence[str], prefix: str = ""
) -> Callable[[dict[str, NDArray[Any]]], list[NDArray[Any]]]:
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
