"""Resuming: the same weights as without an interruption, and what cannot be resumed."""

from dataclasses import replace
from pathlib import Path

import lightning.pytorch as pl
import pytest
import torch

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.errors import RunError
from condvae.recipe import load_recipe
from condvae.run import Run
from condvae.training.checkpoints import load_checkpoint
from condvae.training.fit import fit, resume
from condvae.training.logs import CsvLog
from condvae.training.module import CVAEModule
from condvae.training.processes import RunCopies
from tests.conftest import Cli
from tests.training.runs import (
    BERNOULLI,
    SHORT,
    STEP_OPTIONS,
    interrupted,
    logged,
    same,
    weights,
    with_bound,
)

MORE = ["--trainer.max_epochs", 5]
MODELS = {
    "mlp": BERNOULLI,
    "flow": replace(BERNOULLI, prior="flow"),
    "conv": replace(BERNOULLI, network="conv", encoder=(8, 8), decoder=(8, 8), dropout=0.1),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_interrupted_moved_and_resumed_it_ends_with_the_same_weights(
    bars: Dataset, tmp_path: Path, model: ModelConfig
) -> None:
    settings = with_bound(4, model, warm_up=3, schedule="one-cycle", patience=9, samples=2, learning_rate=1e-2)
    fit(settings, tmp_path / "whole", bars)
    with interrupted(2):
        fit(settings, tmp_path / "resumed", bars)
    (tmp_path / "resumed").rename(tmp_path / "moved")
    resume(tmp_path / "moved", data=bars)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "moved"))
    assert logged(tmp_path / "whole", "val_bound") == logged(tmp_path / "moved", "val_bound")


