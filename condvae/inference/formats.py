"""Formats of files with many images: .npz, .tar (WebDataset) and .parquet. The same images give the same bytes.

A format is one class and one line in FORMATS.
"""

import io
import json
import tarfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from condvae.errors import InputError, require_extra
from condvae.images import png
from condvae.storage.place import Place

Arrays = dict[str, NDArray[Any]]
IMAGES, LABELS = "images", "labels"


class Format(ABC):
    """A kind of file with the arrays `images`, uint8 (N, C, H, W), `labels` (N,), and others of N rows.

    Attributes:
        needs_images: whether only images, and arrays beside them, can be written.
    """

    needs_images = False

    @abstractmethod
    def write(self, file: BinaryIO, arrays: Arrays, first: int) -> None:
        """Write arrays to an open file. `first` is the number of the first row among those of all files."""

    @abstractmethod
    def count(self, path: Place) -> int:
        """The number of images in a file.

        Raises:
            InputError: it cannot be read.
        """

    @abstractmethod
    def read(self, path: Place) -> Arrays:
        """The images of a file, and their labels if it has any.

        Raises:
            InputError: it cannot be read, or has no images.
        """


class Npz(Format):
    """NumPy's archive. It is not compressed, because that takes longer than drawing the images."""

    def write(self, file: BinaryIO, arrays: Arrays, first: int) -> None:
        np.savez(file, **arrays)  # type: ignore[arg-type]

    def count(self, path: Place) -> int:
        with self._opened(path) as found:
            return len(found[LABELS if LABELS in found else IMAGES])  # labels are faster to read

    def read(self, path: Place) -> Arrays:
        with self._opened(path) as found:
            return {name: found[name] for name in (IMAGES, LABELS) if name in found}

    @contextmanager
    def _opened(self, path: Place) -> Iterator[Mapping[str, NDArray[Any]]]:
        with reading(path), path.open() as file, np.load(file) as found:
            require_arrays(path, IMAGES in found and (LABELS not in found or found[LABELS].ndim == 1))
            yield found


class Tar(Format):
    """WebDataset: a PNG file for each image, and beside it a JSON file with its label and other values.

    Files that belong together have a name in common, and follow each other.
    """

    needs_images = True

    def write(self, file: BinaryIO, arrays: Arrays, first: int) -> None:
        others = {_singular(name): values for name, values in arrays.items() if name != IMAGES}
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for row, image in enumerate(arrays[IMAGES]):
                values = {name: column[row].tolist() for name, column in others.items()}
                _add(tar, f"{first + row:012d}.png", png(image))
                _add(tar, f"{first + row:012d}.json", json.dumps(values, ensure_ascii=False).encode())

    def count(self, path: Place) -> int:
        with reading(path), path.open() as file, tarfile.open(fileobj=file) as tar:
            return sum(name.endswith(".png") for name in tar.getnames())

    def read(self, path: Place) -> Arrays:
        images, labels = [], []
        with reading(path), path.open() as file, tarfile.open(fileobj=file) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content and member.name.endswith(".png"):
                    images.append(pixels(content.read()))
                elif content and member.name.endswith(".json"):
                    labels += [str(value) for name, value in json.load(content).items() if name == _singular(LABELS)]
            require_arrays(path, bool(images) and len({image.shape for image in images}) == 1)
        return {IMAGES: np.stack(images), **({LABELS: np.array(labels)} if labels else {})}


class Parquet(Format):
    """A table with a row for each image: a PNG file as in Hugging Face's datasets, its label, and other values."""

    def write(self, file: BinaryIO, arrays: Arrays, first: int) -> None:
        require_extra("hf", "A parquet file")
        import pyarrow
        from pyarrow import parquet

        columns: dict[str, Any] = {}
        features: dict[str, Any] = {}
        for name, values in arrays.items():
            column = _singular(name)
            if name == IMAGES:
                kind = pyarrow.struct({"bytes": pyarrow.binary(), "path": pyarrow.string()})
                columns[column] = pyarrow.array([{"bytes": png(image), "path": None} for image in values], kind)
                features[column] = {"_type": "Image"}
            else:
                columns[column] = pyarrow.array(list(values) if values.ndim > 1 else values)
                value = {"dtype": "string" if values.dtype.kind == "U" else str(values.dtype), "_type": "Value"}
                features[column] = {"feature": value, "_type": "List"} if values.ndim > 1 else value
        about = json.dumps({"info": {"features": features}})  # what Hugging Face's datasets read, to decode images
        parquet.write_table(pyarrow.table(columns).replace_schema_metadata({"huggingface": about}), file)

    def count(self, path: Place) -> int:
        require_extra("hf", "A parquet file")
        from pyarrow import parquet

        with reading(path), path.open() as file:
            return int(parquet.read_metadata(file).num_rows)

    def read(self, path: Place) -> Arrays:
        require_extra("hf", "A parquet file")
        from pyarrow import parquet

        with reading(path), path.open() as file:
            table = parquet.read_table(file)
            require_arrays(path, "image" in table.column_names)
            images = [pixels(value["bytes"]) for value in table["image"].to_pylist()]
            labels = table[_singular(LABELS)].to_pylist() if _singular(LABELS) in table.column_names else []
            require_arrays(path, len({image.shape for image in images}) == 1)
        return {IMAGES: np.stack(images), **({LABELS: np.array(labels).astype(str)} if labels else {})}


FORMATS: dict[str, Format] = {".npz": Npz(), ".tar": Tar(), ".parquet": Parquet()}


def pixels(content: bytes) -> NDArray[np.uint8]:
    """The pixels of an image file, uint8 (C, H, W): one channel if it is grey, otherwise three."""
    with Image.open(io.BytesIO(content)) as picture:
        found = np.asarray(picture if picture.mode == "L" else picture.convert("RGB"))
    return found[None] if found.ndim == 2 else found.transpose(2, 0, 1)


@contextmanager
def reading(path: Place) -> Iterator[None]:
    """Turn what goes wrong while a file is read into an InputError."""
    try:
        yield
    except InputError:
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile, tarfile.TarError) as error:
        # a file of numpy.save raises TypeError, and pyarrow's errors are ValueErrors
        raise InputError(f"{path} cannot be read as an archive of images ({error}). Fix or remove it.") from error


def require_arrays(path: Place, holds: bool) -> None:
    """Make sure that a file has images of one size, and at most one label for each.

    Raises:
        InputError: it has not.
    """
    if not holds:
        raise InputError(f"{path} has no images of one size with their labels. Write it as 'condvae generate' does.")


def _add(tar: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)  # without a time and an owner, so that the same images give the same bytes
    member.size = len(content)
    tar.addfile(member, io.BytesIO(content))


def _singular(name: str) -> str:
    return {IMAGES: "image", LABELS: "label", "files": "file"}.get(name, name)
