"""Data sources by name. Each is one file with a function that loads a `Dataset`, and one line in SOURCES.

Another package adds a source with an entry point in the group `condvae.data`, whose name is the name of the source:

    [project.entry-points."condvae.data"]
    photos = "mypackage.photos:load"

Then `photos` and `photos:ARGUMENT` are sources. The function takes the text after the colon, which may be empty.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from typing import NamedTuple

from condvae.data.dataset import Dataset
from condvae.errors import ConfigError, unknown

GROUP = "condvae.data"


class Source(NamedTuple):
    """A data source.

    Attributes:
        module: the module with the function `load`.
        usage: how a user writes the source.
        summary: what it reads.
    """

    module: str
    usage: str
    summary: str


SOURCES = {
    "mnist": Source("condvae.data.mnist", "mnist", "handwritten digits, fetched once into the cache"),
    "idx": Source("condvae.data.idx", "idx:DIR", "a folder with four IDX files of MNIST's names, plain or gzipped"),
}


def load_data(source: str) -> Dataset:
    """Load a data set by its source. A public data set is fetched first if it is not in the cache.

    Args:
        source: the name of a source, with an argument after a colon if it takes one, such as "mnist" or "idx:DIR".

    Raises:
        ConfigError: there is no such source.
        DataError: the data is not available, or is damaged.
    """
    name, _, argument = source.partition(":")
    load = _loaders().get(name)
    if load is None:
        raise ConfigError(unknown("data source", name, _usages()))
    return load()(argument)


def source_help() -> str:
    """All sources in one sentence, for the help of commands."""
    described = [f"{one.usage} ({one.summary})" for one in SOURCES.values()]
    others = [name for name in _usages() if name.partition(":")[0] not in SOURCES]
    return ", or ".join([*described, *others])


def _usages() -> list[str]:
    installed = [point.name for point in entry_points(group=GROUP)]
    return [*(one.usage for one in SOURCES.values()), *installed]


def _loaders() -> dict[str, Callable[[], Callable[[str], Dataset]]]:
    """For each source a function that imports it and returns its `load`. Those of condvae win over installed ones."""
    own = {name: lambda one=one: import_module(one.module).load for name, one in SOURCES.items()}
    return {**{point.name: point.load for point in entry_points(group=GROUP)}, **own}
