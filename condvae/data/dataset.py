"""Every source of labelled images becomes one `Dataset`: a training part and a test part."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condvae.config import Config
from condvae.errors import ConfigError, DataError, unknown
from condvae.schema import Attribute, Schema


@dataclass(frozen=True)
class Values:
    """An attribute of each image.

    Attributes:
        values: (N,), numbers, or indices into `classes`.
        classes: the name of each class; empty for numbers.
        measured: whether condvae measured it of the images, as it does where the data does not say it.
    """

    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    measured: bool = False

    def describe(self, name: str) -> Attribute:
        """What a model must know of it; numbers by their mean, standard deviation and first and last hundredth."""
        if self.classes:
            return Attribute(name, self.classes)
        low, high = np.quantile(self.values, (0.01, 0.99))
        mean, sd = float(self.values.mean(dtype=np.float64)), float(self.values.std(dtype=np.float64))
        varies = sd > 1e-6 * max(1.0, abs(mean))  # and not by rounding alone
        return Attribute(name, (), mean, sd if varies else 1.0, float(low), float(high))


@dataclass(frozen=True)
class LabelledImages:
    """Images in memory with one label each.

    Attributes:
        images: uint8 (N, C, H, W), 0 black to 255 white.
        labels: int64 (N,), each an index into `classes`.
        classes: the name of each class.
        attributes: what else each image has, by name.

    Raises:
        DataError: images and labels or attributes differ in number, there are none, a label or a class of an attribute
            does not exist, a number is not finite, or an attribute is called "label".
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    attributes: Mapping[str, Values] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.images) != len(self.labels):
            raise DataError(
                f"There are {len(self.images)} images and {len(self.labels)} labels; each image needs exactly one "
                "label. Check that both files belong to the same part of the data set."
            )
        if not len(self.images):
            raise DataError("There are no images; at least one is needed. Check the source.")
        if "label" in self.attributes:
            raise DataError("An attribute is called 'label', as the label itself is. Give it another name.")
        for name, column in {"label": Values(self.labels, self.classes), **self.attributes}.items():
            _check(name, column, len(self))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W) of one image."""
        _, channels, height, width = self.images.shape
        return channels, height, width

    @property
    def kinds(self) -> dict[str, tuple[str, ...]]:
        """The classes of each attribute; none for numbers."""
        return {name: column.classes for name, column in self.attributes.items()}

    @property
    def schema(self) -> Schema:
        """What a model must know of these images."""
        attributes = tuple(column.describe(name) for name, column in self.attributes.items())
        return Schema(self.shape, self.classes, attributes)

    def rows(self, conditions: Sequence[str]) -> NDArray[np.float32]:
        """The given conditions of each image, "label" or names of attributes: float32 (N, D)."""
        columns = [self.labels if name == "label" else self.attributes[name].values for name in conditions]
        return np.stack(columns, 1).astype(np.float32) if columns else np.empty((len(self), 0), np.float32)

    def take(self, index: NDArray[np.int64]) -> "LabelledImages":
        """Some of the images, by their positions (M,)."""
        columns = {name: replace(column, values=column.values[index]) for name, column in self.attributes.items()}
        return LabelledImages(self.images[index], self.labels[index], self.classes, columns)

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
        validation: images held out of training, to decide by; None if there are none.

    Raises:
        DataError: the parts differ in shape, classes or attributes.
    """

    source: str
    train: LabelledImages
    test: LabelledImages
    validation: LabelledImages | None = None

    def __post_init__(self) -> None:
        for part in (self.test, self.validation or self.test):
            for what, ours, theirs in (
                ("shape (C, H, W)", self.train.shape, part.shape),
                ("classes", self.train.classes, part.classes),
                ("attributes", self.train.kinds, part.kinds),
            ):
                if ours != theirs:
                    raise DataError(
                        f"Training images have the {what} {ours}, and the others {theirs}; they must agree. Check the "
                        "source."
                    )

    def digest(self, *settings: Any) -> str:
        """A name for what is computed of these images with some settings, the same wherever they are."""
        found = hashlib.sha256(repr((settings, self.train.classes, self.train.shape)).encode())
        for part in (self.train, self.test):
            found.update(part.images.tobytes() + part.labels.tobytes())
        return found.hexdigest()[:16]

    def hold_out(self, count: int) -> "Dataset":
        """The same data with some of its training images as validation images, always the same ones; all if count is 0.

        Raises:
            DataError: none would be left to train on.
        """
        if not count:
            return self
        if count >= len(self.train):
            raise DataError(
                f"{count} validation images of {len(self.train)} training images leave none to train on. Set "
                f"training.validation to less, such as {len(self.train) // 10}."
            )
        order = np.random.default_rng(0).permutation(len(self.train))
        train, validation = self.train.take(np.sort(order[count:])), self.train.take(np.sort(order[:count]))
        return Dataset(self.source, train, self.test, validation)

    def with_attributes(self, names: Sequence[str]) -> "Dataset":
        """The same data with these attributes; those that it has not are measured of the images, if they can be.

        Raises:
            ConfigError: the data has not such an attribute, and it cannot be measured.
            DataError: the data has an attribute of its own under the name of a measure.
        """
        from condvae.data.attributes import MEASURES, measured

        known = self.train.attributes
        missing = [name for name in names if name not in {"label", *known}]
        for name in names:
            if name in missing and name not in MEASURES:
                raise ConfigError(unknown("condition", name, ["label", *known, *MEASURES]))
            if name in known and name in MEASURES and not known[name].measured:
                raise DataError(f"The data has a '{name}', which condvae measures of images. Give it another name.")
        if not missing:
            return self

        def extended(part: LabelledImages) -> LabelledImages:
            found = measured(part.images, missing).items()
            columns = {name: Values(values, measured=True) for name, values in found}
            return replace(part, attributes={**part.attributes, **columns})

        validation = self.validation and extended(self.validation)
        return Dataset(self.source, extended(self.train), extended(self.test), validation)


def prepared(data: Dataset, config: Config) -> Dataset:
    """A data set as a run uses it: with its conditions, and with its validation images held out.

    Raises:
        ConfigError: a condition is not in the data and cannot be measured.
        DataError: there are too few images to hold some out.
    """
    return data.with_attributes(config.model.conditions).hold_out(config.training.validation)


def _check(name: str, column: Values, count: int) -> None:
    values, classes = np.asarray(column.values), column.classes
    if values.dtype.kind not in ("iu" if classes else "iuf"):
        raise DataError(
            f"The values of '{name}' are of type {values.dtype}; {'whole ' if classes else ''}numbers are needed. "
            "Convert them."
        )
    if values.shape != (count,):
        raise DataError(
            f"There are {count} images, and values of '{name}' of the shape {values.shape}; each image needs exactly "
            "one. Check them."
        )
    if classes and (values.min() < 0 or values.max() >= len(classes)):
        raise DataError(
            f"The values of '{name}' run from {values.min()} to {values.max()}, where {len(classes)} classes allow "
            f"0 to {len(classes) - 1}. Check them."
        )
    if not np.isfinite(values).all():
        raise DataError(f"A value of '{name}' is not finite; every image needs an ordinary number. Check them.")
