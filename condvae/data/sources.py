"""Data sources by name. Each is one file with a function `load`, and one line in SOURCES.

`load` takes the text after the colon, and gives a `Dataset`, or a `Listing` of pictures that are still to be decoded,
brought to one size and split.

Another package adds a source with an entry point in the group `condvae.data`, whose name is the name of the source:

    [project.entry-points."condvae.data"]
    photos = "mypackage.photos:load"

Then `photos` and `photos:ARGUMENT` are sources. The text after the colon may be empty.
"""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple, TypeAlias

from condvae.config import DataConfig
from condvae.data.dataset import Dataset
from condvae.data.listing import Listing
from condvae.errors import ConfigError, unknown
from condvae.storage.copies import copied
from condvae.storage.places import is_cloud

GROUP = "condvae.data"
Loader: TypeAlias = Callable[[str], "Dataset | Listing"]


class Source(NamedTuple):
    """A data source.

    Attributes:
        module: the module with the function `load`.
        usage: how a user writes the source.
        summary: what it reads.
        reads: what of this machine it reads, and copies if it is in object storage: the "path" that it names, or the
            "folder" of that path. Empty if it names no path.
    """

    module: str
    usage: str
    summary: str
    reads: str = ""


SOURCES = {
    "mnist": Source("condvae.data.readers.mnist", "mnist", "handwritten digits, fetched once into the cache"),
    "fashion-mnist": Source(
        "condvae.data.readers.fashion", "fashion-mnist", "images of clothes, fetched once into the cache"
    ),
    "digits": Source(
        "condvae.data.readers.digits", "digits", "8 x 8 digits that scikit-learn brings along, without a network"
    ),
    "idx": Source(
        "condvae.data.readers.idx", "idx:DIR", "a folder with four IDX files of MNIST's names, plain or gzipped", "path"
    ),
    "folder": Source(
        "condvae.data.readers.folder",
        "folder:DIR",
        "a sub-folder for each class, or images with a metadata.csv",
        "path",
    ),
    "table": Source(
        "condvae.data.readers.table",
        "table:FILE",
        "a CSV or parquet file with pictures, labels and attributes",
        "folder",
    ),
    "arrays": Source(
        "condvae.data.readers.arrays", "arrays:FILE.npz", "NumPy arrays with images, labels and attributes", "path"
    ),
    "hf": Source(
        "condvae.data.readers.hub", "hf:NAME_OR_PATH[:CONFIG]", "a Hugging Face data set on the Hub or on the disk"
    ),
}


def load_data(source: str | DataConfig) -> Dataset:
    """Load a data set. A public data set is fetched first if it is not in the cache.

    Args:
        source: the name of a source, with an argument after a colon if it takes one, such as "mnist" or "folder:DIR".
            Or the source with options: how its images are prepared and split.

    Raises:
        ConfigError: there is no such source, or an option does not fit it.
        DataError: the data is not available, or is damaged.
    """
    options = DataConfig(source) if isinstance(source, str) else source
    found = open_source(options.source)
    return Dataset.from_listing(found, options) if isinstance(found, Listing) else found.refitted(options)


def open_source(source: str) -> Dataset | Listing:
    """What a source has, as it has it. Raises what `load_data` raises."""
    name, _, argument = source.partition(":")
    load = _loaders().get(name)
    if load is None:
        raise ConfigError(unknown("data source", name, _usages()))
    here = here_of(source).partition(":")[2]
    found = load()(here)
    return found if here == argument else replace(found, source=source)


def here_of(source: str) -> str:
    """The source that reads the same from paths of this machine. What is in object storage is copied into the cache.

    Raises:
        DataError: there is nothing at the address.
        StorageError: the object storage cannot be reached.
    """
    name, _colon, argument = source.partition(":")
    reads = SOURCES[name].reads if name in SOURCES else ""
    if not reads or not is_cloud(argument):
        return source
    if reads == "path":
        return f"{name}:{copied(argument)}"
    folder, _, file = argument.rpartition("/")
    return f"{name}:{copied(folder) / file}"


def source_help() -> str:
    """All sources in one sentence, for the help of commands."""
    described = [f"{one.usage} ({one.summary})" for one in SOURCES.values()]
    others = [name for name in _usages() if name.partition(":")[0] not in SOURCES]
    return ", or ".join([*described, *others])


def _usages() -> list[str]:
    installed = [point.name for point in entry_points(group=GROUP)]
    return [*(one.usage for one in SOURCES.values()), *installed]


def _loaders() -> dict[str, Callable[[], Loader]]:
    """For each source a function that imports it and returns its `load`. Those of condvae win over installed ones."""
    own = {name: lambda one=one: import_module(one.module).load for name, one in SOURCES.items()}
    return {**{point.name: point.load for point in entry_points(group=GROUP)}, **own}
