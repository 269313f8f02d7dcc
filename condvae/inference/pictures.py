"""Reading images from a folder of image files, or from files with many images, a piece at a time."""

import posixpath
import re
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from condvae.data.pictures import PictureError, as_array, opened
from condvae.errors import InputError, listed
from condvae.images import read_image
from condvae.inference.formats import FORMATS, Arrays
from condvae.storage.place import Place

CONTACT_SHEET = "contact-sheet.png"  # lies beside the images, and is not one of them
SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}


class Piece(NamedTuple):
    """Some images of a source.

    Attributes:
        images: uint8 (B, C, H, W).
        labels: the class name of each. None if the source does not have them.
        files: the name of each in its source.
    """

    images: NDArray[np.uint8]
    labels: list[str] | None
    files: list[str]


class Folder:
    """A folder of image files: with a folder for each label in it, or without labels.

    Args:
        path: the folder.
        resize: how images of other sizes and modes are made like the training images, one of `condvae.config.RESIZES`.
            None if images must be like them already.

    Raises:
        InputError: there is no such folder, or it has no images.
    """

    def __init__(self, path: Place, resize: str | None = None) -> None:
        if not path.is_folder():
            raise InputError(
                f"There is no folder {path}. Name a folder of images, or a path ending in {listed(FORMATS)}."
            )
        inner = path.entries().folders
        self.path, self.has_labels, self.resize = path, bool(inner), resize
        self.files = [posixpath.join(name, file) for name in inner or [""] for file in image_names(path / name)]
        if not self.files:
            raise InputError(f"{path} has no images. Known: files ending in {', '.join(sorted(SUFFIXES))}.")

    def __len__(self) -> int:
        return len(self.files)

    def read(self, start: int, stop: int, shape: tuple[int, int, int]) -> Piece:
        """Images `start` to before `stop` of the shape (C, H, W).

        Raises:
            InputError: one cannot be read, or has another size and is not resized.
        """
        files = self.files[start:stop]
        labels = [posixpath.dirname(file) for file in files] if self.has_labels else None
        with ThreadPoolExecutor(self.path.at_once) as threads:
            images = list(threads.map(lambda file: self._image(self.path / file, shape), files))
        return Piece(np.stack(images), labels, files)

    def _image(self, path: Place, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
        if self.resize is None:
            return read_image(path, shape)
        try:
            with opened(path.read()) as picture:
                return as_array(picture, shape[0], shape[1:], self.resize)
        except (OSError, PictureError) as error:
            raise InputError(f"{path} cannot be read as an image: {error}. Fix the file, or remove it.") from error


def image_names(folder: Place) -> list[str]:
    """The names of the image files in a folder, in order."""
    names = (name for name in folder.entries().files if posixpath.splitext(name)[1].lower() in SUFFIXES)
    return sorted(name for name in names if name != CONTACT_SHEET)


class Archive:
    """A file of one of FORMATS with images (N, C, H, W) and labels; or numbered files of that name.

    Raises:
        InputError: there is no such file, or it is not such an archive.
    """

    def __init__(self, path: Place) -> None:
        self.format, ending = FORMATS[path.suffix], path.suffix
        numbered = re.compile(rf"{re.escape(path.stem)}-\d{{5,}}{re.escape(ending)}")
        names = [path.name] if path.is_file() else filter(numbered.fullmatch, path.parent.entries().files)
        self.parts = [path.beside(name) for name in sorted(names, key=lambda name: (len(name), name))]
        if not self.parts:
            raise InputError(f"There is no {path}, nor {path.stem}-00000{ending} beside it. Name a file that is there.")
        with ThreadPoolExecutor(path.at_once) as threads:
            self.ends = np.cumsum(list(threads.map(self.format.count, self.parts)))
        if not self.ends[-1]:
            raise InputError(f"{self.parts[0]} has no images; at least one is needed.")
        self.files = [file.name for file in self.parts]
        self.opened: tuple[Place, Arrays] | None = None

    def __len__(self) -> int:
        return int(self.ends[-1])

    def read(self, start: int, stop: int, shape: tuple[int, int, int]) -> Piece:
        """Images `start` to before `stop`. They must have the shape (C, H, W).

        Raises:
            InputError: they are not uint8 images of that shape.
        """
        images: list[NDArray[np.uint8]] = []
        labels: list[str] = []
        first, last = np.searchsorted(self.ends, [start, stop - 1], side="right")
        for file, end in zip(self.parts[first : last + 1], self.ends[first : last + 1].tolist(), strict=True):
            if self.opened is None or self.opened[0] != file:
                self.opened = file, self._arrays(file)
            arrays = self.opened[1]
            if arrays["images"].dtype != np.uint8 or arrays["images"].shape[1:] != shape:
                raise InputError(
                    f"{file} holds images of type {arrays['images'].dtype} and shape {arrays['images'].shape}; this "
                    f"model takes uint8 (N, {', '.join(map(str, shape))})."
                )
            begin = end - len(arrays["images"])
            own = slice(max(start - begin, 0), stop - begin)
            images.append(arrays["images"][own])
            labels += arrays["labels"][own].astype(str).tolist() if "labels" in arrays else []
        if len(labels) not in (0, stop - start):
            raise InputError(
                f"Only some of {self.files[first]} to {self.files[last]} have labels. Either all need labels, or none."
            )
        return Piece(np.concatenate(images), labels or None, [str(number) for number in range(start, stop)])

    def _arrays(self, file: Place) -> Arrays:
        arrays = self.format.read(file)
        if len({len(array) for array in arrays.values()}) > 1:
            raise InputError(
                f"{file} has {len(arrays['images'])} images and {len(arrays['labels'])} labels. Fix the file."
            )
        return arrays
