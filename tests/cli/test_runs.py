"""Commands that take a run: mistakes, the word `pretrained`, and what is written where."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import condvae
from benchmarks.explorer import free_port
from condvae.cli import main as cli
from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import SHIPPED, Run
from tests.conftest import Cli


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label", "12"], "There is no label '12'. Choose one of 0, 1"),
        ([], "This model needs a label"),
        (["--label", "3", "--z", "1"], "z has the shape (1, 1); this model has 2 latent dimensions"),
        (["--label", "3", "--z", "1", "inf"], "is not finite"),
        (["--label", "3", "--count", "0"], "--count must be at least 1, got 0"),
        (["--label", "3", "--seed", "-1"], "seed must be from 0 to 4294967295, got -1"),
        (["--label", "3", "--count", "5", "--z", "1", "1"], "Give one of the two"),
        (["--label", "3", "--prior", "mixture", "--z", "1", "1"], "Give one of the two"),
        (["--label", "3", "--pair"], "there is no z"),
        (["--label", "3", "--count", "9" * 20], "count must be from 1 to 1,000,000,000,000"),
        (["--label", "3" * 5000], "There is no label"),
        (["--label", "3", "4", "4", "--pair", "--z", "1", "1", "--z", "0", "0"], "The numbers do not match"),
    ],
)
def test_generate_mistakes(options: list[str], message: str, tmp_path: Path, command: Cli) -> None:
    assert message in command.fails("generate", "pretrained", *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_generate_from_the_model_that_ships(tmp_path: Path, command: Cli) -> None:
    assert "Drew 16 images" in command(
        "generate", "pretrained", "--label", 3, "--count", 16, "--out", tmp_path / "threes"
    )
    assert len(list((tmp_path / "threes" / "3").glob("*.png"))) == 16


def test_pairs_and_samples_are_those_of_the_library(tmp_path: Path, command: Cli) -> None:
    model, z = condvae.load("pretrained"), [[0.5, -1.0], [0.0, 1.0]]
    vectors = ["--z", 0.5, -1, "--z", 0, 1]
    command("generate", "pretrained", "--label", 4, 9, *vectors, "--pair", "--out", tmp_path / "pairs.npz")
    pairs = np.load(tmp_path / "pairs.npz")
    assert pairs["labels"].tolist() == ["4", "9"]
    assert np.array_equal(pairs["images"], condvae.generate(model, ["4", "9"], z=z, pair=True))
    command("generate", "pretrained", "--label", 4, "--count", 3, "--sample", "--out", tmp_path / "samples.npz")
    samples = np.load(tmp_path / "samples.npz")["images"]
    assert np.array_equal(samples, condvae.generate(model, "4", count=3, sample=True, seed=0))
    assert set(np.unique(samples)) == {0, 255}, "the model is of binarised images"
    message = command.fails("generate", "pretrained", "--label", 4, "--count", 3, "--out", tmp_path / "samples.npz")
    assert "sample = True, not None" in message


def test_commands_that_write_into_a_run_copy_the_one_that_ships(
    tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in SHIPPED.iterdir()}
    output = command("figure", "compare", "pretrained", "--label", 4, 9)
    assert f"Written: {Path('runs/pretrained/figures/compare.png')}" in output
    assert (tmp_path / "runs" / "pretrained" / "figures" / "compare.png").is_file()
    assert {path: path.stat().st_mtime_ns for path in SHIPPED.iterdir()} == before


def test_a_mistake_in_the_name_of_a_figure_copies_nothing(tmp_path: Path, command: Cli, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "There is no figure 'styel'. Did you mean 'style'?" in command.fails("figure", "styel", "pretrained")
    assert not list(tmp_path.iterdir())


def test_explore_opens_the_model_that_ships_if_no_run_is_named(command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    served = []
    monkeypatch.setattr(
        "condvae.explorer.server.serve", lambda session, *_: served.append((session.study.run.path, session.name))
    )
    command("explore", "--port", free_port())
    assert served == [(SHIPPED, "pretrained")]


def test_another_folder_is_not_taken_for_the_model_that_ships(
    tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "pretrained").mkdir(parents=True)
    message = command.fails("report", "pretrained")
    assert "does not hold the model that you named. Move it away" in message


def test_pairs_without_labels_and_pairs_in_folders(tmp_path: Path, command: Cli, run: Run) -> None:
    vectors = ["--z", 0, 0, 0, "--z", 1, 1, 1]
    command("generate", run.path / "autoencoder", "--pair", *vectors, "--out", tmp_path / "pairs.npz")
    assert np.load(tmp_path / "pairs.npz")["labels"].tolist() == ["", ""]
    once = ["generate", "pretrained", "--label", 3, "--pair", "--z", 0, 0, "--z", 1, 1]
    assert "--pair draws a label several times" in command.fails(*once, "--out", tmp_path / "folder")


def test_the_choices_of_evaluate(mnist: Dataset, tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a model as it was before training: the protocol says how many samples and images, and where z is from."""
    config = Config(
        model=ModelConfig(likelihood="bernoulli", encoder=(8,), decoder=(8,)), training=TrainingConfig(beta=1)
    )
    save_model(Run(tmp_path / "run"), CVAE(config.model, mnist.train.schema), config, {})
    evaluate = ["evaluate", tmp_path / "run", "--only"]
    output = command(*evaluate, "likelihood", "--importance-samples", 3, "--images", "all")
    assert re.search(r"-log p\(x\|y\), nats +[\d.]+ ± [\d.]+  \(n = 10,000\)", output)
    content = json.loads((tmp_path / "run" / "evaluation.json").read_text("utf-8"))
    assert re.search(r"\b3 importance samples", content["parts"]["likelihood"]["nll"]["protocol"])
    for name in ("IMAGES", "SEEN"):
        monkeypatch.setattr(f"condvae.evaluation.parts.classifier_score.{name}", 100)
    command(*evaluate, "classifier_score", "--prior", "mixture")
    content = json.loads((tmp_path / "run" / "evaluation.json").read_text("utf-8"))
    assert content["parts"]["classifier_score"]["prior"] == "mixture"
    assert "--images must be a number, or all, got few" in command.fails(*evaluate, "codes", "--images", "few")
    assert "--importance-samples must be at least 1, got 0" in command.fails(
        *evaluate, "codes", "--importance-samples", 0
    )


