"""Any picture that Pillow reads as 8-bit pixels: upright, opaque, grey or colour, of the size that is wanted.

Processes that decode pictures import this file. It loads NumPy only for pictures of more than 8 bits.
"""

import io
import os
import re
import struct
import zlib
from contextlib import suppress
from typing import TYPE_CHECKING

from PIL import Image, ImageChops, UnidentifiedImageError

from condvae.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOST_PIXELS = 178_956_970  # Pillow's own limit
GREY_LEVELS = 4  # difference of the channels, 0 to 255, up to which a pixel is grey: JPEG and WebP round the channels
DRAFT_GAP = 2  # a JPEG is decoded at the smallest scale at which it is this many times larger than wanted
REDUCING_GAP = 3.0  # of Image.resize. Pillow calls the result "almost indistinguishable from fair resampling"
SMALL = 1 << 16  # bytes of a file that is read as a whole
LONGEST_REASON = 120  # characters

DRAFTED = frozenset({"JPEG", "MPO"})
PROGRAMS = frozenset({"EPS", "WMF"})  # Pillow gives them to another program
SIXTEEN_BIT = frozenset({"PNG", "PPM"})  # formats whose mode I is always 16 bit
EXIF = frozenset({"exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"})
ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PictureError(DataError):
    """A picture cannot be decoded. The message is the reason alone, without the name of the picture."""


# what Pillow and its formats raise for files that are damaged, cannot be read, or are not pictures
open_errors = (
    PictureError,
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    LookupError,
    EOFError,
    ImportError,  # if Pillow was built without the library of a format
    MemoryError,
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Warning,  # if warnings are errors
)


def opened(file: str | bytes) -> Image.Image:
    """Open a picture by the path of its file, or from the bytes of a file. Its pixels are not decoded yet.

    Raises:
        PictureError: it is empty, is not a picture, or cannot be read.
    """
    try:
        content = file if isinstance(file, bytes) else _small(file)
        if content == b"":
            raise PictureError("the file is empty")
        return Image.open(file if content is None else io.BytesIO(content))
    except open_errors as error:
        raise PictureError(reason(error)) from error


def _small(path: str) -> bytes | None:
    """The content of a file that has less than SMALL bytes. Pillow is faster with it than with an open file."""
    file = os.open(path, os.O_RDONLY)
    try:
        content = os.read(file, SMALL)
    finally:
        os.close(file)
    return content if len(content) < SMALL else None


def reason(error: BaseException) -> str:
    """Why a picture cannot be decoded, in a few words, by the exception that `open_errors` caught."""
    text = " ".join(str(error).split())
    if isinstance(error, PictureError):
        return text
    if isinstance(error, UnidentifiedImageError):
        return "not a picture, or in a format that Pillow does not read"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"more than {MOST_PIXELS:,} pixels; scale it down"
    if isinstance(error, OSError) and error.errno is not None:
        return f"cannot be read: {error.strerror}"
    if isinstance(error, MemoryError):
        return "more pixels than fit into memory; scale it down"
    if "truncated" in text.lower() or isinstance(error, EOFError):
        return "the file is truncated"
    plain = re.sub(r"<[^<>]* at 0x[0-9a-fA-F]+>", "it", text)
    return f"damaged: {plain[:LONGEST_REASON] or type(error).__name__}"


def is_grey(picture: Image.Image) -> bool:
    """Whether a picture has no colour. Pixels that are fully transparent do not count."""
    return has_no_colour(eight_bit(picture)[0])


def as_array(
    picture: Image.Image, channels: int, size: tuple[int, int] | None = None, resize: str = "crop"
) -> "NDArray[np.uint8]":
    """A picture as an array: upright, on white where it is transparent, the first frame if it is animated.

    Args:
        picture: as Pillow opens it, of any mode and size.
        channels: 1 (grey) or 3 (RGB).
        size: height and width. None keeps the size of the picture.
        resize: how a picture of another size gets this size. crop: the largest part in the middle with this aspect
            ratio. pad: the whole picture, and the median colour of its border around it. stretch: the whole picture,
            with another aspect ratio.

    Returns:
        uint8 (C, H, W).

    Raises:
        PictureError: it is damaged, or has more than MOST_PIXELS pixels.
    """
    import numpy as np

    try:
        whole, _ = eight_bit(picture, channels, size, resize)
    except open_errors as error:
        raise PictureError(reason(error)) from error
    found = fitted(whole, size or (whole.height, whole.width), resize)
    flat = np.frombuffer(bytearray(planes(found, channels)), np.uint8)
    return flat.reshape(channels, found.height, found.width)


def eight_bit(
    picture: Image.Image, channels: int = 3, size: tuple[int, int] | None = None, resize: str = "crop"
) -> tuple[Image.Image, tuple[int, int]]:
    """A picture as L or RGB, upright and opaque; and its own height and width.

    With a size, (H, W), a JPEG that is much larger is decoded at half, a quarter or an eighth of its own size. It is
    still larger than the size, so that it has to be resized afterwards. With one channel, a JPEG is decoded as grey.
    """
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise PictureError(f"{width} x {height} pixels, which is more than {MOST_PIXELS:,}; scale it down")
    if picture.format in PROGRAMS:
        raise PictureError(f"{picture.format} files contain drawing commands; save it as PNG")
    if picture.tell():
        picture.seek(0)
    turn = 1
    if picture.format in DRAFTED:
        turn = _orientation(picture)
        if size is not None:
            _draft(picture, channels, (size[1], size[0]) if turn > 4 else size, resize)
        picture.load()
    else:
        picture.load()
        width, height = picture.size  # Pillow turns a TIFF while it loads
        turn = _orientation(picture)
    if turn in TURNS:
        picture = picture.transpose(TURNS[turn])
    return _opaque(picture), ((width, height) if turn > 4 else (height, width))


