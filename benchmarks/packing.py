"""Packing pictures into the cache, compared with a loop over Pillow in one process.

The small pictures are MNIST's training images as PNG files. The photographs are made: smooth noise as JPEG files of
640 x 480. The loop resizes with Pillow's default, which is bicubic. `pack` resizes with Lanczos, looks for colour, and
leaves a file that is safely on disk. All files are in the page cache.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.harness import arguments, in_turn, publish, ratio, spread
from condvae.config import DataConfig
from condvae.data.listing import Files
from condvae.data.packing.packed import clear, pack
from condvae.data.sources import load_data

PLAIN, PACK, AGAIN = "Pillow, one process", "pack", "pack again, from the cache"
PHOTOGRAPH = (640, 480)
NOISE = 8.0  # standard deviation of the noise of a pixel, 0 to 255
Kind = tuple[Files, str, tuple[int, int]]  # with the mode, and width and height of the images


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=5, small=60_000, large=2_000)
    digits = load_data("mnist").train.pixels(slice(0, options.small))
    measured = {}
    with tempfile.TemporaryDirectory() as made, patch.dict(os.environ, {"CONDVAE_DATA": f"{made}/cache"}):
        folder = Path(made)
        kinds: dict[str, Kind] = {
            f"{len(digits):,} PNG files of 28 x 28": (write_digits(folder / "png", digits), "L", (28, 28)),
            f"{options.large:,} JPEG files of 640 x 480": (
                write_photographs(folder / "jpeg", options.large),
                "RGB",
                (64, 48),
            ),
        }
        for name, kind in kinds.items():
            sides = {
                PLAIN: lambda kind=kind: seconds_of_plain(*kind),
                PACK: lambda kind=kind: seconds_of_pack(kind[0], anew=True),
                AGAIN: lambda kind=kind: seconds_of_pack(kind[0], anew=False),
            }
            measured[name] = in_turn(sides, options.segments)
            check(*kind)
    tables = {
        name: [
            {"side": side, "seconds": spread(seconds), f"{PLAIN} / side": ratio(sides[PLAIN], seconds)}
            for side, seconds in sides.items()
        ]
        for name, sides in measured.items()
    }
    return publish("packing", options.out, tables, seconds=measured)


def write_digits(folder: Path, digits: NDArray[np.uint8]) -> Files:
    """Images, uint8 (N, 1, H, W), as PNG files."""
    folder.mkdir()
    names = [f"{number:05}.png" for number in range(len(digits))]
    for name, digit in zip(names, digits, strict=True):
        Image.fromarray(digit[0]).save(folder / name)
    return Files(folder, names)


def write_photographs(folder: Path, count: int) -> Files:
    """Smooth noise with some grain, as JPEG files."""
    folder.mkdir()
    names = [f"{number:05}.jpg" for number in range(count)]
    generator = np.random.default_rng(0)
    width, height = PHOTOGRAPH
    grain = generator.normal(0, NOISE, (2 * height, 2 * width, 1)).astype(np.float32)
    for name in names:
        coarse = Image.fromarray(generator.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        smooth = np.asarray(coarse.resize(PHOTOGRAPH, Image.Resampling.BICUBIC), np.float32)
        top, left = generator.integers(0, (height, width))
        pixels = np.clip(smooth + grain[top : top + height, left : left + width], 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(folder / name, quality=90)
    return Files(folder, names)


def plain(files: Files, mode: str, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The loop that everybody writes: uint8 (N, H, W), or (N, H, W, 3)."""
    paths = [files.folder / name for name in files.paths]
    images = np.empty((len(paths), size[1], size[0], *([3] if mode == "RGB" else [])), np.uint8)
    for number, path in enumerate(paths):
        images[number] = np.asarray(Image.open(path).convert(mode).resize(size))
    return images


def seconds_of_plain(files: Files, mode: str, size: tuple[int, int]) -> float:
    """Seconds of the loop."""
    started = time.perf_counter()
    plain(files, mode, size)
    return time.perf_counter() - started


def seconds_of_pack(files: Files, anew: bool) -> float:
    """Seconds until the images can be read. With `anew`, the cache is empty before."""
    if anew:
        clear()
    started = time.perf_counter()
    pack(files, DataConfig())
    return time.perf_counter() - started


def check(files: Files, mode: str, size: tuple[int, int]) -> None:
    """Both sides have the same images: equal if they were not resized, and otherwise similar."""
    few = Files(files.folder, files.paths[:100])
    images = plain(few, mode, size).reshape(len(few), size[1], size[0], -1).transpose(0, 3, 1, 2)
    packed = pack(files, DataConfig()).images[: len(few)]
    error = np.abs(packed.astype(np.float32) - images).mean()
    if error > (0 if mode == "L" else 3):
        raise RuntimeError(f"The images of {files.folder} differ by {error:.2f} of 255 on average.")


if __name__ == "__main__":
    main(sys.argv[1:])
