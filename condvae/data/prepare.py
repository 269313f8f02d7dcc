"""Prepare a drawn or uploaded image: make it like the images that a model was trained on, and report each step."""

import base64
import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from condvae.data.pictures import as_array, eight_bit, open_errors
from condvae.errors import InputError

FAINT = 0.1  # share of the strongest difference from the background below which a pixel is background


PLAIN = 12.0  # standard deviation of the border pixels, 0 to 255, up to which a background is uniform


SMALL = 8  # pixels of a side below which an image has no room for a background


MOST_PIXELS = 40_000_000


LARGE = 2000  # pixels of a side to which larger pictures are scaled first


FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")


Pixels = NDArray[np.float32]  # (C, H, W), 0 to 255


@dataclass(frozen=True)
class Habits:
    """How objects lie in the images of a model.

    Attributes:
        shape: (C, H, W).
        ground: value of the uniform background, 0 to 255. None if images have none.
        extent: the longer side of an object on a uniform background, in pixels.
        centre: row and column of the centre of objects.
        by_mass: whether this is the centre of mass, rather than the centre of the bounding box.
        resize: how pictures without a uniform background get their size, one of `condvae.config.RESIZES`.
    """

    shape: tuple[int, int, int]
    ground: float | None = None
    extent: float = 0.0
    centre: tuple[float, float] = (0.0, 0.0)
    by_mass: bool = False
    resize: str = "crop"


def habits_of(images: NDArray[np.uint8]) -> Habits:
    """Estimate from images, uint8 (N, C, H, W), how objects lie in them."""
    shape = (images.shape[1], images.shape[2], images.shape[3])
    border = _border(images)
    if min(shape[1:]) < SMALL or border.std() > PLAIN:
        return Habits(shape)
    ground = float(np.median(border))
    strengths = np.abs(images.astype(np.float32) - ground).mean(1)
    seen = [(strength, box) for strength in strengths if (box := _box(strength)) is not None]
    if not seen:
        return Habits(shape)
    of_mass = np.array([_mass(strength) for strength, _ in seen])
    of_box = np.array([_middle(box) for _, box in seen])
    by_mass = bool(of_mass.std(0).sum() < of_box.std(0).sum())
    row, column = (of_mass if by_mass else of_box).mean(0).tolist()
    extent = float(np.median([max(bottom - top, right - left) for _, (top, bottom, left, right) in seen]))
    return Habits(shape, ground, extent, (row, column), by_mass)


def open_picture(text: str) -> Image.Image:
    """Open an image file, given as base64 text or as a data URL, as RGB. Transparent pixels become white.

    Raises:
        InputError: it is not an image, or has too many pixels.
    """
    try:
        content = base64.b64decode(text.rpartition(",")[2], validate=True)
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        if picture.width * picture.height > MOST_PIXELS:
            raise InputError(
                f"The image has {picture.width} x {picture.height} pixels; at most {MOST_PIXELS:,} are "
                "allowed. Scale it down."
            )
        whole, _ = eight_bit(picture)
    except InputError:
        raise
    except open_errors as error:
        raise InputError(
            "This cannot be read as an image; allowed: an image file (PNG, JPEG, WebP, GIF or BMP) as base64 text."
        ) from error
    whole.thumbnail((LARGE, LARGE))
    return whole.convert("RGB")


