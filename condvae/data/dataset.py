"""A data set: training images, test images and validation images."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condvae.config import Config, DataConfig
from condvae.data.attributes import MEASURES, measured
from condvae.data.build import build, refitted
from condvae.data.labelled import READ, Images, LabelledImages, Values
from condvae.data.listing import PARTS, Listing
from condvae.data.readers.arrays import listing_of
from condvae.data.split import VALIDATION
from condvae.data.split import split as split_images
from condvae.errors import ConfigError, DataError, unknown
from condvae.storage.files import write_table


@dataclass(frozen=True)
class Dataset:
    """A data set, split into training images and test images.

    Attributes:
        source: the name of its source, such as "mnist". `load_data(source)` loads the same data set.
        train: the images to train on.
        test: the images to measure on.
        validation: images held out from training, used to choose settings. None if there are none.
        unlabelled: further images to train on, without a label, uint8 (M, C, H, W). None if there are none.
        record: what was done to make images of the source, as plain values: sizes, modes, splits and files left out.

    Raises:
        DataError: the parts differ in shape, classes or attributes.
    """

    source: str
    train: LabelledImages
    test: LabelledImages
    validation: LabelledImages | None = None
    unlabelled: Images | None = None
    record: Mapping[str, Any] = field(default_factory=dict)

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

    @classmethod
    def from_arrays(
        cls,
        images: NDArray[Any],
        labels: Sequence[Any] | NDArray[Any],
        attributes: Mapping[str, Sequence[Any] | NDArray[Any]] | None = None,
        split: Sequence[str] | None = None,
        *,
        options: DataConfig | None = None,
        source: str = "arrays",
    ) -> "Dataset":
        """A data set from arrays in memory.

        Args:
            images: (N, H, W), (N, H, W, C) or (N, C, H, W) with 1 or 3 channels: uint8, or floats in [0, 1].
            labels: N whole numbers or texts.
            attributes: further properties of each image by name, N numbers or texts each.
            split: "train", "validation" or "test" for each image. By default, test images are drawn.
            options: how images are prepared and split. Its source is not used.
            source: a name for the data set.

        Raises:
            DataError: the arrays do not fit together, or their values are not possible.
        """
        listing = listing_of(images, np.asarray(labels), attributes or {}, split, source)
        return cls.from_listing(listing, options or DataConfig())

    @classmethod
    def from_listing(cls, listing: Listing, options: DataConfig) -> "Dataset":
        """A data set of the pictures of a source. They are decoded, brought to one size, and split if necessary.

        Args:
            listing: what the source has.
            options: how images are prepared and split. Its source is not used.

        Raises:
            ConfigError: an option does not fit the data.
            DataError: a picture is damaged, or labels and parts do not make a data set.
            StorageError: the cache cannot be written.
        """
        return cls(listing.source, **build(listing, options)._asdict())

    def refitted(self, options: DataConfig) -> "Dataset":
        """The same data with options that ask for something else than the source gives.

        Raises:
            ConfigError: an option does not fit the data.
        """
        if options.unlabelled:
            raise ConfigError(
                f"data.unlabelled must be empty for the source '{self.source}', got '{options.unlabelled}'. Only "
                "sources with class folders have images without a label."
            )
        validation = self.validation and refitted(self.validation, options)
        return replace(
            self, train=refitted(self.train, options), test=refitted(self.test, options), validation=validation
        )

    def write_split(self, path: Path) -> None:
        """Write the file, label and part of each image with a label as a CSV file.

        Raises:
            StorageError: it cannot be written.
        """
        parts: dict[str, LabelledImages | None] = {name: getattr(self, name) for name in PARTS}
        rows = (
            (file, part.classes[label], name)
            for name, part in parts.items()
            if part is not None
            for file, label in zip(part.names, part.labels, strict=True)
        )
        write_table(path, ("file", "label", "part"), rows)

    def digest(self, *settings: Any) -> str:
        """A hash of images, labels, classes and settings. It names results in the cache."""
        found = hashlib.sha256(repr((settings, self.train.classes, self.train.shape)).encode())
        for part in (self.train, self.test):
            for start in range(0, len(part), READ):
                found.update(part.pixels(slice(start, start + READ)).tobytes())
            found.update(part.labels.tobytes())
        return found.hexdigest()[:16]

    def hold_out(self, share: float, seed: int = 0) -> "Dataset":
        """The same data with some training images as validation images, which are always the same ones.

        They are drawn at random. If duplicates are known, they are drawn class by class, and duplicates stay together.

        Args:
            share: a share of the training images below 1, or a number of images. 0 changes nothing, and neither does
                any share if there are validation images already.
            seed: seed of the draw.

        Raises:
            DataError: no image would be left to train on.
        """
        if not share or self.validation:
            return self
        count = round(share * len(self.train)) if share < 1 else int(share)
        if count >= len(self.train):
            raise DataError(
                f"data.validation_split must be less than the number of training images, {len(self.train)}, got "
                f"{count}. Set it to {len(self.train) // 10}, for example."
            )
        if not count:
            return self
        if self.train.groups is None:
            held = np.zeros(len(self.train), bool)
            held[np.random.default_rng(seed).permutation(len(self.train))[:count]] = True
        else:
            held = split_images(self.train.labels, self.train.groups, 0, count, seed) == VALIDATION
        train, validation = (self.train.select(np.flatnonzero(chosen)) for chosen in (~held, held))
        parts = {"train": train.counts(), "validation": validation.counts(), "test": self.test.counts()}
        record = {**self.record, "images": parts} if self.record else {}
        return replace(self, train=train, validation=validation, record=record)

    def with_attributes(self, names: Sequence[str]) -> "Dataset":
        """The same data with these attributes. Those that the data lacks are measured of the images.

        Raises:
            ConfigError: the data lacks such an attribute, and it cannot be measured.
            DataError: the data has an attribute with the name of a measure.
        """
        known = self.train.attributes
        missing = [name for name in names if name not in {"label", *known}]
        for name in names:
            if name in missing and name not in MEASURES:
                raise ConfigError(unknown("condition", name, ["label", *known, *MEASURES]))
            if name in known and name in MEASURES and not known[name].measured:
                raise DataError(
                    f"The data has an attribute '{name}', which condvae measures of images. Give it another name."
                )
        if not missing:
            return self
        validation = self.validation and _extended(self.validation, missing)
        train, test = _extended(self.train, missing), _extended(self.test, missing)
        return replace(self, train=train, test=test, validation=validation)


def require_same(data: Dataset, record: Mapping[str, Any], run: Path) -> None:
    """Make sure that a data set is the one that a run was trained on.

    Args:
        data: the data set.
        record: what the run has recorded of its data. Nothing is checked if it is empty.
        run: the run folder, for the message.

    Raises:
        DataError: it is another one.
    """
    if record and data.record and record["fingerprint"] != data.record["fingerprint"]:
        before, now = (sum(sum(part.values()) for part in one["images"].values()) for one in (record, data.record))
        raise DataError(
            f"The images of {data.source} have changed since {run} was trained ({before:,} images then, {now:,} now; "
            "images, labels or parts differ). Restore them, or train a new run on the images as they are now."
        )


def prepared(data: Dataset, config: Config) -> Dataset:
    """A data set as a run uses it: with its conditions, and with its validation images held out.

    Raises:
        ConfigError: a condition is not in the data and cannot be measured.
        DataError: there are too few images to hold some out.
    """
    return data.with_attributes(config.model.conditions).hold_out(config.data.validation_split, config.data.seed)


def _extended(part: LabelledImages, names: Sequence[str]) -> LabelledImages:
    found = [measured(batch.pixels(), names) for batch in part.batches(READ)]
    columns = {name: Values(np.concatenate([values[name] for values in found]), measured=True) for name in names}
    return replace(part, attributes={**part.attributes, **columns})
