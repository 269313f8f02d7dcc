"""Images with one label each, in memory or in a file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condvae.data.packing.packed import PackedImages
from condvae.errors import DataError
from condvae.schema import Attribute, Schema

Positions = NDArray[np.int64] | slice
Images = NDArray[np.uint8] | PackedImages
READ = 10_000  # images of a chunk, in loops over all images


@dataclass(frozen=True)
class Values:
    """The values of an attribute, one for each image.

    Attributes:
        values: (N,), numbers, or indices into `classes`.
        classes: the name of each class. Empty for numbers.
        measured: whether condvae measured the values, because the data does not have them.
    """

    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    measured: bool = False

    def describe(self, name: str) -> Attribute:
        """What a model must know of the attribute: classes, or mean, standard deviation, 1st and 99th percentile."""
        if self.classes:
            return Attribute(name, self.classes)
        low, high = np.quantile(self.values, (0.01, 0.99))
        mean, sd = float(self.values.mean(dtype=np.float64)), float(self.values.std(dtype=np.float64))
        varies = sd > 1e-6 * max(1.0, abs(mean))  # a smaller deviation comes from rounding
        return Attribute(name, (), mean, sd if varies else 1.0, float(low), float(high))


@dataclass(frozen=True)
class LabelledImages:
    """Images with one label each.

    Code outside of this room reads them with `batches`, `take` and `pixels` and never as a whole, so that it does not
    depend on where the images are kept.

    Attributes:
        images: uint8 (N, C, H, W), from 0 (black) to 255 (white), in memory or in a file.
        labels: int64 (N,), each an index into `classes`.
        classes: the name of each class.
        attributes: further properties of each image, by name.
        groups: int64 (N,). Images with the same number are duplicates of each other, and are not separated when images
            are held out. None if duplicates are not known.
        names: where each image comes from, such as the path of its file, N of them. Empty if that is not known.

    Raises:
        DataError: the numbers of images, labels and attribute values differ, there are no images, a class does not
            exist, a number is not finite, or an attribute is called "label".
    """

    images: Images
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    attributes: Mapping[str, Values] = field(default_factory=dict)
    groups: NDArray[np.int64] | None = None
    names: Sequence[str] = ()

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise DataError(
                f"There are {len(self.images)} images and {len(self.labels)} labels; each image needs exactly one "
                "label. Check that images and labels belong to the same part of the data set."
            )
        if not len(self.images):
            raise DataError("There are no images; at least one is needed. Check the source.")
        if "label" in self.attributes:
            raise DataError("An attribute is called 'label', like the label itself. Give it another name.")
        for name, column in {"label": Values(self.labels, self.classes), **self.attributes}.items():
            _check(name, column, len(self))

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def kinds(self) -> dict[str, tuple[str, ...]]:
        """The classes of each attribute. An attribute with numeric values has none."""
        return {name: column.classes for name, column in self.attributes.items()}

    @property
    def schema(self) -> Schema:
        """What a model must know of these images."""
        attributes = tuple(column.describe(name) for name, column in self.attributes.items())
        return Schema(self.shape, self.classes, attributes)

    def rows(self, conditions: Sequence[str]) -> NDArray[np.float32]:
        """The conditions of each image, "label" or names of attributes: float32 (N, D)."""
        columns = [self.labels if name == "label" else self.attributes[name].values for name in conditions]
        return np.stack(columns, 1).astype(np.float32) if columns else np.empty((len(self), 0), np.float32)

    def pixels(self, positions: Positions = slice(None)) -> NDArray[np.uint8]:
        """Some of the images, by positions (M,) or a slice, or all of them: uint8 (M, C, H, W)."""
        return self.images[positions]

    def take(self, positions: Positions) -> "LabelledImages":
        """Some of the images with their labels and attributes in memory, by positions (M,) or a slice."""
        return self._with(self.pixels(positions), positions)

    def select(self, positions: NDArray[np.int64]) -> "LabelledImages":
        """Some of the images with their labels and attributes, by positions (M,). Images in a file stay there."""
        return self._with(selected(self.images, positions), positions)

    def batches(self, size: int) -> Iterator["LabelledImages"]:
        """All images in their order, at most `size` at a time."""
        for start in range(0, len(self), size):
            yield self.take(slice(start, start + size))

    def mean_image(self) -> NDArray[np.float64]:
        """The mean of all images: (C, H, W), from 0 to 1."""
        total = np.zeros(self.shape, np.int64)
        for start in range(0, len(self), READ):
            total += self.pixels(slice(start, start + READ)).sum(0, dtype=np.int64)
        return total / len(self) / 255

    def examples(self, each: int) -> "LabelledImages":
        """The first images of each class, at most `each` of them, ordered by class."""
        order = np.argsort(self.labels, kind="stable")
        starts = np.searchsorted(self.labels[order], self.labels[order])
        return self.take(order[np.arange(len(order)) - starts < each])

    def pixel_statistics(self) -> tuple[int, int, float]:
        """Minimum, maximum and mean of all pixel values, from 0 to 255."""
        parts = [batch.pixels() for batch in self.batches(READ)]
        mean = sum(part.sum(dtype=np.int64) for part in parts) / (len(self) * np.prod(self.shape))
        return min(int(part.min()) for part in parts), max(int(part.max()) for part in parts), float(mean)

    def counts(self) -> dict[str, int]:
        """The number of images of each class."""
        counts = np.bincount(self.labels, minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def _with(self, images: Images, positions: Positions) -> "LabelledImages":
        columns = {name: replace(column, values=column.values[positions]) for name, column in self.attributes.items()}
        groups = None if self.groups is None else self.groups[positions]
        names = np.asarray(self.names)[positions].tolist() if self.names else ()
        return LabelledImages(images, self.labels[positions], self.classes, columns, groups, names)


def selected(images: Images, positions: NDArray[np.int64]) -> Images:
    """Some images, by positions (M,). Images in a file stay there."""
    return images.select(positions) if isinstance(images, PackedImages) else images[positions]


def _check(name: str, column: Values, count: int) -> None:
    values, classes = np.asarray(column.values), column.classes
    if values.dtype.kind not in ("iu" if classes else "iuf"):
        raise DataError(
            f"The values of '{name}' must be {'whole ' if classes else ''}numbers, got the type {values.dtype}. "
            "Convert them."
        )
    if values.shape != (count,):
        raise DataError(
            f"There are {count} images, and values of '{name}' of the shape {values.shape}; each image needs exactly "
            "one value. Check them."
        )
    if classes and (values.min() < 0 or values.max() >= len(classes)):
        raise DataError(
            f"The values of '{name}' must be from 0 to {len(classes) - 1} for {len(classes)} classes, got "
            f"{values.min()} to {values.max()}. Check them."
        )
    if not np.isfinite(values).all():
        raise DataError(f"Every value of '{name}' must be finite, and at least one is not. Check them.")
