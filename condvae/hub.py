"""Models on the Hugging Face Hub, named by addresses such as hf://USER/NAME@REVISION.

What is downloaded is data: weights as safetensors, everything else as JSON, YAML and CSV. Nothing of it is executed.
"""

import re
from pathlib import Path
from typing import NamedTuple

from condvae.errors import ConfigError, RunError, StorageError, require_extra
from condvae.progress import advise, announce

SCHEME = "hf:"
ADDRESS = re.compile(r"hf:/{1,2}([\w.-]+/[\w.-]+)(?:@([\w./-]+))?", re.ASCII)  # Path("hf://a/b") has a single slash
LONGEST, DOUBLE = 96, {"--", ".."}  # letters of a name, and pairs that no name may have
FORM = "hf://USER/NAME or hf://USER/NAME@REVISION"
REFUSED = "The Hub refuses {}: {}. Check the address, and whether you have access to it."
NEEDED = ("model.json", "model.safetensors")
FILES = (*NEEDED, "config.yaml", "data.json", "evaluation.json", "claims.json", "metrics.csv", "mixture.safetensors")


class Address(NamedTuple):
    """A model on the Hub.

    Attributes:
        name: USER/NAME.
        revision: a branch, a tag or a commit. None for the newest version.
    """

    name: str
    revision: str | None

    def __str__(self) -> str:
        return f"hf://{self.name}" + (f"@{self.revision}" if self.revision else "")


def is_address(text: str) -> bool:
    """Whether a text is meant as an address on the Hub."""
    return text.startswith(SCHEME)


def parse(text: str) -> Address:
    """The parts of an address.

    Raises:
        ConfigError: it has another form.
    """
    found = ADDRESS.fullmatch(text)
    if not found or not all(map(_is_possible, found[1].split("/"))):
        raise ConfigError(f"'{text}' is no address on the Hub. Write {FORM}.")
    return Address(found[1], found[2])


def _is_possible(name: str) -> bool:
    """Whether the Hub allows the name of a user or of a repository."""
    ends = name[0] + name[-1]
    return (
        len(name) <= LONGEST
        and not set(ends) & set("-.")
        and not name.endswith(".git")
        and not DOUBLE & {name[place : place + 2] for place in range(len(name))}
    )


def pulled(address: Address) -> Path:
    """The folder with the files of a model on the Hub. They are downloaded into the cache of huggingface_hub.

    If the Hub is not reachable, the copy in the cache is used, and a message says so.

    Raises:
        MissingExtraError: huggingface_hub is not installed.
        RunError: there is no such model or revision, access is refused, the model is neither reachable nor in the
            cache, or the repository holds no model of condvae.
        StorageError: the files cannot be written.
    """
    require_extra("hub", f"Loading {address}")
    import httpx2
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    is_reachable = _is_reachable(address)
    try:
        folder = Path(
            snapshot_download(
                address.name, revision=address.revision, allow_patterns=list(FILES), local_files_only=not is_reachable
            )
        )
    except (LocalEntryNotFoundError, HfHubHTTPError, httpx2.TransportError) as error:
        if isinstance(error, HfHubHTTPError) and error.response.status_code < 500:
            raise RunError(REFUSED.format(address, reason(error))) from error
        raise RunError(
            f"{address} is not available: the Hub is not reachable, or the connection broke, and the cache has no "
            "complete copy. Check the connection and run the command again."
        ) from error
    except OSError as error:
        raise StorageError(
            f"{address} cannot be stored in the cache: {error}. Free some space and try again."
        ) from error
    missing = [name for name in NEEDED if not (folder / name).is_file()]
    if missing:
        raise RunError(
            f"{address} is no model of condvae: it has no {' and no '.join(missing)}. Name a repository that "
            "'condvae push' made."
        )
    return folder


def reason(error: Exception) -> str:
    """The first line of an error of huggingface_hub. The others are links to its pages."""
    return str(error).partition("\n")[0]


def _is_reachable(address: Address) -> bool:
    """Whether the Hub has the model. False if the Hub is not reachable, which a message says.

    Raises:
        RunError: there is no such model or revision, or access is refused.
    """
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        HfHubHTTPError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    announce(f"Looking for {address}")
    try:
        HfApi().model_info(address.name, revision=address.revision)
        return True
    except RevisionNotFoundError as error:
        raise RunError(
            f"{address.name} has no revision '{address.revision}'. Name a branch, a tag or a commit."
        ) from error
    except RepositoryNotFoundError as error:
        raise RunError(
            f"There is no model {address.name} on the Hub, or you have no access to it. Check the name, or log in with "
            "'hf auth login'."
        ) from error
    except HfHubHTTPError as error:
        if error.response.status_code < 500:
            raise RunError(REFUSED.format(address, reason(error))) from error
    except (httpx2.TransportError, OfflineModeIsEnabled):
        pass
    advise("The Hub is not reachable. A copy in the cache is used if there is one.")
    return False
