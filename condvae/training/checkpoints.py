"""TODO."""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from condvae.errors import RunError, StorageError
from condvae.files import replacing


def save_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write a training checkpoint, whole or not at all: after a crash the previous one is there.

    Raises:
        StorageError: it cannot be written, because the disk is full for example.
    """
    with replacing(path) as aside:
        try:
            torch.save(dict(content), aside)
        except RuntimeError as error:  # torch's own writer hides the operating system's error
            raise StorageError(
                f"Cannot write {path}: {str(error).splitlines()[0]} Is the disk full? The previous checkpoint is "
                "still whole: free some space and resume."
            ) from error


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a training checkpoint as plain data: a pickle that would execute code is refused.

    Raises:
        RunError: the file is missing, damaged, or holds more than plain data.
    """
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise RunError(
            f"{path} was refused: it holds code or objects other than tensors and plain data, or is damaged. "
            "None of it was run. Delete it if you do not know where it comes from, and train again."
        ) from error
    except (OSError, RuntimeError, EOFError) as error:
        raise RunError(f"{path} cannot be read ({error}). Delete it and train again.") from error


class SafeCheckpointIO(TorchCheckpointIO):
    """Checkpoints that are written whole or not at all, and read without executing what is in them."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        save_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: Any, map_location: Any = None, weights_only: Any = None) -> dict[str, Any]:
        return load_checkpoint(Path(path))
