"""--minutes: the length of a training as plain settings, which follow from what a step takes on this machine."""

import time
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest
import yaml

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset, prepared
from condvae.errors import ConfigError
from condvae.run import Run
from condvae.training import checkpoints, timing
from condvae.training.fit import fit, resume
from condvae.training.module import CVAEModule
from condvae.training.plan import FEW_EPOCHS, PAUSES, Costs, divided, with_plan, within
from condvae.training.timing import measured_costs
from tests.conftest import Cli
from tests.training.runs import QUIET, interrupted, logged, same, weights, with_bound

TINY = ModelConfig(encoder=(4,), decoder=(4,), dropout=0.1)


def seconds_of(plan: tuple[int, int, int | None], costs: Costs) -> float:
    """What a training of this length takes."""
    epochs, every, limit = plan
    return epochs * (limit or costs.batches) * costs.step + epochs // every * costs.pause


@pytest.mark.parametrize(("steps", "batches", "pauses"), list(product((1, 7, 400, 5003), (1, 3, 40, 900), (1, 7, 50))))
def test_a_number_of_steps_is_divided_into_whole_epochs(steps: int, batches: int, pauses: int) -> None:
    epochs, every, limit = divided(steps, batches, pauses)
    assert 0.9 * steps <= epochs * (limit or batches) <= steps or steps < 2 * FEW_EPOCHS
    assert 0 < epochs * (limit or batches) <= steps
    assert epochs % every == 0, "the last epoch has a validation"
    assert 1 <= epochs // every <= pauses
    assert limit is None or limit <= batches


@pytest.mark.parametrize("batches", [1, 30, 220, 50_000])
@pytest.mark.parametrize("step", [0.002, 0.2])
@pytest.mark.parametrize("pause", [0.0, 0.05, 3.0])
@pytest.mark.parametrize("seconds", [60, 600, 36_000])
def test_the_time_is_used_and_not_exceeded(batches: int, step: float, pause: float, seconds: float) -> None:
    costs = Costs(batches, step, pause)
    plan = within(seconds, costs, "one-cycle")
    assert 0.85 * seconds <= seconds_of(plan, costs) <= seconds
    assert plan.epochs // plan.every <= PAUSES
    assert plan.epochs // plan.every * pause <= 0.15 * seconds


def test_a_time_that_is_too_short() -> None:
    message = (
        r"--minutes leaves 2\.0 seconds after the timing\. A step takes 0\.5 s, .*one-cycle needs at least 5 steps"
    )
    with pytest.raises(ConfigError, match=message):
        within(2, Costs(10, 0.5, 0.1), "one-cycle")


def test_the_warm_up_keeps_its_share_and_other_settings_stay() -> None:
    config = with_bound(20, warm_up=5)
    found = with_plan(replace(config, trainer={**config.trainer, "max_steps": 7}), divided(1000, 4))
    assert found.trainer == {"max_epochs": 250, "devices": 1, "check_val_every_n_epoch": 5, **QUIET}
    assert found.training == replace(config.training, warm_up=62.5, checkpoint_every=5)
    assert with_plan(config, divided(30, 400)).trainer["limit_train_batches"] == 3


