"""Parquet files: their columns as a table, and pictures in one of the columns."""

import io
import json
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

from PIL import Image

from condvae.data.listing import file_stamp
from condvae.data.readers.columns import Cell, Table, check_header
from condvae.data.readers.names import composed
from condvae.errors import DataError, require_extra

ROWS_AT_ONCE = 64


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Turn an error of pyarrow into a DataError."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError) as error:
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"Cannot read {path} as a parquet file: {first_line}. Copy or write it again.") from error


def read_parquet(path: Path) -> tuple[Table, tuple[str, ...]]:
    """The columns of a parquet file without its pictures, and the names of the columns that have pictures.

    Columns with pictures have bytes, or the pairs of bytes and path that Hugging Face writes. Columns of lists and of
    other pairs have no values here.

    Raises:
        DataError: the file cannot be read, is damaged, has no rows, or has two columns of one name.
        MissingExtraError: pyarrow is not installed.
    """
    require_extra("hf", "Reading parquet files")
    import pyarrow.parquet

    with reading(path), pyarrow.parquet.ParquetFile(path) as file:
        schema, count = file.schema_arrow, file.metadata.num_rows
        check_header(path, schema.names)
        if not count:
            raise DataError(f"{path} has no rows. It needs a row per image.")
        pictures = tuple(field.name for field in schema if _has_pictures(field.type))
        names = [name for name in schema.names if name not in pictures]
        read = file.read(columns=names) if names else None
        classes = _classes(schema.metadata or {})
        columns = {name: cells(path, name, read.column(name), classes) for name in names} if read else {}
    classes = {name: found for name, found in classes.items() if name in columns}
    return Table(path, "row", range(1, count + 1), columns, has_types=True, classes=classes), pictures


class ParquetPictures:
    """Pictures in a column of a parquet file. They are read a few at a time, fastest in their order.

    Args:
        path: the file, absolute.
        column: a column of bytes, or of pairs of bytes and path.
    """

    in_memory = False

    def __init__(self, path: Path, column: str) -> None:
        import pyarrow.parquet

        self.path, self.column = path, column
        with reading(path), pyarrow.parquet.ParquetFile(path) as file:
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        self.starts = [0, *accumulate(sizes)]
        self._forget()

    def _forget(self) -> None:
        self._group = -1
        self._first = 0
        self._held: Sequence[bytes | None] = ()
        self._batches: Iterator[Sequence[bytes | None]] = iter(())

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "column": self.column, "starts": self.starts}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._forget()

    def __len__(self) -> int:
        return self.starts[-1]

    def name(self, index: int) -> str:
        return f"{self.path.name} row {index + 1}"

    def open(self, index: int) -> Image.Image:
        return Image.open(io.BytesIO(self.content(index) or b""))

    def content(self, index: int) -> bytes | None:
        """The bytes of a picture. None if the row has none.

        Raises:
            DataError: the file is damaged there.
        """
        group = bisect_right(self.starts, index) - 1
        if group != self._group or index < self._first:
            self._group, self._first, self._held = group, self.starts[group], ()
            self._batches = self._read(group)
        while index >= self._first + len(self._held):
            self._first += len(self._held)
            self._held = next(self._batches)
        return self._held[index - self._first]

    def _read(self, group: int) -> Iterator[Sequence[bytes | None]]:
        import pyarrow.parquet

        with reading(self.path), pyarrow.parquet.ParquetFile(self.path, buffer_size=1 << 20) as file:
            for batch in file.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=[self.column], use_threads=False):
                column = batch.column(0)
                yield (column if _is_bytes(column.type) else column.field("bytes")).to_pylist()

    def empty(self) -> list[int]:
        """The positions of rows without bytes. The column is only read if the statistics of the file do not say it."""
        if self._says_that_none_is_empty():
            return []
        return [index for index in range(len(self)) if self.content(index) is None]

    def paths(self) -> list[str]:
        """The paths beside the bytes. Empty text where there is none."""
        import pyarrow.parquet

        with reading(self.path), pyarrow.parquet.ParquetFile(self.path) as file:
            kind = file.schema_arrow.field(self.column).type
            if _is_bytes(kind) or kind.get_field_index("path") < 0:
                return [""] * len(self)
            pairs = file.read(columns=[f"{self.column}.path"]).column(self.column).to_pylist()
        return [(pair or {}).get("path") or "" for pair in pairs]

    def _says_that_none_is_empty(self) -> bool:
        import pyarrow.parquet

        with reading(self.path), pyarrow.parquet.ParquetFile(self.path) as file:
            wanted = {self.column, f"{self.column}.bytes"}
            for group in range(file.num_row_groups):
                found = file.metadata.row_group(group)
                for number in range(found.num_columns):
                    one = found.column(number)
                    statistics = one.statistics if one.path_in_schema in wanted else None
                    if one.path_in_schema in wanted and (statistics is None or statistics.null_count != 0):
                        return False
        return True

    def stamps(self) -> Iterable[str]:
        stamp = f"{file_stamp(self.path)} {self.column}"
        return (f"{stamp} {index}" for index in range(len(self)))


def _is_bytes(kind: Any) -> bool:
    from pyarrow import types

    return types.is_binary(kind) or types.is_large_binary(kind) or types.is_fixed_size_binary(kind)


def _has_pictures(kind: Any) -> bool:
    from pyarrow import types

    return _is_bytes(kind) or (
        types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _is_bytes(kind.field("bytes").type)
    )


def _classes(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """The class names of columns, which Hugging Face's `datasets` writes into the file."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
        return {
            name: tuple(composed(one) for one in feature["names"])
            for name, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel"
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def cells(path: Path, name: str, column: Any, classes: dict[str, tuple[str, ...]]) -> list[Cell]:
    """A column of pyarrow as the cells of a table. Lists and pairs have no values.

    Args:
        path: the file, for messages.
        name: the name of the column.
        column: the column.
        classes: the class names of columns that have numbers of classes. A number of -1 is an empty cell.

    Raises:
        DataError: a number is not that of a class.
    """
    from pyarrow import string, types

    if types.is_temporal(column.type):
        column = column.cast(string())
    values, kind = column.to_pylist(), column.type
    if types.is_dictionary(kind):
        kind = kind.value_type
    if name in classes and types.is_integer(kind):
        names = classes[name]
        outside = sorted({value for value in values if value is not None and not -1 <= value < len(names)})
        if outside:
            raise DataError(
                f"{path}: column {name!r} has {outside[0]}, but names only {len(names)} classes. Correct it."
            )
        return [None if value is None or value < 0 else names[value] for value in values]
    if types.is_integer(kind) or types.is_floating(kind) or types.is_decimal(kind):
        return [None if value is None else float(value) for value in values]
    if types.is_nested(kind):
        return [None] * len(values)
    return [None if value is None else str(value) for value in values]
