"""Public data sets of four IDX files: fetched once into the cache, from the first place that has them.

The decompressed files are checked against pinned digests.
"""

import gzip
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from condvae.errors import ConfigError, DataError, StorageError
from condvae.storage.files import cache_folder, replacing, sha256

SECONDS_PER_CONNECTION = 15
Places = Mapping[str, Callable[[Path], None]]


@dataclass(frozen=True)
class PublicSet:
    """A public data set.

    Attributes:
        name: the name of the source, and of the folder in the cache.
        title: the name in messages.
        digests: the SHA-256 digest of each file, decompressed.
    """

    name: str
    title: str
    digests: Mapping[str, str]

    def fetch(self, places: Places) -> Path:
        """Make sure that the files are in the cache, and return their folder.

        Args:
            places: where the files may come from, by a name for messages: functions that write them into a folder.

        Raises:
            DataError: a cached file does not match its digest, or no place could be reached. The message lists the
                reason for each place, and how to put the files there by hand.
            StorageError: the cache folder cannot be written.
        """
        folder = cache_folder() / self.name
        if all(self._is_whole(folder / name) for name in self.digests):
            return folder
        failures = []
        for place, download in places.items():
            try:
                with tempfile.TemporaryDirectory() as scratch:
                    download(Path(scratch))
                    for name in self.digests:
                        self._check_digest(Path(scratch) / name)
                    for name in self.digests:
                        with replacing(folder / name) as aside:
                            shutil.copyfile(Path(scratch) / name, aside)
                return folder
            except StorageError:
                raise
            except Exception as error:  # whatever goes wrong in one place, the next one may work
                failures.append(f"  {place}: {_first_line(error)}")
        raise DataError(
            f"{self.title} could not be fetched from any source:\n"
            + "\n".join(failures)
            + f"\nTo put it there by hand, copy the four files {', '.join(self.digests)} (not gzipped) into {folder}, "
            "or name a folder that has them, with the source 'idx:DIR'."
        )

    def mirrors(self, urls: tuple[str, ...]) -> Places:
        """Places on the web with the gzipped files: URLs that end with a slash."""
        return {url: partial(self._from_mirror, url) for url in urls}

    def _from_mirror(self, url: str, folder: Path) -> None:
        import pooch

        for name in self.digests:
            downloader = pooch.HTTPDownloader(progressbar=True, timeout=SECONDS_PER_CONNECTION)
            packed = pooch.retrieve(
                f"{url}{name}.gz", known_hash=None, fname=f"{name}.gz", path=folder, downloader=downloader
            )
            unpack(Path(packed), folder / name)

    def _is_whole(self, path: Path) -> bool:
        if not path.is_file():
            return False
        self._check_digest(path)
        return True

    def _check_digest(self, path: Path) -> None:
        found, pinned = sha256(path), self.digests[path.name]
        if found != pinned:
            raise DataError(
                f"{path} has the SHA-256 digest {found}, but {self.title}'s file has {pinned}. It is damaged, or "
                f"another file. Delete it, and fetch it again with 'condvae data fetch {self.name}'."
            )


def refuse_argument(name: str, argument: str) -> None:
    """Make sure that nothing follows the name of a source that is a single data set.

    Raises:
        ConfigError: there is an argument.
    """
    if argument:
        raise ConfigError(f"The data source '{name}' takes no argument, got '{argument}'. Write {name}.")


def unpack(packed: Path, path: Path) -> None:
    """Decompress a gzipped file."""
    with gzip.open(packed) as source, path.open("wb") as target:
        shutil.copyfileobj(source, target)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
