"""The images of any source with their labels, parts and names, also of one that cannot become a data set."""

import warnings
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from condvae.config import DataConfig
from condvae.data.build import class_names
from condvae.data.dataset import Dataset
from condvae.data.listing import PARTS, Listing, Pictures
from condvae.data.packing.packed import pack
from condvae.data.pictures import open_errors
from condvae.errors import ConfigError
from condvae.progress import progress

MODES = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey with transparency",
    "P": "palette",
    "PA": "palette with transparency",
    "RGB": "colour",
    "RGBA": "colour with transparency",
}


@dataclass(frozen=True)
class Item:
    """A picture in a finding.

    Attributes:
        position: its position among the images that could be read.
        name: where it comes from.
        label: the name of its class. Empty if it has no label.
        part: one of PARTS. Empty if the source does not say.
    """

    position: int
    name: str
    label: str
    part: str


@dataclass(frozen=True)
class Contents:
    """What is in a source.

    Attributes:
        source: the source.
        images: those that could be read, made alike: uint8 (N, C, H, W), to be indexed with positions (M,).
        labels: int64 (N,), an index into `classes`, or -1 for an image without a label.
        classes: the name of each class.
        parts: (N,), one of PARTS, or empty text where the source does not say.
        names: where each image comes from, N of them.
        sizes: number of pictures of each height and width as they are in the source, such as "64 x 48".
        modes: number of pictures of each kind of pixel, such as "colour".
        damaged: name and reason of each picture that cannot be read.
        cropped: number of pictures of each height and width of which cropping leaves less than half.
        folder: where results about these images are kept. None if they are not in the cache.
    """

    source: str
    images: Any
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    parts: NDArray[np.str_]
    names: Sequence[str]
    sizes: Counter[str]
    modes: Counter[str]
    damaged: tuple[tuple[str, str], ...] = ()
    cropped: Counter[str] = field(default_factory=Counter)
    folder: Path | None = None

    @property
    def used(self) -> list[str]:
        """The parts of the images with a label, in the order of PARTS. An empty text where the source does not say."""
        found = set(self.parts[self.labels >= 0].tolist())
        return [part for part in (*PARTS, "") if part in found]

    def counts(self, part: str) -> list[int]:
        """The number of images of each class in a part."""
        chosen = (self.parts == part) & (self.labels >= 0)
        return np.bincount(self.labels[chosen], minlength=len(self.classes)).tolist()

    def item(self, position: int) -> Item:
        """An image by its position."""
        label = int(self.labels[position])
        return Item(
            position, self.names[position], self.classes[label] if label >= 0 else "", str(self.parts[position])
        )


def of_listing(listing: Listing, options: DataConfig) -> Contents:
    """What a listing has. Its pictures are decoded into the cache.

    Raises:
        ConfigError: there is no folder of the name `options.unlabelled`.
        DataError: no picture can be read.
        StorageError: the cache cannot be written.
    """
    sizes, modes = _looked_at(listing.pictures)
    packed = pack(listing.pictures, replace(options, skip_damaged=True))
    labels = listing.labels_of(packed.kept, options.unlabelled)
    if options.unlabelled and options.unlabelled not in listing.labels:
        raise ConfigError(f"{listing.source} has no folder '{options.unlabelled}' with images. Check its name.")
    classes = class_names(listing, (label for label in labels if label is not None), options.unlabelled)
    number: dict[str | None, int] = {None: -1, **{name: index for index, name in enumerate(classes)}}
    return Contents(
        source=listing.source,
        images=packed.images,
        labels=np.array([number[label] for label in labels], np.int64),
        classes=classes,
        parts=np.array([listing.parts[position] for position in packed.kept]),
        names=[listing.pictures.name(int(position)) for position in packed.kept],
        sizes=sizes,
        modes=modes,
        folder=packed.folder,
        damaged=packed.skipped,
        cropped=Counter({f"{height} x {width}": count for (height, width), count in packed.cropped.items()}),
    )


def of_dataset(data: Dataset) -> Contents:
    """What a data set has."""
    parts = {name: part for name in PARTS if (part := getattr(data, name)) is not None}
    channels, height, width = data.train.shape
    count = sum(map(len, parts.values()))
    names = [
        name
        for title, part in parts.items()
        for name in part.names or [f"{title}[{position}]" for position in range(len(part))]
    ]
    return Contents(
        source=data.source,
        images=np.concatenate([part.pixels() for part in parts.values()]),
        labels=np.concatenate([part.labels for part in parts.values()]),
        classes=data.train.classes,
        parts=np.repeat(list(parts), [len(part) for part in parts.values()]),
        names=names,
        sizes=Counter({f"{height} x {width}": count}),
        modes=Counter({MODES["L" if channels == 1 else "RGB"]: count}),
    )


def _looked_at(pictures: Pictures) -> tuple[Counter[str], Counter[str]]:
    """The sizes and modes of pictures that can be opened. Nothing is decoded."""
    sizes: Counter[str] = Counter()
    modes: Counter[str] = Counter()
    with progress("Looking at pictures", len(pictures), "pictures") as advance, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what Pillow warns of, decoding reports
        for index in range(len(pictures)):
            with suppress(*open_errors), pictures.open(index) as picture:
                sizes[f"{picture.height} x {picture.width}"] += 1
                modes[_mode(picture)] += 1
            advance(1)
    return sizes, modes


def _mode(picture: Image.Image) -> str:
    if picture.mode.startswith("I"):
        return "16-bit grey"
    return MODES.get(picture.mode, picture.mode)
