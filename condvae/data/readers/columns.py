"""Columns of a table: which one has the pictures, the labels and the parts, and which of the others are attributes."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path

from condvae.data.readers.names import check_class_names, composed, first_ten, part_of
from condvae.errors import DataError
from condvae.progress import announce

IMAGE_NAMES = ("file_name", "path", "filepath", "filename", "image", "image_path", "img")
LABEL_NAMES = ("label", "class", "category", "target")
SPLIT_NAMES = ("split", "part", "subset")
MOST_CATEGORIES = 100
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE | re.ASCII)
Cell = str | float | None
Attributes = dict[str, Sequence[str] | Sequence[float]]


@dataclass(frozen=True)
class Table:
    """A table with a header.

    Attributes:
        path: its file.
        unit: what `numbers` count: "line" or "row".
        numbers: where each row is in the file, from 1, N of them.
        columns: N cells by column name: text, numbers, or None for a cell without a value.
        has_types: whether the file says which columns are numbers. If not, all cells are text.
        classes: the class names of a column, for a file that says them.
    """

    path: Path
    unit: str
    numbers: Sequence[int]
    columns: Mapping[str, Sequence[Cell]]
    has_types: bool = False
    classes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def error(self, rows: Sequence[int], what: str, next_step: str) -> DataError:
        """An error that says where in the file the rows are. Rows are counted from 0."""
        numbers = [self.numbers[row] for row in rows]
        plural = "" if len(rows) == 1 else "s"
        return DataError(f"{self.path}: {what} in {self.unit}{plural} {first_ten(numbers)}. {next_step}")


def check_header(path: Path, names: Sequence[str]) -> None:
    """Make sure that no two columns have the same name.

    Raises:
        DataError: two names are equal, or differ only by case.
    """
    seen: dict[str, str] = {}
    for name in filter(None, names):
        if name.casefold() in seen:
            raise DataError(
                f"{path} has two columns of one name, {seen[name.casefold()]!r} and {name!r}. Case does not count. "
                "Rename one of them, or remove it."
            )
        seen[name.casefold()] = name


def find_column(columns: Collection[str], names: Sequence[str]) -> str | None:
    """The column that has the first of the names, whatever its case. None if there is no such column."""
    by_name = {column.strip().lower(): column for column in columns}
    return next((by_name[name] for name in names if name in by_name), None)


def need_column(path: Path, columns: Collection[str], names: Sequence[str], what: str) -> str:
    """The column that has the first of the names, whatever its case.

    Raises:
        DataError: there is no such column. The message has the columns found and the names.
    """
    found = find_column(columns, names)
    if found is None:
        raise DataError(
            f"{path} has no column of {what}. It has the columns {', '.join(map(repr, columns))}. Call the column of "
            f"{what} {', '.join(names[:-1])} or {names[-1]}."
        )
    return found


def texts(table: Table, column: str, what: str) -> list[str]:
    """A column in which each cell must have a text, such as the labels. Numbers are written as text.

    Raises:
        DataError: a cell is empty.
    """
    cells = [_text(cell) for cell in table.columns[column]]
    empty = [row for row, cell in enumerate(cells) if not cell]
    if empty:
        raise table.error(empty, f"{what} ({column!r}) is empty", "Fill it in, or remove the rows.")
    return cells


def labels(table: Table, column: str) -> list[str]:
    """The labels of a table.

    Raises:
        DataError: a label is empty, or two labels differ only by case.
    """
    found = texts(table, column, "the label")
    check_class_names(found, table.path)
    return found


def parts(table: Table, column: str | None) -> list[str]:
    """The part of each row: one of PARTS, or empty text where the table does not say.

    Raises:
        DataError: a cell is not the name of a part.
    """
    if column is None:
        return [""] * len(table.numbers)
    cells = [_text(cell) for cell in table.columns[column]]
    wrong = [row for row, cell in enumerate(cells) if cell and part_of(cell) is None]
    if wrong:
        values = sorted({cells[row] for row in wrong})
        allowed = "train, validation (or val, valid), test, or nothing"
        step = f"Allowed: {allowed}. If the column is not about the split, rename it."
        raise table.error(wrong, f"column {column!r} has {first_ten(values)}, which is no part of a data set,", step)
    return [part_of(cell) or "" for cell in cells]


def attributes(tables: Sequence[Table], without: Collection[str | None]) -> Attributes:
    """The attributes of one or several tables of the same columns, with the values of all rows in turn.

    A column is numeric if all its values are numbers; otherwise its values are categories. To make categories of
    numbers in a CSV file, write them as text, such as "type 3". A column of categories is left out if it has more than
    100 different values, or another value in each row, as an identifier does. So is a column without a name or without
    any value. What is left out is announced.

    Args:
        tables: the tables.
        without: columns that are no attributes.

    Raises:
        DataError: a cell of an attribute is empty, or a number is not finite.
    """
    found: Attributes = {}
    for name in tables[0].columns:
        if name in without:
            continue
        cells = [table.columns[name] for table in tables]
        if not any(table.has_types for table in tables) and all(
            _is_number(cell) for part in cells for cell in part if cell
        ):
            cells = [[float(cell) if cell else None for cell in part] for part in cells]
        values = [cell for part in cells for cell in part if cell is not None and cell != ""]
        reason = _reason_to_leave_out(name, values)
        if reason:
            announce(f"Leaving out the column {name!r} of {tables[0].path}, because {reason}")
            continue
        for table, part in zip(tables, cells, strict=True):
            _check(table, name, part)
        numbers = [value for value in values if isinstance(value, float)]
        found[name] = numbers if len(numbers) == len(values) else [_text(value) for value in values]
    return found


def _is_number(cell: Cell) -> bool:
    return isinstance(cell, str) and NUMBER.fullmatch(cell.strip()) is not None


def _check(table: Table, name: str, cells: Sequence[Cell]) -> None:
    empty = [row for row, cell in enumerate(cells) if cell is None or cell == ""]
    if empty:
        raise table.error(empty, f"the attribute {name!r} is empty", "Fill it in, or remove the column.")
    wrong = [row for row, cell in enumerate(cells) if isinstance(cell, float) and not isfinite(cell)]
    if wrong:
        raise table.error(wrong, f"the attribute {name!r} is not a finite number", "Correct it, or remove the column.")


def _reason_to_leave_out(name: str, values: Sequence[Cell]) -> str:
    different = len(set(values))
    if not name:
        return "it has no name"
    if not different:
        return "it has neither text nor numbers"
    if all(isinstance(value, float) for value in values):
        return ""
    if different > MOST_CATEGORIES:
        return f"it has {different:,} different texts, and at most {MOST_CATEGORIES} can be categories"
    return "it has another text in each row" if different == len(values) > 1 else ""


def _text(cell: Cell) -> str:
    """A cell as text, in composed form. Whole numbers are written without a point, and a missing value as nothing."""
    if cell is None or cell != cell:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return composed(str(cell).strip())
