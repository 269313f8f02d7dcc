"""The command train: its list of recipes, its settings, and the device."""

from pathlib import Path

import pytest

from condvae.cli.main import main
from condvae.cli.train import _chosen, _in_full, settings_parser
from condvae.recipe import load_recipe, recipe_names, recipe_notes
from condvae.run import Run
from condvae.training.plan import Costs
from tests.conftest import Cli
from tests.data.test_sources import write_idx_folder


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


def test_words_after_a_list_and_the_short_name_of_the_source_are_written_in_full() -> None:
    given = [
        "--data",
        "digits",
        "--data.image_size",
        "8",
        "16",
        "--model.encoder",
        "[4, 5]",
        "--data.class_names",
        "a b",
        "1",
    ]
    assert _in_full([*given, "--data=x"]) == [
        "--data.source", "digits", "--data.image_size", "[8, 16]", "--model.encoder", "[4, 5]",
        "--data.class_names", '["a b", "1"]', "--data.source=x",
    ]  # fmt: skip


def test_words_of_a_list_may_have_any_letters() -> None:
    given = _in_full(["--data.class_names", "😀", "고양이", "a: b"])
    assert settings_parser(given).parse_args(given).data.class_names == ("😀", "고양이", "a: b")


@pytest.mark.parametrize(
    ("options", "recipe"),
    [
        ([], "paper"),
        (["--data", "mnist"], "paper"),
        (["--data", "digits"], "auto"),
        (["--data", "mnist", "--recipe", "auto"], "auto"),
        (["--data=digits", "--recipe", "conv"], "conv"),
    ],
)
def test_the_recipe_follows_from_the_source(options: list[str], recipe: str) -> None:
    argv = _in_full(options)
    assert _chosen(argv).recipe == recipe
    settings = settings_parser(argv).parse_args(argv)
    assert settings.model.network == load_recipe(recipe).model.network
    assert settings.data.source == ("digits" if "digits" in " ".join(options) else "mnist")


def test_the_recipe_auto_says_what_it_chose_and_keeps_what_was_given(tmp_path: Path, command: Cli) -> None:
    write_idx_folder(tmp_path / "set")
    out = tmp_path / "run"
    options = ["--model.latent", 3, "--model.encoder", 6, 4, "--trainer.max_epochs", 2]
    output = command("train", "--data", f"idx:{tmp_path / 'set'}", "--out", out, *options)
    assert "6 grey training images of 4 x 5 pixels in 3 classes." in output
    assert "Fewer than 100 images: training.batch_size 25. Reason: there are too few images" not in output
    assert "Fewer than 100 images: data.validation_split 0" in output
    config = Run(out).config()
    assert (config.model.latent, config.model.encoder, config.model.decoder) == (3, (6, 4), (256, 512))
    assert config.trainer["max_epochs"] == 2
    assert "holds a finished run" in command.fails("train", "--data", f"idx:{tmp_path / 'set'}", "--out", out)
    assert "so --model.network cannot be changed" in command.fails("train", "--resume", out, "--model.network", "conv")


@pytest.mark.parametrize("recipe", ["auto", "paper"])
def test_minutes_make_plain_settings(
    recipe: str, tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.training.timing.measured_costs", lambda *_: Costs(1, 0.2, 0.1))
    write_idx_folder(tmp_path / "set")
    output = command(
        "train", "--recipe", recipe, "--data", f"idx:{tmp_path / 'set'}", "--out", tmp_path / "run", "--minutes", 0.05
    )
    assert "All images: steps" not in output, "the length of the table is not used"
    trainer = Run(tmp_path / "run").config().trainer
    assert (trainer["max_epochs"], trainer["check_val_every_n_epoch"]) == (13, 13)
