"""A model as programs of torch.export, which run without the code of condvae."""

import shutil
import tempfile
from pathlib import Path

import torch

from condvae.export.comparison import PIXELS, Arrays, Exported, compared, require_possible
from condvae.export.graphs import graphs_of
from condvae.files import storing
from condvae.inference.mixture import mixture_if_any
from condvae.model.saving import load
from condvae.progress import progress
from condvae.run import Run

ENDING = ".pt2"
EXAMPLE = 3  # images in the batch that is traced; its size stays open


def export_programs(run: Run | Path | str, out: Path, *, pixels: str = PIXELS[0]) -> Exported:
    """Export a model as programs of torch.export: decode, encode, and draw if the run has a mixture.

    The programs are loaded again, and are only kept if they agree with the model. They take a dictionary of inputs by
    name: `torch.export.load("decode.pt2").module()(given={"z": z, "label": labels})`.

    Args:
        run: a finished run, its folder, its address on the Hub, or "pretrained".
        out: a new folder for the files decode.pt2, encode.pt2 and draw.pt2.
        pixels: the type of images: float32 from 0 to 1, or uint8 from 0 to 255.

    Raises:
        ExportError: a program differs from the model.
        InputError: there is no such type of images.
        RunError: the run is unfinished or damaged, or `out` exists.
        StorageError: the files cannot be written.
    """
    require_possible(out, pixels=(pixels, PIXELS))
    run = Run.find(run)
    graphs = graphs_of(load(run.path), mixture_if_any(run), pixels == PIXELS[1])
    with tempfile.TemporaryDirectory() as folder, progress("Exporting", len(graphs), "programs") as advance:
        files, differences = [Path(folder) / f"{graph.name}{ENDING}" for graph in graphs], {}
        for graph, path in zip(graphs, files, strict=True):
            torch.export.save(graph.program(EXAMPLE), path)
            program = torch.export.load(path).module()

            def run_program(inputs: Arrays, program: torch.nn.Module = program) -> list[object]:
                found = program(given={name: torch.from_numpy(one) for name, one in inputs.items()})
                return [one.detach().numpy() for one in found]

            differences[graph.name] = compared(graph, run_program)  # type: ignore[arg-type]
            advance(1)
        with storing(out):
            out.mkdir()
            for path in files:
                shutil.copyfile(path, out / path.name)
    return Exported(tuple(out / path.name for path in files), differences)
