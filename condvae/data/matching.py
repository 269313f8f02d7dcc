"""Pairs of images that may be copies of each other, and whether they are."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

SIDE = 64  # larger images are compared at about this height and width
COARSE = 32  # and at about this one first, because most candidates are no copies
COARSE_TOLERANCE = 2.5  # how much more the cells may differ there
DISTANCE = 7  # most bits in which the hashes of candidates differ, of 64
MOST = 100  # candidates of an image among those with the same 16 bits; they are the ones nearest in brightness
ROWS = 2_000_000  # rows of a table of candidates
STEPS = 4  # of the registration
CONTRAST = 64.0  # standard deviation of the images that are registered
CELLS = 16  # cells in the height and width in which the pixels of two images are averaged and compared
GREY_DIFFERS = 16.0  # the grey values of a cell of copies differ by at most this much, from 0 to 255
COLOUR_DIFFERS = 32.0  # and its colour channels by at most this much: JPEG files have half the resolution in colour
OFFSET_SHARE = 0.5  # the mean difference is at most this share of the standard deviation of the cells
SHARE_DIFFERS = 0.15  # and the standard deviation of the differences is at most this share of it

ONES = np.array([bin(number).count("1") for number in range(1 << 16)], np.uint8)  # bits of each 16-bit number

Floats = NDArray[np.float32]
Hashes = NDArray[np.uint64]
Pairs = NDArray[np.int64]


def candidates(hashes: Hashes, brightness: NDArray[np.int64]) -> Iterator[Pairs]:
    """Pairs of images whose hashes differ in at most DISTANCE bits, each pair possibly more than once: int64 (M, 2).

    If two hashes differ in at most 7 bits, one of their four chunks of 16 bits differs in at most 1 bit. The hashes are
    therefore sorted by each chunk, and looked up with each of its bits flipped and with none (multi-index hashing,
    Norouzi, Punjani and Fleet 2012, https://arxiv.org/abs/1307.2982). The number of candidates is at most
    MOST times 4 times 17 for each image, also where all images have the same hash.

    Args:
        hashes: (N,).
        brightness: (N,), nearly the same for copies.
    """
    for chunk in hashes.view(np.uint16).reshape(-1, 4).T:
        order = np.lexsort((brightness, chunk))
        keys = chunk[order].astype(np.int64) * (1 << 40) + brightness[order]
        for flipped in (0, *(1 << bit for bit in range(16))):
            others = chunk ^ np.uint16(flipped)
            wanted = others.astype(np.int64) << 40
            ends = np.searchsorted(keys, wanted + (1 << 40))
            starts = np.minimum(np.searchsorted(keys, wanted + brightness), ends)
            yield from _near(hashes, order, starts, np.minimum(ends, starts + MOST))


def _near(
    hashes: Hashes, order: NDArray[np.int64], starts: NDArray[np.int64], ends: NDArray[np.int64]
) -> Iterator[Pairs]:
    """Pairs of each image with the images at order[start:end] that are near."""
    counts = ends - starts
    rows = np.concatenate([[0], np.cumsum(counts)])
    first = 0
    while first < len(counts):
        after = max(first + 1, int(np.searchsorted(rows, rows[first] + ROWS, "right")) - 1)
        own = np.repeat(np.arange(first, after), counts[first:after])
        places = np.arange(rows[first], rows[after]) - np.repeat(
            rows[first:after] - starts[first:after], counts[first:after]
        )
        others = order[places]
        near = (own != others) & (_ones(hashes[own] ^ hashes[others]) <= DISTANCE)
        yield np.sort(np.stack([own[near], others[near]], 1), 1)
        first = after


def _ones(hashes: Hashes) -> NDArray[np.uint8]:
    return ONES[hashes.view(np.uint16)].reshape(-1, 4).sum(1, dtype=np.uint8)


def pooled(images: NDArray[np.uint8] | Floats, side: int) -> Floats:
    """Images of at most about `side` pixels in height and width, by the mean of blocks: (N, C, H, W) to floats."""
    height, width = images.shape[2:]
    down, right = max(1, round(height / side)), max(1, round(width / side))
    cut = images[:, :, : height // down * down, : width // right * right]
    blocks = cut.reshape(*cut.shape[:2], height // down, down, width // right, right)
    return np.asarray(blocks.mean((3, 5), dtype=np.float32), np.float32)


def are_copies(ones: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether two images are duplicates, for M pairs: uint8 (M, C, H, W) each to bool (M,).

    The second image is first fitted to the first one by a shift and a scale in each direction. Each moves no pixel by
    more than 2 pixels, in images below 28 pixels by 1, and in images below 14 pixels not at all.
    """
    first, second = pooled(ones, SIDE), pooled(others, SIDE)
    possible = np.arange(len(ones))
    if min(first.shape[2:]) > COARSE:
        coarse = _alike(pooled(first, COARSE), pooled(second, COARSE), tolerance=COARSE_TOLERANCE)
        possible = np.flatnonzero(coarse)
    copies = np.zeros(len(ones), np.bool_)
    copies[possible] = _alike(first[possible], second[possible], tolerance=1)
    return copies


def _alike(first: Floats, second: Floats, tolerance: float) -> NDArray[np.bool_]:
    """Whether images have nearly the same cells after the second one is fitted to the first one, (M, C, H, W)."""
    most = min(2, min(first.shape[2:]) // 14)
    if most:
        second = _warped(second, _registered(_outline(first), _outline(second), most))
    inner = (slice(None), slice(None), slice(most, -most or None), slice(most, -most or None))
    cells = pooled(first[inner], CELLS)
    differences = cells - pooled(second[inner], CELLS)
    spread = cells.std((1, 2, 3))
    return (
        (np.abs(differences).max((1, 2, 3)) <= COLOUR_DIFFERS * tolerance)
        & (np.abs(differences.mean(1)).max((1, 2)) <= GREY_DIFFERS * tolerance)
        & (np.abs(differences.mean((1, 2, 3))) <= np.maximum(1, OFFSET_SHARE * spread) * tolerance)
        & (differences.std((1, 2, 3)) <= np.maximum(1, SHARE_DIFFERS * spread) * tolerance)
    )


def _registered(ones: Floats, others: Floats, most: int) -> Floats:
    """Scale and shift, down and to the right, that fit the second image to the first one: (M, H, W) each to (M, 4).

    Gauss-Newton steps on the squared difference, in pixels at the border of the image.
    """
    moved = np.zeros((len(ones), 4), np.float32)
    down, right = (np.linspace(-1, 1, size, dtype=np.float32) for size in ones.shape[1:])
    for _ in range(STEPS):
        view = _warped(others[:, np.newaxis], moved)[:, 0]
        slope_down, slope_right = np.gradient(view, axis=(1, 2))
        slopes = np.stack([slope_down * down[:, np.newaxis], slope_down, slope_right * right, slope_right], -1)
        slopes = slopes.reshape(len(ones), len(down) * len(right), 4)
        rest = (ones - view).reshape(len(ones), len(down) * len(right), 1)
        square = slopes.transpose(0, 2, 1) @ slopes + np.eye(4, dtype=np.float32)  # invertible for a plain image also
        moved = (moved + np.linalg.solve(square, slopes.transpose(0, 2, 1) @ rest)[:, :, 0]).clip(-most, most)
    return moved


def _warped(images: Floats, moved: Floats) -> Floats:
    """Images (M, C, H, W), each scaled and shifted as `moved`, (M, 4), says. Pixels at the border are repeated."""
    rows = _interpolation(images.shape[2], moved[:, :2])
    columns = _interpolation(images.shape[3], moved[:, 2:])
    return rows @ images @ columns.transpose(0, 1, 3, 2)


def _interpolation(size: int, moved: Floats) -> Floats:
    """Matrices that resample a line of pixels linearly, (M, 1, size, size)."""
    places = np.arange(size, dtype=np.float32)
    wanted = places + moved[:, :1] * np.linspace(-1, 1, size, dtype=np.float32) + moved[:, 1:]
    distance = np.abs(wanted.clip(0, size - 1)[:, :, np.newaxis] - places)
    return np.asarray((1 - distance).clip(0)[:, np.newaxis], np.float32)


def _outline(images: Floats) -> Floats:
    """Images (M, C, H, W) as blurred grey images (M, H, W), all of the same brightness and contrast."""
    padded = np.pad(images.mean(1), ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = padded[:, :-2] + 2 * padded[:, 1:-1] + padded[:, 2:]
    blurred = (rows[..., :-2] + 2 * rows[..., 1:-1] + rows[..., 2:]) / 16
    centred = blurred - blurred.mean((1, 2), keepdims=True)
    return np.asarray(CONTRAST * centred / np.maximum(1, centred.std((1, 2), keepdims=True)), np.float32)
