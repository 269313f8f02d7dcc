"""From labels and latent vectors to images and back: one from Python, many from and to files, and a million to disk.

The floor is the matrix products of decoder or encoder alone. Untrained weights do: speed does not depend on them.
"""

import itertools
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.floor import Floor, linear_layers, seconds_each
from benchmarks.harness import Tables, arguments, in_turn, publish, ratio, spread, watched
from condvae.config import load_recipe
from condvae.inference.batched import CHUNK, draw_pixels
from condvae.inference.bulk import encode_files, generate_files
from condvae.inference.operations import generate
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run
from condvae.schema import Schema

ONE = "condvae.generate(model, '3', z=[0.5, -1.0])"
DIGITS = Schema((1, 28, 28), tuple("0123456789"))


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=7, images=100_000, files=2000, single=500, million=1_000_000)
    config = load_recipe("paper")
    model = CVAE(config.model, DIGITS).eval()
    one = Floor(linear_layers(model.likelihood), 1)
    decoder, encoder = (Floor(linear_layers(part), CHUNK) for part in (model.likelihood, model.posterior))
    z, labels = torch.randn(options.images, config.model.latent), torch.arange(options.images) % 10
    chunks = -(-options.images // CHUNK)
    with tempfile.TemporaryDirectory() as scratch:
        folder, new = Path(scratch), map(str, itertools.count())
        run = Run(folder / "run")
        save_model(run, model, config, {})
        generate_files(run.path, folder / "images.npz", ["3"], count=options.images)
        generate_files(run.path, folder / "images", ["3"], count=options.files)
        single = in_turn(
            {
                "floor": median_of(one.forward, options.single),
                ONE: median_of(lambda: generate(model, "3", z=[0.5, -1.0]), options.single),
            },
            options.segments,
        )
        decoding = in_turn(
            {
                "floor": timed(lambda: decoder.forward(chunks), options.images),
                "draw_pixels, in memory": timed(lambda: draw_pixels(model, z, labels), options.images),
                "generate to .npz files": timed(
                    lambda: generate_files(run.path, folder / f"{next(new)}.npz", ["3"], count=options.images),
                    options.images,
                ),
                "generate to PNG files": timed(
                    lambda: generate_files(run.path, folder / next(new), ["3"], count=options.files), options.files
                ),
            },
            options.segments,
        )
        encoding = in_turn(
            {
                "floor": timed(lambda: encoder.forward(chunks), options.images),
                "encode from .npz files": timed(
                    lambda: encode_files(run.path, folder / "images.npz", folder / f"{next(new)}.npz"), options.images
                ),
                "encode from PNG files": timed(
                    lambda: encode_files(run.path, folder / "images", folder / f"{next(new)}.npz"), options.files
                ),
            },
            options.segments,
        )
        each = -(-options.million // 10)
        command = [sys.executable, "-m", "condvae", "generate", str(run.path), "--label", *DIGITS.classes]
        usage = watched([*command, "--count", str(each), "--out", f"{scratch}/million.npz"])
    tables: Tables = {
        "One image, median, in milliseconds": rows(single, 1e3),
        "Decoding, microseconds per image": rows(decoding, 1e6),
        "Encoding, microseconds per image": rows(encoding, 1e6),
        f"condvae generate, {10 * each:,} images, whole process": [usage.row()],
    }
    return publish("decoding", options.out, tables, single=single, decoding=decoding, encoding=encoding, million=usage)


def rows(measured: Mapping[str, Sequence[float]], factor: float) -> list[dict[str, Any]]:
    """A table of sides, the first of them the floor; seconds times `factor`."""
    return [
        {
            "side": name,
            "time": spread([factor * value for value in values]),
            "side / floor": ratio(values, measured["floor"]),
        }
        for name, values in measured.items()
    ]


def timed(action: Callable[[], Any], count: int) -> Callable[[], float]:
    """An action on `count` images as a side that is measured: seconds per image."""
    return lambda: seconds_each(action, 1) / count


def median_of(action: Callable[[], Any], times: int) -> Callable[[], float]:
    """An action as a side that is measured: the median seconds of many calls, each timed."""

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
