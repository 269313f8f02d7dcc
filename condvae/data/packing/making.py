"""The making of a pack: pictures become one file of images, in a folder of the cache.

The folder has the images, one row of bytes for each picture, and a journal while it is being made. The description is
written last. A folder that has one is whole.
"""

import errno
import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from condvae.config import DataConfig
from condvae.data.listing import Pictures
from condvae.data.packing.decoders import Decoders, cpus
from condvae.data.packing.decoding import Found, Span
from condvae.data.packing.journal import Journal
from condvae.data.packing.planning import cropped, planned, sampled
from condvae.errors import StorageError
from condvae.progress import announce, progress
from condvae.storage.files import storing, write_text

LOCK, DESCRIPTION = "lock", "description.json"
FORMAT = 3  # of all files in the folder of a pack
MOST_AT_ONCE, FEWEST_AT_ONCE, ROUNDS = 512, 8, 8  # pictures that a process is given; rounds until all are done
BYTES_AT_ONCE = 1 << 24  # of images that a process keeps before it writes them
FEW = 32  # pictures for which a further process is not worth its start
SECONDS_BETWEEN_SYNCS = 2.0
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def make(folder: Path, pictures: Pictures, options: DataConfig) -> None:
    """Decode all pictures into the folder of a pack, from where the last call was interrupted.

    Raises:
        StorageError: there is not enough space, or the folder cannot be written.
        DataError: a process that decodes ended.
    """
    journal = Journal(folder, len(pictures))
    left = sum(stop - start for start, stop in journal.gaps())
    try:
        with storing(folder / DESCRIPTION):
            with Decoders(pictures, _processes(pictures, left)) as decoders:
                found = _settled(journal, decoders, options)
            _describe(journal, found, pictures, options)
    except StorageError as error:
        if isinstance(error.__cause__, OSError) and error.__cause__.errno in FULL:
            raise _no_space(journal) from error
        raise


def description(folder: Path) -> dict[str, Any] | None:
    """The description of a pack. None if the pack is not whole."""
    try:
        found = json.loads((folder / DESCRIPTION).read_text("ascii"))
        size = (folder / found["images"]).stat().st_size
        fits = found["format"] == FORMAT and size == found["bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return found if fits else None


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make the folder of a pack, and wait until no other process works in it."""
    while True:
        with storing(folder / LOCK):
            file = (folder / LOCK).open("a")
        with file:
            if not take(file):
                announce("Another process packs the same pictures. Waiting for it")
                take(file, waits=True)
            if is_at(file, folder / LOCK):  # or else the other process deleted the folder
                yield
                return


def take(file: IO[str], waits: bool = False) -> bool:
    """Lock a file, unless another process has locked it. The lock ends when the file is closed or this process ends."""
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX if waits else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_at(file: IO[str], path: Path) -> bool:
    """Whether an open file is the one at this path."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _settled(journal: Journal, decoders: Decoders, options: DataConfig) -> Found:
    """Decode all pictures by the plan that follows from all of them, and return what was found in them.

    Which plan that is, is only known when all of them are decoded. It is guessed from a few, and nearly always right.
    """
    pictures = decoders.pictures
    seen = journal.found() if journal.plan else sampled(pictures, options)
    plan = journal.plan or planned(seen, options)
    while True:
        if journal.plan != plan:
            journal.start(plan)
        _check_space(journal)
        found = _decoded(journal, decoders)
        found.coloured |= options.color_mode == "auto" and not plan.all_grey
        if journal.gaps():
            seen.add(found)
        else:
            seen = found
        decided = planned(seen, options)
        if decided == plan or not seen.sizes:
            return found
        plan = decided


def _decoded(journal: Journal, decoders: Decoders) -> Found:
    """Decode what is not done yet, and return what was found in all pictures.

    It ends early if a picture contradicts an assumption of the plan. Then the journal has gaps.
    """
    plan, found, waiting = journal.plan, journal.found(), []
    assert plan

    def contradicted() -> bool:
        unlike = plan.all_alike and any(size != (plan.height, plan.width) for size in found.sizes)
        return unlike or (plan.all_grey and found.coloured)

    def spans() -> Iterator[Span]:
        most = max(1, min(MOST_AT_ONCE, BYTES_AT_ONCE // plan.row))
        left = sum(stop - start for start, stop in gaps)
        for start, stop in gaps:
            while start < stop and not contradicted():
                share = left // (ROUNDS * max(1, len(decoders.processes)))
                end = min(stop, start + min(most, max(FEWEST_AT_ONCE, share)))
                yield Span(start, end)
                left, start = left - (end - start), end

    gaps = journal.gaps()
    done = journal.count - sum(stop - start for start, stop in gaps)
    synced = time.monotonic()
    with progress("Decoding", journal.count, "pictures", done) as advance:
        for span, piece in decoders.run(plan, journal.images, spans()):
            found.add(piece)
            waiting.append((span, piece))
            advance(span.stop - span.start)
            if time.monotonic() - synced >= SECONDS_BETWEEN_SYNCS:
                journal.add(waiting)
                waiting, synced = [], time.monotonic()
    journal.add(waiting)
    return found


def _processes(pictures: Pictures, left: int) -> int:
    """How many processes decode the pictures that are left. 0 if this process decodes them itself."""
    count = 0 if pictures.in_memory else min(cpus(), left // FEW)
    return count if count > 1 else 0


def _describe(journal: Journal, found: Found, pictures: Pictures, options: DataConfig) -> None:
    """Write the description, and delete the journal."""
    assert journal.plan
    skipped = [(position, pictures.name(position), text) for position, text in sorted(found.damaged)]
    content = {
        "format": FORMAT,
        "source": options.source,
        "images": journal.images.name,
        "bytes": journal.size,
        "shape": [journal.count, journal.plan.channels, journal.plan.height, journal.plan.width],
        "skipped": skipped,
        "cropped": [[height, width, count] for (height, width), count in cropped(found, journal.plan).items()],
    }
    write_text(journal.folder / DESCRIPTION, json.dumps(content) + "\n")
    journal.path.unlink()


def _check_space(journal: Journal) -> None:
    """Make sure that the images that are not written yet fit on the disk."""
    written = journal.images.stat().st_blocks * 512
    if journal.size - written > shutil.disk_usage(journal.folder).free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _no_space(journal: Journal) -> StorageError:
    """The error for a full disk. Everything that was made is deleted first."""
    shutil.rmtree(journal.folder, ignore_errors=True)
    free = shutil.disk_usage(journal.folder.parent).free
    return StorageError(
        f"{journal.count:,} images need {journal.size:,} bytes in {journal.folder}, but the disk has only {free:,} "
        "bytes free. Nothing was kept. Free some space, delete earlier packed images with 'condvae data clear', or "
        "name a folder on another disk in $CONDVAE_DATA."
    )