def prepare(picture: Image.Image, habits: Habits) -> tuple[NDArray[np.uint8], list[str]]:
    """Prepare a picture: make it like the images of a model.

    Args:
        picture: RGB, of any size.
        habits: how objects lie in the images of the model.

    Returns:
        uint8 (C, H, W), and the steps that were taken: "grey", "inverted", "scaled", "stretched" (to full contrast) and
        "centred", in this order. An image that is like the model's images already stays as it is.

    Raises:
        InputError: there is no object, because all pixels are background.
    """
    channels, height, width = habits.shape
    steps = []
    if channels == 1:
        rgb = np.asarray(picture)
        if (rgb != rgb[..., :1]).any():
            steps.append("grey")
        picture = picture.convert("L")
    fits = picture.size == (width, height)
    if habits.ground is None:
        return as_array(picture, channels, (height, width), habits.resize), steps + ["scaled"] * (not fits)
    pixels = _as_array(picture)
    ground = float(np.median(_border(pixels)))
    if abs(ground - habits.ground) > 255 / 2:
        pixels, ground = 255 - pixels, 255 - ground
        steps.append("inverted")
    box = _box(np.abs(pixels - ground).mean(0))
    if box is None:
        raise InputError(
            "The image is empty: all of its pixels are like its border. Draw something, or choose another image."
        )
    if fits and abs(ground - habits.ground) < PLAIN:
        return pixels.astype(np.uint8), steps
    top, bottom, left, right = box
    thing = pixels[:, top:bottom, left:right] - ground
    scale = habits.extent / max(thing.shape[1:])
    if round(scale * max(thing.shape[1:])) != max(thing.shape[1:]):
        thing = _resized(thing, scale)
        steps.append("scaled")
    peak, full = float(np.abs(thing).max()), max(habits.ground, 255 - habits.ground)
    if channels == 1 and abs(full - peak) > PLAIN:
        thing = thing * (full / peak)
        steps.append("stretched")
    centre = _mass(np.abs(thing).mean(0)) if habits.by_mass else _middle((0, thing.shape[1], 0, thing.shape[2]))
    return _placed(thing, centre, habits), [*steps, "centred"]


def _as_array(picture: Image.Image) -> Pixels:
    return np.atleast_3d(np.asarray(picture, np.float32)).transpose(2, 0, 1)


def _resized(thing: Pixels, scale: float) -> Pixels:
    size = (max(1, round(thing.shape[2] * scale)), max(1, round(thing.shape[1] * scale)))
    method = Image.Resampling.BOX if scale < 1 else Image.Resampling.BICUBIC
    return np.stack([np.asarray(Image.fromarray(plane).resize(size, method)) for plane in thing])


def _placed(thing: Pixels, centre: tuple[float, float], habits: Habits) -> NDArray[np.uint8]:
    """An object on the background, with its centre as in the model's images. What lies outside is cut off."""
    assert habits.ground is not None
    _, height, width = habits.shape
    frame = np.full(habits.shape, habits.ground, np.float32)
    down, right = round(habits.centre[0] - centre[0]), round(habits.centre[1] - centre[1])
    top, bottom = max(0, down), min(height, down + thing.shape[1])
    left, end = max(0, right), min(width, right + thing.shape[2])
    frame[:, top:bottom, left:end] += thing[:, top - down : bottom - down, left - right : end - right]
    return frame.round().clip(0, 255).astype(np.uint8)


def _border(images: NDArray[np.uint8] | Pixels) -> NDArray[np.float32]:
    """The border pixels of images (..., H, W), flat."""
    edges = images[..., 0, :], images[..., -1, :], images[..., :, 0], images[..., :, -1]
    return np.concatenate([edge.reshape(-1) for edge in edges]).astype(np.float32)


def _box(strength: Pixels) -> tuple[int, int, int, int] | None:
    """Top, bottom, left and right of the pixels stronger than the background, (H, W). None if there are none."""
    peak = strength.max()
    if peak < 255 * FAINT:
        return None
    rows, columns = (np.flatnonzero((strength > peak * FAINT).any(axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _middle(box: tuple[int, int, int, int]) -> tuple[float, float]:
    top, bottom, left, right = box
    return (top + bottom - 1) / 2, (left + right - 1) / 2


def _mass(strength: Pixels) -> tuple[float, float]:
    """The centre of mass, row and column, of (H, W)."""
    total = strength.sum()
    rows, columns = np.arange(strength.shape[0]), np.arange(strength.shape[1])
    return float(strength.sum(1) @ rows / total), float(strength.sum(0) @ columns / total)
