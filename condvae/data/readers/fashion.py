"""Fashion-MNIST (Xiao, Rasul and Vollgraf 2017, https://arxiv.org/abs/1708.07747): pictures of clothes in ten classes.

Its four files come from the cache, from Debian's package dataset-fashion-mnist, or from the public mirrors.
"""

from dataclasses import replace
from pathlib import Path

from condvae.data.dataset import Dataset
from condvae.data.readers.fetching import Places, PublicSet, refuse_argument, unpack
from condvae.data.readers.idx import read_folder
from condvae.errors import DataError

FASHION = PublicSet(
    "fashion-mnist",
    "Fashion-MNIST",
    {
        "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    },
)
CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
PACKAGE = "dataset-fashion-mnist"
PACKAGE_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where Debian's package has its files


def load(argument: str) -> Dataset:
    """Fashion-MNIST, fetched first if it is not in the cache.

    Raises:
        ConfigError: there is an argument.
        DataError: a file is damaged, or cannot be fetched.
        StorageError: the cache folder cannot be written.
    """
    refuse_argument(FASHION.name, argument)
    train, test = (replace(part, classes=CLASSES) for part in read_folder(FASHION.fetch(_sources())))
    return Dataset(FASHION.name, train, test)


def _sources() -> Places:
    return {f"Debian's package {PACKAGE}": _from_package, **FASHION.mirrors(MIRRORS)}


def _from_package(folder: Path) -> None:
    if not PACKAGE_FOLDER.is_dir():
        raise DataError(f"it is not installed (apt-get install {PACKAGE})")
    for name in FASHION.digests:
        unpack(PACKAGE_FOLDER / f"{name}.gz", folder / name)
