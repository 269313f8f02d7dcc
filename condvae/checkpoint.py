"""The run folder: weights as safetensors, everything else as JSON and YAML, with a format version.

    runs/paper/  config.yaml  cvae.ckpt  metrics.csv  model.safetensors  model.json  ...

`model.safetensors` and `model.json` are all that loading needs, and are written when training is complete.
`cvae.ckpt` is Lightning's checkpoint, needed only to resume. Nothing here unpickles code.
"""

import csv
import json
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
import yaml
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from condvae.config import Attribute, Config, Schema
from condvae.errors import CondvaeError, ConfigError, RunError, StorageError
from condvae.files import replacing, sha256, write_bytes, write_text
from condvae.model import CVAE

FORMAT = 1
PRETRAINED = Path(str(files("condvae"))) / "pretrained"  # the run of a small model that ships with the package


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def checkpoint(self) -> Path:
        """Lightning's checkpoint of the last completed epoch."""
        return self.path / "cvae.ckpt"

    @property
    def config_file(self) -> Path:
        """Every setting of the run; it works as a recipe."""
        return self.path / "config.yaml"

    @property
    def description(self) -> Path:
        """What the finished model is: format version, settings, schema and record of training."""
        return self.path / "model.json"

    @property
    def weights(self) -> Path:
        """The weights of the finished model."""
        return self.path / "model.safetensors"

    @property
    def mixture(self) -> Path:
        """The ex-post density of the finished model's codes."""
        return self.path / "mixture.safetensors"

    @property
    def evaluation(self) -> Path:
        """What was measured of the finished model."""
        return self.path / "evaluation.json"

    @property
    def metrics_file(self) -> Path:
        """What was measured during training."""
        return self.path / "metrics.csv"

    @property
    def is_finished(self) -> bool:
        """Whether training is complete."""
        return self.description.is_file()

    @property
    def is_started(self) -> bool:
        """Whether training has begun here, so that it can be resumed."""
        return self.config_file.is_file()

    def require_started(self) -> None:
        """Make sure that there is a run to go on with.

        Raises:
            RunError: there is none.
        """
        if not self.is_started:
            raise RunError(
                f"{self.path} is no run folder: it has no config.yaml. Name a folder that 'condvae train' made."
            )

    def config(self) -> Config:
        """The settings of the run, from config.yaml.

        Raises:
            RunError: config.yaml is missing or damaged.
        """
        self.require_started()
        try:
            return Config.from_dict(yaml.safe_load(self.config_file.read_text("utf-8")))
        except (OSError, yaml.YAMLError, CondvaeError) as error:
            raise RunError(f"{self.config_file} cannot be used: {error} Mend it, or train again.") from error

    def write_config(self, config: Config) -> None:
        """Write config.yaml.

        Raises:
            StorageError: it cannot be written.
        """
        write_text(self.config_file, yaml.safe_dump(config.to_dict(), sort_keys=False))

    def describe(self) -> dict[str, Any]:
        """model.json: `format`, `config`, `schema`, `record` (when, how long, on what it was trained), and `sha256` of
        the weights.

        Raises:
            RunError: the folder is missing, the run is unfinished, or its format is newer than this condvae's.
        """
        if not self.path.is_dir():
            raise RunError(f"There is no run folder {self.path}. Train one with 'condvae train --out {self.path}'.")
        if not self.is_finished:
            self.require_started()
            raise RunError(
                f"The run in {self.path} is not finished. Finish it with 'condvae train --resume {self.path}'."
            )
        try:
            description: dict[str, Any] = json.loads(self.description.read_text("utf-8"))
            version = int(description["format"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunError(f"{self.description} is damaged ({error!r}). Restore it, or train again.") from error
        if version > FORMAT:
            raise RunError(
                f"The run in {self.path} has format version {version}; this condvae reads up to version {FORMAT}. "
                "Upgrade with 'pip install --upgrade condvae'."
            )
        return description

    def history(self) -> list[dict[str, float]]:
        """The rows of metrics.csv, in order: what was measured at each logged step; none if there is no such file.

        Raises:
            RunError: metrics.csv is damaged.
        """
        if not self.metrics_file.is_file():
            return []
        try:
            with self.metrics_file.open(encoding="utf-8", newline="") as file:
                return [{key: float(value) for key, value in row.items() if value} for row in csv.DictReader(file)]
        except (OSError, ValueError, TypeError) as error:
            raise RunError(f"{self.metrics_file} cannot be read ({error}). Restore it, or delete it.") from error

    def write_history(self, rows: list[dict[str, float]]) -> None:
        """Write metrics.csv.

        Raises:
            StorageError: it cannot be written.
        """
        with replacing(self.metrics_file) as aside, aside.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, sorted({key for row in rows for key in row}))
            writer.writeheader()
            writer.writerows(rows)


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
