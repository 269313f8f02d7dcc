"""A folder of pictures: a sub-folder for each class, with or without train and test above them, or a metadata.csv."""

import posixpath
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path

from condvae.data.listing import PARTS, Files, Listing
from condvae.data.readers.columns import (
    IMAGE_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    Attributes,
    Table,
    attributes,
    find_column,
    labels,
    need_column,
    parts,
    texts,
)
from condvae.data.readers.csv_file import read_csv
from condvae.data.readers.names import check_class_names, composed, first_ten, part_of
from condvae.data.readers.tree import Tree
from condvae.errors import ConfigError, DataError
from condvae.progress import announce

METADATA = "metadata.csv"


@dataclass
class _Found:
    """Pictures in the order in which they are listed."""

    paths: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)

    def add(self, paths: Sequence[str], label: str, part: str) -> None:
        """Add pictures of one label."""
        self.paths += paths
        self.labels += [label] * len(paths)
        self.parts += [part] * len(paths)


def load(argument: str) -> Listing:
    """A folder in one of three layouts.

        DIR/cat/1.png                       a sub-folder for each class. Pictures may lie deeper in it
        DIR/train/cat/1.png                 the same below train, validation (or val, valid) and test
        DIR/metadata.csv  DIR/1.png         a table of the pictures in its folder, with the columns file_name and label,
                                            and attributes. There may be one in each of train, validation and test

    The last one is the layout of Hugging Face's imagefolder. The columns are found as in the source `table`. If train
    and test are in the folder of a metadata.csv, a picture's part follows from its path.

    A further folder beside train and test, or beside the pictures of a metadata.csv, holds pictures without a label.
    They are listed after the others. Their label is the name of the folder, their part is empty, and their attributes
    are NaN or empty text.

    Pictures are sorted by part and path, and those of a metadata.csv are in its order. Class names are in Unicode's
    composed form.

    Raises:
        ConfigError: no folder is named.
        DataError: the folder is missing, cannot be read, or has no pictures, no classes, a class without pictures, two
            classes whose names differ only by case, a link that leads out of it, or a damaged metadata.csv.
    """
    if not argument:
        raise ConfigError("The data source 'folder' needs a folder. Write folder:DIR.")
    root = Path(argument).expanduser().absolute()
    if not root.exists():
        raise DataError(f"There is no folder {root}. Check the path.")
    if not root.is_dir():
        raise DataError(
            f"{root} is a file, and the data source 'folder' reads a folder. Write folder:{root.parent}, or table:FILE "
            "for a table of pictures."
        )
    return _listing(Tree(root))


def _listing(tree: Tree) -> Listing:
    root, everything = tree.root, tree.files("")
    if not everything:
        raise DataError(f"There are no images in {root}. Check the path, or put images into it.")
    folders, _ = tree.look("")
    places = places_of(tree)
    with_table = [place for place in places if tree.has(posixpath.join(place, METADATA))]
    if with_table and len(with_table) < len(places):
        without = [place for place in places if place not in with_table]
        raise DataError(
            f"In {root} the folders {first_ten(with_table)} have a {METADATA}, and {first_ten(without)} have none. Put "
            "one into each, or one for all into the folder that they are in."
        )
    found, columns = _by_tables(tree, places) if with_table else (_by_sub_folders(tree, places), {})
    listed = set(found.paths)
    used = {*places, *(path.split("/")[0] for path in listed)}
    further = [folder for folder in folders if folder not in used and part_of(folder) is None]
    rest = [path for path in everything if path not in listed and path.split("/")[0] not in further]
    if rest:
        announce(f"Leaving out {len(rest):,} file(s) of {root} that are in no class: {first_ten(rest)}")
    check_class_names(found.labels, root)
    for folder in further:
        found.add(tree.files(folder), composed(folder), "")
    filled = {name: _filled(values, len(found.paths)) for name, values in columns.items()}
    return Listing(f"folder:{root}", Files(root, found.paths), found.labels, found.parts, filled)


def places_of(tree: Tree) -> dict[str, str]:
    """The folders that have classes or a table in them, each with its part: the root, or train, validation and test.

    A folder `train` beside classes such as `car` is a class, if it has neither folders nor a table in it.

    Raises:
        DataError: two folders are for the same part.
    """
    named = [(part, folder) for folder in tree.look("")[0] if (part := part_of(folder))]
    (train,) = [folder for part, folder in named if part == "train"][:1] or [""]
    if tree.has(METADATA) or not train:
        return {"": ""}
    if len(named) == 1 and not tree.look(train)[0] and not tree.has(posixpath.join(train, METADATA)):
        return {"": ""}
    places: dict[str, str] = {}
    for part, folder in sorted(named, key=lambda one: PARTS.index(one[0])):
        if part in places.values():
            first = next(place for place, other in places.items() if other == part)
            raise DataError(f"{tree.root} has two folders for {part}: {first!r} and {folder!r}. Keep one of them.")
        places[folder] = part
    return places


