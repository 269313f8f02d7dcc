"""Small pictures and tables of users' own data, made for tests."""

import io
from pathlib import Path

from PIL import Image

from condvae.data.listing import Pictures


def png(level: int = 0) -> bytes:
    """A grey picture of 3 x 2 pixels as a PNG file."""
    buffer = io.BytesIO()
    Image.new("L", (3, 2), level).save(buffer, "PNG")
    return buffer.getvalue()


def put(folder: Path, *paths: str, content: bytes | None = None) -> Path:
    """Write the same picture, or other content, to paths below a folder."""
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(png() if content is None else content)
    return folder


def table(folder: Path, text: str, name: str = "metadata.csv", pictures: tuple[str, ...] = ()) -> Path:
    """Write a CSV file, and pictures below its folder."""
    put(folder, *pictures)
    return put(folder, name, content=text.encode()) / name


def level(pictures: Pictures, index: int) -> object:
    """The value of the first pixel of a picture, decoded."""
    with pictures.open(index) as picture:
        return picture.getpixel((0, 0))