def has_no_colour(picture: Image.Image) -> bool:
    """Whether a picture of mode L or RGB has no colour."""
    if picture.mode == "L":
        return True
    red, green, blue = picture.split()
    pairs = ((red, green), (green, blue), (red, blue))
    most = [ImageChops.difference(*pair).getextrema()[1] for pair in pairs]
    return max(most) <= GREY_LEVELS  # type: ignore[operator]  # one band has one pair of extrema


def fitted(picture: Image.Image, size: tuple[int, int], resize: str) -> Image.Image:
    """A picture of mode L or RGB, resized to a height and a width. See `as_array`."""
    height, width = size
    if picture.size == (width, height):
        return picture
    if resize == "pad":
        inner_height, inner_width = _inside(picture.size, size)
        whole = (0, 0, picture.width, picture.height)
        inner = picture.resize((inner_width, inner_height), Image.Resampling.LANCZOS, whole, REDUCING_GAP)
        ground = Image.new(picture.mode, (width, height), _border_colour(inner))
        ground.paste(inner, ((width - inner_width) // 2, (height - inner_height) // 2))
        return ground
    share = min(picture.width / width, picture.height / height)
    left = max(0.0, (picture.width - share * width) / 2) if resize == "crop" else 0.0
    top = max(0.0, (picture.height - share * height) / 2) if resize == "crop" else 0.0
    box = (left, top, picture.width - left, picture.height - top)
    return picture.resize((width, height), Image.Resampling.LANCZOS, box, REDUCING_GAP)


def planes(picture: Image.Image, channels: int) -> bytes:
    """The pixels of a picture of mode L or RGB, a plane for each channel."""
    mode = "L" if channels == 1 else "RGB"
    if picture.mode != mode:
        picture = picture.convert(mode)
    return picture.tobytes() if channels == 1 else b"".join([band.tobytes() for band in picture.split()])


def _draft(picture: Image.Image, channels: int, size: tuple[int, int], resize: str) -> None:
    height, width = _inside(picture.size, size) if resize == "pad" else size
    picture.draft("L" if channels == 1 else None, (DRAFT_GAP * width, DRAFT_GAP * height))


def _orientation(picture: Image.Image) -> int:
    """The orientation in the picture's Exif or XMP data, 1 to 8. 1 is upright."""
    if not EXIF.isdisjoint(picture.info):
        with suppress(*open_errors):  # damaged Exif data is no reason to lose the picture
            return int(picture.getexif().get(ORIENTATION, 1))
    return 1


def _opaque(picture: Image.Image) -> Image.Image:
    """A picture of any mode as L or RGB, on white."""
    mode = picture.mode
    if mode in ("L", "RGB") and "transparency" not in picture.info:
        return picture
    if mode[0] in "IF":
        return _scaled(picture)
    palette = picture.palette.mode if mode == "P" and picture.palette else ""
    if "transparency" not in picture.info and "A" not in palette and mode not in ("LA", "La", "PA", "RGBA", "RGBa"):
        return picture.convert("L" if mode == "1" else "RGB")
    key = picture.info.get("transparency")
    if isinstance(key, tuple) and max(key) > 255:  # of a 16-bit PNG, whose pixels Pillow reads as 8-bit
        picture = picture.copy()
        picture.info["transparency"] = tuple(value >> 8 for value in key)
    if mode == "La":
        picture = picture.convert("LA")
    ground = Image.new("RGBA", picture.size, "white")
    ground.alpha_composite(picture.convert("RGBA"))
    return ground.convert("L" if mode in ("1", "L", "LA", "La") else "RGB")


def _scaled(picture: Image.Image) -> Image.Image:
    """A picture of more than 8 bits a pixel as L.

    White is 65535 if the file format has 16 bits. Otherwise it is the first of 1 (floats only), 255 and 65535 that no
    pixel exceeds, or else the largest value. Values that are not finite, or below 0, are black.
    """
    import numpy as np

    values = np.asarray(picture)
    is_float = picture.mode == "F"
    if is_float:
        values = np.where(np.isfinite(values), values, 0)
    if picture.mode.startswith("I;16") or (picture.format in SIXTEEN_BIT and not is_float):
        white = 65535.0
    else:
        most = float(values.max())
        white = next((limit for limit in (*([1.0] if is_float else []), 255.0, 65535.0) if most <= limit), most)
    scaled = np.rint(np.clip(values, 0, None) * (255 / white)).astype(np.uint8)
    clear = picture.info.get("transparency")
    if isinstance(clear, int):
        scaled[values == clear] = 255
    return Image.fromarray(scaled)


def _inside(own: tuple[int, int], size: tuple[int, int]) -> tuple[int, int]:
    """The largest height and width inside `size` with the aspect ratio of a picture of this width and height."""
    share = min(size[0] / own[1], size[1] / own[0])
    return max(1, min(size[0], round(own[1] * share))), max(1, min(size[1], round(own[0] * share)))


def _border_colour(picture: Image.Image) -> int | tuple[int, ...]:
    """The median of the border pixels, for each channel."""
    import numpy as np

    pixels = np.asarray(picture).reshape(picture.height, picture.width, -1)
    border = np.concatenate([pixels[0], pixels[-1], pixels[1:-1, 0], pixels[1:-1, -1]])
    colour = tuple(int(value) for value in np.median(border, axis=0))
    return colour if len(colour) > 1 else colour[0]
