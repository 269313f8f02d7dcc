"""Every error that condvae raises on purpose.

    CondvaeError
    ├── ClusterError        the machines of a cluster cannot do the work
    ├── ConfigError         a setting, a recipe or the name of a figure is not possible
    ├── DataError           a data set is missing, damaged, or not what it says it is
    ├── ExportError         an exported model differs from the model
    ├── InputError          labels, latent vectors or images do not fit the model
    ├── MissingExtraError   a package of an optional extra is not installed
    ├── RunError            a run folder is missing, unfinished, damaged, or in the way
    ├── StorageError        the operating system refused a read or a write
    └── TrainingError       training cannot go on

Each message names the value, what is allowed, and the next step. The command line prints the message alone and ends
with exit status 1. A traceback means a bug in condvae.
"""

from collections.abc import Iterable

MOST_LISTED = 10  # of many findings
MOST_NAMES = 30  # to choose from
EXTRAS: dict[str, tuple[str, ...]] = {
    "cloud": ("obstore",),
    "train": ("imagehash", "lightning", "jsonargparse", "pytorch_optimizer"),
    "report": ("imagehash", "jinja2", "matplotlib", "sklearn", "torchmetrics"),
    "explorer": (
        "av",
        "fastapi",
        "fastapi_offline",
        "httptools",
        "matplotlib",
        "prometheus_client",
        "sklearn",
        "uvicorn",
    ),
    "hf": ("datasets", "pyarrow"),
    "hub": ("httpx2", "huggingface_hub"),
    "onnx": ("onnx", "onnxruntime", "onnxscript"),
    "ray": ("optuna", "ray", "rich"),
}


class CondvaeError(Exception):
    """Base class: catch this to catch everything that condvae raises on purpose."""


class ClusterError(CondvaeError):
    """The machines of a cluster cannot do the work."""


class ConfigError(CondvaeError, ValueError):
    """A setting, a recipe or the name of a figure is not possible."""


class DataError(CondvaeError):
    """A data set is missing, damaged, or not what it says it is."""


class ExportError(CondvaeError):
    """An exported model differs from the model."""


class InputError(CondvaeError, ValueError):
    """Labels, latent vectors or images do not fit the model."""


class MissingExtraError(CondvaeError, ImportError):
    """A package of an optional extra is not installed."""


class RunError(CondvaeError):
    """A run folder is missing, unfinished, damaged, or in the way."""


class StorageError(CondvaeError):
    """The operating system refused a read or a write."""


class TrainingError(CondvaeError):
    """Training cannot go on."""


def listed(items: Iterable[object], most: int = MOST_LISTED) -> str:
    """The first of a list for a message, and how many more there are."""
    every = [str(item) for item in items]
    shown = ", ".join(every[:most])
    return shown if len(every) <= most else f"{shown} and {len(every) - most:,} more"


def unknown(what: str, value: str, known: Iterable[str]) -> str:
    """A message for a name that is not in a list: the nearest name, then up to MOST_NAMES of them."""
    from difflib import get_close_matches

    names = sorted(known)
    near = get_close_matches(value, names, n=1)
    suggestion = f" Did you mean '{near[0]}'?" if near else ""
    return f"There is no {what} '{value}'.{suggestion} Known: {listed(names, MOST_NAMES) or 'none'}."


def require_extra(extra: str, what: str) -> None:
    """Make sure that the packages of an extra are installed. None of them is imported.

    Args:
        extra: a name of EXTRAS.
        what: what needs them, as the beginning of a sentence, such as "Training".

    Raises:
        MissingExtraError: one is missing; the message has the line that installs it.
    """
    from importlib.util import find_spec  # here, because `condvae --help` would wait for it

    missing = [name for name in EXTRAS[extra] if find_spec(name) is None]
    if missing:
        raise MissingExtraError(
            f"{what} needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed. Install "
            f"with: pip install 'condvae[{extra}]'"
        )
