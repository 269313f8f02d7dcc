"""Contact sheets for notebooks."""

import numpy as np
import pytest
import torch

import condvae
from condvae.errors import InputError


def test_images_are_enlarged_and_put_in_rows() -> None:
    images = np.zeros((5, 1, 28, 28), np.uint8)
    images[4] = 255
    sheet = np.asarray(condvae.show(images, columns=3))
    assert sheet.shape == (2 * 56 + 2, 3 * 56 + 2 * 2), "each pixel is two pixels wide"
    assert (sheet[58:, 58:114] == 255).all()
    assert (sheet[:56, :56] == 0).all()
    assert condvae.show(images)._repr_png_().startswith(b"\x89PNG"), "what a notebook shows"


def test_labels_stand_above_their_images() -> None:
    images = torch.zeros(4, 3, 60, 50)
    without, sheet = (np.asarray(condvae.show(images, labels, columns=1)) for labels in (None, [1, "two", 3.0, ""]))
    assert sheet.shape == (without.shape[0] + 4 * 14, 50, 3)
    rows = [sheet[row * 76 : row * 76 + 14] for row in range(4)]
    assert [bool((row < 128).any()) for row in rows] == [True, True, True, False], "the last label is empty"
    assert all((sheet[row * 76 + 14 : row * 76 + 74] == 0).all() for row in range(4)), "no text is on an image"


def test_wrong_input_is_explained() -> None:
    with pytest.raises(InputError, match=r"Images have the shape \(3, 2, 5, 5\)\. Give \(N, C, H, W\) with C = 1 or 3"):
        condvae.show(np.zeros((3, 2, 5, 5)))
    with pytest.raises(InputError, match=r"Images run from 0\.0 to 2\.0\. Give uint8, or floats from 0 to 1"):
        condvae.show(np.array([[[0.0, 2.0]]]))
    with pytest.raises(InputError, match=r"There are 1 labels for 2 images"):
        condvae.show(np.zeros((2, 5, 5)), ["a"])
    with pytest.raises(InputError, match=r"columns must be at least 1, got 0"):
        condvae.show(np.zeros((2, 5, 5)), columns=0)
