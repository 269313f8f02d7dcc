"""Every error that condvae raises on purpose.

    CondvaeError
    ├── ConfigError     a setting, a recipe or a figure name is not possible
    ├── DataError       a data set is missing, damaged, or not what it says it is
    ├── InputError      labels, latent vectors or images given to a model do not fit it
    ├── RunError        a run folder is missing, unfinished, damaged, or in the way
    ├── StorageError    the operating system refused a read or a write
    └── TrainingError   training cannot go on

Each message says the value, what is allowed, and what to do next. The command line prints the
message alone and ends with exit status 1; a traceback means a bug in condvae.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class CondvaeError(Exception):
    """Base class: catch this to catch everything that condvae raises on purpose."""


class ConfigError(CondvaeError, ValueError):
    """A setting, a recipe or a figure name is not possible."""


class DataError(CondvaeError):
    """A data set is missing, damaged, or not what it says it is."""


class InputError(CondvaeError, ValueError):
    """Labels, latent vectors or images given to a model do not fit it."""


class RunError(CondvaeError):
    """A run folder is missing, unfinished, damaged, or in the way."""


class StorageError(CondvaeError):
    """The operating system refused a read or a write."""


class TrainingError(CondvaeError):
    """Training cannot go on."""


def unknown(what: str, value: str, known: Iterable[str]) -> str:
    """A message for a name that is not in a list: the nearest one, then all of them."""
    names = sorted(known)
    near = get_close_matches(value, names, n=1)
    suggestion = f" Did you mean '{near[0]}'?" if near else ""
    return f"There is no {what} '{value}'.{suggestion} Known: {', '.join(names) or 'none'}."
