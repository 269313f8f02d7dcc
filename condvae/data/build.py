"""A listing of pictures becomes a data set: decoded, with numbers for classes, and split."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from condvae.config import DataConfig
from condvae.data.duplicates import groups
from condvae.data.labelled import READ, Images, LabelledImages, Values, selected
from condvae.data.listing import PARTS, Listing
from condvae.data.packing.packed import Pack, pack
from condvae.data.pictures import as_array
from condvae.data.readers.names import first_ten
from condvae.data.split import TEST, split
from condvae.errors import ConfigError, DataError
from condvae.images import to_pillow
from condvae.progress import advise
from condvae.storage.files import write_text

PART = np.dtype(f"U{max(map(len, PARTS))}")
IN_MEMORY = 1 << 30  # bytes of images that are kept in memory. More of them stay in their file


class Parts(NamedTuple):
    """The images of a source, as in `Dataset`."""

    train: LabelledImages
    test: LabelledImages
    validation: LabelledImages | None
    unlabelled: Images | None
    record: dict[str, Any]


def build(listing: Listing, options: DataConfig) -> Parts:
    """Decode the pictures of a listing, number their classes, and split them. `Dataset.from_listing` says the rest."""
    packed = pack(listing.pictures, replace(options, source=listing.source))
    labels = listing.labels_of(packed.kept, options.unlabelled)
    is_labelled = np.array([label is not None for label in labels])
    if options.unlabelled and is_labelled.all():
        raise ConfigError(
            f"data.unlabelled is '{options.unlabelled}', and {listing.source} has no such folder with images. Found: "
            f"{', '.join(natural({str(label) for label in labels}))}."
        )
    if not is_labelled.any():
        raise DataError(f"{listing.source} has no image with a label. Put each image into a folder of its class.")
    images: Images = packed.images
    if np.prod(images.shape, dtype=np.int64) <= IN_MEMORY:
        images = packed.images[:]
    whole = _labelled(listing, packed, images, np.flatnonzero(is_labelled), options)
    parts = _parts(listing, packed, whole, np.flatnonzero(is_labelled))
    others = np.flatnonzero(~is_labelled)
    if "test" not in parts or ("validation" not in parts and options.validation_split) or len(others):
        alike = groups(packed.images, packed.folder)
        whole = replace(whole, groups=alike[is_labelled])
        others = others[~np.isin(alike[others], alike[is_labelled])]  # a copy of a test image must not be trained on
    if "test" not in parts:
        _draw_test_images(listing, whole, parts, options)
    chosen = {part: np.flatnonzero(parts == part) for part in PARTS}
    _check_parts(listing, whole, chosen)
    unlabelled = selected(images, others) if len(others) else None
    made = {part: whole.select(positions) for part, positions in chosen.items() if len(positions)}
    record = _record(listing, packed, options, made, len(others))
    _warn_of_few(made["train"])
    if copies := int((~is_labelled).sum()) - len(others):
        advise(f"Images without a label that are left out, because they are copies of images with one: {copies:,}.")
    if packed.cropped:
        height, width = packed.image_size
        advise(
            f"Less than half is left of {packed.cropped.total():,} of {len(packed.images):,} pictures, because they "
            f"are cropped to the aspect ratio of {height} x {width}. Keep the whole of them with --data.resize pad."
        )
    return Parts(made["train"], made["test"], made.get("validation"), unlabelled, record)


def refitted(part: LabelledImages, options: DataConfig) -> LabelledImages:
    """Images with the size, the color mode and the class names that the options ask for.

    Raises:
        ConfigError: the class names do not fit.
    """
    if options.class_names:
        classes, order = _named(part.classes, options)
        part = replace(part, classes=classes, labels=np.argsort(order)[part.labels])
    own, *size = part.shape
    channels = {"auto": own, "grayscale": 1, "rgb": 3}[options.color_mode]
    height, width = options.image_size or size
    if (channels, height, width) == part.shape:
        return part
    images = np.empty((len(part), channels, height, width), np.uint8)
    for start in range(0, len(part), READ):
        for position, image in enumerate(part.pixels(slice(start, start + READ)), start):
            images[position] = as_array(to_pillow(image), channels, (height, width), options.resize)
    return replace(part, images=images)


def class_names(listing: Listing, labels: Iterable[str], unlabelled: str) -> tuple[str, ...]:
    """The classes that the source declares, without the name of images without a label. Or else its labels."""
    declared = tuple(name for name in listing.classes if name != unlabelled)
    return declared or tuple(natural(set(labels)))


def natural(names: Sequence[str] | set[str]) -> list[str]:
    """Names in the order that people expect, in which 2 comes before 10."""
    return sorted(
        names, key=lambda name: ([(text.casefold(), int(digits or 0)) for text, digits in _PIECES.findall(name)], name)
    )


_PIECES = re.compile(r"(\D*)(\d*)")


def _labelled(
    listing: Listing, packed: Pack, images: Images, chosen: NDArray[np.int64], options: DataConfig
) -> LabelledImages:
    """All images with a label, with the numbers of their classes."""
    positions = packed.kept[chosen]
    labels = [str(listing.labels[position]) for position in positions]
    known = class_names(listing, labels, options.unlabelled)
    empty = [name for name in known if name not in set(labels)]
    if empty:
        raise DataError(
            f"There is no image of {first_ten(empty)} in {listing.source}. Add images of it, or remove the class."
        )
    names, order = _named(known, options)
    number = {known[old]: new for new, old in enumerate(order)}
    attributes = {}
    for name, values in listing.columns.items():
        attributes[name] = _values([values[position] for position in positions])
    own = images if len(chosen) == len(images) else selected(images, chosen)
    numbers = np.array([number[label] for label in labels], np.int64)
    paths = [listing.pictures.name(int(position)) for position in positions]
    return LabelledImages(own, numbers, names, attributes, names=paths)


def _named(known: tuple[str, ...], options: DataConfig) -> tuple[tuple[str, ...], list[int]]:
    """The names of the classes, and for each the position of its class in `known`."""
    chosen = options.class_names
    if not chosen:
        return known, list(range(len(known)))
    if set(chosen) == set(known):
        return chosen, [known.index(name) for name in chosen]
    if len(chosen) == len(known) and all(name.isdecimal() for name in known):
        return chosen, list(range(len(known)))
    raise ConfigError(
        f"data.class_names must name the {len(known)} classes {first_ten(list(known))}, got {first_ten(list(chosen))}. "
        "Only classes that are whole numbers can get other names."
    )


def _values(values: list[Any]) -> Values:
    if isinstance(values[0], str):
        classes = tuple(natural(set(values)))
        number = {name: index for index, name in enumerate(classes)}
        return Values(np.array([number[value] for value in values], np.int64), classes)
    return Values(np.array(values, np.float32))


def _parts(listing: Listing, packed: Pack, whole: LabelledImages, chosen: NDArray[np.int64]) -> NDArray[np.str_]:
    """The part of each labelled image, one of PARTS. All are training images if the source has no parts."""
    parts = np.array([listing.parts[position] for position in packed.kept[chosen]], PART)
    if not (parts != "").any():
        parts[:] = "train"
    if (parts == "").any():
        lost = natural({whole.classes[label] for label in whole.labels[parts == ""]})
        raise DataError(
            f"{listing.source} has training, validation or test images, and {int((parts == '').sum()):,} images that "
            f"are in none of these parts: {first_ten(lost)}. Move them into a part. If they have no label, name their "
            "folder with --data.unlabelled."
        )
    if "train" not in parts:
        raise DataError(f"{listing.source} has no training images. Put most images into the part train.")
    return parts


def _draw_test_images(listing: Listing, whole: LabelledImages, parts: NDArray[np.str_], options: DataConfig) -> None:
    """Move some training images to the test images. Duplicates stay together."""
    if not options.test_split:
        raise ConfigError(
            f"data.test_split must be more than 0 for {listing.source}, which has no test images, got 0. Set it to "
            "0.1, for example, or give the source test images."
        )
    assert whole.groups is not None
    drawn = np.flatnonzero(parts == "train")
    found = split(whole.labels[drawn], whole.groups[drawn], options.test_split, 0, options.seed)
    parts[drawn[found == TEST]] = "test"


def _check_parts(listing: Listing, whole: LabelledImages, chosen: dict[str, NDArray[np.int64]]) -> None:
    trained = set(whole.labels[chosen["train"]].tolist())
    for part, positions in chosen.items():
        unseen = [whole.classes[label] for label in sorted(set(whole.labels[positions].tolist()) - trained)]
        if unseen:
            raise DataError(
                f"{listing.source} has images of {first_ten(unseen)} in the part {part}, and none in the part train. "
                "Add training images of it, or remove it."
            )


def _record(
    listing: Listing, packed: Pack, options: DataConfig, made: dict[str, LabelledImages], unlabelled: int
) -> dict[str, Any]:
    """What was done to the source. The fingerprint differs if images, labels or parts do."""
    found = hashlib.sha256(_pixel_digest(packed).encode())
    for part, images in made.items():
        found.update(repr((part, images.classes, list(images.names))).encode("utf-8", "surrogatepass"))
        found.update(images.labels.tobytes())
    return {
        "source": listing.source,
        "fingerprint": found.hexdigest(),
        "image_size": list(packed.image_size),
        "color_mode": "grayscale" if packed.channels == 1 else "rgb",
        "resize": options.resize,
        "split": "the parts of the source" if any(listing.parts) else "drawn",
        "images": {part: images.counts() for part, images in made.items()},
        "unlabelled": unlabelled,
        "skipped": [{"name": name, "reason": reason} for name, reason in packed.skipped],
    }


def _pixel_digest(packed: Pack) -> str:
    """A digest of all pixels, which is kept beside them."""
    path = packed.folder / "sha256"
    if not path.is_file():
        found = hashlib.sha256(repr(packed.images.shape).encode())
        for start in range(0, len(packed.images), READ):
            found.update(packed.images[start : start + READ].tobytes())
        write_text(path, found.hexdigest())
    return path.read_text("utf-8")


def _warn_of_few(train: LabelledImages) -> None:
    single = [name for name, count in train.counts().items() if count == 1]
    if single:
        advise(f"There is a single training image of {first_ten(single)}. The model can do little more than copy it.")
