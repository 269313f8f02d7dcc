"""ONNX files with fewer bits for each number, and what that costs."""

from pathlib import Path

import onnx
import torch

from condvae.errors import DataError
from condvae.evaluation.study import Study
from condvae.export.comparison import Obeyed, Runner
from condvae.export.graphs import Graph
from condvae.images import unit
from condvae.seeds import seeded

FULL, HALF, BYTES = "float32", "float16", "int8"
PRECISIONS = (FULL, HALF, BYTES)
QUANTISED = ["Conv", "Gemm", "MatMul"]  # operations whose weights become bytes
IMAGES = 1000  # of which the labels are judged


def reduce(path: Path, precision: str) -> None:
    """Rewrite a file with fewer bits for each number. Inputs and outputs keep their types."""
    if precision == HALF:
        from onnxruntime.transformers.float16 import convert_float_to_float16

        onnx.save_model(convert_float_to_float16(onnx.load_model(path), keep_io_types=True), path)
    elif precision == BYTES:
        from onnxruntime.quantization import quantize_dynamic

        about = onnx.load_model(path).metadata_props
        quantize_dynamic(path, path, op_types_to_quantize=QUANTISED)
        reduced = onnx.load_model(path)
        reduced.metadata_props.extend(about)
        onnx.save_model(reduced, path)


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
    except DataError:
        judge = None
    if judge is None:
        return None
    with seeded(0), torch.inference_mode():
        inputs = graph.inputs(IMAGES) | {"label": torch.arange(IMAGES) % classes}
        found = torch.from_numpy(run({name: value.numpy() for name, value in inputs.items()})[0])
        shares = [float(judge.correct(unit(images), inputs["label"]).mean()) for images in (graph(inputs)[0], found)]
    return Obeyed(*shares)
