"""Data with classes of very different sizes: the bars of the tests in memory and on disk, and a judge to order."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from condvae.data.dataset import Dataset
from condvae.evaluation.judge import Judge
from condvae.images import png

SIZES = (30, 12, 2)  # of "left", "middle" and "right"


def uneven(bars: Dataset, source: str = "uneven bars") -> Dataset:
    """The bars with SIZES training images of the classes, and all test images."""
    kept = [np.flatnonzero(bars.train.labels == label)[:size] for label, size in enumerate(SIZES)]
    return Dataset(source, bars.train.take(np.concatenate(kept)), bars.test)


def written(data: Dataset, root: Path, train: str = "train", test: str = "test") -> Path:
    """A data set as PNG files in a sub-folder for each class, below two folders."""
    for part, place in ((data.train, train), (data.test, test)):
        for number, (image, label) in enumerate(zip(part.pixels(), part.labels, strict=True)):
            path = root / place / part.classes[label] / f"{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(png(image))
    return root


class Sceptic(Judge):
    """A judge that takes about half of the images for their class, by their pixels, and none of some classes."""

    def __init__(self, never: tuple[int, ...] = ()) -> None:
        super().__init__(3, 3)
        self.never = torch.tensor(never, dtype=torch.int64)
        self.card = {"name": "sceptic", "test_accuracy": 0.5, "test_images": 30, "sha256": f"never {never}"}

    def correct(self, images: Tensor, labels: Tensor) -> Tensor:
        accepted = (images.sum((1, 2, 3)) * 255).round().long() % 2 == 0
        return (accepted & ~torch.isin(labels, self.never)).float()
