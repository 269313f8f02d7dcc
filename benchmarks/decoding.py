"""Drawing and encoding images: one from Python, many to and from files, and a million to disk.

The floor is the matrix products of the decoder or the encoder alone. The weights are untrained, because the speed does
not depend on them.
"""

import itertools
import sys
import tempfile
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.floor import Floor, linear_layers, seconds_each
from benchmarks.harness import Tables, Usage, arguments, in_turn, publish, ratio, spread, watched
from condvae.inference.batched import CHUNK, draw_pixels
from condvae.inference.bulk import encode_files, generate_files
from condvae.inference.operations import generate
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.recipe import load_recipe
from condvae.run import Run
from condvae.schema import Schema

ONE = "condvae.generate(model, '3', z=[0.5, -1.0])"
DIGITS = Schema((1, 28, 28), tuple("0123456789"))
Measured = Mapping[str, Sequence[float]]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=7, images=100_000, files=2000, single=500, million=1_000_000)
    config = load_recipe("paper")
    model = CVAE(config.model, DIGITS).eval()
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        save_model(run, model, config, {})
        single = one_image(model, options)
        decoding = many_images(model, run, options)
        encoding = many_codes(model, run, options)
        usage = whole_command(run, options.million)
    tables: Tables = {
        "One image, median, in milliseconds": rows(single, 1e3),
        "Decoding, microseconds per image": rows(decoding, 1e6),
        "Encoding, microseconds per image": rows(encoding, 1e6),
        f"condvae generate, {options.million:,} images, whole process": [usage.row()],
    }
    return publish("decoding", options.out, tables, single=single, decoding=decoding, encoding=encoding, million=usage)


def one_image(model: CVAE, options: Namespace) -> Measured:
    """Seconds for one image from Python."""
    floor = Floor(linear_layers(model.likelihood), 1)
    sides = {
        "floor": median_of(floor.forward, options.single),
        ONE: median_of(lambda: generate(model, "3", z=[0.5, -1.0]), options.single),
    }
    return in_turn(sides, options.segments)


def many_images(model: CVAE, run: Run, options: Namespace) -> Measured:
    """Seconds per image, in memory and to files."""
    floor = Floor(linear_layers(model.likelihood), CHUNK)
    z, labels = torch.randn(options.images, model.config.latent), torch.arange(options.images) % len(DIGITS.classes)
    new = new_names(run)
    sides = {
        "floor": timed(lambda: floor.forward(-(-options.images // CHUNK)), options.images),
        "draw_pixels, in memory": timed(lambda: draw_pixels(model, z, labels), options.images),
        "generate to .npz files": timed(
            lambda: generate_files(run.path, Path(f"{next(new)}.npz"), ["3"], count=options.images), options.images
        ),
        "generate to PNG files": timed(
            lambda: generate_files(run.path, Path(next(new)), ["3"], count=options.files), options.files
        ),
    }
    return in_turn(sides, options.segments)


def many_codes(model: CVAE, run: Run, options: Namespace) -> Measured:
    """Seconds per image to encode it from files."""
    floor = Floor(linear_layers(model.posterior), CHUNK)
    new = new_names(run)
    archive, folder = Path(f"{next(new)}.npz"), Path(next(new))
    generate_files(run.path, archive, ["3"], count=options.images)
    generate_files(run.path, folder, ["3"], count=options.files)
    sides = {
        "floor": timed(lambda: floor.forward(-(-options.images // CHUNK)), options.images),
        "encode from .npz files": timed(
            lambda: encode_files(run.path, archive, Path(f"{next(new)}.npz")), options.images
        ),
        "encode from PNG files": timed(lambda: encode_files(run.path, folder, Path(f"{next(new)}.npz")), options.files),
    }
    return in_turn(sides, options.segments)


def whole_command(run: Run, images: int) -> Usage:
    """Time and memory of `condvae generate` for this many images, the same number of each label."""
    labels, each = DIGITS.classes, str(images // len(DIGITS.classes))
    command = [sys.executable, "-m", "condvae", "generate", str(run.path), "--label", *labels]
    return watched([*command, "--count", each, "--out", f"{next(new_names(run))}.npz"])


def new_names(run: Run) -> Iterator[str]:
    """Paths beside a run that do not exist yet."""
    taken = len(list(run.path.parent.iterdir()))
    return (str(run.path.parent / str(number)) for number in itertools.count(taken))


def rows(measured: Measured, factor: float) -> list[dict[str, Any]]:
    """A table of sides, with seconds times `factor`. One side is the floor."""
    return [
        {
            "side": name,
            "time": spread([factor * value for value in values]),
            "side / floor": ratio(values, measured["floor"]),
        }
        for name, values in measured.items()
    ]


def timed(action: Callable[[], Any], count: int) -> Callable[[], float]:
    """A side that measures an action on `count` images, in seconds per image."""
    return lambda: seconds_each(action, 1) / count


def median_of(action: Callable[[], Any], times: int) -> Callable[[], float]:
    """A side that measures an action many times, and gives the median of the seconds."""

    def side() -> float:
        seconds = []
        for _ in range(times):
            started = time.perf_counter()
            action()
            seconds.append(time.perf_counter() - started)
        return median(seconds)

    return side


if __name__ == "__main__":
    main(sys.argv[1:])
