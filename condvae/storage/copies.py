"""Copies of what lies in object storage, in the cache, for what reads files of this machine."""

import json
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from filelock import FileLock

from condvae.errors import DataError, StorageError
from condvae.progress import advise, progress
from condvae.storage.cloud import CloudPlace
from condvae.storage.files import cache_folder, remove_if_there, write_text

LOCK, RECORDED = ".lock", 1000  # so many files are recorded at once, because the process may be killed
NOT_YET = ""  # the stamp of an object that is being fetched
LIST, FILES = "copied.json", "files"  # of each copy: the address and the stamps of all objects, and the objects


def copied(address: str) -> Path:
    """The path of a copy of an object, or of all objects of a folder. What is not as it was before is fetched again.

    Args:
        address: in object storage, such as s3://BUCKET/NAME.

    Raises:
        DataError: there is nothing at the address, or an object has no possible name for a file.
        StorageError: the object storage cannot be reached and there is no copy, or the cache cannot be written.
    """
    at = CloudPlace.at(address)
    folder = cache_folder() / "copies" / sha256(address.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):  # other processes wait, and find the copy
        return _copied(at, address, folder)


def _copied(at: CloudPlace, address: str, folder: Path) -> Path:
    files, record = folder / FILES, folder / LIST
    known: dict[str, Any] = (
        json.loads(record.read_text("utf-8")) if record.is_file() else {"objects": {}, "is_whole": False}
    )
    before: dict[str, str] = known["objects"]
    try:
        is_object = at.is_file()
        now = {at.name: at.stamp()} if is_object else at.stamps()
    except StorageError as error:
        if not known["is_whole"]:
            raise
        advise(f"{error} The copy in {files} is used.")
        now, is_object = before, list(before) == [at.name] and (files / at.name).is_file()
    if not now:
        raise DataError(f"There is nothing at {address}. Check the address.")
    _require_inside(files, now)
    kept = {name: one for name, one in now.items() if before.get(name) == one and (files / name).is_file()}
    changed = now.keys() - kept.keys()
    # Names are noted before their files are there, so that no file of a process that is killed is forgotten.
    noted = {**dict.fromkeys(changed, NOT_YET), **kept}
    if noted != before:
        _record(folder, address, noted, False)
    try:
        with progress(f"Copying {address}", len(changed), "files") as advance, ThreadPoolExecutor(at.at_once) as many:
            fetch = partial(_fetch, at, is_object, files)
            for number, name in enumerate(many.map(fetch, sorted(changed)), 1):
                noted[name] = now[name]
                advance(1)
                if number % RECORDED == 0:
                    _record(folder, address, noted, False)
    finally:
        if noted != before:
            _record(folder, address, noted, noted == now)
    for name in before.keys() - now.keys():
        remove_if_there(files / name)
    return files / at.name if is_object else files


def copy_sizes() -> Iterator[tuple[str, int]]:
    """The address of each copy in the cache, and its bytes."""
    for record in sorted((cache_folder() / "copies").glob(f"*/{LIST}")):
        files = (path for path in (record.parent / FILES).rglob("*") if path.is_file())
        yield json.loads(record.read_text("utf-8"))["address"], sum(path.stat().st_size for path in files)


def clear_copies() -> int:
    """Delete all copies in the cache, and return how many bytes they had."""
    freed = sum(size for _, size in copy_sizes())
    shutil.rmtree(cache_folder() / "copies", ignore_errors=True)
    return freed


def _fetch(at: CloudPlace, is_object: bool, files: Path, name: str) -> str:
    (at if is_object else at / name).fetch(files / name)
    return name


def _record(folder: Path, address: str, objects: dict[str, str], is_whole: bool) -> None:
    """Write what a copy has, and whether that is all."""
    write_text(folder / LIST, json.dumps({"address": address, "is_whole": is_whole, "objects": objects}))


def _require_inside(folder: Path, names: dict[str, str]) -> None:
    for name in names:
        if not (folder / name).resolve().is_relative_to(folder.resolve()):
            raise DataError(f"The object '{name}' cannot become a file in a folder. Rename it.")
