"""Every source of labelled images becomes one `Dataset`: a training part and a test part."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condvae import mnist
from condvae.config import Schema
from condvae.errors import ConfigError, DataError
from condvae.idx import read_idx


@dataclass(frozen=True)
class LabelledImages:
    """Images in memory with one label each.

    Attributes:
        images: uint8 (N, C, H, W), 0 black to 255 white.
        labels: int64 (N,), each an index into `classes`.
        classes: the name of each class.

    Raises:
        DataError: images and labels differ in number, there are none, or a label has no class.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise DataError(
                f"There are {len(self.images)} images and {len(self.labels)} labels; each image needs exactly one "
                "label. Check that both files belong to the same part of the data set."
            )
        if not len(self.images):
            raise DataError("There are no images; at least one is needed. Check the source.")
        if self.labels.min() < 0 or self.labels.max() >= len(self.classes):
            raise DataError(
                f"Labels run from {self.labels.min()} to {self.labels.max()}, where {len(self.classes)} classes allow "
                f"0 to {len(self.classes) - 1}. Check the labels."
            )

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def schema(self) -> Schema:
        """What a model must know of these images."""
        return Schema(self.shape, self.classes)

    def counts(self) -> dict[str, int]:
        """The number of images of each class."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))


@dataclass(frozen=True)
class Dataset:
    """A data set with its own split into training and test images.

    Attributes:
        source: how it was named, such as "mnist"; `load_data(source)` gives it again.
        train: the images to train on.
        test: the images to measure on.
    """

    source: str
    train: LabelledImages
    test: LabelledImages


def load_data(source: str) -> Dataset:
    """Load a data set by its source, fetching it first if need be.

    Args:
        source: "mnist", or "idx:DIR" for a folder with four IDX files of MNIST's names, plain or gzipped.

    Raises:
        ConfigError: there is no such kind of source.
        DataError: the data cannot be had, or is damaged.
    """
    kind, _, argument = source.partition(":")
    if source == "mnist":
        train, test = _read_idx_folder(mnist.fetch())
    elif kind == "idx" and argument:
        folder = Path(argument).expanduser().absolute()  # so that a run finds it from anywhere
        source = f"idx:{folder}"
        train, test = _read_idx_folder(folder)
    else:
        raise ConfigError(f"There is no data source '{source}'. Known: 'mnist', 'idx:DIR'.")
    return Dataset(source, train, test)


def _read_idx_folder(folder: Path) -> tuple[LabelledImages, LabelledImages]:
    parts = []
    for part in ("train", "t10k"):
        images = read_idx(_find(folder, f"{part}-images", "idx3"), dimensions=3)
        labels = read_idx(_find(folder, f"{part}-labels", "idx1"), dimensions=1)
        parts.append((images[:, np.newaxis], labels.astype(np.int64)))
    count = 1 + max(int(labels.max(initial=0)) for _, labels in parts)
    classes = tuple(str(label) for label in range(count))
    train, test = (LabelledImages(images, labels, classes) for images, labels in parts)
    if train.shape != test.shape:
        raise DataError(f"Training images are {train.shape} and test images {test.shape} (C, H, W); they must agree.")
    return train, test


def _find(folder: Path, stem: str, dimensions: str) -> Path:
    names = [f"{stem}{mark}{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has no file {names[0]} (nor {', '.join(names[1:])}). Put it there, or name another DIR.")
