"""Exported graphs compared with the model that they come from."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.errors import ExportError, InputError, RunError
from condvae.export.graphs import Graph, Tensors
from condvae.inference.inputs import NOT_GIVEN
from condvae.storage.files import replacing, storing

PIXELS = ("float32", "uint8")  # types of images
BATCHES = (1, 4, 257)
FAR = 4.0  # the length of latent vectors in a part of the comparison
TOLERANCE = 1e-5  # relative to the value, or absolute below 1
LEARNED = 3e-5  # the same with a learned prior: PyTorch's own rounding of the flow of `plane` is 1.3e-5
LEVEL = 1  # by which uint8 images may differ, because rounding decides
Arrays = dict[str, NDArray[Any]]
Runner = Callable[[Arrays], Sequence[NDArray[Any]]]


class Difference(NamedTuple):
    """How far a graph is from the model.

    Attributes:
        largest: the largest difference of any output, relative to the value, or absolute below 1.
        mean: the mean difference.
    """

    largest: float
    mean: float


class Obeyed(NamedTuple):
    """The share of images that the judge classifies as their label.

    Attributes:
        before: of images of the model.
        after: of images of the file, at the same latent vectors.
    """

    before: float
    after: float


class Exported(NamedTuple):
    """What was exported.

    Attributes:
        files: the files.
        differences: of each graph by its name.
        obeyed: how many images have their label before and after, if the precision is reduced and there is a judge.
    """

    files: tuple[Path, ...]
    differences: dict[str, Difference]
    obeyed: Obeyed | None = None


def require_possible(out: Path, **chosen: tuple[str, Sequence[str]]) -> None:
    """Make sure that choices are known, and that `out` is not there.

    Raises:
        InputError: a choice is unknown.
        RunError: `out` exists.
    """
    for name, (value, known) in chosen.items():
        if value not in known:
            raise InputError(f"{name} must be one of {', '.join(known)}, got '{value}'.")
    if out.exists():
        raise RunError(f"{out} exists. Choose another --out, or remove it.")


def stored(files: Sequence[Path], out: Path, is_file: bool) -> tuple[Path, ...]:
    """Copy finished files to where they were asked for, all of them or none.

    Args:
        files: the files. There is one if `is_file` is true.
        out: the place of the file, or of a new folder.
        is_file: whether `out` is a file.

    Raises:
        StorageError: they cannot be written.
    """
    if is_file:
        with replacing(out) as temporary:
            shutil.copyfile(files[0], temporary)
        return (out,)
    with new_folder(out) as part:
        for path in files:
            shutil.copyfile(path, part / path.name)
    return tuple(out / path.name for path in files)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder to fill, which becomes `out` when it is complete. If something fails, nothing is left of it.

    Raises:
        StorageError: it cannot be written.
    """
    part = out.with_name(f".{out.name}.part")
    with storing(out):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        try:
            yield part
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def compared(graph: Graph, run: Runner, strict: bool = True) -> Difference:
    """How far an exported graph is from the model.

    Args:
        graph: the graph.
        run: runs the exported graph: inputs by name to outputs.
        strict: whether a large difference is an error.

    Raises:
        ExportError: it differs too much.
    """
    distances: list[NDArray[np.float64]] = []
    for inputs in _examples(graph):
        with torch.inference_mode():
            wanted = graph(inputs)
        outputs = run({name: value.numpy() for name, value in inputs.items()})
        distances += [_distance(output, one) for output, one in zip(outputs, wanted, strict=True)]
    found = Difference(max(float(one.max()) for one in distances), float(np.mean([one.mean() for one in distances])))
    tolerance = LEARNED if graph.model.prior.is_learned else TOLERANCE
    allowed = LEVEL if graph.integers and "images" in graph.outputs else tolerance
    if strict and not found.largest <= allowed:
        raise ExportError(
            f"The exported graph {graph.name} differs from the model by {found.largest:.2g}, and {allowed:.2g} is "
            "allowed. Nothing was written. Please report this, with the config.yaml of the run."
        )
    return found


def _examples(graph: Graph) -> Iterator[Tensors]:
    """Inputs of several batch sizes, also with far latent vectors, and without conditions if the model can do so."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        for count in BATCHES:
            inputs = graph.inputs(count)
            yield inputs
            if "z" in inputs:
                yield {**inputs, "z": FAR * torch.nn.functional.normalize(inputs["z"])}
            if graph.model.conditions.optional:
                yield {**inputs, **{name: _hidden(inputs[name]) for name in graph.condition_names}}


def _hidden(column: Tensor) -> Tensor:
    return torch.full_like(column, torch.nan if column.is_floating_point() else NOT_GIVEN)


def _distance(output: NDArray[Any], wanted: Tensor) -> NDArray[np.float64]:
    exact = wanted.double().numpy()
    scale = np.maximum(1, np.abs(exact)) if wanted.is_floating_point() else 1
    found: NDArray[np.float64] = np.abs(output.astype(np.float64) - exact) / scale
    return found
