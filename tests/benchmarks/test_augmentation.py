"""The long-tailed data of the benchmark has the profile that the literature uses."""

import numpy as np
import pytest

from benchmarks.augmentation import long_tailed
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages


def test_the_profile_of_mnist(mnist: Dataset) -> None:
    data = long_tailed(mnist)
    assert list(data.train.counts().values()) == [5000, 2997, 1797, 1077, 646, 387, 232, 139, 83, 50]
    assert data.test is mnist.test
    assert data.source == "mnist-long-tailed"


def test_images_keep_their_labels_and_are_drawn_by_the_seed() -> None:
    labels = np.arange(400) % 4
    images = np.arange(400).astype(np.uint8).reshape(-1, 1, 1, 1).repeat(2, 2)
    part = LabelledImages(images, labels, tuple("abcd"))
    data = Dataset("numbers", part, part)
    one, same, other = (long_tailed(data, 80, 8, seed).train for seed in (0, 0, 1))
    assert list(one.counts().values()) == [80, 40, 20, 10]
    assert (one.pixels()[:, 0, 0, 0] % 4 == one.labels).all()
    assert np.array_equal(one.pixels(), same.pixels())
    assert not np.array_equal(one.pixels(), other.pixels())
    with pytest.raises(ValueError, match="The class 'a' of numbers has 100 training images, and not 101"):
        long_tailed(data, 101, 8)
