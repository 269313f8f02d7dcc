"""Save and load models: weights as safetensors, and their description as JSON. Nothing is unpickled."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from condvae.config import Config
from condvae.errors import ConfigError, RunError
from condvae.model.cvae import CVAE
from condvae.plain import plain, restored
from condvae.run import FORMAT, Run
from condvae.schema import Schema
from condvae.storage.files import sha256, write_bytes, write_text


def save_model(run: Run, model: CVAE, config: Config, record: Mapping[str, Any]) -> None:
    """Finish a run: write the weights, then model.json, which marks the run as complete.

    Raises:
        StorageError: they cannot be written.
    """
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(run.weights, save(weights))
    description = {
        "format": FORMAT,
        "config": config.to_dict(),
        "schema": plain(model.schema),
        "record": dict(record),
        "sha256": sha256(run.weights),
    }
    write_text(run.description, json.dumps(description, indent=2) + "\n")


def load(path: Path | str) -> CVAE:
    """Load the model of a finished run, in evaluation mode, on the CPU. `model.to(device)` moves it.

    Args:
        path: the run folder, or "pretrained" for the model that ships with the package.

    Raises:
        RunError: the folder is missing, the run is unfinished or of a newer format, or the weights do not belong to it.
    """
    run = Run.find(path)
    description = run.describe()
    try:
        schema, config = restored(Schema, description["schema"], "schema"), Config.from_dict(description["config"])
    except (KeyError, TypeError, ConfigError) as error:
        raise RunError(f"{run.description} is damaged ({error}). Restore it, or train again.") from error
    with (
        torch.device("meta"),
        torch.random.fork_rng(devices=[]),
    ):  # initial weights are not needed, and cost nothing there
        model = CVAE(config.model, schema)
    try:
        weights, digest = load_file(run.weights), sha256(run.weights)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{run.weights} cannot be read ({error}). Restore it, or train again.") from error
    require_fit(run, model.state_dict(), weights)
    if digest != description.get("sha256", digest):  # older runs have none
        raise RunError(
            f"{run.weights} has the SHA-256 digest {digest}, but {run.description} says {description['sha256']}. "
            "One of them is damaged, or they are not from the same training. Restore them, or train again."
        )
    # the model that ships with the package is stored in half precision
    whole = {name: weight.float() if weight.is_floating_point() else weight for name, weight in weights.items()}
    model.load_state_dict(whole, assign=True)
    return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def require_fit(run: Run, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Make sure that weights have the names and shapes that the settings require.

    Raises:
        RunError: they differ. The message names the first difference.
    """
    for name in sorted(wanted.keys() | found.keys()):
        shapes = [tuple(side[name].shape) if name in side else "absent" for side in (wanted, found)]
        if shapes[0] != shapes[1]:
            raise RunError(
                f"The weights in {run.path} do not fit its settings: '{name}' should be {shapes[0]} and is "
                f"{shapes[1]}. Weights and settings must come from the same training."
            )
