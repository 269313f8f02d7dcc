"""Jobs that write many files shard by shard, and continue after an interruption.

A shard is there if its last file is. A small JSON file holds the settings of the job, so that a job with other settings
does not mix its files with these.
"""

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from condvae.errors import ConfigError, InputError, MissingExtraError, StorageError, listed
from condvae.inference.formats import Arrays
from condvae.progress import progress
from condvae.storage.place import Place

Make = Callable[[int, int], Arrays]


class Files(Protocol):
    """The files of a job.

    Attributes:
        folder: where they lie.
        record: the JSON file with the settings.
    """

    @property
    def folder(self) -> Place: ...

    @property
    def record(self) -> Place: ...

    def require_new(self) -> None:
        """Make sure that nothing is in the way of a new job.

        Raises:
            StorageError: something is.
        """

    def last(self, start: int, stop: int) -> str:
        """The last file of the shard with the items `start` to before `stop`: its path below the folder."""

    def contents(self, start: int, arrays: Arrays) -> dict[str, bytes]:
        """All files of a shard in order, by their paths below the folder. `start` is the number of its first item."""


class Workers:
    """Who makes the shards of a job: this process, one after the other."""

    @contextmanager
    def alone_at(self, record: Place) -> Iterator[None]:
        """Inside, no other command of this machine works on the job with this record.

        Raises:
            StorageError: one does.
        """
        name = sha256(f"{Path('~').expanduser()} {record.address}".encode()).hexdigest()[:16]
        try:
            with FileLock(Path(tempfile.gettempdir()) / f"condvae-{name}.lock", timeout=0):
                yield
        except Timeout as error:
            raise taken(record) from error

    def each(self, work: Callable[[int], None], starts: Iterable[int]) -> Iterator[int]:
        """Call `work` with each number, and give back those that are done, in any order."""
        for start in starts:
            work(start)
            yield start


@dataclass(frozen=True)
class Job:
    """Files that are made shard by shard.

    Attributes:
        files: where they lie, and what is in them.
        settings: everything that decides the content, as plain values.
        total: the number of items.
        shard: the number of items in a shard.
        what: the work, for the progress.
    """

    files: Files
    settings: dict[str, Any]
    total: int
    shard: int
    what: str

    def do(self, make: Make, workers: Workers | None = None, finish: Callable[[], None] = lambda: None) -> None:
        """Make and write every shard that is not there yet.

        Args:
            make: gets the number of the first item and the number after the last, returns the arrays of a shard.
            workers: who makes the shards. This process if left out.
            finish: called once all shards are there, before another command may work on the job.

        Raises:
            ConfigError, InputError, MissingExtraError: an item cannot be made.
            StorageError: there is something else, another command is working on it, or it cannot be written.
        """
        workers = workers or Workers()
        with workers.alone_at(self.files.record):
            self._begin()
            missing = self._missing()
            done = self.total - sum(self._stop(start) - start for start in missing)
            with progress(self.what, self.total, done=done) as advance:
                try:
                    for start in workers.each(partial(self._write, make), missing):
                        advance(self._stop(start) - start)
                except (ConfigError, InputError, MissingExtraError):
                    if done == 0 and self._missing() == missing:  # so that the corrected command can use this place
                        self.files.record.remove()
                    raise
            if missing:
                self._require_all()
            finish()

    def _write(self, make: Make, start: int) -> None:
        """Make a shard and write its files."""
        arrays = make(start, self._stop(start))
        self.files.folder.create_all(self.files.contents(start, arrays))

    def _missing(self) -> list[int]:
        """The first items of the shards that are not there yet."""
        last = {start: self.files.last(start, self._stop(start)) for start in range(0, self.total, self.shard)}
        present = self.files.folder.present(last.values())
        return [start for start, name in last.items() if name not in present]

    def _stop(self, start: int) -> int:
        return min(start + self.shard, self.total)

    def _begin(self) -> None:
        """Write the record, or compare it with that of an earlier call."""
        record, now = self.files.record, {**self.settings, "images": self.total}
        if not record.is_file():
            self.files.require_new()
            record.create((json.dumps(now, indent=1) + "\n").encode())
        try:
            before = dict(json.loads(record.read()))
            names = [name for name in dict.fromkeys((*before, *now)) if name != "done"]  # of earlier versions
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(f"{record} cannot be read ({error!r}). Choose another --out.") from error
        for name in names:
            if before.get(name) != now.get(name):
                raise StorageError(
                    f"{record} says that the files there were made with {name} = {before.get(name)!r}, not "
                    f"{now.get(name)!r}. Choose another --out."
                )

    def _require_all(self) -> None:
        """Make sure that every shard can be seen from here."""
        missing = [self.files.last(start, self._stop(start)) for start in self._missing()]
        if missing:
            raise StorageError(
                f"{listed(missing)} cannot be seen in {self.files.folder}, although all was written. All machines must "
                "reach this place at the same address. Choose an --out of which this is true, such as s3://BUCKET/NAME."
            )


def taken(record: Place) -> StorageError:
    """The error of a job that another command is working on."""
    return StorageError(f"Another command is writing the files that {record} describes. Wait for it, or stop it first.")
