"""ONNX files with fewer bits for each number, and what that costs."""

from graphlib import TopologicalSorter
from pathlib import Path

import onnx
import torch

from condvae.errors import CondvaeError
from condvae.evaluation.study import Study
from condvae.export.comparison import Obeyed, Runner
from condvae.export.graphs import Graph
from condvae.images import unit
from condvae.progress import advise
from condvae.seeds import seeded

FULL, HALF, BYTES = "float32", "float16", "int8"
PRECISIONS = (FULL, HALF, BYTES)
QUANTISED = ["Conv", "Gemm", "MatMul"]  # operations whose weights become bytes
IMAGES = 1000  # of which the labels are judged


def reduce(path: Path, precision: str) -> None:
    """Rewrite a file with fewer bits for each number. Inputs and outputs keep their types."""
    if precision == HALF:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        half = convert_float_to_float16(onnx.load_model(path), keep_io_types=True)
        _sort(half.graph)
        onnx.save_model(half, path)
    elif precision == BYTES:
        from onnxruntime.quantization import quantize_dynamic

        quantize_dynamic(path, path, op_types_to_quantize=QUANTISED)


def _sort(graph: onnx.GraphProto) -> None:
    """Put each node behind those whose outputs it needs, as the conversion does not."""
    nodes = list(graph.node)
    makers = {name: number for number, node in enumerate(nodes) for name in node.output}
    needed = {number: {makers[one] for one in node.input if one in makers} for number, node in enumerate(nodes)}
    order = list(TopologicalSorter(needed).static_order())
    del graph.node[:]
    graph.node.extend(nodes[number] for number in order)


def labels_obeyed(study: Study, graph: Graph, run: Runner) -> Obeyed | None:
    """How many of IMAGES images have their label, of the model and of a file, with latent vectors from the prior.

    None if the model has no labels, or its data is not available, so that there is no judge.

    Args:
        study: the run.
        graph: the graph that decodes.
        run: runs the exported graph.
    """
    classes = len(study.model.conditions.classes)
    try:
        judge = study.judge if classes > 1 else None
    except CondvaeError as error:
        advise(f"Labels were not judged, because the data is not available: {error}")
        judge = None
    if judge is None:
        return None
    with seeded(0), torch.inference_mode():
        inputs = graph.inputs(IMAGES) | {"label": torch.arange(IMAGES) % classes}
        found = torch.from_numpy(run({name: value.numpy() for name, value in inputs.items()})[0])
        shares = [float(judge.correct(unit(images), inputs["label"]).mean()) for images in (graph(inputs)[0], found)]
    return Obeyed(*shares)
