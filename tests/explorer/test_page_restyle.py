"""The view Restyle in real Chromium."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import condvae
from condvae.data.dataset import Dataset
from condvae.explorer.limits import LIMITS
from condvae.model.cvae import CVAE
from tests.explorer.browser import (
    DESKTOP,
    at,
    becomes,
    drag,
    either,
    image_of,
    link_of,
    pixels,
    ready,
    settles,
    state_of,
)

RESTS = 700  # milliseconds in which a page encodes an image


def strokes(image: np.ndarray) -> list[list[tuple[float, float]]]:
    """Strokes that redraw a test image, (28, 28), along its ridges: places (x, y) in shares of the canvas."""
    ridge = image >= np.maximum.reduce([np.roll(image, shift, axis) for shift in (-1, 1) for axis in (0, 1)]) * 0.95
    points = [tuple(point) for point in np.argwhere(ridge & (image > 150))]
    lines = []
    while points:
        line = [points.pop(0)]
        while points:
            nearest = min(points, key=lambda point: (point[0] - line[-1][0]) ** 2 + (point[1] - line[-1][1]) ** 2)
            if (nearest[0] - line[-1][0]) ** 2 + (nearest[1] - line[-1][1]) ** 2 > 5:
                break
            points.remove(nearest)
            line.append(nearest)
        lines.append([((column + 0.5) / 28, (row + 0.5) / 28) for row, column in line])
    return lines


def rests(page: Any) -> bool:
    """Whether the first image of a page does not change any more."""
    before = state_of(page)["first"]
    page.wait_for_timeout(RESTS)
    return bool(state_of(page)["first"] == before)


def test_a_drawn_digit_is_encoded_near_the_digit_it_imitates(visit: Callable, model: CVAE, mnist: Dataset) -> None:
    every = condvae.encode(model, mnist.test.images[:500], mnist.test.labels[:500])
    own = mnist.test.labels[:500] == 7
    usual = np.median(np.linalg.norm(every[own][:, None] - every[own][None], axis=-1))
    digit = int(np.flatnonzero(own)[0])
    page = visit("restyle")
    for line in strokes(mnist.test.images[digit, 0]):
        drag(page, at("restyle", ".ink"), *line[::3], line[-1])
    assert becomes(lambda: page.locator(at("restyle", "section:nth-of-type(1) .strip canvas")).count() == 10)
    assert becomes(lambda: rests(page)), "the last stroke is encoded"
    assert becomes(lambda: state_of(page)["first_label"] == "7")
    page.locator(at("restyle", "section:nth-of-type(1) .strip button")).nth(2).click()
    z = state_of(page)["z"]
    assert np.linalg.norm(z - every[digit]) < 0.5 * usual
    wanted = image_of(model, 2, z)
    assert settles(page, at("restyle", "section:nth-of-type(1) .strip canvas"), wanted, 2)
    assert re.search(
        "centred|가운데 정렬", page.locator(at("restyle", "section:nth-of-type(1) [role=status]")).inner_text()
    )


def test_two_uploads_are_restyled_and_interpolated(
    visit: Callable, model: CVAE, mnist: Dataset, tmp_path: Path
) -> None:
    images, labels = mnist.test.images[:2], mnist.test.labels[:2]
    page = visit("restyle")
    for number, image in enumerate(images):
        Image.fromarray(image[0]).save(tmp_path / f"{number}.png")
        page.locator(at("restyle", "input[type=file]")).nth(number).set_input_files(tmp_path / f"{number}.png")
    z = condvae.encode(model, images, labels)
    strip = at("restyle", "> .strip canvas")
    assert becomes(lambda: page.locator(strip).count() == LIMITS.line_steps + 1)
    for number, (image, label) in enumerate(zip(images, labels, strict=True)):
        section = f"section:nth-of-type({number + 1})"
        assert settles(page, at("restyle", f"{section} .small"), image, 0)
        copy = condvae.reconstruct(model, image[None], int(label))[0]
        assert settles(page, at("restyle", f"{section} .small"), copy, 1)
        restyled = condvae.restyle(model, image[None], int(label), "5")[0]
        assert settles(page, at("restyle", f"{section} .strip canvas"), restyled, 5)
    halfway = image_of(model, int(labels[0]), (z[0] + z[1]) / 2)
    assert becomes(lambda: np.abs(pixels(page, strip, 4)[..., 0].astype(int) - halfway[0]).max() <= 2)
    assert becomes(lambda: "second=" in link_of(page))
    page.reload()
    ready(page, "restyle")
    assert becomes(lambda: page.locator(strip).count() == LIMITS.line_steps + 1), "the link has the images"
    label = page.locator(at("restyle", "section:nth-of-type(1) select"))
    label.select_option("3")
    assert becomes(lambda: state_of(page)["first_label"] == "3")
    assert becomes(lambda: "first_label=3" in link_of(page))
    page.reload()
    ready(page, "restyle")
    first = at("restyle", "section:nth-of-type(1)")
    assert becomes(lambda: re.search("3", page.locator(f"{first} [role=status]").inner_text())), (
        "the link has the label"
    )
    page.get_by_role("button", name=either("Clear", "지우기")).first.click()
    assert becomes(lambda: page.locator(strip).first.is_hidden()), "there is nothing to interpolate with one image"
    assert state_of(page)["first"] == ""
    label.select_option("5")
    page.wait_for_timeout(300)
    assert state_of(page)["first"] == "", "a cleared image does not return"


def test_a_file_that_is_no_image_is_reported(browser: Any, form: str, tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("no image")
    context = browser.new_context(**DESKTOP)
    page = context.new_page()
    page.goto(f"{form}/#view=restyle")
    ready(page, "restyle")
    page.locator(at("restyle", "input[type=file]")).first.set_input_files(tmp_path / "text.png")
    message = page.locator(at("restyle", "section:nth-of-type(1) [role=status]"))
    assert becomes(lambda: "cannot be read as an image; allowed: an image file" in message.inner_text())
    context.close()
