"""Augmentation: what each setting does to an image, and that nothing happens without one."""

from math import pi

import pytest
import torch
from torch import Tensor

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.errors import ConfigError
from condvae.images import warped
from condvae.training.augmentation import augmented
from condvae.training.checks import check

COUNT = 200


@pytest.fixture
def images() -> Tensor:
    """Colour images that are not square, some pixels black and some white."""
    torch.manual_seed(0)
    return (2 * torch.rand(COUNT, 3, 10, 20) - 0.5).clamp(0, 1)


def moved(image: Tensor, down: int, right: int) -> Tensor:
    """An image shifted by whole pixels. The border pixels are repeated."""
    _, height, width = image.shape
    rows = (torch.arange(height) - down).clamp(0, height - 1)
    columns = (torch.arange(width) - right).clamp(0, width - 1)
    return image[:, rows][:, :, columns]


def test_without_augmentation_nothing_is_drawn_or_changed(images: Tensor) -> None:
    state = torch.get_rng_state()
    assert augmented(images, TrainingConfig()) is images
    assert torch.equal(state, torch.get_rng_state())


def test_flips_mirror_images_exactly(images: Tensor) -> None:
    assert torch.equal(augmented(images, TrainingConfig(flip=1)), images.flip(-1))
    found = augmented(images, TrainingConfig(flip=0.5))
    mirrored = (found == images.flip(-1)).flatten(1).all(1)
    assert (mirrored | (found == images).flatten(1).all(1)).all()
    assert 0.3 < mirrored.double().mean() < 0.7


def test_shifts_are_whole_pixels_up_to_the_limit(images: Tensor) -> None:
    found = augmented(images, TrainingConfig(shift=0.2))  # 2 rows, 4 columns
    seen = set()
    for before, after in zip(images, found, strict=True):
        fitting = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-4, 5)
            if torch.allclose(moved(before, down, right), after, atol=1e-4)
        ]
        assert len(fitting) == 1
        seen.update(fitting)
    assert {down for down, _ in seen} == set(range(-2, 3))
    assert {right for _, right in seen} == set(range(-4, 5))


@pytest.mark.parametrize("settings", [{"shift": 0.5}, {"rotate": 180.0}, {"flip": 0.5, "shift": 0.1, "rotate": 45.0}])
def test_values_stay_in_range_and_a_plain_image_stays_plain(images: Tensor, settings: dict) -> None:
    found = augmented(images, TrainingConfig(**settings))
    assert found.shape == images.shape
    assert found.min() >= 0
    assert found.max() <= 1
    torch.testing.assert_close(augmented(torch.ones(5, 1, 6, 9), TrainingConfig(**settings)), torch.ones(5, 1, 6, 9))


def test_a_quarter_turn_is_exact_whatever_the_shape(images: Tensor) -> None:
    """The centre of an image turns as a square does, because a rotation does not stretch it."""
    turn, scale, shift = torch.full((COUNT,), pi / 2), torch.ones(2, COUNT), torch.zeros(2, COUNT)
    centre = (..., slice(None), slice(5, 15))
    found = warped(images, turn, scale, shift)[centre]
    torch.testing.assert_close(found, torch.rot90(images[centre], 1, (-2, -1)), atol=1e-4, rtol=0)


def test_rotations_are_within_their_limit() -> None:
    """A bright pixel far from the centre of an image tells the angle."""
    images = torch.zeros(500, 1, 41, 41)
    images[:, :, 20, 38:40] = 1
    found = augmented(images, TrainingConfig(rotate=20.0))
    rows = torch.arange(41.0)[:, None] - 20
    columns = torch.arange(41.0) - 20
    mass = found.sum((1, 2, 3))
    angles = torch.atan2((found[:, 0] * rows).sum((1, 2)) / mass, (found[:, 0] * columns).sum((1, 2)) / mass)
    assert angles.abs().max().rad2deg() < 21
    assert angles.min().rad2deg() < -15
    assert angles.max().rad2deg() > 15


@pytest.mark.parametrize("name", ["flip", "rotate"])
def test_measured_attributes_do_not_go_with_changed_images(name: str) -> None:
    model = ModelConfig(conditions=("label", "slant"))
    message = (
        rf"training\.{name} must be 0 if model\.conditions has slant, which condvae measures of the unchanged images"
    )
    with pytest.raises(ConfigError, match=message):
        check(Config(model=model, training=TrainingConfig(**{name: 0.5})))
    check(Config(model=model, training=TrainingConfig(shift=0.1)))
