"""Duplicates: copies of a picture are found, and pictures that are merely similar are not."""

import io
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from condvae.data import duplicates
from condvae.data.dataset import Dataset
from condvae.data.duplicates import exact_groups, groups
from condvae.data.matching import DISTANCE, are_copies, candidates
from condvae.errors import EXTRAS, MissingExtraError, StorageError

Copy = Callable[[Image.Image], Image.Image]


def pictures(images: np.ndarray) -> list[Image.Image]:
    return [Image.fromarray(image[0] if len(image) == 1 else image.transpose(1, 2, 0)) for image in images]


def arrays(many: list[Image.Image]) -> np.ndarray:
    found = np.stack([np.asarray(picture) for picture in many])
    return found[:, np.newaxis] if found.ndim == 3 else found.transpose(0, 3, 1, 2)


def jpeg(picture: Image.Image) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=75)
    return Image.open(buffer).copy()


def shifted(picture: Image.Image) -> Image.Image:
    """One pixel to the right, the left border repeated."""
    pixels = np.asarray(picture)
    return Image.fromarray(np.concatenate([pixels[:, :1], pixels[:, :-1]], 1))


def cropped(picture: Image.Image) -> Image.Image:
    """One pixel cut from each side, then scaled back."""
    width, height = picture.size
    return picture.crop((1, 1, width - 1, height - 1)).resize(picture.size, Image.Resampling.LANCZOS)


def brighter(picture: Image.Image) -> Image.Image:
    return picture.point(lambda value: min(255, round(1.05 * value)))


def resized(picture: Image.Image) -> Image.Image:
    """Made smaller by a half, then scaled back."""
    half = picture.resize((picture.width // 2, picture.height // 2), Image.Resampling.LANCZOS)
    return half.resize(picture.size, Image.Resampling.LANCZOS)


@pytest.fixture(scope="module")
def scenes() -> np.ndarray:
    """Colour images of 64 x 64: five blurred discs on a plain ground, at random."""
    random = np.random.default_rng(0)
    down, right = np.mgrid[0:64, 0:64]
    made = np.empty((60, 3, 64, 64))
    for image in made:
        image[:] = random.uniform(0, 255, 3)[:, np.newaxis, np.newaxis]
        for _ in range(5):
            distance = np.hypot(down - random.uniform(5, 59), right - random.uniform(5, 59))
            cover = 1 / (1 + np.exp(distance - random.uniform(3, 12)))
            image += cover * (random.uniform(0, 255, 3)[:, np.newaxis, np.newaxis] - image)
    return made.round().astype(np.uint8)


def found(images: np.ndarray, copy: Copy) -> float:
    """The share of copies that are in the group of their original."""
    numbers = groups(np.concatenate([images, arrays([copy(picture) for picture in pictures(images)])]))
    assert (numbers[: len(images)] == np.arange(len(images))).all(), "different images are in one group"
    return float((numbers[len(images) :] == np.arange(len(images))).mean())


@pytest.mark.parametrize("copy", [jpeg, shifted, cropped, brighter, resized, lambda picture: picture])
def test_copies_are_found(scenes: np.ndarray, copy: Copy) -> None:
    assert found(scenes, copy) >= 0.95


@pytest.mark.parametrize("copy", [ImageOps.mirror, ImageOps.invert, lambda picture: picture.rotate(20)])
def test_other_pictures_are_no_copies(scenes: np.ndarray, copy: Copy) -> None:
    assert found(scenes, copy) == 0


@pytest.mark.parametrize("copy", [jpeg, shifted, brighter])
def test_copies_of_digits_are_found(mnist: Dataset, copy: Copy) -> None:
    assert found(mnist.test.images[:200], copy) >= 0.98


def test_mnist_has_no_duplicates(mnist: Dataset) -> None:
    """Many digits have nearly the same hash, and are different all the same."""
    images = mnist.test.images[:4000]
    assert len(np.unique(groups(images))) >= 3999


def test_another_colour_is_no_copy(scenes: np.ndarray) -> None:
    """A patch of another colour, with the grey value that it had, as in emoji of several skin tones."""
    changed = scenes.astype(int)
    changed[:, 0, 20:40, 20:40] -= 60
    changed[:, 2, 20:40, 20:40] += 60
    fits = ((changed >= 0) & (changed <= 255)).all((1, 2, 3))
    assert fits.sum() > 5
    assert not are_copies(scenes[fits], changed[fits].astype(np.uint8)).any()


def test_digits_of_8_x_8(scenes: np.ndarray) -> None:
    from sklearn.datasets import load_digits

    images = (load_digits().images * 255 / 16).astype(np.uint8)[:, np.newaxis]
    assert (groups(images) == np.arange(len(images))).all()


def test_a_chain_is_one_group(scenes: np.ndarray) -> None:
    """The first and the last image of a chain are no copies, but what lies between connects them."""
    steps = np.stack([np.roll(scenes[0], step, 2) for step in range(9)])
    assert not are_copies(steps[:1], steps[-1:]).any()
    assert not groups(steps).any()


def test_a_chain_through_much_of_the_data_is_several_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """A drawing at all places of the image, of which each is a copy of its neighbours."""
    monkeypatch.setattr(duplicates, "LONG_CHAIN", 20)
    images = np.zeros((100, 1, 64, 64), np.uint8)
    for index, image in enumerate(images):
        image[0, 10 + index // 10 : 40 + index // 10, 10 + index % 10 : 20 + index % 10] = 255
    numbers = groups(images)
    assert len(np.unique(numbers)) > 4
    assert np.bincount(numbers).max() > 2
    assert (numbers[numbers] == numbers).all(), "the number of a group is its first image"


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 5), (1, 2, 3), (3, 5, 400), (1, 13, 70)])
def test_odd_shapes(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (30, *shape), dtype=np.uint8)
    numbers = groups(np.concatenate([images, images]))
    assert (numbers[:30] == numbers[30:]).all()
    assert len(np.unique(numbers)) >= 25


