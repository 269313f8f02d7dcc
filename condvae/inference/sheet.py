"""Images on one sheet, for a notebook."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image, ImageDraw

from condvae.errors import InputError
from condvae.images import GAP, contact_sheet, to_pillow
from condvae.inference.inputs import detached

WIDTH = 48  # pixels that an image should have at least
LINE = 14  # pixels of height of a line of text
MOST_TEXT = 10  # letters of a label


def show(images: ArrayLike, labels: Sequence[object] | None = None, *, columns: int = 10) -> Image.Image:
    """Draw a contact sheet, which a notebook shows in the cell.

    Args:
        images: uint8 (N, C, H, W), or floats in [0, 1]. (N, H, W) is accepted for grey images, C is 1 or 3.
        labels: the text above each image.
        columns: images in a row.

    Returns:
        The sheet. Images of fewer than 48 pixels in width are enlarged by a whole number.

    Raises:
        InputError: the shape or the values of the images are not possible, or their number is not that of the labels.
    """
    given = np.asarray(detached(images))
    given = given[:, None] if given.ndim == 3 else given
    if given.ndim != 4 or given.shape[1] not in (1, 3) or not len(given):
        raise InputError(f"Images have the shape {np.shape(images)}. Give (N, C, H, W) with C = 1 or 3, or (N, H, W).")
    if given.dtype != np.uint8:
        if not ((given >= 0) & (given <= 1)).all():
            raise InputError(f"Images run from {given.min()} to {given.max()}. Give uint8, or floats from 0 to 1.")
        given = np.rint(255 * given).astype(np.uint8)
    if labels is not None and len(labels) != len(given):
        raise InputError(f"There are {len(labels)} labels for {len(given)} images. Give one for each.")
    if columns < 1:
        raise InputError(f"columns must be at least 1, got {columns}.")
    columns = min(columns, len(given))
    scale = max(1, -(-WIDTH // given.shape[-1]))
    large = given.repeat(scale, 2).repeat(scale, 3)
    if labels is None:
        return to_pillow(contact_sheet(large, columns))
    lines = np.full((*large.shape[:2], LINE, large.shape[3]), 255, np.uint8)
    sheet = to_pillow(contact_sheet(np.concatenate([lines, large], 2), columns)).convert("RGB")
    pen = ImageDraw.Draw(sheet)
    for number, label in enumerate(labels):
        row, column = divmod(number, columns)
        place = column * (large.shape[3] + GAP), row * (LINE + large.shape[2] + GAP)
        pen.text(place, str(label)[:MOST_TEXT], fill="black")
    return sheet