def _by_sub_folders(tree: Tree, places: dict[str, str]) -> _Found:
    """The pictures of folders that have a sub-folder for each class.

    Raises:
        DataError: there are no classes, a class has no pictures, or two have the same name.
    """
    found = _Found()
    for place, part in places.items():
        folders, files = tree.look(place)
        classes = {folder: tree.files(folder) for folder in folders}
        if not any(classes.values()):
            raise _no_classes(tree, place, files)
        empty = [folder for folder, paths in classes.items() if not paths]
        if empty and part in ("", "train"):
            raise DataError(
                f"In {tree.root} there are no images of the class(es) {first_ten(empty)}. Put images into the "
                "folder(s), or remove them."
            )
        names: dict[str, str] = {}
        for folder, paths in classes.items():
            name = composed(posixpath.basename(folder))
            if name in names:
                raise DataError(
                    f"In {tree.root} the names of the folders {names[name]!a} and {folder!a} differ only in "
                    f"how Unicode writes their letters: both are {name!r}. Move their images into one folder."
                )
            names[name] = folder
            found.add(paths, name, part)
    return found


def _no_classes(tree: Tree, place: str, files: Sequence[str]) -> DataError:
    folder = tree.root / place
    if not files:
        return DataError(f"There are no images in {folder}. Put images into it, or remove it.")
    return DataError(
        f"{folder} has {len(files):,} image(s) or other files, such as {files[0]!r}, but no classes. Three layouts are "
        f"possible: a sub-folder for each class, such as {tree.root}/cat/1.png; the same below train and test, such as "
        f"{tree.root}/train/cat/1.png; or images beside a {METADATA} with the columns file_name and label."
    )


def _by_tables(tree: Tree, places: dict[str, str]) -> tuple[_Found, Attributes]:
    """The pictures of folders that have a metadata.csv, and their attributes.

    Raises:
        DataError: a table is not what it should be, or two tables have different columns.
    """
    found = _Found()
    tables: list[Table] = []
    roles: set[str | None] = set()
    for place, part in places.items():
        table = read_csv(tree.root / place / METADATA)
        if tables and set(table.columns) != set(tables[0].columns):
            raise DataError(
                f"{tables[0].path} has the columns {', '.join(map(repr, tables[0].columns))}, and {table.path} has "
                f"{', '.join(map(repr, table.columns))}. Give them the same columns."
            )
        image = need_column(table.path, table.columns, IMAGE_NAMES, "pictures")
        label = need_column(table.path, table.columns, LABEL_NAMES, "labels")
        split = find_column(table.columns, SPLIT_NAMES)
        paths = _listed(tree, table, image, place)
        found.paths += paths
        found.labels += labels(table, label)
        if part:
            found.parts += [part] * len(paths)
        elif split:
            found.parts += parts(table, split)
        else:
            found.parts += [part_of(path.split("/")[0]) or "" if "/" in path else "" for path in paths]
        tables.append(table)
        roles |= {image, label, split}
    return found, attributes(tables, roles)


def _listed(tree: Tree, table: Table, column: str, place: str) -> list[str]:
    """The paths that a table names, as they are in the tree.

    Raises:
        DataError: a path is empty, leads out of the tree, or there is no such file.
    """
    known = {composed(path): path for path in tree.files(place)}
    written = texts(table, column, "the path")
    names = [posixpath.normpath(posixpath.join(place, name)) for name in written]
    outside = [row for row, name in enumerate(names) if name.startswith(("/", "../"))]
    if outside:
        step = "Copy the images into the folder, or write the table as a source of its own: table:FILE.csv."
        raise table.error(outside, f"column {column!r} leads out of the folder {tree.root}", step)
    missing = [path for path, name in zip(written, names, strict=True) if name not in known]
    if missing:
        raise DataError(
            f"{table.path} names {len(missing):,} file(s) that are not there: {first_ten(missing)}. Paths are relative "
            f"to {table.path.parent}. Correct them, or remove their rows."
        )
    return [known[name] for name in names]


def _filled(values: Sequence[str] | Sequence[float], count: int) -> list[str] | list[float]:
    """The values of an attribute, with NaN or empty text for the pictures without a label, which have none."""
    missing = count - len(values)
    numbers = [value for value in values if isinstance(value, float)]
    if len(numbers) == len(values):
        return [*numbers, *[nan] * missing]
    return [*(value for value in values if isinstance(value, str)), *[""] * missing]