@pytest.mark.parametrize("epoch", [1, 2], ids=["middle", "last"])
def test_killed_as_soon_as_an_epoch_has_its_checkpoint_no_row_of_the_log_is_missing(
    bars: Dataset, tmp_path: Path, epoch: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit(with_bound(3), tmp_path / "whole", bars)
    with monkeypatch.context() as patched:

        def kill(copies: RunCopies, trainer: pl.Trainer) -> None:
            if trainer.current_epoch == epoch:
                raise KeyError

        patched.setattr(RunCopies, "send", kill)  # it is called after the checkpoint is written
        patched.setattr(CsvLog, "finalize", lambda *given: None)  # a killed process does nothing more
        with pytest.raises(KeyError):
            fit(with_bound(3), tmp_path / "killed", bars)
    assert load_checkpoint(Run(tmp_path / "killed").checkpoint)["epoch"] == epoch
    resume(tmp_path / "killed", data=bars)
    for figure in ("epoch", "step", "val_bound", "train_loss_epoch"):
        assert logged(tmp_path / "whole", figure) == logged(tmp_path / "killed", figure)


def test_the_fast_recipe_has_the_model_of_the_experiment_and_resumes_to_the_bit(mnist: Dataset, tmp_path: Path) -> None:
    recipe = load_recipe("fast")
    assert replace(recipe.model, dropout=0.25) == load_recipe("paper").model
    config = replace(recipe, trainer={**recipe.trainer, "limit_train_batches": 15})
    fit(config, tmp_path / "whole", mnist)
    with interrupted(1):
        fit(config, tmp_path / "parts", mnist)
    resume(tmp_path / "parts", data=mnist)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    (error,) = logged(tmp_path / "whole", "val_mse")
    assert error < 0.06, "30 steps must be enough to be better than the mean image, whose error is 0.07"


def test_a_run_that_was_moved_still_finds_its_best_weights(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds, log = iter([-1.0, -5.0, -4.0]), CVAEModule.log_dict  # the first epoch is the best one

    def worsening(module: CVAEModule, found: dict, **options: object) -> None:
        log(module, {**found, "val_bound": torch.tensor(next(bounds))} if "val_bound" in found else found, **options)

    monkeypatch.setattr(CVAEModule, "log_dict", worsening)
    with interrupted(1):
        fit(with_bound(3, patience=9), tmp_path / "run", bars)
    best = load_checkpoint(tmp_path / "run" / "best.ckpt")["state_dict"]
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    (moved / "best.ckpt").rename(tmp_path / "aside")
    with pytest.raises(RunError, match=r"best\.ckpt is missing\. It has the best weights"):
        resume(moved, data=bars)
    (tmp_path / "aside").rename(moved / "best.ckpt")
    resumed = resume(moved, data=bars).state_dict()
    assert same({f"model.{name}": weight for name, weight in resumed.items()}, best)


def test_more_epochs_continue_a_complete_run(uninterrupted: Path, tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "longer"
    command("train", "--out", out, "--trainer.max_epochs", 1, *STEP_OPTIONS)
    command("train", "--resume", out, "--trainer.max_epochs", SHORT["max_epochs"])
    assert same(weights(uninterrupted), weights(out))
    assert Run(out).config().trainer["max_epochs"] == SHORT["max_epochs"]


def test_a_complete_run_says_how_to_train_it_further(copy: Path, command: Cli) -> None:
    message = command.fails("train", "--resume", copy)
    assert f"The run in {copy} is complete after 3 epochs. To train it further, set --trainer.max_epochs" in message


def test_a_new_run_does_not_replace_another(copy: Path, command: Cli) -> None:
    assert "holds a finished run. Choose another --out" in command.fails("train", "--out", copy)
    (copy / "model.json").unlink()
    assert "holds an unfinished run. Continue it with" in command.fails("train", "--out", copy)
    assert "is not finished. Finish it with 'condvae train --resume" in command.fails("evaluate", copy)


def test_resuming_keeps_the_settings(copy: Path, command: Cli) -> None:
    changes = ["--model.latent", 3, "--training.learning_rate", 0.5, "--out", "elsewhere", "--recipe", "autoencoder"]
    message = command.fails("train", "--resume", copy, *changes, *MORE)
    for option in ("--model.latent", "--training.learning_rate", "--out", "--recipe"):
        assert option in message
    assert Run(copy).config().model.latent == 2


def test_resuming_with_weights_of_another_model(copy: Path, command: Cli) -> None:
    config = Run(copy).config()
    Run(copy).write_config(replace(config, model=replace(config.model, latent=3)))
    assert "do not fit its settings" in command.fails("train", "--resume", copy, *MORE)


def test_a_resume_that_fails_loses_nothing(copy: Path, command: Cli) -> None:
    before = (copy / "metrics.csv").read_bytes()
    assert "refuses its options" in command.fails("train", "--resume", copy, *MORE, "--trainer.accelerator", "tpu")
    assert (copy / "metrics.csv").read_bytes() == before


def test_metrics_that_were_deleted_do_not_hinder_resuming(copy: Path, mnist: Dataset) -> None:
    (copy / "metrics.csv").unlink()
    resume(copy, {**Run(copy).config().trainer, "max_epochs": 4}, mnist)
    assert set(logged(copy, "epoch")) == {3}


def test_a_run_limited_by_steps_can_be_continued(bars: Dataset, tmp_path: Path) -> None:
    limited = {"max_epochs": None, "max_steps": 3}
    fit(Config(training=TrainingConfig(batch_size=10), trainer=limited), tmp_path / "run", bars)
    resume(tmp_path / "run", {**limited, "max_steps": 30}, bars)
    assert Run(tmp_path / "run").describe()["record"]["steps"] >= 30
    with pytest.raises(RunError, match=r"is complete after \d+ epochs"):
        resume(tmp_path / "run", data=bars)


def test_resuming_nothing(tmp_path: Path, command: Cli) -> None:
    assert "it has no config.yaml" in command.fails("train", "--resume", tmp_path)
    with pytest.raises(RunError, match=r"it has no config\.yaml"):
        resume(tmp_path / "missing")
