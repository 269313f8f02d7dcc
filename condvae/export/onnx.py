"""A model as ONNX graphs, which are compared with it in onnxruntime before they are kept."""

import json
import logging
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

import torch
from onnx import GraphProto, ModelProto, TensorProto, helper, load_model, save_model

from condvae.evaluation.study import Study
from condvae.export.comparison import PIXELS, Exported, compared, require_possible, stored
from condvae.export.graphs import TRACED, Blend, Condition, Decode, Encode, Graph, Vectors, graphs_of
from condvae.export.precision import FULL, PRECISIONS, labels_obeyed, reduce
from condvae.export.protos import chained, model_of, prefixed, side_by_side
from condvae.inference.mixture import mixture_if_any
from condvae.inference.runtime import runner, session_of
from condvae.model.cvae import CVAE
from condvae.model.priors import MixturePrior
from condvae.plain import plain
from condvae.progress import progress
from condvae.run import Run
from condvae.storage.files import sha256

OPSET = 20
ENDING = ".onnx"


def export_onnx(
    run: Run | Path | str, out: Path, *, pixels: str = PIXELS[0], precision: str = FULL, licence: str | None = None
) -> Exported:
    """Export a model as ONNX graphs, those of `condvae.export.graphs.graphs_of`.

    Batch sizes are dynamic. Each condition is an input by its name. The graphs run in onnxruntime, are compared with
    the model, and are only kept if they agree.

    Args:
        run: a finished run, its folder, its address on the Hub, or "pretrained".
        out: a file ending in .onnx for all graphs in one, whose inputs and outputs have the name of their graph before
            their own, such as decode.z; or a new folder for a file for each graph.
        pixels: the type of images: float32 from 0 to 1, or uint8 from 0 to 255.
        precision: float32, float16, or int8 (weights of dense layers and convolutions as bytes). A reduced precision is
            measured, and any difference is accepted.
        licence: the licence of the weights, which is written into the files.

    Raises:
        ConfigError: a condition has the name of another input or output.
        ExportError: a graph differs from the model.
        InputError: there is no such type of images, or no such precision.
        RunError: the run is unfinished or damaged, or `out` exists.
        StorageError: the files cannot be written.
    """
    require_possible(out, pixels=(pixels, PIXELS), precision=(precision, PRECISIONS))
    study, is_file = Study(run), out.suffix == ENDING
    mixture, integers = mixture_if_any(study.run), pixels == PIXELS[1]
    graphs = graphs_of(study.model, mixture, integers)
    protos = traced(study.model, mixture, integers)
    about = metadata(study.run, graphs, licence) | {"precision": precision}
    with tempfile.TemporaryDirectory() as temporary:
        names = [out.name] if is_file else [f"{graph.name}{ENDING}" for graph in graphs]
        files = [Path(temporary) / name for name in names]
        contents = [_whole(protos, graphs)] if is_file else [proto.graph for proto in protos]
        for path, content in zip(files, contents, strict=True):
            save_model(model_of(content, protos[0], about), path)
            reduce(path, precision)
            if is_file:
                add_defaults(path, graphs)
        differences, obeyed = {}, None
        for number, graph in enumerate(graphs):
            session = session_of(files[0 if is_file else number])
            run_graph = runner(session, graph.outputs, f"{graph.name}." if is_file else "")
            differences[graph.name] = compared(graph, run_graph, strict=precision == FULL)
            if precision != FULL and number == 0:
                obeyed = labels_obeyed(study, graph, run_graph)
        places = stored(files, out, is_file)
    return Exported(places, differences, obeyed)


def export_graphs(graphs: Mapping[str, Graph], folder: Path) -> None:
    """Write graphs to files by their names, and compare each with the model.

    Raises:
        ExportError: one differs from the model.
    """
    with progress("Exporting", len(graphs), "graphs") as advance:
        for name, graph in graphs.items():
            path = folder / f"{name}{ENDING}"
            save_model(proto_of(graph), path)
            compared(graph, runner(session_of(path), graph.outputs))
            advance(1)


def traced(model: CVAE, mixture: MixturePrior | None, integers: bool) -> list[ModelProto]:
    """A model for each graph of `graphs_of`.

    `decode` is `blend` after `condition`, and `draw` is `decode` after the graph that draws latent vectors.
    """
    with progress("Exporting", 2 + bool(model.conditions.variables) + bool(mixture), "graphs") as advance:

        def counted(graph: Graph) -> ModelProto:
            found = proto_of(graph)
            advance(1)
            return found

        given: list[ModelProto] = []
        if model.conditions.variables:
            given = [counted(Condition(model)), counted(Blend(model, integers))]
            decode = _after(given[0], given[1], "y")
        else:
            decode = counted(Decode(model, integers))
        protos = [decode, counted(Encode(model, integers))]
        protos += [] if mixture is None else [_after(counted(Vectors(model, mixture)), decode, "z")]
        return protos + given


def _after(first: ModelProto, second: ModelProto, through: str) -> ModelProto:
    return model_of(chained(first.graph, second.graph, through), second, {})


def metadata(run: Run, graphs: list[Graph], licence: str | None) -> dict[str, str]:
    """What a file says of itself, as texts by name."""
    model = graphs[0].model
    return {
        "condvae_version": version("condvae"),
        "schema": json.dumps(plain(model.schema)),
        "config": json.dumps(plain(model.config)),
        "classes": json.dumps(model.conditions.classes),
        "graphs": json.dumps({graph.name: graph.text for graph in graphs}),
        "pixels": PIXELS[graphs[0].integers],
        "license": licence or "",
        "weights_sha256": sha256(run.weights),
        "resize": run.resize or "",
    }


def _whole(protos: list[ModelProto], graphs: list[Graph]) -> GraphProto:
    """All graphs in one."""
    pairs = zip(protos, graphs, strict=True)
    return side_by_side(prefixed(proto.graph, f"{graph.name}.") for proto, graph in pairs)


def add_defaults(path: Path, graphs: list[Graph]) -> None:
    """Give each input of a file with all graphs a default, so that a runtime can be asked for some outputs alone."""
    model = load_model(path)
    examples = {f"{graph.name}.{name}": one for graph in graphs for name, one in graph.inputs(1).items()}
    for name, one in examples.items():
        values = torch.zeros_like(one).numpy()
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        default = TensorProto(name=name, data_type=kind, dims=values.shape, raw_data=values.tobytes())
        model.graph.initializer.append(default)
    save_model(model, path)


def proto_of(graph: Graph) -> ModelProto:
    """A graph as an ONNX model, for batches of any size."""
    inputs = graph.inputs(TRACED)
    with _quiet(), torch.no_grad():
        exported = torch.onnx.export(
            graph.eval().program(),
            (),
            kwargs={"given": inputs},
            input_names=list(inputs),
            output_names=list(graph.outputs),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert exported is not None  # it is only without dynamo
    proto: ModelProto = exported.model_proto
    del proto.graph.value_info[:]  # runtimes infer the shapes
    for node in proto.graph.node:
        del node.metadata_props[:]  # the lines of PyTorch's own code that a node comes from
    return proto


@contextmanager
def _quiet() -> Iterator[None]:
    """The exporter warns of its own internals."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
