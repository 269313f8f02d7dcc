"""What may be wrong with a data set: damaged pictures, duplicates, contradicting labels, classes with few images."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condvae.config import DataConfig
from condvae.data.contents import Contents, Item, of_dataset, of_listing
from condvae.data.dataset import Dataset
from condvae.data.duplicates import exact_groups, groups
from condvae.data.listing import Listing

FEWEST = 2  # images that a class must have, so that one can be a test image
Case = tuple[bool, str, tuple[Item, ...]]  # whether pixels differ, a text, and the pictures
MOST_NAMES = 4  # pictures of a case that its text names
FEW = 20  # images of a class below which a model can learn little about it


@dataclass(frozen=True)
class Finding:
    """Something about a data set that its user should know.

    Attributes:
        title: what it is.
        text: why it matters, and what to do.
        is_wrong: whether it makes training fail or measurements wrong.
        lines: the cases, one text each.
        groups: the pictures of each case, if there are pictures to show.
    """

    title: str
    text: str
    is_wrong: bool
    lines: tuple[str, ...]
    groups: tuple[tuple[Item, ...], ...] = ()


@dataclass(frozen=True)
class Check:
    """What is in a data set, and what may be wrong with it.

    Attributes:
        source: the source.
        images: those that could be read, made alike: uint8 (N, C, H, W), to be indexed with positions (M,).
        labels: int64 (N,), an index into `classes`, or -1 for an image without a label.
        classes: the name of each class.
        counts: the number of images of each class, by part. A source without parts has one entry, "images".
        sizes: number of pictures of each height and width as they are in the source, such as "64 x 48".
        modes: number of pictures of each kind of pixel, such as "colour".
        findings: what is wrong first.
    """

    source: str
    images: Any
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    counts: dict[str, list[int]]
    sizes: Counter[str]
    modes: Counter[str]
    findings: tuple[Finding, ...]

    @property
    def wrong(self) -> int:
        """How many findings are wrong."""
        return sum(finding.is_wrong for finding in self.findings)

    @property
    def unlabelled(self) -> int:
        """How many images have no label."""
        return int((self.labels < 0).sum())


def check(source: Listing | Dataset, options: DataConfig) -> Check:
    """Look at all images of a source.

    Args:
        source: what the source has.
        options: how its images are prepared. How they are split, and the names of classes, are not used.

    Raises:
        ConfigError: an option does not fit the source.
        DataError: no picture can be read.
        MissingExtraError: ImageHash is not installed.
        StorageError: the cache cannot be written.
    """
    contents = of_listing(source, options) if isinstance(source, Listing) else of_dataset(source.refitted(options))
    findings = [
        *_about_files(contents),
        *_about_parts(contents),
        *_about_counts(contents),
        *_about_duplicates(contents),
    ]
    return Check(
        source=contents.source,
        images=contents.images,
        labels=contents.labels,
        classes=contents.classes,
        counts={part or "images": contents.counts(part) for part in contents.used},
        sizes=contents.sizes,
        modes=contents.modes,
        findings=tuple(sorted(findings, key=lambda finding: not finding.is_wrong)),
    )


def _about_files(contents: Contents) -> Iterator[Finding]:
    if contents.damaged:
        text = "Repair or remove them, or leave them out with --data.skip_damaged true."
        lines = tuple(f"{name}: {reason}" for name, reason in contents.damaged)
        yield Finding("Pictures that cannot be read", text, True, lines)
    if contents.cropped:
        _, _, height, width = contents.images.shape
        text = (
            f"They are cropped to the aspect ratio of {height} x {width}. Keep the whole of them with --data.resize "
            "pad, or choose another --data.image_size."
        )
        lines = tuple(f"{size}: {count:,} picture{'s' * (count > 1)}" for size, count in contents.cropped.most_common())
        yield Finding("Sizes of pictures of which less than half is left", text, False, lines)


def _about_parts(contents: Contents) -> Iterator[Finding]:
    used = contents.used
    if used == [""]:
        return
    lost = np.flatnonzero((contents.parts == "") & (contents.labels >= 0))
    if len(lost):
        text = "Others are in train, validation or test. Move these into a part, or name their folder as unlabelled."
        yield Finding("Images in no part", text, True, tuple(contents.names[int(position)] for position in lost))
    trained = contents.counts("train")
    for part in [part for part in used if part and part != "train"]:
        unseen = [
            f"{name}: {count:,} image{'s' * (count > 1)}"
            for name, count, seen in zip(contents.classes, contents.counts(part), trained, strict=True)
            if count and not seen
        ]
        if unseen:
            text = "A model cannot know these classes. Add training images of them, or remove them."
            yield Finding(f"Labels in the part {part} that training images lack", text, True, tuple(unseen))


def _about_counts(contents: Contents) -> Iterator[Finding]:
    if not contents.classes:
        yield Finding("No image has a label", "Put each image into a folder of its class.", True, (contents.source,))
        return
    part = "" if contents.used == [""] else "train"
    kind = "training images" if part else "images"
    everywhere = np.bincount(contents.labels[contents.labels >= 0], minlength=len(contents.classes))
    counts = [
        (name, count)
        for name, count, total in zip(contents.classes, contents.counts(part), everywhere, strict=True)
        if count or not total  # the other case has a finding of its own
    ]
    none = tuple(f"{name}: {count}" for name, count in counts if count < FEWEST)
    few = tuple(f"{name}: {count}" for name, count in counts if FEWEST <= count < FEW)
    if none:
        text = "A model can do little more than copy a single image. Add images, or remove the class."
        yield Finding(f"Classes with fewer than {FEWEST} {kind}", text, True, none)
    if few:
        text = "A model learns little about them. Add images if you can."
        yield Finding(f"Classes with fewer than {FEW} {kind}", text, False, few)


def _about_duplicates(contents: Contents) -> Iterator[Finding]:
    near, exact = groups(contents.images, contents.folder), exact_groups(contents.images)
    _, sizes = np.unique(near, return_counts=True)
    order = np.argsort(near, kind="stable")
    starts = np.cumsum(sizes) - sizes
    across: list[Case] = []
    contradicting: list[Case] = []
    others: list[Case] = []
    for start, size in zip(starts[sizes > 1], sizes[sizes > 1], strict=True):
        members = order[start : start + size]
        same = len(set(exact[members].tolist())) == 1
        items = tuple(contents.item(int(position)) for position in members)
        kind = "the same pixels" if same else "nearly the same"
        case = (not same, _described(kind, items), items)
        labelled = [item for item in items if item.label]
        is_across = len({item.part for item in labelled}) > 1
        is_contradicting = len({item.label for item in labelled}) > 1
        across += [case] * is_across
        contradicting += [case] * is_contradicting
        others += [case] * (not is_across and not is_contradicting)
    text = "Measurements on test images are too good if a model was trained on copies of them. Remove the copies."
    yield from _cases("The same picture in several parts", text, True, across)
    text = "At most one of the labels can be right. Correct them, or remove the pictures."
    yield from _cases("The same picture with several labels", text, True, contradicting)
    text = "They count several times in training. Splitting keeps them on one side. Remove those that are not needed."
    yield from _cases("Duplicates", text, False, others)


def _cases(title: str, text: str, is_wrong: bool, cases: list[Case]) -> Iterator[Finding]:
    if cases:
        ordered = sorted(cases, key=lambda case: case[0])
        lines, shown = tuple(line for _, line, _ in ordered), tuple(items for _, _, items in ordered)
        yield Finding(title, text, is_wrong, lines, shown)


def _described(kind: str, items: tuple[Item, ...]) -> str:
    """What the pictures of a case are. What all of them have in common is said once."""
    details = [", ".join(filter(None, (item.part, item.label))) for item in items]
    names = [item.name for item in items]
    if len(set(details)) > 1:
        names = [f"{name} ({detail or 'no label'})" for name, detail in zip(names, details, strict=True)]
    elif details[0]:
        kind = f"{kind}, {details[0]}"
    more = f" and {len(names) - MOST_NAMES:,} more" if len(names) > MOST_NAMES else ""
    return f"{kind}: {', '.join(names[:MOST_NAMES])}{more}"
