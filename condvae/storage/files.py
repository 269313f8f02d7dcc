"""Files that are written whole or not at all."""

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from condvae.errors import StorageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to, and rename it to `path` once it is safely on disk.

    After a crash, a full disk or an exception, the file that was at `path` before is still there, whole. If several
    processes write the file, that of the last one stays.

    Raises:
        StorageError: the folder cannot be made, or the file cannot be written.
    """
    path = path.absolute()
    temporary = path.with_name(f".{path.name}.{token_hex(4)}.part")
    try:
        with storing(path):
            yield temporary
            with temporary.open("rb+") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        remove_if_there(temporary)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Make the folder of `path`, and turn an operating system error of a write to it into a StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}. Files that were there before are unchanged. "
            "Free some space, or choose a folder that you may write to, and run the command again."
        ) from error


def remove_if_there(path: Path) -> None:
    """Delete a file. It is no error if the file or its folder is not there."""
    try:
        path.unlink()
    except OSError:
        return


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Write a CSV file, whole or not at all."""
    write_bytes(path, table_bytes(header, rows))


def table_bytes(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """The content of a CSV file in UTF-8. Names of files that are not UTF-8 keep their bytes."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def sha256(path: Path) -> str:
    """The SHA-256 digest of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_empty(folder: Path) -> None:
    """Make sure that a folder for new output is free.

    Raises:
        StorageError: there is something at `folder` already, or it cannot be read.
    """
    try:
        occupied = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise StorageError(f"Cannot read {folder}: {error.strerror}. Choose another --out.") from error
    if occupied:
        raise StorageError(
            f"{folder} exists and is not empty. condvae does not overwrite files that it may not have written. "
            "Choose another --out, or move the folder away."
        )


def cache_folder() -> Path:
    """The folder for downloaded data: `$CONDVAE_DATA`, or the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("CONDVAE_DATA")
    return Path(chosen).expanduser() if chosen else user_cache_path("condvae")
