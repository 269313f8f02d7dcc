"""Images as an animated GIF or an MP4 video."""

import io

import numpy as np
from numpy.typing import NDArray

from condvae.images import to_pillow

SIDE = 256  # the smallest number of pixels of the shorter side


def gif(images: NDArray[np.uint8], rate: float) -> bytes:
    """An animated GIF that repeats forever.

    Args:
        images: uint8 (N, C, H, W).
        rate: images per second. Durations in a GIF are multiples of 10 ms, so the rate is rounded.
    """
    first, *others = [to_pillow(image, scale(images.shape)) for image in images]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=duration(rate), loop=0, optimize=False)
    return buffer.getvalue()


def mp4(images: NDArray[np.uint8], rate: int) -> bytes:
    """An H.264 video.

    Args:
        images: uint8 (N, C, H, W).
        rate: images per second.
    """
    import av

    buffer = io.BytesIO()
    factor = scale(images.shape) + scale(images.shape) % 2  # H.264 needs even sides
    with av.open(buffer, "w", format="mp4") as video:
        stream = video.add_stream("libx264", rate=rate)
        stream.height, stream.width = images.shape[2] * factor, images.shape[3] * factor
        stream.pix_fmt = "yuv420p"
        for image in images:
            pixels = np.asarray(to_pillow(image, factor).convert("RGB"))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            for packet in stream.encode(frame):
                video.mux(packet)
        for packet in stream.encode():
            video.mux(packet)
    return buffer.getvalue()


def duration(rate: float) -> int:
    """Milliseconds that a GIF shows each image at a rate of images per second."""
    return max(20, round(100 / rate) * 10)


def scale(shape: tuple[int, ...]) -> int:
    """The factor by which images (..., H, W) are enlarged, so that their shorter side has at least SIDE pixels."""
    return -(-SIDE // min(shape[-2:]))
