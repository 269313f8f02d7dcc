"""A table of pictures: a CSV file with paths, or a parquet file with paths or with the pictures themselves."""

from collections.abc import Sequence
from pathlib import Path

from condvae.data.listing import Files, Listing, Pictures
from condvae.data.readers.columns import (
    IMAGE_NAMES,
    LABEL_NAMES,
    SPLIT_NAMES,
    Cell,
    Table,
    attributes,
    find_column,
    labels,
    need_column,
    parts,
)
from condvae.data.readers.csv_file import read_csv
from condvae.data.readers.names import find_file, first_ten
from condvae.data.readers.parquet_file import ParquetPictures, read_parquet
from condvae.errors import ConfigError, DataError

CSV_SUFFIXES = (".csv", ".tsv")
PARQUET_SUFFIXES = (".parquet", ".pq")


def load(argument: str) -> Listing:
    """A table with a picture, a label and attributes in each row.

    Columns are found by their names, whatever their case: the pictures by IMAGE_NAMES, the labels by LABEL_NAMES and
    the parts by SPLIT_NAMES of `columns.py`. An earlier name in these lists has precedence. So has a column of bytes in
    a parquet file. All other columns are attributes.

    Paths are relative to the folder of the table. Absolute paths and paths out of that folder are read as well, because
    the user wrote the table. Who trains on the table of somebody else should look at its paths first.

    Raises:
        ConfigError: no file is named.
        DataError: the file or a picture is missing, or the table is not what it should be.
        MissingExtraError: it is a parquet file, and pyarrow is not installed.
    """
    if not argument:
        raise ConfigError("The data source 'table' needs a file. Write table:FILE.csv or table:FILE.parquet.")
    path = Path(argument).expanduser().absolute()
    _check_file(path)
    table, with_pictures = read_table(path)
    image = image_column(table, with_pictures)
    label = need_column(path, table.columns, LABEL_NAMES, "labels")
    split = find_column(table.columns, SPLIT_NAMES)
    found = labels(table, label)
    used = set(found)
    return Listing(
        source=f"table:{path}",
        pictures=_stored(table, image) if image in with_pictures else _files(table, image, table.columns[image]),
        labels=found,
        parts=parts(table, split),
        columns=attributes([table], {image, label, split}),
        classes=tuple(name for name in table.classes.get(label, ()) if name in used),
    )


def read_table(path: Path) -> tuple[Table, tuple[str, ...]]:
    """The columns of a table without its pictures, and the names of the columns of bytes that have pictures.

    Raises:
        DataError: it cannot be read, or is not what it should be.
        MissingExtraError: it is a parquet file, and pyarrow is not installed.
    """
    return read_parquet(path) if path.suffix.lower() in PARQUET_SUFFIXES else (read_csv(path), ())


def image_column(table: Table, with_pictures: Sequence[str] = ()) -> str:
    """The column of the pictures.

    Args:
        table: the columns without pictures.
        with_pictures: columns of bytes.

    Raises:
        DataError: there is none.
    """
    found = find_column(with_pictures, IMAGE_NAMES) or (with_pictures[0] if len(with_pictures) == 1 else None)
    return found or need_column(table.path, (*with_pictures, *table.columns), IMAGE_NAMES, "pictures")


def _check_file(path: Path) -> None:
    allowed = "a CSV file (.csv or .tsv, in UTF-8) or a parquet file (.parquet)"
    if path.is_dir():
        raise DataError(f"{path} is a folder, and a table is {allowed}. Write table:FILE, or folder:{path}.")
    if not path.is_file():
        raise DataError(f"There is no file {path}. Check the path. A table is {allowed}.")
    if path.suffix.lower() not in (*CSV_SUFFIXES, *PARQUET_SUFFIXES):
        raise DataError(f"{path} has the suffix {path.suffix!r}, and a table is {allowed}. Save it as one of these.")


def _files(table: Table, column: str, cells: Sequence[Cell]) -> Files:
    """The files that a column names.

    Raises:
        DataError: a cell is empty, or there is no such file.
    """
    written = ["" if cell is None else str(cell) for cell in cells]
    empty = [row for row, name in enumerate(written) if not name.strip()]
    if empty:
        raise table.error(empty, f"the path ({column!r}) is empty", "Fill it in, or remove the rows.")
    folder = table.path.parent
    found = [find_file(folder, name) for name in written]
    missing = [name for name, path in zip(written, found, strict=True) if path is None]
    if missing:
        raise DataError(
            f"{table.path} names {len(missing):,} file(s) that are not there: {first_ten(missing)}. Paths are relative "
            f"to {folder}. Correct them, or remove their rows."
        )
    return Files(folder, [path for path in found if path is not None])


def _stored(table: Table, column: str) -> Pictures:
    """The pictures that a column of a parquet file has, or the files that it names instead.

    Raises:
        DataError: a row has no picture.
    """
    pictures = ParquetPictures(table.path, column)
    empty = pictures.empty()
    if not empty:
        return pictures
    paths = pictures.paths()
    if len(empty) == len(pictures) and all(paths):
        return _files(table, column, paths)
    raise table.error(empty, f"the picture ({column!r}) is empty", "Write it, or remove the rows.")
