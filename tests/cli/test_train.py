"""The command train: its list of recipes, its settings, and the device."""

from pathlib import Path

import pytest

from condvae.cli.main import main
from condvae.config import load_recipe, recipe_names, recipe_notes
from condvae.run import Run
from tests.conftest import Cli


def test_the_list_of_recipes_has_what_each_recipe_says_of_itself(command: Cli) -> None:
    lines = command("train", "--list-recipes").splitlines()
    assert lines[0].split() == ["recipe", "what", "training", "figures"]
    assert [line.split()[0] for line in lines[1:]] == recipe_names()
    for line, name in zip(lines[1:], recipe_names(), strict=True):
        notes = recipe_notes(name)
        assert list(notes) == ["What", "Time", "Figures"]
        assert all(text in line for text in notes.values())


def test_settings_and_device_are_kept_in_the_run(tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "run"
    options = ["--model.latent", 3, "--trainer.max_epochs", 1, "--trainer.limit_train_batches", 5, "--device", "cpu"]
    assert f"Trained: {out}" in command("train", "--recipe", "fast", "--out", out, *options)
    config = Run(out).config()
    assert config.model.latent == 3
    assert config.trainer["accelerator"] == "cpu"
    assert config.training == load_recipe("fast").training


def test_the_help_says_that_loggers_are_added(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "They are added to metrics.csv, which every run has." in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--recipe", "papper"], "There is no recipe 'papper'. Did you mean 'paper'?"),
        (["--model.latent", "0"], "model.latent must be at least 1, got 0"),
        (["--model.likelihood", "gausian"], "There is no likelihood 'gausian'. Did you mean 'gaussian'?"),
        (["--data", "mnits"], "There is no data source 'mnits'. Did you mean 'mnist'?"),
        (["--resume", ""], "--resume needs a run folder, got ''"),
        (["--resume", "missing"], "missing is not a run folder: it has no config.yaml"),
        (["--resume", "pretrained", "--model.latent", "3"], "--resume continues a run with its own settings"),
    ],
)
def test_mistakes(options: list[str], message: str, tmp_path: Path, command: Cli, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in command.fails("train", *options)
    assert not list(tmp_path.iterdir())
