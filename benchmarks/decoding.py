"""From labels and latent vectors to images: one from Python, many in a process, and a million to disk.

The floor is the decoder's matrix products alone. Untrained weights do, because speed does not depend on them.
"""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch

from benchmarks.floor import Floor, linear_layers, seconds_each
from benchmarks.harness import Tables, arguments, in_turn, publish, ratio, spread, watched
from condvae.bulk import generate_files
from condvae.checkpoint import Run, save_model
from condvae.config import Schema, load_recipe
from condvae.model import CVAE
from condvae.sampling import CHUNK, draw_pixels, generate

DIGITS = Schema((1, 28, 28), tuple("0123456789"))


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=7, images=100_000, single=500, million=1_000_000)
    config = load_recipe("paper")
    model = CVAE(config.model, DIGITS).eval()
    floor = Floor(linear_layers(model.likelihood), CHUNK)
    z, labels = torch.randn(options.images, config.model.latent), torch.arange(options.images) % 10
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        save_model(run, model, config, {})
        written = 0

        def to_disk() -> None:
            nonlocal written
            written += 1
            generate_files(run.path, Path(folder) / f"{written}.npz", ["3"], count=options.images)

        in_process: dict[str, Callable[[], Any]] = {
            "floor": lambda: floor.forward(-(-options.images // CHUNK)),
            "in memory, uint8": lambda: draw_pixels(model, z, labels),
            "to .npz files": to_disk,
        }
        many = in_turn({name: timed(action) for name, action in in_process.items()}, options.segments)
        single = in_turn(
            {
                "floor": median_of(Floor(linear_layers(model.likelihood), 1).forward, options.single),
                "condvae.generate(model, '3', z=[0.5, -1.0])": median_of(
                    lambda: generate(model, "3", z=[0.5, -1.0]), options.single
                ),
            },
            options.segments,
        )
        each = str(-(-options.million // 10))
        command = [sys.executable, "-m", "condvae", "generate", str(run.path), "--label", *DIGITS.classes]
        usage = watched([*command, "--count", each, "--out", f"{folder}/million.npz"])
    count = 10 * int(each)
    tables: Tables = {
        "One image, median": [
            {
                "side": name,
                "ms": spread([1000 * value for value in values]),
                "side / floor": ratio(values, single["floor"]),
            }
            for name, values in single.items()
        ],
        f"{options.images:,} images": [
            {
                "side": name,
                "microseconds per image": spread([1e6 * value / options.images for value in values]),
                "side / floor": ratio(values, many["floor"]),
            }
            for name, values in many.items()
        ],
        f"condvae generate, {count:,} images, whole process": [usage.row()],
    }
    return publish("decoding", options.out, tables, single=single, many=many, million=usage)


def timed(action: Callable[[], Any]) -> Callable[[], float]:
    """An action as a side that is measured: seconds of one call."""
    return lambda: seconds_each(action, 1)


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
