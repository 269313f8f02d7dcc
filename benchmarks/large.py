"""Training on more images than are kept in memory: what it holds, and its speed beside the same images in memory.

    python -m benchmarks.large --images 500000

The pictures are made: smooth noise as PNG files of 64 x 64, in ten classes. They need as much disk again as the images,
and the speed is only compared where all images fit into memory: 6 GB for 500,000 of them.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from PIL import Image

from benchmarks.harness import Tables, anonymous_mb, arguments, in_turn, publish, ratio, spread, watched
from benchmarks.sides import train_recipe
from benchmarks.training import per_step
from condvae.config import DataConfig
from condvae.data.dataset import prepared
from condvae.data.sources import load_data
from condvae.progress import progress
from condvae.recipe import load_recipe
from condvae.training.auto import auto

CLASSES, SIDE, COARSE = 10, 64, 6
MEMORY, MAPPED = "images in memory", "images in their file"
LIMITS = ["--trainer.max_epochs", "2", "--trainer.limit_val_batches", "5"]


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=5, steps=60, images=500_000)
    with tempfile.TemporaryDirectory() as made, patch.dict(os.environ, {"CONDVAE_DATA": f"{made}/cache"}):
        source = f"folder:{made}/pictures"
        write_pictures(Path(made) / "pictures", options.images)
        started = time.perf_counter()
        with patch("condvae.data.build.IN_MEMORY", 0):  # for fewer images than 1 GiB
            whole = load_data(DataConfig(source))
        loading = time.perf_counter() - started
        command = [sys.executable, "-m", "condvae", "train", "--data", source, "--out", f"{made}/run"]
        limits = [*LIMITS, "--trainer.limit_train_batches", str(options.steps)]
        usage = watched([*command, *limits], anonymous_mb)
        config, _ = auto(whole, load_recipe("auto"))
        mapped = prepared(whole, config)
        memory = replace(mapped, train=mapped.train.take(slice(None)))
        sides = {
            MEMORY: partial(per_step, train_recipe, config, memory, steps=options.steps),
            MAPPED: partial(per_step, train_recipe, config, mapped, steps=options.steps),
        }
        measured = in_turn(sides, options.segments)
    size = config.training.batch_size
    tables: Tables = {
        f"{options.images:,} colour images of {SIDE} x {SIDE}: one training, whole process": [
            {
                "images, MB": f"{options.images * 3 * SIDE**2 / 1e6:.0f}",
                "packed before, s": f"{loading:.0f}",
                "seconds": f"{usage.seconds:.1f}",
                "peak anonymous memory, MB": f"{usage.peak_mb:.0f}",
            }
        ],
        f"Training, batch {size}": [
            {
                "side": name,
                "images per second": spread([size / value for value in seconds]),
                f"speed, times that of {MEMORY}": ratio(measured[MEMORY], seconds),
            }
            for name, seconds in measured.items()
        ],
    }
    return publish("large", options.out, tables, seconds=measured, memory=usage)


def write_pictures(folder: Path, count: int) -> None:
    """Different pictures of smooth noise, in folders of ten classes."""
    sizes = [len(range(label, count, CLASSES)) for label in range(CLASSES)]
    with ProcessPoolExecutor() as pool, progress("Writing pictures", count) as advance:
        for written in pool.map(_write_class, [folder] * CLASSES, range(CLASSES), sizes):
            advance(written)


def _write_class(folder: Path, label: int, count: int) -> int:
    generator = np.random.default_rng(label)
    (folder / str(label)).mkdir(parents=True)
    for number in range(count):
        coarse = Image.fromarray(generator.integers(0, 256, (COARSE, COARSE, 3), dtype=np.uint8))
        picture = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        picture.save(folder / str(label) / f"{number:06}.png", compress_level=1)
    return count


if __name__ == "__main__":
    main(sys.argv[1:])
