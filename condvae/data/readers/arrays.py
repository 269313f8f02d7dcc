"""NumPy arrays in a file or in memory: images, labels and attributes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from condvae.data.listing import Listing, file_stamp
from condvae.data.readers import columns, stored_array
from condvae.data.readers.columns import Cell, Table
from condvae.data.readers.names import first_ten
from condvae.data.readers.stored_array import StoredArray
from condvae.errors import ConfigError, DataError
from condvae.progress import announce, progress

IMAGES, LABELS, SPLIT = "images", "labels", "split"
CHANNELS_LAST, CHANNELS_FIRST = (1, 3, 4), (1, 3)
SHAPES = "(N, H, W), (N, H, W, 1 or 3 or 4) or (N, 1 or 3, H, W)"
TYPES = "uint8 from 0 to 255, uint16 from 0 to 65535, bool, or floats from 0 to 1"
CHECKED_AT_ONCE = 1 << 22  # pixel values


@dataclass(frozen=True)
class ArrayPictures:
    """Images of an array as pictures: uint8 and bool without loss, grey uint16 as 16 bit, all others as 8 bit.

    Attributes:
        images: (N, H, W), (N, H, W, C) or (N, C, H, W), in memory or in a file.
        channels_first: whether the shape is (N, C, H, W).
    """

    images: NDArray[Any] | StoredArray
    channels_first: bool

    @property
    def in_memory(self) -> bool:
        return not isinstance(self.images, StoredArray)

    def __len__(self) -> int:
        return len(self.images)

    def name(self, index: int) -> str:
        return f"image {index}"

    def open(self, index: int) -> Image.Image:
        pixels = np.asarray(self.images[index])
        if self.channels_first:
            pixels = np.moveaxis(pixels, 0, -1)
        if pixels.shape[2:] == (1,):
            pixels = pixels[:, :, 0]
        if pixels.dtype.kind == "b":
            pixels = np.where(pixels, np.uint8(255), np.uint8(0))
        elif pixels.dtype.kind == "f":
            pixels = np.rint(pixels.astype(np.float64) * 255).astype(np.uint8)
        elif pixels.dtype.itemsize == 2:
            grey = pixels.ndim == 2
            pixels = pixels.astype(np.uint16) if grey else np.rint(pixels / 257).astype(np.uint8)
        return Image.fromarray(np.ascontiguousarray(pixels))

    def stamps(self) -> Iterable[str]:
        if isinstance(self.images, StoredArray):
            stamp = file_stamp(self.images.path)
            yield from (f"{stamp} {index}" for index in range(len(self)))
        else:
            kind = f"{self.images.dtype} {self.images.shape} {self.channels_first}"
            yield from (f"{kind} {sha256(np.asarray(image).tobytes()).hexdigest()}" for image in self.images)


def load(argument: str) -> Listing:
    """An .npz file with arrays of the names `images`, `labels` and, if there is a split, `split`.

    All further arrays are attributes. `listing_of` says what the arrays may be. Nothing is unpickled.

    Raises:
        ConfigError: no file is named.
        DataError: the file is missing or damaged, lacks an array, or has arrays that do not fit.
    """
    if not argument:
        raise ConfigError("The data source 'arrays' needs a file. Write arrays:FILE.npz.")
    path = Path(argument).expanduser().absolute()
    names = stored_array.names(path)
    for name in (IMAGES, LABELS):
        if name not in names:
            raise DataError(
                f"{path} has no array {name!r}. It has {', '.join(map(repr, names)) or 'no arrays'}. Save it with "
                "np.savez_compressed(FILE, images=..., labels=...)."
            )
    others = {name: stored_array.read(path, name) for name in names if name != IMAGES}
    given, split = others.pop(LABELS), others.pop(SPLIT, None)
    return listing_of(StoredArray(path, IMAGES), given, others, split, f"arrays:{path}")


def listing_of(
    images: NDArray[Any] | StoredArray,
    labels: ArrayLike,
    attributes: Mapping[str, ArrayLike],
    split: ArrayLike | None,
    source: str,
) -> Listing:
    """Arrays as a listing.

    Args:
        images: (N, H, W), (N, H, W, 1 or 3 or 4) or (N, 1 or 3, H, W); uint8, uint16, bool, or floats from 0 to 1. If
            the last axis of four has 1, 3 or 4 values, it is the channels. Otherwise the second axis is.
        labels: (N,) or (N, 1), integers or text.
        attributes: values by name, (N,) each, numbers or text. The rules of `columns.attributes` apply.
        split: (N,) text: train, validation (or val, valid), test, or nothing. None if the source does not say.
        source: what the listing and messages call the arrays.

    Raises:
        DataError: a shape or a type is not one of these, numbers of values differ, a float is not from 0 to 1, the
            uint16 images have no value above 255, or a label is empty.
    """
    channels_first = _are_channels_first(images.shape, source)
    _check_pixels(images, source)
    count = len(images)
    cells = {LABELS: _cells(labels, LABELS, count, source, kinds="iubUS")}
    if split is not None:
        cells[SPLIT] = _cells(split, SPLIT, count, source, kinds="US")
    further = {name: _cells(values, name, count, source, kinds="iufbUS") for name, values in attributes.items()}
    table = Table(Path(source), "position", range(count), cells, has_types=True)
    return Listing(
        source=source,
        pictures=ArrayPictures(images, channels_first),
        labels=columns.labels(table, LABELS),
        parts=columns.parts(table, SPLIT if split is not None else None),
        columns=columns.attributes([Table(table.path, table.unit, table.numbers, further, has_types=True)], ()),
    )


def _are_channels_first(shape: tuple[int, ...], source: str) -> bool:
    last = len(shape) == 4 and shape[3] in CHANNELS_LAST
    first = len(shape) == 4 and shape[1] in CHANNELS_FIRST
    if len(shape) != 3 and not last and not first:
        raise DataError(f"The images of {source} have the shape {shape}. Allowed: {SHAPES}. Transpose or reshape them.")
    if not min(shape):
        raise DataError(f"The images of {source} have the shape {shape}: there are none. At least one is needed.")
    if last and first:
        announce(f"The images of {source} have the shape {shape}, of which the last axis is taken for the channels")
    return first and not last


def _check_pixels(images: NDArray[Any] | StoredArray, source: str) -> None:
    kind, bytes_ = images.dtype.kind, images.dtype.itemsize
    if kind not in "buf" or (kind == "u" and bytes_ > 2):
        raise DataError(
            f"The images of {source} have the type {images.dtype}. Allowed: {TYPES}. Convert them, for example with "
            "images.astype(np.uint8) if their values are from 0 to 255."
        )
    if kind == "b" or images.dtype == np.uint8:
        return
    step = max(1, CHECKED_AT_ONCE // int(np.prod(images.shape[1:])))
    low, high, wrong = np.inf, -np.inf, []
    with progress("Checking images", len(images)) as advance:
        for start in range(0, len(images), step):
            some = np.asarray(images[start : start + step])
            if not np.isfinite(some).all():
                finite = np.isfinite(some.reshape(len(some), -1)).all(1)
                wrong += (start + np.flatnonzero(~finite)).tolist()
            low, high = min(low, some.min()), max(high, some.max())
            advance(len(some))
    if wrong:
        raise DataError(
            f"The images of {source} at the position(s) {first_ten(wrong)} have values that are not finite. Correct "
            "them."
        )
    if kind == "f" and (low < 0 or high > 1):
        raise DataError(
            f"The images of {source} are floats from {low:g} to {high:g}. Floats must be from 0 (black) to 1 (white). "
            "Scale them, for example with images / 255, or with (images + 1) / 2 if they are from -1 to 1."
        )
    if kind == "u" and high <= 255:
        raise DataError(
            f"The images of {source} are uint16, for which white is 65535, and their largest value is {high}. If white "
            "is 255, convert them with images.astype(np.uint8)."
        )


def _cells(values: ArrayLike, name: str, count: int, source: str, kinds: str) -> list[Cell]:
    """An array of N values as the cells of a table.

    Raises:
        DataError: it is not of one of the kinds, or has another shape.
    """
    array = np.asarray(values)
    if array.dtype.kind not in kinds:
        allowed = {"iubUS": "integers or text", "US": "text", "iufbUS": "numbers or text"}[kinds]
        raise DataError(f"The array {name!r} of {source} has the type {array.dtype}. Allowed: {allowed}. Convert it.")
    if array.shape not in ((count,), (count, 1)):
        raise DataError(
            f"There are {count} images in {source}, and the array {name!r} has the shape {array.shape}. It needs one "
            f"value for each image, ({count},). Correct it, or leave it out."
        )
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as error:
            raise DataError(
                f"The array {name!r} of {source} has bytes that are not UTF-8. Convert it to text."
            ) from error
    is_text = array.dtype.kind in "Ub"
    return [str(value) if is_text else float(value) for value in array.reshape(count).tolist()]