def test_a_port_that_is_not_possible(command: Cli) -> None:
    assert "--port must be from 1 to 65535, got 99999" in command.fails("explore", "--port", 99999)


def test_generate_where_nobody_may_write(nowhere: Path, command: Cli) -> None:
    message = command.fails("generate", "pretrained", "--label", 3, "--out", nowhere)
    assert f"Cannot write {nowhere / 'made.json'}: " in message


@pytest.mark.parametrize("name", ["evaluate", "report", "explore", "generate", "figure", "encode"])
def test_every_command_about_a_run_says_if_there_is_none(name: str, tmp_path: Path, command: Cli) -> None:
    missing = tmp_path / "missing"
    arguments = {
        "generate": [missing, "--out", tmp_path / "out"],
        "encode": [missing, tmp_path, "--out", tmp_path / "out.npz"],
        "figure": ["style", missing],
    }.get(name, [missing])
    assert f"There is no run folder {missing}. Train one" in command.fails(name, *arguments)


def test_a_device_that_is_not_there(tmp_path: Path, command: Cli) -> None:
    import torch

    if not torch.cuda.is_available():
        message = command.fails("generate", "pretrained", "--device", "cuda", "--label", 3, "--out", tmp_path / "x")
        assert "The device 'cuda' is not available on this machine. Choose another --device" in message
    command("generate", "pretrained", "--device", "cpu", "--label", 3, "--out", tmp_path / "y")


def test_reproduce_continues_and_refuses_other_settings(tmp_path: Path, command: Cli, monkeypatch) -> None:
    """The whole experiment with the recipes cut short: interrupted between the two trainings, then continued."""
    from dataclasses import replace

    from condvae import reproduce as experiment
    from condvae.recipe import load_recipe

    short = {"max_epochs": 1, "limit_train_batches": 100}
    monkeypatch.setattr(experiment, "load_recipe", lambda name: replace(load_recipe(name), trainer=short))
    fit, out = experiment.fit, tmp_path / "paper"

    def interrupted(config, path, data):
        if path.name == "autoencoder":
            raise KeyboardInterrupt
        return fit(config, path, data)

    monkeypatch.setattr(experiment, "fit", interrupted)
    assert cli.main(["reproduce", "--out", str(out)]) == cli.INTERRUPTED
    captured = command.capsys.readouterr()
    assert "Interrupted. Run the same command again to continue." in captured.err
    monkeypatch.setattr(experiment, "fit", fit)
    output = command("reproduce", "--out", out)
    assert f"Report: {out / 'report.html'}" in output
    left = {path.name for path in out.iterdir()}
    assert left >= {"cvae.ckpt", "model.safetensors", "claims.json", "evaluation.json", "figures", "report.html"}
    assert "other settings" in command.fails("reproduce", "--out", out, "--seed", 1)
