"""The run folder: weights as safetensors, everything else as JSON and YAML, with a format version.

    runs/paper/  config.yaml  cvae.ckpt  metrics.csv  model.safetensors  model.json  ...

`model.safetensors` and `model.json` are all that loading needs, and are written when training is complete.
`cvae.ckpt` is Lightning's checkpoint, needed only to resume. Nothing here unpickles code.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from condvae.config import Config
from condvae.errors import ConfigError, RunError
from condvae.files import sha256, write_bytes, write_text
from condvae.model.cvae import CVAE
from condvae.run import FORMAT, Run
from condvae.schema import Attribute, Schema


def save_model(run: Run, model: CVAE, config: Config, record: Mapping[str, Any]) -> None:
    """Finish a run: write the weights, then model.json, which marks it as complete.

    Raises:
        StorageError: they cannot be written.
    """
    weights = {name: tensor.cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_bytes(run.weights, save(weights))
    description = {
        "format": FORMAT,
        "config": config.to_dict(),
        "schema": asdict(model.schema),
        "record": dict(record),
        "sha256": sha256(run.weights),
    }
    write_text(run.description, json.dumps(description, indent=2) + "\n")


def load(path: Path | str) -> CVAE:
    """Load the model of a finished run, in evaluation mode, on the CPU.

    Args:
        path: the run folder.

    Raises:
        RunError: the folder is missing, unfinished, of a newer format, or its weights are not its own.
    """
    run = Run(Path(path))
    description = run.describe()
    try:
        schema, config = _schema(description["schema"]), Config.from_dict(description["config"])
    except (KeyError, TypeError, ConfigError) as error:
        raise RunError(f"{run.description} is damaged ({error}). Restore it, or train again.") from error
    with torch.device("meta"), torch.random.fork_rng(devices=[]):  # first weights are not needed, and hardly made
        model = CVAE(config.model, schema)
    try:
        weights, digest = load_file(run.weights), sha256(run.weights)
    except (OSError, SafetensorError) as error:
        raise RunError(f"{run.weights} cannot be read ({error}). Restore it, or train again.") from error
    require_fit(run, model.state_dict(), weights)
    if digest != description.get("sha256", digest):  # runs of older versions have none
        raise RunError(
            f"{run.weights} has the SHA-256 digest {digest}, {run.description} says {description['sha256']}: they "
            "are not from the same training, or damaged. Restore them, or train again."
        )
    # those of the model that ships with the package are kept in half precision
    whole = {name: weight.float() if weight.is_floating_point() else weight for name, weight in weights.items()}
    model.load_state_dict(whole, assign=True)
    return model.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def _schema(found: Mapping[str, Any]) -> Schema:
    attributes = [{**item, "classes": tuple(item["classes"])} for item in found.get("attributes", [])]
    return Schema(tuple(found["shape"]), tuple(found["classes"]), tuple(Attribute(**item) for item in attributes))


def require_fit(run: Run, wanted: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Make sure that weights have the names and shapes that the settings ask for.

    Raises:
        RunError: they differ; the message names the first difference.
    """
    for name in sorted(wanted.keys() | found.keys()):
        shapes = [tuple(side[name].shape) if name in side else "absent" for side in (wanted, found)]
        if shapes[0] != shapes[1]:
            raise RunError(
                f"The weights in {run.path} do not fit its settings: '{name}' should be {shapes[0]} and is "
                f"{shapes[1]}. Weights and settings must come from the same training."
            )
