"""Training in this process: what the run folder has, that a seed decides everything, and what stops training."""

from dataclasses import replace
from pathlib import Path

import pytest

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.errors import StorageError, TrainingError
from condvae.run import Run
from condvae.training.fit import fit
from condvae.training.module import CVAEModule
from tests.conftest import Cli
from tests.training.runs import PARAMETERS, SHORT, STEPS, logged, same, weights

MEAN_IMAGE_MSE = 0.07  # reconstructing every test image as the mean training image


def test_the_run_folder(uninterrupted: Path) -> None:
    names = {path.name for path in uninterrupted.iterdir()}
    assert names == {"config.yaml", "cvae.ckpt", "metrics.csv", "model.json", "model.safetensors"}
    record = Run(uninterrupted).describe()["record"]
    epochs, steps = SHORT["max_epochs"], SHORT["max_epochs"] * STEPS["limit_train_batches"]
    assert (record["epochs"], record["steps"], record["parameters"]) == (epochs, steps, PARAMETERS)
    test = logged(uninterrupted, "test_mse")
    assert len(test) == epochs
    assert test[-1] < test[0] < MEAN_IMAGE_MSE
    assert len(logged(uninterrupted, "train_loss_step")) == steps // STEPS["log_every_n_steps"]


def test_one_seed_gives_one_result(uninterrupted: Path, mnist: Dataset, tmp_path: Path) -> None:
    config = Run(uninterrupted).config()
    fit(config, tmp_path / "again", mnist)
    assert same(weights(uninterrupted), weights(tmp_path / "again"))
    other = replace(config, training=replace(config.training, seed=1), trainer={**config.trainer, "max_epochs": 1})
    fit(other, tmp_path / "other", mnist)
    assert not same(weights(uninterrupted), weights(tmp_path / "other"))


def test_the_bound_of_a_vae_rises(bars: Dataset, tmp_path: Path) -> None:
    """Gaussian likelihood, beta 1, and colour images that are not square."""
    config = Config(
        model=ModelConfig(likelihood="gaussian", encoder=(32,), decoder=(32,), dropout=0),
        training=TrainingConfig(beta=1.0, batch_size=10),
        trainer={"max_epochs": 15},
    )
    model = fit(config, tmp_path / "run", bars)
    loss = logged(tmp_path / "run", "train_loss_epoch")
    assert loss[-1] < loss[0] - 20, "20 nats are a small part of what the learned scale of the pixels gains"
    assert model.schema.classes == bars.train.classes


def test_a_loss_that_is_not_finite_stops_training(bars: Dataset, tmp_path: Path) -> None:
    training = TrainingConfig(beta=1.0, learning_rate=1e30, batch_size=10)
    config = Config(model=ModelConfig(likelihood="gaussian"), training=training)
    message = r"The loss is (nan|inf|-inf)\. This was found at step \d+ .*lower --training\.learning_rate"
    with pytest.raises(TrainingError, match=message):
        fit(config, tmp_path / "run", bars)


def test_an_error_of_a_training_step_is_not_taken_for_an_option_of_the_trainer(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ValueError("a bug")

    monkeypatch.setattr(CVAEModule, "training_step", broken)
    with pytest.raises(ValueError, match=r"^a bug$"):
        fit(Config(trainer={"max_epochs": 1}), tmp_path / "run", bars)


def test_a_folder_that_cannot_be_written(bars: Dataset, nowhere: Path) -> None:
    with pytest.raises(StorageError, match=rf"Cannot write {nowhere / 'config.yaml'}: "):
        fit(Config(), nowhere, bars)


def test_a_folder_with_other_contents(bars: Dataset, tmp_path: Path, command: Cli) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    assert f"{tmp_path} exists and is not empty" in command.fails("train", "--out", tmp_path)
    with pytest.raises(StorageError, match="is not empty"):
        fit(Config(), tmp_path / "letter.txt", bars)
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]
