"""Images in a file that is mapped into memory: as many as the disk holds.

A source's pictures are decoded once, into a file in the cache. Its folder is named by the names, sizes and times of the
pictures and by the settings that decide what the images look like.
"""

import hashlib
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from condvae.config import DataConfig
from condvae.data.listing import Pictures
from condvae.data.packing.making import FORMAT, LOCK, description, is_at, locked, make, take
from condvae.errors import DataError
from condvae.storage.files import cache_folder

Positions = NDArray[np.int64] | slice
LISTED = 10  # damaged pictures that a message names
KEY = re.compile(r"[0-9a-f]{32}")


class PackedImages:
    """Images in a memory-mapped file. Pickled, it is the path of the file and the positions.

    Args:
        path: a file of uint8 values.
        shape: (N, C, H, W) of the whole file.
        positions: which images of the file these are, int64 (M,). None for all of them in their order.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self, path: Path, shape: tuple[int, int, int, int], positions: NDArray[np.int64] | None = None
    ) -> None:
        self.path, self.positions = path, positions
        self._whole = shape
        self._mapped: NDArray[np.uint8] | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, C, H, W)."""
        return (len(self), *self._whole[1:])

    def __len__(self) -> int:
        return self._whole[0] if self.positions is None else len(self.positions)

    def __getitem__(self, positions: Positions) -> NDArray[np.uint8]:
        """Some of the images, by positions (M,) or a slice: uint8 (M, C, H, W), a copy.

        The file is read from front to back, whatever the order of the positions.
        """
        chosen = self._in_file(positions)
        mapped = self._file()
        if isinstance(chosen, slice):
            return np.array(mapped[chosen])
        order = np.argsort(chosen, kind="stable")
        images = np.empty((len(chosen), *self._whole[1:]), np.uint8)
        images[order] = mapped[chosen[order]]
        return images

    def select(self, positions: Positions) -> "PackedImages":
        """Some of the images, by positions (M,) or a slice. Nothing is read."""
        chosen = self._in_file(positions)
        if isinstance(chosen, slice):
            chosen = np.arange(len(self), dtype=np.int64)[chosen]
        return PackedImages(self.path, self._whole, chosen)

    def joined(self, others: "PackedImages") -> "PackedImages":
        """These images and others of the same file. Nothing is read."""
        assert self.path == others.path, f"{self.path} and {others.path} are different files"
        every = np.arange(self._whole[0], dtype=np.int64)
        chosen = [every if one.positions is None else one.positions for one in (self, others)]
        return PackedImages(self.path, self._whole, np.concatenate(chosen))

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_mapped": None}

    def _in_file(self, positions: Positions) -> Positions:
        """Positions among these images as positions in the file."""
        if isinstance(positions, slice):
            return positions if self.positions is None else self.positions[positions]
        if self.positions is not None:
            return self.positions[positions]
        return np.asarray(positions, np.int64)

    def _file(self) -> NDArray[np.uint8]:
        if self._mapped is None:
            try:
                self._mapped = np.asarray(np.memmap(self.path, np.uint8, "r", shape=self._whole))
            except (OSError, ValueError) as error:
                raise DataError(
                    f"The packed images {self.path} are not there any more, or are damaged ({error}). Load the data "
                    "again, which packs them anew."
                ) from error
        return self._mapped


@dataclass(frozen=True)
class Pack:
    """Pictures as images.

    Attributes:
        images: those that could be decoded, in the order of the pictures.
        kept: the position of each image among the pictures, int64 (N,).
        skipped: name and reason of each picture that was left out because it is damaged.
        cropped: the number of pictures of each height and width of which cropping left less than half.
        folder: the folder in the cache. It is deleted by `clear`.
        image_size: height and width of the images.
        channels: 1 (grey) or 3 (RGB).
    """

    images: PackedImages
    kept: NDArray[np.int64]
    skipped: tuple[tuple[str, str], ...]
    cropped: Counter[tuple[int, int]]
    folder: Path
    image_size: tuple[int, int]
    channels: int


