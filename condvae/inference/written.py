"""The files that a job writes: PNG files in folders, or files with many images each."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from condvae.errors import StorageError
from condvae.images import png
from condvae.inference.formats import FORMATS, Arrays
from condvae.storage.place import Place

MADE = "made.json"


@dataclass(frozen=True)
class ArchiveFiles:
    """A file of one of FORMATS, or numbered files of that name if there is more than one shard.

    Attributes:
        out: the file.
        total: the number of items.
        shard: the number of items in a file.
    """

    out: Place
    total: int
    shard: int

    @property
    def folder(self) -> Place:
        return self.out.parent

    @property
    def record(self) -> Place:
        return self.out.beside(f"{self.out.stem}.json")

    def require_new(self) -> None:
        names = [self.last(start, self.total) for start in range(0, self.total, self.shard)]
        found = self.folder.present({self.out.name, *names})
        if found:
            raise StorageError(
                f"{self.folder / min(found)} exists and is not empty. condvae does not overwrite files that it may not "
                "have written. Choose another --out, or move the file away."
            )

    def last(self, start: int, stop: int) -> str:
        if self.total <= self.shard:
            return self.out.name
        return f"{self.out.stem}-{start // self.shard:05d}{self.out.suffix}"

    def contents(self, start: int, arrays: Arrays) -> dict[str, bytes]:
        file = io.BytesIO()
        FORMATS[self.out.suffix].write(file, arrays, start)
        return {self.last(start, self.total): file.getvalue()}


@dataclass(frozen=True)
class FolderFiles:
    """A folder with all files of a job, and the record beside them.

    Attributes:
        folder: the folder.
    """

    folder: Place

    @property
    def record(self) -> Place:
        return self.folder / MADE

    def require_new(self) -> None:
        self.folder.require_empty()


@dataclass(frozen=True)
class PictureFiles(FolderFiles):
    """PNG files in a folder for each label, numbered from 0.

    Attributes:
        names: the labels.
        each: the number of images of each label.
    """

    names: Sequence[str]
    each: int

    def last(self, start: int, stop: int) -> str:
        return self._path(stop - 1)

    def contents(self, start: int, arrays: Arrays) -> dict[str, bytes]:
        return {self._path(number): png(image) for number, image in enumerate(arrays["images"], start)}

    def _path(self, number: int) -> str:
        name, place = self.names[number // self.each], number % self.each
        return f"{name}/{place:0{max(5, len(str(self.each - 1)))}d}.png".removeprefix("/")
