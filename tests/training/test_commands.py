"""`condvae train`: settings, recipes, and data that is found from any folder."""

from pathlib import Path

import pytest
import yaml

from condvae.errors import DataError
from condvae.evaluation.study import Study
from condvae.model.saving import load
from condvae.run import Run
from tests.conftest import Cli
from tests.data.test_sources import write_idx_folder
from tests.training.runs import STEP_OPTIONS, STEPS


def test_settings_of_the_command_line_win_over_the_recipe(tmp_path: Path, command: Cli) -> None:
    recipe = tmp_path / "mine.yaml"
    recipe.write_text("model: {latent: 5, encoder: [32], decoder: [32]}\ntraining: {batch_size: 50}\n")
    out = tmp_path / "run"
    output = command(
        "train", "--trainer.max_epochs=1", "--model.latent", 3, "--recipe", recipe, "--out", out, *STEP_OPTIONS,
        "--trainer.precision", "bf16-mixed", "--trainer.gradient_clip_val", "1",
        "--trainer.callbacks+=lightning.pytorch.callbacks.Timer", "--trainer.callbacks.duration=00:01:00:00",
    )  # fmt: skip
    assert f"Trained: {out}" in output
    config = yaml.safe_load((out / "config.yaml").read_text())
    assert (config["model"]["latent"], config["model"]["encoder"], config["training"]["batch_size"]) == (3, [32], 50)
    assert config["trainer"]["precision"] == "bf16-mixed"
    assert load(out).config.latent == 3
    assert Run(out).describe()["record"]["steps"] == STEPS["limit_train_batches"]


def test_an_option_with_a_value_of_another_type(tmp_path: Path, command: Cli) -> None:
    with pytest.raises(SystemExit) as caught:
        command("train", "--trainer.max_epochs", "many", "--out", tmp_path / "run")
    assert caught.value.code == 2
    assert not (tmp_path / "run").exists()


def test_the_data_of_a_run_is_found_from_any_folder(tmp_path: Path, command: Cli, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_idx_folder(tmp_path / "set")
    command("train", "--data", "idx:set", "--out", "run", "--trainer.max_epochs", 1)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert "reconstruction error" in command("evaluate", tmp_path / "run", "--only", "reconstruction")
    write_idx_folder(tmp_path / "set", width=4)
    with pytest.raises(DataError, match=r"\(1, 4, 4\)"):
        _ = Study(tmp_path / "run").data


def test_a_recipe_with_an_unknown_option_of_the_trainer(tmp_path: Path, command: Cli) -> None:
    (tmp_path / "mine.yaml").write_text("trainer: {max_epochz: 2}")
    assert "max_epochz" in command.fails("train", "--recipe", tmp_path / "mine.yaml")


def test_unknown_recipe(command: Cli) -> None:
    assert "There is no recipe 'papre'. Did you mean 'paper'?" in command.fails("train", "--recipe", "papre")
