"""Arrays in an .npz file, read without unpickling anything. The images of one may be larger than memory."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import prod
from pathlib import Path
from typing import IO, Any
from weakref import finalize

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from condvae.errors import DataError

SUFFIX = ".npy"  # of an array in an .npz file
PICKLED = "which would have to be unpickled. condvae does not do that, because it can run any code"


def names(path: Path) -> list[str]:
    """The names of the arrays in a file.

    Raises:
        DataError: there is no such file, or it is no .npz file.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder, and the data source 'arrays' reads an .npz file. Write arrays:FILE.npz.")
    if not path.exists():
        raise DataError(f"There is no file {path}. Check the path.")
    with _reading(path), zipfile.ZipFile(path) as archive:
        return [name.removesuffix(SUFFIX) for name in archive.namelist() if name.endswith(SUFFIX)]


def read(path: Path, name: str) -> NDArray[Any]:
    """An array of a file.

    Raises:
        DataError: it has Python objects, or is damaged.
    """
    StoredArray(path, name)  # checks it
    with _reading(path), zipfile.ZipFile(path) as archive, archive.open(name + SUFFIX) as member:
        return npy.read_array(member, allow_pickle=False)


class StoredArray:
    """An array in an .npz file, of which a part is read when it is asked for, fastest in its order. It can be pickled.

    Attributes:
        path: the file.
        shape: as of an array in memory.
        dtype: as of an array in memory.

    Raises:
        DataError: the array has Python objects, or is damaged.
    """

    def __init__(self, path: Path, name: str) -> None:
        self.path, self.name = path, name
        self._member: IO[bytes] | None = None
        self._whole: NDArray[Any] | None = None
        with _reading(path), zipfile.ZipFile(path) as archive, archive.open(name + SUFFIX) as member:
            self.shape, self.is_fortran, self.dtype = _header(member)
            self.start = member.tell()
            size = archive.getinfo(name + SUFFIX).file_size - self.start
        if self.dtype.hasobject:
            raise DataError(
                f"The array {name!r} of {path} has Python objects (dtype {self.dtype}), {PICKLED}. Convert it before "
                f"it is saved, such as with {name}.astype(str) for texts, or with np.stack({name}) for images of one "
                "size. Save images of different sizes as files, and use the source folder:DIR."
            )
        if size != prod(self.shape) * self.dtype.itemsize:
            raise DataError(
                f"The array {name!r} of {path} has {size:,} bytes, and its shape {self.shape} of {self.dtype} needs "
                f"{prod(self.shape) * self.dtype.itemsize:,}. Save it again."
            )

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_member": None, "_whole": None}

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: int | slice) -> NDArray[Any]:
        """One row, or a slice of neighbouring rows.

        Raises:
            DataError: the file is damaged there.
        """
        if self.is_fortran:
            if self._whole is None:
                self._whole = read(self.path, self.name)
            return self._whole[index]
        first, last, _ = index.indices(len(self)) if isinstance(index, slice) else (index, index + 1, 1)
        row = prod(self.shape[1:])
        with _reading(self.path):
            if self._member is None:
                files = ExitStack()  # stay open for the next row, and are closed with the array
                archive = files.enter_context(zipfile.ZipFile(self.path))
                self._member = files.enter_context(archive.open(self.name + SUFFIX))
                finalize(self, files.close)
            self._member.seek(self.start + first * row * self.dtype.itemsize)
            content = self._member.read((last - first) * row * self.dtype.itemsize)
            rows = np.frombuffer(content, self.dtype).reshape(last - first, *self.shape[1:])
        return rows if isinstance(index, slice) else rows[0]


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn whatever is raised for a damaged file into a DataError."""
    try:
        yield
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"Cannot read {path} as an .npz file: {error}. Save it again with np.savez_compressed(FILE, images=..., "
            "labels=...)."
        ) from error


def _header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = npy.read_magic(member)
    return npy.read_array_header_1_0(member) if version == (1, 0) else npy.read_array_header_2_0(member)
