"""The IDX file format of MNIST and its relatives: a magic number, the sizes, the bytes."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from condvae.errors import DataError

UNSIGNED_BYTE = 0x08


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read one IDX file of unsigned bytes, plain or gzipped.

    Args:
        path: the file; it is taken as gzipped if it starts like one, whatever its name.
        dimensions: 3 for images (N, H, W), 1 for labels (N,).

    Raises:
        DataError: the file cannot be read, has another magic number, or is not as long as it says.
    """
    content = _content(path)
    header = 4 * (1 + dimensions)
    expected = UNSIGNED_BYTE << 8 | dimensions
    magic = int.from_bytes(content[:4], "big")
    if len(content) >= 4 and magic != expected:
        raise DataError(
            f"{path} starts with the magic number 0x{magic:08x}, where an IDX file of unsigned bytes with "
            f"{dimensions} dimension(s) has 0x{expected:08x}. Check that images and labels are not swapped."
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header]) if len(content) >= header else ()
    size = header + int(np.prod(shape, dtype=np.int64))
    if len(content) != size or not shape:
        raise DataError(
            f"{path} holds {len(content)} bytes, where its header asks for {size} (shape {shape}): "
            "it is truncated or damaged. Fetch or copy it again."
        )
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape).copy()


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"Cannot read {path}: {error}. Fetch or copy it again.") from error
