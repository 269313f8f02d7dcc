"""Checkpoints: written whole or not at all, and read without executing what is in them."""

import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from condvae.errors import RunError, StorageError
from condvae.storage.files import replacing


def save_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write a checkpoint, whole or not at all. After a crash, the previous checkpoint is still there.

    Raises:
        StorageError: it cannot be written, for example because the disk is full.
    """
    with replacing(path) as temporary:
        try:
            torch.save(dict(content), temporary)
        except RuntimeError as error:  # PyTorch's writer hides the error of the operating system
            raise StorageError(
                f"Cannot write {path}: {str(error).splitlines()[0]} Is the disk full? The previous checkpoint is "
                "unchanged. Free some space and resume."
            ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint as plain data. A pickle that would execute code is refused.

    Raises:
        RunError: the file is missing or damaged, or contains more than plain data.
    """
    try:
        with warnings.catch_warnings():  # a pickle of another protocol is read, or refused below
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RunError(
            f"{path} was refused: it contains code or objects other than tensors and plain data, or it is damaged. "
            "Nothing in it was executed. Delete it if you do not know where it comes from, and train again."
        ) from error
    except (OSError, RuntimeError, EOFError) as error:
        raise RunError(f"{path} cannot be read ({error}). Delete it and train again.") from error


class SafeCheckpointIO(TorchCheckpointIO):
    """Lets Lightning write and read checkpoints with the two functions above."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:
        return load_checkpoint(Path(path))
