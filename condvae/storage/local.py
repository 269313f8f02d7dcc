"""Files and folders on this machine."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from condvae.storage.files import require_empty, storing, write_bytes
from condvae.storage.place import Entries, Place


@dataclass(frozen=True)
class LocalPlace(Place):
    """A path of this machine.

    Attributes:
        path: the path.
    """

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def __reduce__(self) -> tuple[type["LocalPlace"], tuple[Path]]:
        return LocalPlace, (self.path.absolute(),)  # other processes may have another working directory

    @property
    def address(self) -> str:
        return os.path.abspath(self.path)  # noqa: PTH100  (without .. in it)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def parent(self) -> "LocalPlace":
        return LocalPlace(self.path.parent)

    def __truediv__(self, name: str) -> "LocalPlace":
        return LocalPlace(self.path / name)

    def is_file(self) -> bool:
        return self.path.is_file()

    def is_folder(self) -> bool:
        return self.path.is_dir()

    def entries(self) -> Entries:
        found = sorted(self.path.iterdir()) if self.is_folder() else []
        folders = [one.name for one in found if one.is_dir()]
        return Entries(folders, [one.name for one in found if one.name not in set(folders)])

    def require_empty(self) -> None:
        require_empty(self.path)

    def open(self) -> BinaryIO:
        return self.path.open("rb")

    def write(self, content: bytes) -> None:
        write_bytes(self.path, content)

    def create(self, content: bytes) -> None:
        if not self.path.exists():
            self.write(content)

    def create_all(self, files: Mapping[str, bytes]) -> None:
        *others, last = files
        for name in others:
            with storing(self.path / name):
                (self.path / name).write_bytes(files[name])
        (self / last).write(files[last])

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
