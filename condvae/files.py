"""Files that are whole or not there: all that cannot be drawn again goes through `replacing`."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from condvae.errors import StorageError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a path beside `path` to write to, and rename it to `path` once it is safely on disk.

    A crash, a full disk or an exception in the middle leaves what was at `path` before, whole.

    Raises:
        StorageError: the folder cannot be made, or the file cannot be written.
    """
    path = path.absolute()
    aside = path.with_name(f".{path.name}.part")
    try:
        with storing(path):
            yield aside
            with aside.open("rb+") as file:
                os.fsync(file.fileno())
            aside.replace(path)
    finally:
        remove_if_there(aside)


@contextmanager
def storing(path: Path) -> Iterator[None]:
    """Make the folder of `path`, and let a write to it that the operating system refuses end in a StorageError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise StorageError(
            f"Cannot write {path}: {error.strerror or error}. Nothing that was there before is lost. "
            "Free some space, or choose a folder that you may write to, and run the command again."
        ) from error


def remove_if_there(path: Path) -> None:
    """Delete a file; no error if there is none, nor if its folder cannot be reached."""
    try:
        path.unlink()
    except OSError:
        return


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, whole or not at all."""
    with replacing(path) as aside:
        aside.write_text(text, encoding="utf-8")


def write_bytes(path: Path, content: bytes) -> None:
    """Write bytes, whole or not at all."""
    with replacing(path) as aside:
        aside.write_bytes(content)


def sha256(path: Path) -> str:
    """The SHA-256 digest of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def require_empty(folder: Path) -> None:
    """Make sure that a folder for new output is free.

    Raises:
        StorageError: there is something at `folder` already, or it cannot be looked into.
    """
    try:
        occupied = folder.exists() and (not folder.is_dir() or any(folder.iterdir()))
    except OSError as error:
        raise StorageError(f"Cannot look into {folder}: {error.strerror}. Choose another --out.") from error
    if occupied:
        raise StorageError(
            f"{folder} exists and is not empty, and condvae does not overwrite what it might not have written. "
            "Choose another --out, or move it away."
        )


def cache_folder() -> Path:
    """Where fetched data is kept: `$CONDVAE_DATA`, or the user's cache folder."""
    from platformdirs import user_cache_path

    chosen = os.environ.get("CONDVAE_DATA")
    return Path(chosen).expanduser() if chosen else user_cache_path("condvae")
