"""Images that somebody drew or uploaded become like the training images, and what was done is said."""

import base64

import numpy as np
import pytest
from PIL import Image, ImageOps

from condvae.data.dataset import Dataset
from condvae.data.prepare import Habits, habits_of, open_picture, prepare
from condvae.errors import InputError
from tests.conftest import as_text


@pytest.fixture(scope="module")
def habits(mnist: Dataset) -> Habits:
    return habits_of(mnist.train.images[:500])


def picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels).convert("RGB")


def test_mnist_lies_on_black_centred_by_mass_in_twenty_pixels(habits: Habits) -> None:
    assert (habits.shape, habits.ground, habits.extent, habits.by_mass) == ((1, 28, 28), 0.0, 20.0, True)
    assert habits.centre == pytest.approx((14, 14), abs=0.1)


def test_a_training_image_stays_as_it_is(mnist: Dataset, habits: Habits) -> None:
    for image in mnist.test.images[:50]:
        same, steps = prepare(picture(image[0]), habits)
        assert (same == image).all()
        assert steps == []


def test_a_photographed_digit_becomes_the_digit(mnist: Dataset, habits: Habits) -> None:
    """Test images, dark on light paper, ten times as large and in a corner: back where they were."""
    errors, others = [], []
    for image in mnist.test.images[:100]:
        large = ImageOps.invert(Image.fromarray(image[0])).resize((280, 280), Image.Resampling.BICUBIC)
        paper = Image.new("RGB", (500, 400), (250, 245, 255))
        paper.paste(large, (180, 60))
        found, steps = prepare(paper, habits)
        assert steps[:3] == ["grey", "inverted", "scaled"]
        assert steps[-1] == "centred"
        difference = (found.astype(float) - image) / 255
        errors.append((difference**2).mean() ** 0.5)
        others.append((((mnist.test.images[0] - image.astype(float)) / 255) ** 2).mean() ** 0.5)
    assert np.mean(errors) < 0.35 * np.mean(others)


def test_faint_strokes_are_stretched(mnist: Dataset, habits: Habits) -> None:
    faint = Image.fromarray(mnist.test.images[0, 0] // 3).resize((56, 56))
    found, steps = prepare(faint.convert("RGB"), habits)
    assert steps == ["scaled", "stretched", "centred"]
    assert found.max() > 240


def test_colour_images_without_a_plain_ground_are_fitted() -> None:
    images = np.random.default_rng(0).integers(0, 255, (20, 3, 16, 12), dtype=np.uint8)
    habits = habits_of(images)
    assert habits == Habits((3, 16, 12))
    same, steps = prepare(Image.fromarray(images[0].transpose(1, 2, 0)), habits)
    assert (same == images[0]).all()
    assert steps == []
    fitted, steps = prepare(Image.new("RGB", (100, 40), (10, 200, 30)), habits)
    assert fitted.shape == (3, 16, 12)
    assert (fitted[:, 8, 6] == (10, 200, 30)).all()
    assert steps == ["scaled"]


def test_tiny_and_empty_data_have_no_ground() -> None:
    assert habits_of(np.zeros((5, 1, 1, 1), np.uint8)) == Habits((1, 1, 1))
    assert habits_of(np.zeros((5, 1, 9, 9), np.uint8)) == Habits((1, 9, 9))


def test_an_empty_image_is_refused(habits: Habits) -> None:
    with pytest.raises(InputError, match=r"The image is empty: .* Draw something"):
        prepare(Image.new("RGB", (90, 90), "white"), habits)


def test_files_of_many_kinds_are_read() -> None:
    image = Image.new("RGB", (4, 3), (255, 0, 0))
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        found = open_picture(as_text(image, kind))
        assert (found.mode, found.size) == ("RGB", (4, 3))
        assert np.abs(np.asarray(found)[0, 0].astype(int) - (255, 0, 0)).max() < 20
    assert open_picture(f"data:image/png;base64,{as_text(image)}").size == (4, 3)
    assert open_picture(as_text(Image.new("RGBA", (2, 2), (0, 0, 0, 0)))).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("text", ["", "nonsense!", base64.b64encode(b"no image").decode(), "data:text/plain,hi"])
def test_what_is_no_image_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"cannot be read as an image; allowed: an image file"):
        open_picture(text)


def test_an_image_of_too_many_pixels_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condvae.data.prepare.MOST_PIXELS", 11)
    with pytest.raises(InputError, match=r"The image has 4 x 3 pixels; at most 11 are allowed\. Scale it down"):
        open_picture(as_text(Image.new("RGB", (4, 3))))


def test_large_pictures_are_scaled_before_anything_else() -> None:
    assert open_picture(as_text(Image.new("L", (3000, 30)))).size == (2000, 20)


def test_only_image_formats_of_the_web_are_read() -> None:
    with pytest.raises(InputError, match=r"PNG, JPEG, WebP, GIF or BMP"):
        open_picture(as_text(Image.new("RGB", (9, 9)), "TIFF"))
