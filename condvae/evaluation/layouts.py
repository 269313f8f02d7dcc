"""How generated images are laid out in a folder: as the source of the real images is."""

import csv
import io
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from condvae.data.readers.columns import LABEL_NAMES, SPLIT_NAMES, find_column, need_column
from condvae.data.readers.folder import METADATA, places_of
from condvae.data.readers.names import composed
from condvae.data.readers.table import image_column, read_table
from condvae.data.readers.tree import Tree
from condvae.data.sources import here_of
from condvae.images import read_image
from condvae.storage.files import table_bytes
from condvae.storage.place import Place

IMAGES, RECORD = "images", "generated.csv"
FILE, LABEL, IS_GENERATED, DRAWS = "file_name", "label", "generated", "draws"  # columns of the record of all images
NO_FILE_NAME = set('/\\:*?"<>|%') | {chr(code) for code in range(32)}
Row = Mapping[str, str]


@dataclass(frozen=True)
class ClassFolders:
    """A sub-folder for each class.

    Attributes:
        place: the folder that they are in, such as "train". Empty for the folder of the output itself.
        folders: the name of the sub-folder of each class.
    """

    place: str
    folders: tuple[str, ...]
    by_class: ClassVar[bool] = True  # whether files are numbered for each class by itself

    def path(self, label: int, name: str) -> str:
        """The path of an image file below the folder of the output, with slashes."""
        return posixpath.join(self.place, self.folders[label], name)

    def finish(self, out: Place, rows: Sequence[Row], shape: tuple[int, int, int]) -> None:
        """Write what belongs beside the images.

        Args:
            out: the folder of the output.
            rows: the record of all images.
            shape: (C, H, W) of an image.
        """


@dataclass(frozen=True)
class Archive(ClassFolders):
    """The same, and beside them an .npz file with all images, labels and attributes."""

    def finish(self, out: Place, rows: Sequence[Row], shape: tuple[int, int, int]) -> None:
        columns: dict[str, list[str]] = {name: [row[name] for row in rows] for name in rows[0]}
        images = np.stack([read_image(out / path, shape) for path in columns.pop(FILE)])
        del columns[DRAWS]
        arrays = {name: _numbers(values) for name, values in columns.items() if name != LABEL}
        arrays |= {"images": images, "labels": np.array(columns[LABEL])}
        file = io.BytesIO()
        np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        (out / "images.npz").write(file.getvalue())


@dataclass(frozen=True)
class Table:
    """A CSV file with the columns of the source's table, and the images in a folder beside it.

    Attributes:
        file: its path below the folder of the output.
        image: the column of the paths.
        label: the column of the labels.
        split: the column of the parts. None if there is none.
        others: all other columns of the source's table.
    """

    file: str
    image: str
    label: str
    split: str | None
    others: tuple[str, ...]
    by_class: ClassVar[bool] = False

    def path(self, label: int, name: str) -> str:
        return posixpath.join(posixpath.dirname(self.file), IMAGES, name)

    def finish(self, out: Place, rows: Sequence[Row], shape: tuple[int, int, int]) -> None:
        place = posixpath.dirname(self.file)
        known = [name for name in self.others if name in rows[0] and name != IS_GENERATED]
        written = []
        for row in rows:
            cells = {self.image: posixpath.relpath(row[FILE], place or "."), self.label: row[LABEL]}
            cells |= {self.split: "train"} if self.split else {}
            written.append({**cells, **{name: row[name] for name in known}, IS_GENERATED: row[IS_GENERATED]})
        (out / self.file).write(rows_bytes(written))


Layout = ClassFolders | Table


def layout_of(source: str, classes: Sequence[str]) -> Layout:
    """The layout of a data source. Sources that are neither folders, tables nor arrays have class folders.

    Args:
        source: such as "folder:/photos".
        classes: the name of each class.

    Raises:
        DataError: the table of the source cannot be read.
    """
    kind, _, argument = here_of(source).partition(":")
    path = Path(argument)
    if kind == "table" and path.is_file():
        return _table(path, f"{path.stem}.csv" if path.stem != Path(RECORD).stem else "table.csv")
    if kind == "folder" and path.is_dir():
        tree = Tree(path)
        place = next((place for place, part in places_of(tree).items() if part == "train"), "")
        if tree.has(posixpath.join(place, METADATA)):
            return _table(path / place / METADATA, posixpath.join(place, METADATA))
        known = {composed(posixpath.basename(folder)) for folder in tree.look(place)[0]}
        return ClassFolders(place, tuple(label if label in known else folder_name(label) for label in classes))
    return (Archive if kind == "arrays" else ClassFolders)("", tuple(map(folder_name, classes)))


def folder_name(label: str) -> str:
    """A label as the name of a folder on any operating system. `urllib.parse.unquote` gives the label back.

    Characters that a name cannot have, a dot at the beginning or at the end, and a space there are written as % and
    two hexadecimal digits.
    """
    ends = {0, len(label) - 1}
    return "".join(
        f"%{ord(letter):02X}" if letter in NO_FILE_NAME or (place in ends and letter in ". ") else letter
        for place, letter in enumerate(label)
    )


def rows_bytes(rows: Sequence[Row]) -> bytes:
    """Rows with the same keys as the content of a CSV file. Without rows, the content is empty."""
    header = list(rows[0]) if rows else []
    return table_bytes(header, ([row[name] for name in header] for row in rows)) if rows else b""


def rows_of(content: bytes) -> list[Row]:
    """The rows of which `rows_bytes` made the content."""
    return list(csv.DictReader(io.StringIO(content.decode("utf-8", "surrogateescape"), newline="")))


def _table(path: Path, file: str) -> Table:
    table, pictures = read_table(path)
    image = image_column(table, pictures)
    label = need_column(path, table.columns, LABEL_NAMES, "labels")
    split = find_column(table.columns, SPLIT_NAMES)
    others = tuple(name for name in table.columns if name not in (image, label, split))
    return Table(file, image, label, split, others)


def _numbers(values: Iterable[str]) -> NDArray[Any]:
    """Texts as numbers if all of them are, otherwise as texts."""
    texts = list(values)
    try:
        return np.array([float(text) for text in texts])
    except ValueError:
        return np.array(texts)
