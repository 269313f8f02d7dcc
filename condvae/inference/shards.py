"""Jobs that write many files shard by shard, and continue after an interruption.

A shard is written whole, and then counted in a small JSON file. That file also holds the settings of the job, so that a
job with other settings does not mix its files with these.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from condvae.errors import StorageError
from condvae.files import replacing, require_empty, write_text
from condvae.inference.formats import FORMATS, Arrays
from condvae.progress import progress


def record_of(out: Path) -> Path:
    """The JSON file with the settings of a job and the number of finished items."""
    return out.with_suffix(".json") if out.suffix in FORMATS else out / "made.json"


@dataclass(frozen=True)
class Job:
    """Files that are made shard by shard.

    Attributes:
        out: a folder, or a path that ends as one of FORMATS. The path is numbered if there is more than one shard.
        settings: everything that decides the content, as plain values.
        total: the number of items.
        shard: the number of items in a shard.
        what: the work, for the progress.
    """

    out: Path
    settings: dict[str, Any]
    total: int
    shard: int
    what: str

    @property
    def is_archive(self) -> bool:
        """Whether the output is one or several files with many images each, rather than a folder."""
        return self.out.suffix in FORMATS

    def do(self, make: Callable[[int, int], Arrays], write: Callable[[int, Arrays], None]) -> None:
        """Make and write every shard that is not there yet.

        Args:
            make: gets the number of the first item and the number after the last, returns the arrays of a shard.
            write: gets the number of the first item and these arrays, writes files.

        Raises:
            StorageError: there is something else at `out`, or it cannot be written.
        """
        done = self._done()
        with progress(self.what, self.total, done=done) as advance:
            for start in range(done, self.total, self.shard):
                stop = min(start + self.shard, self.total)
                arrays = make(start, stop)
                if start == 0:
                    self._write_record(0)  # so that files of an interrupted first shard are known
                write(start, arrays)
                self._write_record(stop)
                advance(stop - start)

    def write_archive(self, start: int, arrays: Arrays) -> None:
        """Write a shard as a file with many images."""
        with replacing(self._file(start)) as aside, aside.open("wb") as file:
            FORMATS[self.out.suffix].write(file, arrays, start)

    def _write_record(self, done: int) -> None:
        write_text(record_of(self.out), json.dumps({**self._made(), "done": done}, indent=1) + "\n")

    def _made(self) -> dict[str, Any]:
        return {**self.settings, "images": self.total}

    def _file(self, start: int) -> Path:
        if self.total <= self.shard:
            return self.out
        return self.out.with_name(f"{self.out.stem}-{start // self.shard:05d}{self.out.suffix}")

    def _done(self) -> int:
        record = record_of(self.out)
        if not record.exists():
            numbered = [self._file(start) for start in range(0, self.total, self.shard)]
            for path in {self.out, *numbered} if self.is_archive else {self.out}:
                require_empty(path)
            return 0
        try:
            before = json.loads(record.read_text("utf-8"))
            done = int(before.pop("done"))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(f"{record} cannot be read ({error!r}). Choose another --out.") from error
        now = self._made()
        for name in {**before, **now}:
            if before.get(name) != now.get(name):
                raise StorageError(
                    f"{record} says that the files there were made with {name} = {before.get(name)!r}, not "
                    f"{now.get(name)!r}. Choose another --out."
                )
        shards = range(0, done, self.shard) if self.is_archive else ()
        return next((start for start in shards if not self._file(start).exists()), done)
