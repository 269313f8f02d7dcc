"""TODO."""

from pathlib import Path

import numpy as np

from condvae.data import mnist
from condvae.data.dataset import Dataset, LabelledImages
from condvae.data.idx import read_idx
from condvae.errors import ConfigError, DataError


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
    return train, test


def _find(folder: Path, stem: str, dimensions: str) -> Path:
    names = [f"{stem}{mark}{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has no file {names[0]} (nor {', '.join(names[1:])}). Put it there, or name another DIR.")
