"""Options of Lightning's Trainer: loggers, precision, and what is refused."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.loggers import Logger
from safetensors.torch import load_file

import condvae
from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.run import Run
from condvae.training import trainer
from condvae.training.fit import fit
from condvae.training.logs import CsvLog
from tests.conftest import Cli
from tests.training.runs import logged, with_bound

TINY = ModelConfig(encoder=(8,), decoder=(8,))


def tiny(**options: object) -> Config:
    """One epoch of a small model, with options of the Trainer."""
    return Config(model=TINY, trainer={"max_epochs": 1, **options})


class Seen(Logger):
    """A logger of a user: keeps what it is given.

    Attributes:
        rows: the metrics that all loggers of this class were given.
    """

    rows: list[dict[str, float]] = []  # noqa: RUF012

    def __init__(self, title: str = "mine") -> None:
        super().__init__()
        self.title = title

    @property
    def name(self) -> str:
        return self.title

    @property
    def version(self) -> str:
        return "0"

    def log_hyperparams(self, *arguments: Any, **options: Any) -> None:
        return

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        self.rows.append({"step": step, **metrics})


MINE = {"class_path": "tests.training.test_trainer.Seen"}
OTHER = {**MINE, "init_args": {"title": "other"}}


@pytest.mark.parametrize(
    ("logger", "count"),
    [(None, 0), (True, 0), (False, 0), (MINE, 1), ([MINE, OTHER], 2)],
    ids=["unset", "true", "false", "one", "list"],
)
def test_loggers_of_the_user_are_added_to_the_log_of_the_run(
    bars: Dataset, tmp_path: Path, logger: object, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Seen, "rows", [])
    fit(tiny(logger=logger), tmp_path / "run", bars)
    assert len(logged(tmp_path / "run", "test_mse")) == 1
    losses = logged(tmp_path / "run", "train_loss_epoch")
    assert len(losses) == 1
    assert [row["train_loss_epoch"] for row in Seen.rows if "train_loss_epoch" in row] == losses * count


def test_a_logger_of_the_command_line(tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Seen, "rows", [])
    options = ["--trainer.max_epochs", 1, "--trainer.limit_train_batches", 2, "--trainer.limit_val_batches", 1]
    logger = ["--trainer.logger", MINE["class_path"], "--trainer.logger.title", "mine"]
    command("train", "--out", tmp_path / "run", *options, *logger)
    assert logged(tmp_path / "run", "test_mse") == [row["test_mse"] for row in Seen.rows if "test_mse" in row]


def test_tensorboard_is_the_default_if_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FakeTensorBoard(Seen):
        def __init__(self, *_: object, **__: object) -> None:
            super().__init__()

    monkeypatch.setattr(trainer, "TensorBoardLogger", FakeTensorBoard)
    for installed in (True, False):
        monkeypatch.setattr(trainer, "find_spec", lambda name, found=installed: found or None)
        for chosen, expected in ((None, installed), (True, installed), (False, False)):
            kinds = [type(one) for one in trainer._loggers(chosen, Run(tmp_path), {})]
            assert kinds == [CsvLog, *([FakeTensorBoard] if expected else [])]


def test_a_logger_whose_package_is_missing(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(logger: Seen, title: str = "mine") -> None:
        raise ModuleNotFoundError("No module named 'mine'")

    monkeypatch.setattr(Seen, "__init__", missing)
    with pytest.raises(ConfigError, match=r"(?s)An option of Lightning's Trainer is not possible: .*No module named"):
        fit(tiny(logger=MINE), tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


def test_an_unknown_option_of_the_trainer(bars: Dataset, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"option of Lightning's Trainer is not possible: .*max_epochz"):
        fit(tiny(max_epochz=2), tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("precision", ["bf16-true", "16-true"])
def test_precisions_that_change_the_weights_are_refused(tmp_path: Path, command: Cli, precision: str) -> None:
    message = command.fails("train", "--trainer.precision", precision, "--out", tmp_path / "run")
    known = "32-true, bf16-mixed, 16-mixed, 64-true, 32, bf16, 16, 64"
    assert f"trainer.precision must be one of {known}, got {precision}." in message
    assert not (tmp_path / "run").exists()


def test_a_model_of_float64_is_used_like_others(bars: Dataset, tmp_path: Path) -> None:
    model = fit(tiny(precision="64-true"), tmp_path / "run", bars)
    assert {value.dtype for value in load_file(tmp_path / "run" / "model.safetensors").values()} == {torch.float64}
    loaded = condvae.load(tmp_path / "run")
    images = condvae.generate(loaded, "left", count=2, seed=0)
    assert images.shape == (2, 3, 5, 7)
    assert model.device == loaded.device


@pytest.mark.parametrize("option", ["max_epochs", "limit_train_batches", "max_steps"])
def test_training_without_a_step_is_refused(bars: Dataset, tmp_path: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=rf"No training step was made, .*'{option}': 0"):
        fit(Config(trainer={option: 0}), tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [({"accelerator": "tpu"}, "torch_xla"), ({"val_check_interval": 500}, "val_check_interval")],
    ids=["when it is made", "when training begins"],
)
def test_what_the_trainer_refuses(bars: Dataset, tmp_path: Path, options: dict, reason: str) -> None:
    with pytest.raises(ConfigError, match=rf"Lightning's Trainer refuses its options: .*{reason}"):
        fit(tiny(**options), tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


def test_a_run_may_be_limited_by_steps(bars: Dataset, tmp_path: Path) -> None:
    config = Config(model=TINY, training=TrainingConfig(batch_size=10), trainer={"max_steps": 3})
    fit(config, tmp_path / "run", bars)
    assert Run(tmp_path / "run").describe()["record"]["steps"] == 3


def test_patience_needs_a_bound_that_is_measured(bars: Dataset, tmp_path: Path) -> None:
    settings = with_bound(2, patience=1)
    rare = replace(settings, trainer={**settings.trainer, "check_val_every_n_epoch": 3})
    message = r"check_val_every_n_epoch must be 1 to 2, the number of epochs, if training\.patience is 1, got 3"
    with pytest.raises(ConfigError, match=message):
        fit(rare, tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("has", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_used_if_the_processor_has_it(
    has: bool, precision: str, bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "has_bf16", lambda kind: has)
    wants = replace(tiny(), training=TrainingConfig(bf16=True))
    fit(wants, tmp_path / "run", bars)
    assert Run(tmp_path / "run").describe()["record"]["precision"] == precision
    explicit = replace(wants, trainer={**wants.trainer, "precision": "32-true"})
    fit(explicit, tmp_path / "explicit", bars)
    assert Run(tmp_path / "explicit").describe()["record"]["precision"] == "32-true"
