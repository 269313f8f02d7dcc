"""The IDX file format of MNIST and its relatives: a magic number, the sizes, the bytes."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.errors import ConfigError, DataError

UNSIGNED_BYTE = 0x08


def load(folder: str) -> Dataset:
    """A folder with four IDX files of MNIST's names, plain or gzipped.

    Raises:
        ConfigError: no folder is named.
        DataError: a file is missing or damaged.
    """
    if not folder:
        raise ConfigError("The data source 'idx' needs a folder. Write idx:DIR.")
    path = Path(folder).expanduser().absolute()  # so that a run finds the data from any folder
    return Dataset(f"idx:{path}", *read_folder(path))


def read_folder(folder: Path) -> tuple[LabelledImages, LabelledImages]:
    """Training images and test images of four IDX files. The classes are the labels that occur in one of them.

    Raises:
        DataError: a file is missing or damaged.
    """
    parts = []
    for part in ("train", "t10k"):
        images = read_idx(_find(folder, f"{part}-images", "idx3"), dimensions=3)
        labels = read_idx(_find(folder, f"{part}-labels", "idx1"), dimensions=1)
        parts.append((images[:, np.newaxis], labels))
    values = np.unique(np.concatenate([labels for _, labels in parts]))
    classes = tuple(map(str, values))
    train, test = (LabelledImages(images, np.searchsorted(values, labels), classes) for images, labels in parts)
    return train, test


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, plain or gzipped.

    Args:
        path: the file. It is read as gzipped if it starts like a gzip file, whatever its name.
        dimensions: 3 for images (N, H, W), 1 for labels (N,).

    Raises:
        DataError: the file cannot be read, has another magic number, or has another length than its header says.
    """
    content = _content(path)
    header = 4 * (1 + dimensions)
    expected = UNSIGNED_BYTE << 8 | dimensions
    magic = int.from_bytes(content[:4], "big")
    if len(content) >= 4 and magic != expected:
        raise DataError(
            f"{path} starts with the magic number 0x{magic:08x}, but an IDX file of unsigned bytes with "
            f"{dimensions} dimension(s) starts with 0x{expected:08x}. Check that images and labels are not swapped."
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header]) if len(content) >= header else ()
    size = header + int(np.prod(shape, dtype=np.int64))
    if len(content) != size or not shape:
        raise DataError(
            f"{path} holds {len(content)} bytes, but its header says {size} (shape {shape}): it is truncated or "
            "damaged. Fetch or copy it again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: {error}. Fetch or copy it again.") from error


def _find(folder: Path, stem: str, dimensions: str) -> Path:
    names = [f"{stem}{mark}{dimensions}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder} has no file {names[0]} (nor {', '.join(names[1:])}). Put it there, or name another DIR.")
