"""What a data source lists: pictures of any kind, with a label, a part of the data set and attributes for each."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol

from PIL import Image

from condvae.data.pictures import opened

PARTS = ("train", "validation", "test")


class Pictures(Protocol):
    """Pictures of any size and mode, not yet decoded. They are pickled once for each process that decodes.

    Attributes:
        in_memory: whether a pickle has the pictures themselves. Then this process decodes them, because each further
            one would need as much memory.
    """

    @property
    def in_memory(self) -> bool: ...

    def __len__(self) -> int: ...

    def name(self, index: int) -> str:
        """What messages call a picture, such as its path below the folder of the source."""

    def open(self, index: int) -> Image.Image:
        """A picture as Pillow opens it. What is wrong with its file is raised as Pillow raises it, or as
        PictureError."""

    def stamps(self) -> Iterable[str]:
        """One text for each picture that differs if the picture was changed, such as path, size and time."""


@dataclass(frozen=True)
class Listing:
    """What a data source lists.

    Attributes:
        source: the source with absolute paths, so that a run finds the data from any folder.
        pictures: N pictures.
        labels: the label of each picture as text, N of them. None for a picture without a label.
        parts: the part that the source puts each picture in, one of PARTS, N of them. Empty text where it does not say.
        columns: attributes by name, N values each: all of them text (categories), or all of them finite numbers.
        classes: all class names in the order of the source. Empty if they follow from the labels.
    """

    source: str
    pictures: Pictures
    labels: Sequence[str | None]
    parts: Sequence[str]
    columns: Mapping[str, Sequence[str] | Sequence[float]] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def labels_of(self, positions: Iterable[int], unlabelled: str) -> list[str | None]:
        """The labels of some pictures, with None for those whose label is `unlabelled`."""
        given = (self.labels[position] for position in positions)
        return [None if label == unlabelled else label for label in given]


def file_stamp(path: str | Path) -> str:
    """A text that differs for another file, and if the file was changed: its path, size and time."""
    found = os.stat(path)  # noqa: PTH116
    return f"{path} {found.st_size} {found.st_mtime_ns}"


@dataclass(frozen=True)
class Files:
    """Pictures in files.

    Attributes:
        folder: the folder of the source, absolute.
        paths: the path of each file below the folder.
    """

    in_memory: ClassVar[bool] = False

    folder: Path
    paths: Sequence[str]

    def __len__(self) -> int:
        return len(self.paths)

    def name(self, index: int) -> str:
        return self.paths[index]

    def open(self, index: int) -> Image.Image:
        return opened(os.path.join(self.folder, self.paths[index]))  # noqa: PTH118  # faster than Path, for each of many files

    def stamps(self) -> Iterable[str]:
        return (file_stamp(os.path.join(self.folder, path)) for path in self.paths)  # noqa: PTH118