def test_equal_images_cost_little() -> None:
    """Twenty thousand black images, and as many that a hash cannot tell apart."""
    start = time.monotonic()
    assert not groups(np.zeros((20_000, 1, 28, 28), np.uint8)).any()
    hashes, brightness = np.zeros(20_000, np.uint64), np.zeros(20_000, np.int64)
    assert sum(len(pairs) for pairs in candidates(hashes, brightness)) <= 20_000 * 4 * 100
    assert time.monotonic() - start < 30


def test_candidates_are_all_near_pairs() -> None:
    """Against comparing each with each."""
    random = np.random.default_rng(0)
    first = random.integers(0, 2**63, 200, dtype=np.uint64)
    flips = [
        np.bitwise_xor.reduce(1 << random.choice(63, count, replace=False)) for count in random.integers(1, 12, 200)
    ]
    hashes = np.concatenate([first, first ^ np.array(flips).astype(np.uint64)])
    apart = np.array([[int(one ^ other).bit_count() for other in hashes] for one in hashes])
    expected = {(int(i), int(j)) for i, j in zip(*np.nonzero(apart <= DISTANCE), strict=True) if i < j}
    pairs = np.concatenate(list(candidates(hashes, np.zeros(400, np.int64))))
    assert {(int(i), int(j)) for i, j in pairs} == expected
    assert len(expected) > 80


def test_exact_groups(scenes: np.ndarray) -> None:
    images = np.concatenate([scenes[:3], scenes[1:2], np.zeros_like(scenes[:2]), scenes[:1]])
    assert exact_groups(images).tolist() == [0, 1, 2, 1, 4, 4, 0]


def test_the_result_is_kept(scenes: np.ndarray, tmp_path: Path) -> None:
    images = np.concatenate([scenes, scenes[:5]])
    first = groups(images, tmp_path / "pack")
    assert first.dtype == np.int64
    assert [path.name for path in (tmp_path / "pack").iterdir()] == [duplicates.FILE]
    assert (groups(np.zeros_like(images), tmp_path / "pack") == first).all()


def test_a_folder_that_cannot_be_written(scenes: np.ndarray, nowhere: Path) -> None:
    with pytest.raises(StorageError, match=f"Cannot write {nowhere}"):
        groups(scenes[:3], nowhere)


def test_reading_in_chunks_changes_nothing(scenes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.concatenate([scenes, arrays([jpeg(picture) for picture in pictures(scenes)])])
    whole = groups(images)
    monkeypatch.setattr(duplicates, "CHUNK", 5 * scenes[0].nbytes)
    assert (groups(images) == whole).all()


def test_missing_package(scenes: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "train", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"Looking for duplicates needs no_such_package.*condvae\[train\]"):
        groups(scenes[:3])
