"""Duplicates among images: equal images, and copies that were recompressed, resized, made brighter or cropped a little.

Pictures that are merely similar are not duplicates. Pairs that may be duplicates are found by perceptual hashes (pHash,
https://www.hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html). A pair is confirmed by its pixels: after
a small shift and change of scale, each cell of 4 x 4 pixels of an image of 64 x 64 must have nearly the same colour.
"""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from condvae.data.matching import SIDE, are_copies, candidates, pooled
from condvae.errors import require_extra
from condvae.progress import progress
from condvae.storage.files import replacing

if TYPE_CHECKING:
    from condvae.data.packing.packed import PackedImages

FILE = "duplicates.npy"
CHUNK = 2**26  # bytes of images that are read at a time
READ = 10_000  # images, at most
PAIRS = 1_000  # pairs compared at a time, at most
MOST_COMPARED = 20  # images that an image is compared with, those with the most similar thumbnails
LONG_CHAIN = 100  # images of a group, at least, that may be split into groups around single images
LONG_SHARE = 0.1  # and their share of all images
THUMB = 8  # height and width of the thumbnails that are kept in memory
TINY = 1e-3
THUMBS_DIFFER = 48  # thumbnails of duplicates differ by less, in grey values from 0 to 255
Floats = NDArray[np.float32]


def groups(images: "PackedImages | NDArray[np.uint8]", folder: Path | None = None) -> NDArray[np.int64]:
    """A number for each image, the same one for duplicates of each other: int64 (N,).

    The number is the position of the first image of the group. A chain of duplicates is one group, unless it has more
    than LONG_CHAIN images and LONG_SHARE of the data.

    Args:
        images: uint8 (N, C, H, W). They are read in parts.
        folder: where the result is kept. If it is there already, no image is read. None keeps nothing.

    Raises:
        MissingExtraError: ImageHash is not installed.
        StorageError: the result cannot be written.
    """
    kept = folder and folder / FILE
    if kept and kept.is_file():
        return np.asarray(np.load(kept, allow_pickle=False))
    require_extra("train", "Looking for duplicates")
    found = _found(images)
    if kept:
        with replacing(kept) as aside, aside.open("wb") as file:
            np.save(file, found, allow_pickle=False)
    return found


def exact_groups(images: "PackedImages | NDArray[np.uint8]") -> NDArray[np.int64]:
    """For each image the position of the first one with the same pixels: int64 (N,)."""
    firsts: dict[bytes, int] = {}
    digests = (
        blake2b(image.tobytes(), digest_size=16).digest()
        for chunk in _chunks(np.arange(len(images)), images, READ)
        for image in images[chunk]
    )
    return np.array([firsts.setdefault(digest, index) for index, digest in enumerate(digests)], np.int64)


def _found(images: Any) -> NDArray[np.int64]:
    exact = exact_groups(images)
    pairs = _near_pairs(images, np.unique(exact))
    near = _connected(len(exact), pairs)
    sizes = np.bincount(near[np.unique(exact)], minlength=len(exact))
    long = sizes > max(LONG_CHAIN, LONG_SHARE * len(exact))
    for group in np.flatnonzero(long):
        own = pairs[near[pairs[:, 0]] == group]
        near[near == group] = np.flatnonzero(near == group)
        _around_single_images(near, own)
    return near[exact]


def _connected(count: int, pairs: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each image the position of the first image that a chain of pairs connects it with: int64 (N,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs), np.bool_), pairs.T), shape=(count, count))
    _, numbers = connected_components(graph, directed=False)
    _, firsts = np.unique(numbers, return_index=True)
    return firsts[numbers].astype(np.int64)


def _around_single_images(groups: NDArray[np.int64], pairs: NDArray[np.int64]) -> None:
    """Group images with the first image that they are a copy of, in place.

    In a chain that holds much of the data, such as drawings of one thing at all places of the image, the first and the
    last image are no copies. As a single group, they could not be split into training and test images.

    Args:
        groups: (N,), the position of each image itself for the images of the chain.
        pairs: pairs of copies in the chain, (M, 2), sorted.
    """
    for first, second in pairs.tolist():
        if groups[first] == first and groups[second] == second:
            groups[second] = first


