"""What files and folders can do, whether they are on this machine or in object storage.

A kind of place is one class. `places.py` finds the class of an address.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import PurePosixPath
from typing import BinaryIO, ClassVar, NamedTuple


class Entries(NamedTuple):
    """What lies in a folder: names in order."""

    folders: list[str]
    files: list[str]


class Place(ABC):
    """A file or a folder, which need not be there. `str` gives its address as a user wrote it.

    Attributes:
        at_once: how many small files of a folder are best read and written at once.
    """

    at_once: ClassVar[int] = 1

    @property
    def address(self) -> str:
        """The address that is the same from any folder of this machine."""
        return str(self)

    @property
    @abstractmethod
    def name(self) -> str:
        """The last part of the address."""

    @property
    @abstractmethod
    def parent(self) -> "Place":
        """The folder of a file."""

    @abstractmethod
    def __truediv__(self, name: str) -> "Place":
        """What lies in a folder, by its path below it with slashes."""

    @property
    def stem(self) -> str:
        """The name without its ending."""
        return PurePosixPath(self.name).stem

    @property
    def suffix(self) -> str:
        """The ending of the name, with its dot."""
        return PurePosixPath(self.name).suffix

    def beside(self, name: str) -> "Place":
        """Another file of the same folder."""
        return self.parent / name

    @abstractmethod
    def is_file(self) -> bool:
        """Whether there is a file."""

    @abstractmethod
    def is_folder(self) -> bool:
        """Whether there is a folder. In object storage, a folder is there if something is in it."""

    @abstractmethod
    def entries(self) -> Entries:
        """What lies in a folder. Nothing if it is not there."""

    @abstractmethod
    def require_empty(self) -> None:
        """Make sure that nothing is there.

        Raises:
            StorageError: there is a file, or a folder that is not empty.
        """

    @abstractmethod
    def open(self) -> BinaryIO:
        """Open a file to read any part of it.

        Raises:
            OSError: it is not there, or cannot be read.
        """

    def read(self) -> bytes:
        """The content of a file. Raises what `open` raises."""
        with self.open() as file:
            return file.read()

    @abstractmethod
    def write(self, content: bytes) -> None:
        """Write a file, whole or not at all, in place of what is there.

        Raises:
            StorageError: it cannot be written.
        """

    @abstractmethod
    def create(self, content: bytes) -> None:
        """Write a file, whole or not at all, unless there is one. Raises what `write` raises."""

    @abstractmethod
    def create_all(self, files: Mapping[str, bytes]) -> None:
        """Write files of a folder by their paths below it. The last one is there only if all others are.

        Raises what `write` raises.
        """

    @abstractmethod
    def remove(self) -> None:
        """Delete a file. It is no error if it is not there."""

    def present(self, names: Iterable[str]) -> set[str]:
        """Which of some files are in a folder."""
        with ThreadPoolExecutor(self.at_once) as threads:
            found = threads.map(lambda name: (name, (self / name).is_file()), names)
            return {name for name, is_there in found if is_there}
