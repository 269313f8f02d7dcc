"""CSV files as tables: UTF-8, with commas, semicolons or tabs between the cells."""

import csv
import io
from pathlib import Path

from condvae.data.readers.columns import Table, check_header
from condvae.data.readers.names import composed, first_ten
from condvae.errors import DataError

DELIMITERS = ",;\t"
SAVE_AS_UTF8 = 'Save it as UTF-8 (in Excel: "CSV UTF-8").'


def read_csv(path: Path) -> Table:
    """A CSV file as a table of text. The delimiter is the one that gives the first line the most cells.

    Rows in which all cells are empty are left out, as spreadsheets write them below the data.

    Raises:
        DataError: the file cannot be read, is not UTF-8, is damaged, has no rows, has two columns of one name, or has
            a row with more or fewer cells than its header.
    """
    text = _text(path)
    delimiter = max(DELIMITERS, key=lambda one: len(_first_row(text, one)))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows, numbers, start = [], [], 1
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell if cell.strip() else "" for cell in row])
                numbers.append(start)
            start = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{path} is damaged in the row that starts in line {start}: {error}. Check its quotation marks."
        ) from error
    if len(rows) < 2:
        raise DataError(
            f"{path} has {'a header only' if rows else 'no content'}. It needs a header and a row per image."
        )
    header = [composed(name.strip()) for name in rows.pop(0)]
    del numbers[0]
    check_header(path, header)
    ragged = [number for number, row in zip(numbers, rows, strict=True) if len(row) != len(header)]
    if ragged:
        raise DataError(
            f"{path} has a header of {len(header)} cells, and rows with more or fewer in line(s) {first_ten(ragged)}. "
            f"Correct them. A cell that contains {delimiter!r} needs quotation marks."
        )
    columns = dict(zip(header, (list(column) for column in zip(*rows, strict=True)), strict=False))
    return Table(path, "line", numbers, columns)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"Cannot read {path}: {error.strerror}. Check the path and its permissions.") from error
    if b"\0" in content or content.startswith((b"\xff\xfe", b"\xfe\xff")):
        line = 1 + content[: content.find(b"\0")].count(b"\n")
        raise DataError(
            f"{path} is not UTF-8 text: line {line} has zero bytes, as UTF-16 and binary files do. {SAVE_AS_UTF8}"
        )
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + content[: error.start].count(b"\n")
        raise DataError(
            f"{path} is not UTF-8 text: line {line} has the byte 0x{content[error.start]:02x}, as files in Latin-1 or "
            f"CP949 do. {SAVE_AS_UTF8}"
        ) from error


def _first_row(text: str, delimiter: str) -> list[str]:
    """The header as cut by a delimiter. A damaged one is reported when all is read."""
    try:
        return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
    except csv.Error:
        return []
