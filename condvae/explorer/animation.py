"""Images one after another, as an animated GIF or an MP4 video."""

import io

import numpy as np
from numpy.typing import NDArray

from condvae.images import to_pillow

SIDE = 256  # pixels that the shorter side of a picture has at least


def gif(images: NDArray[np.uint8], rate: float) -> bytes:
    """An animated GIF that repeats: uint8 (N, C, H, W) and images a second to the bytes of the file.

    Times in a GIF are hundredths of a second, so other rates are rounded.
    """
    first, *others = [to_pillow(image, _scale(images)) for image in images]
    buffer = io.BytesIO()
    each = max(20, round(100 / rate) * 10)
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=each, loop=0, optimize=False)
    return buffer.getvalue()


def mp4(images: NDArray[np.uint8], rate: int) -> bytes:
    """An H.264 video: uint8 (N, C, H, W) and images a second to the bytes of the file."""
    import av

    buffer = io.BytesIO()
    scale = _scale(images) + _scale(images) % 2  # H.264 wants even sides
    with av.open(buffer, "w", format="mp4") as video:
        stream = video.add_stream("libx264", rate=rate)
        stream.height, stream.width = images.shape[2] * scale, images.shape[3] * scale
        stream.pix_fmt = "yuv420p"
        for image in images:
            pixels = np.asarray(to_pillow(image, scale).convert("RGB"))
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            for packet in stream.encode(frame):
                video.mux(packet)
        for packet in stream.encode():
            video.mux(packet)
    return buffer.getvalue()


def _scale(images: NDArray[np.uint8]) -> int:
    return -(-SIDE // min(images.shape[2:]))
