"""The files below a folder, in an order that is the same on every machine."""

import os
from dataclasses import dataclass
from pathlib import Path

from condvae.data.readers.names import composed
from condvae.errors import DataError

NO_PICTURES = {
    ".csv",
    ".db",
    ".htm",
    ".html",
    ".ini",
    ".json",
    ".jsonl",
    ".md",
    ".parquet",
    ".toml",
    ".tsv",
    ".txt",
    ".xml",
    ".yaml",
    ".yml",
}
SYSTEM_FOLDERS = {"__MACOSX", "@eaDir"}


@dataclass(frozen=True)
class Tree:
    """A folder, in which paths are written as texts with slashes, relative to it. The folder itself is the empty text.

    Hidden files and files that are clearly no pictures, by their suffix, are left out. Symbolic links to something in
    the folder are followed. A link to a folder that contains it is left out.

    Attributes:
        root: the folder, absolute.
    """

    root: Path

    def look(self, below: str) -> tuple[list[str], list[str]]:
        """The folders and the files in a folder, sorted.

        Raises:
            DataError: the folder cannot be read, a link leads out of the root or nowhere, or a name is not UTF-8.
        """
        folders, files = [], []
        place = self.root / below
        try:
            with os.scandir(place) as entries:
                for entry in entries:
                    is_link = entry.is_symlink()
                    is_folder = Path(entry.path).is_dir() if is_link else entry.is_dir()
                    if _is_ignored(entry.name, is_folder):
                        continue
                    _check_name(place, entry.name)
                    path = f"{below}/{entry.name}" if below else entry.name
                    if is_link and self._is_circular(path):
                        continue
                    if is_folder:
                        folders.append(path)
                    elif is_link or entry.is_file():
                        files.append(path)
        except OSError as error:
            raise DataError(
                f"Cannot read the folder {place}: {error.strerror}. Change its permissions, or move it away."
            ) from error
        return sorted(folders, key=order), sorted(files, key=order)

    def files(self, below: str) -> list[str]:
        """All files in a folder and in the folders below it, sorted. No folder is read twice, whatever links there are.

        Raises:
            DataError: as `look` raises it.
        """
        found: list[str] = []
        links: list[str] = []
        folders, seen = [below], set()
        while folders or links:
            path = folders.pop() if folders else links.pop()
            real = os.path.realpath(self.root / path)
            if real not in seen:
                seen.add(real)
                inner, files = self.look(path)
                found += files
                for one in inner:
                    (links if (self.root / one).is_symlink() else folders).append(one)
        return sorted(found, key=order)

    def has(self, path: str) -> bool:
        """Whether there is such a file, whatever its suffix.

        Raises:
            DataError: it is a link that leads out of the root or nowhere.
        """
        place = self.root / path
        return not (place.is_symlink() and self._is_circular(path)) and place.is_file()

    def _is_circular(self, path: str) -> bool:
        """Whether a link points to a folder that contains it.

        Raises:
            DataError: it leads out of the root or nowhere.
        """
        link, root = self.root / path, os.path.realpath(self.root)
        target = os.path.realpath(link)
        if os.path.commonpath((root, target)) != root:
            raise DataError(
                f"The symbolic link {link} leads out of the folder {self.root}, to {target}. Copy the files into the "
                "folder instead of the link, or name the folder that it points to."
            )
        if not link.exists():
            raise DataError(f"The symbolic link {link} points to {target}, where there is nothing. Remove the link.")
        return os.path.commonpath((target, os.path.realpath(link.parent))) == target


def order(path: str) -> list[str]:
    """The key that paths are sorted by."""
    return composed(path).split("/")


def _is_ignored(name: str, is_folder: bool) -> bool:
    if name.startswith("."):
        return True
    return name in SYSTEM_FOLDERS if is_folder else Path(name).suffix.lower() in NO_PICTURES


def _check_name(place: Path, name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"The name {os.fsencode(name)!r} in the folder {str(place)!r} is not UTF-8. Rename the file or the folder."
        ) from error