def pack(pictures: Pictures, options: DataConfig) -> Pack:
    """Decode pictures into a file in the cache, unless it is there already.

    If it is interrupted, the next call goes on from there. The result does not depend on how often it was interrupted,
    nor on the number of processes. Two processes that pack the same pictures wait for each other.

    Args:
        pictures: of any size and mode.
        options: image_size, color_mode, resize and skip_damaged are used.

    Raises:
        DataError: there are no pictures; some are damaged and skip_damaged is off; or all are damaged.
        StorageError: the cache cannot be written, or the disk is full.
    """
    if not len(pictures):
        raise DataError("There are no pictures; at least one is needed. Check the source.")
    folder = packs() / _key(pictures, options)
    made = description(folder)
    if made is None:
        with locked(folder):
            made = description(folder)  # another process may have been faster
            if made is None:
                make(folder, pictures, options)
                made = description(folder)
    assert made is not None
    skipped = made["skipped"]
    if skipped and (not options.skip_damaged or len(skipped) == len(pictures)):
        raise _damaged(skipped, len(pictures))
    count, channels, height, width = made["shape"]
    images = PackedImages(folder / made["images"], (count, channels, height, width))
    kept = np.delete(np.arange(count, dtype=np.int64), [position for position, _, _ in skipped])
    return Pack(
        images=images.select(kept) if skipped else images,
        kept=kept,
        skipped=tuple((name, reason) for _, name, reason in skipped),
        cropped=Counter({(rows, columns): pictures for rows, columns, pictures in made["cropped"]}),
        folder=folder,
        image_size=(height, width),
        channels=channels,
    )


def packs() -> Path:
    """The folder of all packs in the cache."""
    return cache_folder() / "packed"


def packed_size() -> list[tuple[str, int]]:
    """What packs are in the cache: of what source and shape, and how many bytes of the disk they take."""
    return [(_described(folder), _bytes(folder)) for folder in _folders()]


def clear() -> int:
    """Delete all packs in the cache that no process works on, and return how many bytes they took."""
    freed = 0
    for folder in _folders():
        with (folder / LOCK).open("a") as file:
            if take(file) and is_at(file, folder / LOCK):
                freed += _bytes(folder)
                shutil.rmtree(folder)
    return freed


def _key(pictures: Pictures, options: DataConfig) -> str:
    """A name for the images that these pictures become.

    It does not depend on skip_damaged: the images are the same, and are not decoded again if it is switched on.
    """
    settings = (FORMAT, list(options.image_size), options.color_mode, options.resize, len(pictures))
    digest = hashlib.sha256(repr(settings).encode())
    try:
        for stamp in pictures.stamps():
            digest.update(b"\0" + stamp.encode("utf-8", "surrogatepass"))
    except OSError as error:
        raise DataError(
            f"{error.filename} cannot be read ({error.strerror}), though the source lists it. Check it, and run the "
            "command again."
        ) from error
    return digest.hexdigest()[:32]


def _damaged(skipped: list[tuple[int, str, str]], count: int) -> DataError:
    """The error that lists damaged pictures."""
    lines = [f"  {name}: {reason}" for _, name, reason in skipped[:LISTED]]
    if len(skipped) > LISTED:
        lines.append(f"  and {len(skipped) - LISTED:,} more")
    if len(skipped) == count:
        first, last = f"None of the {count:,} pictures can be decoded:", "Check the source."
    else:
        first = f"{len(skipped):,} of {count:,} pictures cannot be decoded:"
        last = "Repair or remove them, or leave them out with --data.skip_damaged true."
    return DataError("\n".join([first, *lines, last]))


def _folders() -> list[Path]:
    """The folders of all packs, whole or not."""
    if not packs().is_dir():
        return []
    found = sorted(folder for folder in packs().iterdir() if KEY.fullmatch(folder.name) and not folder.is_symlink())
    return [folder for folder in found if (folder / LOCK).is_file()]


def _described(folder: Path) -> str:
    made = description(folder)
    if made is None:
        return f"unfinished, in {folder.name}"
    count, channels, height, width = made["shape"]
    return f"{made['source']}: {count:,} images, {height} x {width}, {'grey' if channels == 1 else 'colour'}"


def _bytes(folder: Path) -> int:
    """Bytes of the disk that a folder takes. An unfinished file takes less than its length."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
