"""Images as arrays, uint8 from 0 to 255 and floats in [0, 1]: tiling, PNG files, reading."""

import io
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from condvae.errors import InputError
from condvae.storage.place import Place

if TYPE_CHECKING:  # an exported model is used without PyTorch
    from torch import Tensor

GAP = 2


def contact_sheet(images: NDArray[np.uint8], columns: int, gap: int = GAP) -> NDArray[np.uint8]:
    """Tile images row by row on a white background.

    Args:
        images: uint8 (N, C, H, W).
        columns: tiles in a row. The last row may be shorter.
        gap: pixels between tiles.

    Returns:
        uint8 (C, rows * (H + gap) - gap, columns * (W + gap) - gap).
    """
    count, channels, height, width = images.shape
    rows = -(-count // columns)
    sheet = np.full((channels, rows * (height + gap) - gap, columns * (width + gap) - gap), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = image
    return sheet


def class_sheet(images: NDArray[np.uint8], labels: NDArray[np.int64], each: int = 10) -> NDArray[np.uint8]:
    """A contact sheet with a row for each class. Short rows are filled with white.

    Args:
        images: uint8 (N, C, H, W).
        labels: int64 (N,).
        each: images in a row, the first ones of the class.
    """
    rows = []
    for label in np.unique(labels):
        own = images[labels == label][:each]
        blank = np.full((each - len(own), *images.shape[1:]), 255, np.uint8)
        rows.append(np.concatenate([own, blank]))
    return contact_sheet(np.concatenate(rows), columns=each)


def to_pillow(image: NDArray[np.uint8], scale: int = 1) -> Image.Image:
    """One image, uint8 (C, H, W) with C = 1 or 3, as a Pillow image, each pixel `scale` pixels wide."""
    pixels = image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def png(image: NDArray[np.uint8], scale: int = 1) -> bytes:
    """One image, uint8 (C, H, W), as the bytes of a PNG file."""
    buffer = io.BytesIO()
    to_pillow(image, scale).save(buffer, "PNG")
    return buffer.getvalue()


def read_image(path: Place, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Read an image file as uint8 (C, H, W). It is converted to grey if C is 1, and to RGB if C is 3.

    Raises:
        InputError: it cannot be read, or has another size.
    """
    channels, height, width = shape
    try:
        with path.open() as file, Image.open(file) as picture:
            if picture.mode[0] in "IF":
                raise ValueError(f"{picture.mode}: more than 8 bits a channel")
            pixels = np.array(picture.convert("L" if channels == 1 else "RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(f"{path} cannot be read as an image ({error}). Fix the file, or remove it.") from error
    if pixels.shape[:2] != (height, width):
        raise InputError(
            f"{path} has {pixels.shape[0]} x {pixels.shape[1]} pixels (H x W); this model takes {height} x {width}. "
            "Scale the image, or remove it."
        )
    return pixels.reshape(height, width, -1).transpose(2, 0, 1)


def unit(images: "Tensor") -> "Tensor":
    """uint8 images as floats in [0, 1]. Floats stay as they are."""
    import torch

    return images / 255 if images.dtype == torch.uint8 else images


def reduced(images: "Tensor", side: int = 40, shortest: int = 8) -> "Tensor":
    """Images with at most `side` x `side` pixels, by averaging squares of pixels: floats (B, C, H, W).

    Classifiers of larger images would take most of the time of an evaluation. A side keeps `shortest` pixels if it has
    so many, even if the image then has more pixels: an image of 5 x 400 is not reduced.
    """
    from torch.nn import functional

    height, width = images.shape[-2:]
    factor = min(ceil(sqrt(height * width) / side), min(height, width) // shortest)
    if factor <= 1:
        return images
    return functional.avg_pool2d(images, factor, ceil_mode=True, count_include_pad=False)


def ratio(images: "Tensor") -> float:
    """The shorter side of images (B, C, H, W), divided by the longer one.

    A random rotation is made smaller by it: otherwise the ends of a long image would be moved out of it.
    """
    return min(images.shape[-2:]) / max(images.shape[-2:])


def warped(images: "Tensor", turn: "Tensor", scale: "Tensor", shift: "Tensor", outside: str = "zeros") -> "Tensor":
    """Each image rotated, scaled and shifted in its own way, with bilinear interpolation.

    Args:
        images: floats (B, C, H, W).
        turn: angles in radians, (B,).
        scale: factors of width and height by which the image becomes smaller, (2, B).
        shift: shifts to the left and upwards, as shares of half the width and half the height, (2, B).
        outside: what lies outside of the image: zeros, or border for its last pixels.
    """
    import torch
    from torch.nn import functional

    height, width = images.shape[-2:]
    rows = [
        torch.stack([turn.cos() * scale[0], -turn.sin() * scale[0] * (height / width), shift[0]], -1),
        torch.stack([turn.sin() * scale[1] * (width / height), turn.cos() * scale[1], shift[1]], -1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode=outside, align_corners=False)


def to_uint8(images: "Tensor") -> NDArray[np.uint8]:
    """Floats in [0, 1] as uint8, rounded to the nearest, on the CPU."""
    import torch

    return (images * 255).round_().to(torch.uint8).cpu().numpy()