@pytest.fixture
def known_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is timed: a step takes 10 ms, and validation and checkpoint 100 ms."""
    monkeypatch.setattr(timing, "measured_costs", lambda *_: Costs(4, 0.01, 0.1))


@pytest.mark.usefixtures("known_costs")
@pytest.mark.parametrize("patience", [0, 9])
def test_config_has_plain_settings_that_give_the_same_weights_again(
    bars: Dataset, tmp_path: Path, patience: int
) -> None:
    settings = with_bound(10, warm_up=1, schedule="one-cycle", patience=patience)
    fit(settings, tmp_path / "first", bars, minutes=0.1)
    written = Config.from_dict(yaml.safe_load((tmp_path / "first" / "config.yaml").read_text()))
    epochs, every = written.trainer["max_epochs"], written.training.checkpoint_every
    assert 4 * epochs * 0.01 == pytest.approx(5.3, abs=0.5), "10% of 5.8 seconds are for validations"
    assert every == written.trainer["check_val_every_n_epoch"] > 1
    fit(written, tmp_path / "again", bars)
    assert same(weights(tmp_path / "first"), weights(tmp_path / "again"))
    with interrupted(epochs - every + 1):
        fit(written, tmp_path / "parts", bars)
    assert checkpoints.load_checkpoint(tmp_path / "parts" / "cvae.ckpt")["epoch"] == epochs - every - 1
    resume(tmp_path / "parts", data=bars)
    assert same(weights(tmp_path / "first"), weights(tmp_path / "parts"))


def test_timing_leaves_no_trace(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SHORTEST", 0.05)
    monkeypatch.setattr(timing, "within", lambda *_: divided(40, 4))
    settings = with_bound(10, schedule="one-cycle", balance=0.5, shift=0.2)
    fit(settings, tmp_path / "timed", bars, minutes=0.001)
    fit(Run(tmp_path / "timed").config(), tmp_path / "plain", bars)
    assert same(weights(tmp_path / "timed"), weights(tmp_path / "plain"))
    assert Run(tmp_path / "timed").describe()["record"]["steps"] == 40
    assert {path.name for path in (tmp_path / "timed").iterdir()} == {
        path.name for path in (tmp_path / "plain").iterdir()
    }


def test_steps_and_validations_are_timed(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def slower(method: Callable, seconds: float) -> Callable:
        def slow(*arguments: object) -> object:
            time.sleep(seconds)
            return method(*arguments)

        return slow

    monkeypatch.setattr(CVAEModule, "training_step", slower(CVAEModule.training_step, 0.05))
    monkeypatch.setattr(CVAEModule, "validation_step", slower(CVAEModule.validation_step, 0.3))
    settings = with_bound(10)
    costs = measured_costs(settings, prepared(bars, settings), 0.5)
    assert costs.batches == 4
    assert 0.05 < costs.step < 0.15
    assert 0.3 < costs.pause < 0.6
    without = replace(settings, trainer={**settings.trainer, "limit_val_batches": 0, "enable_checkpointing": False})
    assert measured_costs(without, prepared(bars, settings), 0.1).pause == 0


def test_thousands_of_short_epochs_flood_neither_disk_nor_output(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[Path] = []
    save = checkpoints.save_checkpoint

    def counted(content: dict, path: Path) -> None:
        written.append(path)
        save(content, path)

    monkeypatch.setattr(checkpoints, "save_checkpoint", counted)
    config = with_plan(Config(model=TINY, training=TrainingConfig(batch_size=90)), divided(210, 1))
    fit(config, tmp_path / "run", bars)
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("epoch ")]
    for count in (len(lines), len(written), len(logged(tmp_path / "run", "test_mse"))):
        assert 40 <= count <= PAUSES
    assert lines[-1].startswith("epoch 210/210: ")
    assert Run(tmp_path / "run").history()[-1]["epoch"] == 209


def test_the_last_epoch_has_a_checkpoint_a_row_and_a_line_of_its_own(
    bars: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = Config(model=TINY, training=TrainingConfig(checkpoint_every=3), trainer={"max_epochs": 5})
    fit(config, tmp_path / "run", bars)
    assert checkpoints.load_checkpoint(tmp_path / "run" / "cvae.ckpt")["epoch"] == 4
    assert [row["epoch"] for row in Run(tmp_path / "run").history() if "seconds" in row] == [2, 4]
    assert "epoch 5/5: " in capsys.readouterr().out
    stopped = replace(config, trainer={"max_epochs": -1, "max_steps": 4, **QUIET})
    fit(stopped, tmp_path / "stopped", bars)
    assert checkpoints.load_checkpoint(tmp_path / "stopped" / "cvae.ckpt")["epoch"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            ["--minutes", 1, "--trainer.max_epochs", 3],
            "so --trainer.max_epochs cannot be given. Leave one of them out.",
        ),
        (["--minutes", 1, "--trainer.max_steps", 3], "so --trainer.max_steps cannot be given"),
        (["--minutes", 1, "--resume", "pretrained"], "the length of a new training, so --resume cannot be given"),
        (["--data", "folder:missing", "--minutes", 0], "--minutes must be more than 0, got 0"),
    ],
)
def test_mistakes(options: list, message: str, tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in command.fails("train", *options)
    assert not list(tmp_path.iterdir())


def test_minutes_need_one_device_and_a_step(bars: Dataset, tmp_path: Path) -> None:
    two = replace(with_bound(3), trainer={"devices": 2, "accelerator": "cpu", **QUIET})
    with pytest.raises(
        ConfigError, match=r"--minutes needs a training on one device, got 2\. Set --trainer\.max_epochs"
    ):
        fit(two, tmp_path / "run", bars, minutes=1)
    none = replace(with_bound(3), trainer={"limit_train_batches": 0, **QUIET})
    with pytest.raises(
        ConfigError, match=r"--minutes needs a training step, and the options of the Trainer allow none"
    ):
        fit(none, tmp_path / "run", bars, minutes=1)
    with pytest.raises(ConfigError, match=r"--minutes must be more than 0, got nan"):
        fit(with_bound(3), tmp_path / "run", bars, minutes=float("nan"))
    assert not (tmp_path / "run").exists()
