"""A model as programs of torch.export, which run without the code of condvae."""

import tempfile
from pathlib import Path

import torch

from condvae.export.comparison import PIXELS, Arrays, Exported, compared, require_possible, stored
from condvae.export.graphs import graphs_of
from condvae.inference.mixture import mixture_if_any
from condvae.model.saving import load
from condvae.progress import progress
from condvae.run import Run

ENDING = ".pt2"


def export_programs(run: Run | Path | str, out: Path, *, pixels: str = PIXELS[0]) -> Exported:
    """Export a model as programs of torch.export, those of `condvae.export.graphs.graphs_of`.

    The programs are loaded again, and are only kept if they agree with the model. They take a dictionary of inputs by
    name: `torch.export.load("decode.pt2").module()(given={"z": z, "label": labels})`.

    Args:
        run: a finished run, its folder, its address on the Hub, or "pretrained".
        out: a new folder for a file for each graph, such as decode.pt2.
        pixels: the type of images: float32 from 0 to 1, or uint8 from 0 to 255.

    Raises:
        ConfigError: a condition has the name of another input or output.
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
            torch.export.save(graph.program(), path)
            program = torch.export.load(path).module()

            def run_program(inputs: Arrays, program: torch.nn.Module = program) -> list[object]:
                found = program(given={name: torch.from_numpy(one) for name, one in inputs.items()})
                return [one.detach().numpy() for one in found]

            differences[graph.name] = compared(graph, run_program)  # type: ignore[arg-type]
            advance(1)
        places = stored(files, out, is_file=False)
    return Exported(places, differences)
