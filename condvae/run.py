"""The run folder: weights as safetensors, everything else as JSON, YAML and CSV.

    runs/paper/  config.yaml  cvae.ckpt  metrics.csv  model.safetensors  model.json  ...

`model.safetensors` and `model.json` are all that loading needs. They are written when training is complete.
"""

import csv
import json
import shutil
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from condvae.config import Config
from condvae.errors import CondvaeError, ConfigError, RunError
from condvae.hub import is_address, parse, pulled
from condvae.progress import announce
from condvae.storage.files import replacing, sha256, storing, write_text

FORMAT = 2  # 1 had the data source as a text, and the number of validation images among the settings of training
PRETRAINED = "pretrained"  # names the model that ships with the package
SHIPPED = Path(str(files("condvae"))) / PRETRAINED
COPIES = Path("runs")  # where copies of runs go into which nothing may be written


@dataclass(frozen=True)
class Run:
    """A run folder.

    Attributes:
        path: the folder.
        copy: where commands that write into the run make a copy of it, if nothing may be written into the folder.
    """

    path: Path
    copy: Path | None = None

    @classmethod
    def find(cls, name: "Run | Path | str") -> "Run":
        """A run by its folder, by its address on the Hub (hf://USER/NAME), or by the word "pretrained".

        A model on the Hub is downloaded. "pretrained" is the model that ships with the package.

        Raises:
            ConfigError: the address has another form.
            MissingExtraError: huggingface_hub is not installed.
            RunError: the address names no model.
            StorageError: the files cannot be stored.
        """
        if isinstance(name, Run):
            return name
        if name == PRETRAINED:
            return cls(SHIPPED, COPIES / PRETRAINED)
        if is_address(str(name)):
            address = parse(str(name))
            return cls(pulled(address), COPIES / str(address).removeprefix("hf://").replace("/", "--"))
        return cls.at(name)

    @classmethod
    def at(cls, path: Path | str) -> "Run":
        """A run by its folder.

        Raises:
            ConfigError: it is an address of something else.
        """
        if "://" in str(path):
            raise ConfigError(f"A run folder must be a path of this machine, got {path}.")
        return cls(Path(path))

    def own(self) -> "Run":
        """This run, or a copy of it in runs/ if it ships with the package or is in the cache of the Hub.

        Commands that write into a run use it.

        Raises:
            RunError: the place of the copy holds something else.
            StorageError: the copy cannot be written.
        """
        if self.copy is None:
            return self
        copy = Run(self.copy)
        if not copy.path.exists():
            announce(f"Copying the model to {copy.path}")
            with storing(copy.path):
                temporary = copy.path.with_name(f".{copy.path.name}.part")
                shutil.rmtree(temporary, ignore_errors=True)
                shutil.copytree(self.path, temporary)
                temporary.rename(copy.path)
        if not copy.weights.is_file() or sha256(copy.weights) != sha256(self.weights):
            raise RunError(f"{copy.path} exists and does not hold the model that you named. Move it away.")
        return copy

    @property
    def checkpoint(self) -> Path:
        """Lightning's checkpoint of the last completed epoch."""
        return self.path / "cvae.ckpt"

    @property
    def config_file(self) -> Path:
        """All settings of the run. The file can be used as a recipe."""
        return self.path / "config.yaml"

    @property
    def description(self) -> Path:
        """Format version, settings, schema and training record of the finished model."""
        return self.path / "model.json"

    @property
    def weights(self) -> Path:
        """The weights of the finished model."""
        return self.path / "model.safetensors"

    @property
    def mixture(self) -> Path:
        """The ex-post mixture fitted to the codes of the finished model."""
        return self.path / "mixture.safetensors"

    @property
    def evaluation(self) -> Path:
        """The figures measured of the finished model."""
        return self.path / "evaluation.json"

    @property
    def data_file(self) -> Path:
        """What was done to the data source: sizes, modes, splits, counts and files left out."""
        return self.path / "data.json"

    @property
    def split_file(self) -> Path:
        """Which picture is in which part of the data."""
        return self.path / "split.csv"

    @property
    def metrics_file(self) -> Path:
        """The figures logged during training."""
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
        """Make sure that there is a run to continue.

        Raises:
            RunError: there is none.
        """
        if not self.is_started:
            raise RunError(
                f"{self.path} is not a run folder: it has no config.yaml. Name a folder that 'condvae train' made."
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
            raise RunError(f"{self.config_file} cannot be used: {error} Fix the file, or train again.") from error

    def write_config(self, config: Config) -> None:
        """Write config.yaml.

        Raises:
            StorageError: it cannot be written.
        """
        write_text(self.config_file, yaml.safe_dump(config.to_dict(), sort_keys=False))

    def describe(self) -> dict[str, Any]:
        """The content of model.json.

        Its keys are `format`, `config`, `schema`, `record` (when, how long and on what the model was trained), and
        `sha256`, the digest of the weights.

        Raises:
            RunError: the folder is missing, the run is unfinished, or its format is newer than this condvae reads.
        """
        if self.path.is_file():
            raise RunError(
                f"{self.path} is a file, and not a run folder. Give the run folder. A file that was exported can be "
                "explored with 'condvae explore', and used from Python with condvae.load."
            )
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
                f"The run in {self.path} has format version {version}. This condvae reads versions up to {FORMAT}. "
                "Upgrade with 'pip install --upgrade condvae'."
            )
        return description

    def data_record(self) -> dict[str, Any]:
        """The content of data.json. Empty if there is none, because the source gives its images ready-made.

        Raises:
            RunError: data.json is damaged.
        """
        if not self.data_file.is_file():
            return {}
        try:
            record: dict[str, Any] = json.loads(self.data_file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.data_file} is damaged ({error}). Restore it, or delete it.") from error
        return record

    @property
    def resize(self) -> str | None:
        """How pictures are made like the training images. None if the source gave its images ready-made."""
        return self.data_record()["resize"] if self.data_file.is_file() else None

    def history(self) -> list[dict[str, float]]:
        """The rows of metrics.csv in their order, one for each logged step. Empty if there is no such file.

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
        with replacing(self.metrics_file) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, sorted({key for row in rows for key in row}))
            writer.writeheader()
            writer.writerows(rows)


def name_of(run: Run | Path | str) -> str:
    """The name of a run without the path to it: that of its folder, its address on the Hub, or "pretrained"."""
    name = str(run.path if isinstance(run, Run) else run)
    return name if name == PRETRAINED or is_address(name) else Path(name).resolve().name
