"""Pictures as plain arrays: tiling, encoding, saving. Images here are uint8 (N, C, H, W)."""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from condvae.files import replacing, write_bytes

GAP = 2


def contact_sheet(images: NDArray[np.uint8], columns: int, gap: int = GAP) -> NDArray[np.uint8]:
    """Tile images row by row on a white ground.

    Args:
        images: uint8 (N, C, H, W).
        columns: tiles in a row; the last row may be shorter.
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
    """A contact sheet with the first images of each class in a row of its own; short rows are filled with white.

    Args:
        images: uint8 (N, C, H, W).
        labels: int64 (N,).
        each: images in a row.
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


def save_images(out: Path, images: NDArray[np.uint8], labels: list[str]) -> list[Path]:
    """Write images as one `.npz` file (arrays `images`, `labels`) or as a folder of PNG files with a contact sheet.

    Args:
        out: a file that ends in .npz, or a folder, made if need be.
        images: uint8 (N, C, H, W).
        labels: N class names.

    Returns:
        What was written, the contact sheet last.

    Raises:
        StorageError: it cannot be written.
    """
    if out.suffix == ".npz":
        with replacing(out) as aside, aside.open("wb") as file:
            np.savez_compressed(file, images=images, labels=np.array(labels))
        return [out]
    paths = [out / f"{index:05d}-{label}.png" for index, label in enumerate(labels)]
    for path, image in zip(paths, images, strict=True):
        write_bytes(path, png(image))
    sheet = out / "contact-sheet.png"
    write_bytes(sheet, png(contact_sheet(images, columns=max(1, int(len(images) ** 0.5))), scale=2))
    return [*paths, sheet]