def _near_pairs(images: Any, positions: NDArray[np.int64]) -> NDArray[np.int64]:
    """Pairs of near duplicates among the images at these positions, int64 (M, 2)."""
    prints = _Prints(len(positions))
    with progress("Looking for duplicates", len(positions)) as advance:
        for chunk in _chunks(positions, images, READ):
            prints.add(images[chunk])
            advance(len(chunk))
    pairs = positions[prints.pairs()]
    copies = np.zeros(len(pairs), np.bool_)
    with progress("Comparing images", len(pairs), "pairs") as advance:
        for chunk in _chunks(np.arange(len(pairs)), images, PAIRS):
            ones, others = (images[pairs[chunk, side]] for side in (0, 1))
            copies[chunk] = are_copies(ones, others)
            advance(len(chunk))
    return pairs[copies]


def _chunks(positions: NDArray[np.int64], images: Any, most: int) -> Iterator[NDArray[np.int64]]:
    """The positions in parts, each with at most `most` images and CHUNK bytes, but at least one image."""
    size = max(1, min(most, CHUNK // int(np.prod(images.shape[1:]))))
    for start in range(0, len(positions), size):
        yield positions[start : start + size]


class _Prints:
    """What is remembered of each image: two hashes and two thumbnails, as it is and with its objects centred.

    The first ones find copies of other quality, the second ones find copies that are shifted.
    """

    def __init__(self, count: int) -> None:
        self.hashes = np.empty((2, count), np.uint64)
        self.thumbs = np.empty((2, count, THUMB * THUMB), np.uint8)
        self.filled = 0

    def add(self, images: NDArray[np.uint8]) -> None:
        from imagehash import phash

        grey = pooled(images, SIDE).mean(1)
        stop = self.filled + len(images)
        for kind, views in enumerate((grey, _centred(grey))):
            for index, view in enumerate((views * _ramp(*grey.shape[1:])).astype(np.uint8), self.filled):
                bits = np.packbits(phash(Image.fromarray(view)).hash.reshape(-1))
                self.hashes[kind, index] = bits.view(np.uint64)[0]
            down, right = (_means(size, THUMB) for size in grey.shape[1:])
            self.thumbs[kind, self.filled : stop] = (down @ views @ right.T).reshape(len(images), -1)
        self.filled = stop

    def pairs(self) -> NDArray[np.int64]:
        """Pairs of images that may be duplicates, as positions in the order of `add`: int64 (M, 2), sorted."""
        count = len(self.hashes[0])
        found, differences = [np.empty(0, np.int64)], [np.empty(0, np.int16)]
        for hashes, thumbs in zip(self.hashes, self.thumbs, strict=True):
            for pairs in candidates(hashes, thumbs.sum(1, dtype=np.int64)):
                differ = np.abs(thumbs[pairs[:, 0]].astype(np.int16) - thumbs[pairs[:, 1]]).max(1)
                different, places = np.unique(pairs @ (count, 1), return_index=True)
                near = differ[places] < THUMBS_DIFFER
                found.append(different[near])
                differences.append(differ[places][near])
        different, places = np.unique(np.concatenate(found), return_index=True)
        firsts = different // count
        order = np.lexsort((np.concatenate(differences)[places], firsts))
        ranks = np.arange(len(order)) - np.searchsorted(firsts, firsts)
        return np.stack(np.divmod(np.sort(different[order[ranks < MOST_COMPARED]]), count), 1)


def _ramp(height: int, width: int) -> Floats:
    """Weights that rise from one corner to the other. Without them, the hashes of a symmetric image are unstable.

    Many of its coefficients are zero, and noise decides their signs.
    """
    down, right = np.ogrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    return ((1 + right + 0.7 * down) / 2.7).astype(np.float32)


def _centred(grey: Floats) -> Floats:
    """Images (N, H, W), shifted so that the centre of mass of what differs from their border is in the middle."""
    height, width = grey.shape[1:]
    border = np.concatenate([grey[:, 0], grey[:, -1], grey[:, :, 0], grey[:, :, -1]], 1)
    mass = np.abs(grey - np.median(border, 1)[:, np.newaxis, np.newaxis]) + TINY
    total = mass.sum((1, 2))
    down = (height - 1) / 2 - mass.sum(2) @ np.arange(height) / total
    right = (width - 1) / 2 - mass.sum(1) @ np.arange(width) / total
    shifts = np.stack([down, right], 1).round().astype(int)
    return np.stack([np.roll(image, shift, (0, 1)) for image, shift in zip(grey, shifts, strict=True)])


def _means(size: int, parts: int) -> Floats:
    """A matrix that averages `size` values in `parts` parts of equal length, (parts, size)."""
    edges = np.arange(parts + 1)[:, np.newaxis] * size / parts
    covered = (edges - np.arange(size)).clip(0, 1)  # how much of each value is before each edge
    return (np.diff(covered, axis=0) * parts / size).astype(np.float32)
