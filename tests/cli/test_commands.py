"""The command line: help, generating, evaluating, reporting, and every mistake without a traceback."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from condvae.cli import main as cli
from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run
from tests.conftest import Cli


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_is_complete(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main([*name.split(), "--help"])
    text = capsys.readouterr().out
    assert caught.value.code == 0
    assert text.startswith(f"usage: condvae {name} ")
    assert f"Example: condvae {name}" in text
    assert len(text.split("Example: ")[0].split(". ")[0]) > 40, "it says what the command does"


def test_the_help_names_every_figure_and_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    from condvae.evaluation.evaluate import PARTS
    from condvae.report.figures import FIGURES

    for command, names in (("figure", FIGURES), ("evaluate", PARTS)):
        with pytest.raises(SystemExit):
            cli.main([command, "--help"])
        text = capsys.readouterr().out
        assert all(re.search(rf"\b{name}\b", text) for name in names)


def test_examples_of_the_help_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example parses: the parser is stopped before anything is done."""
    import condvae.inference.bulk
    import condvae.reproduce  # noqa: F401  (everything is imported before parts of it are replaced)

    class StopError(Exception):
        pass

    def stop(*arguments: object, **options: object) -> None:
        raise StopError

    for name in (
        "model.saving.load",
        "run.Run",
        "inference.bulk.load",
        "training.fit.fit",
        "data.sources.load_data",
        "reproduce.reproduce",
    ):
        monkeypatch.setattr(f"condvae.{name}", stop)
    for name, command in cli.COMMANDS.items():
        (example,) = [line.split("Example: ")[1] for line in command.__doc__.splitlines() if "Example: " in line]
        words = example.split()
        assert words[: 1 + len(name.split())] == ["condvae", *name.split()]
        with pytest.raises(StopError):
            cli.main(words[1:])


def test_overview_and_version(command: Cli, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ([], ["--help"], ["data", "--help"]):
        overview = command(*argv)
        assert all(name in overview for name in cli.COMMANDS)
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.startswith("condvae 0.")


@pytest.mark.parametrize("argv", [["evalaute", "x"], ["data", "fetsch"], ["data"], ["--frobnicate"]])
def test_unknown_command(argv: list[str], command: Cli) -> None:
    assert "There is no command" in command.fails(*argv)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--label", "12"], "There is no label '12'. Choose one of 0, 1"),
        ([], "This model needs a label"),
        (["--label", "3", "--z", "1"], "z has the shape (1, 1); this model has 2 latent dimensions"),
        (["--label", "3", "--z", "1", "inf"], "is not finite"),
        (["--label", "3", "--count", "0"], "--count 0 is not possible"),
        (["--label", "3", "--seed", "-1"], "seed = -1 is not possible"),
        (["--label", "3", "--count", "5", "--z", "1", "1"], "give one of the two"),
    ],
)
def test_generate_mistakes(options: list[str], message: str, run: Run, tmp_path: Path, command: Cli) -> None:
    assert message in command.fails("generate", run.path, *options, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_choices_of_evaluate(mnist: Dataset, tmp_path: Path, command: Cli) -> None:
    """On a model as it was before training: how many samples and images, and where z is from, is said."""
    config = Config(
        model=ModelConfig(likelihood="bernoulli", encoder=(8,), decoder=(8,)), training=TrainingConfig(beta=1)
    )
    save_model(Run(tmp_path / "run"), CVAE(config.model, mnist.train.schema), config, {})
    command = ["evaluate", tmp_path / "run", "--only"]
    output = command(*command, "likelihood", "--is-samples", 3, "--images", "all")
    assert re.search(r"-log p\(x\|y\), nats +[\d.]+ ± [\d.]+  \(n = 10,000\)", output)
    content = json.loads((tmp_path / "run" / "evaluation.json").read_text("utf-8"))
    assert "3 importance samples of z for each image, all test images" in content["likelihood"]["nll"]["protocol"]
    assert "memorisation, z from the mixture" in command(*command, "memorisation", "--mixture")
    assert "--images few is not possible; allowed: a number, or all" in command.fails(
        *command, "codes", "--images", "few"
    )


def test_a_port_that_cannot_be(run: Run, command: Cli) -> None:
    assert "--port 99999 is not possible; allowed: 1 to 65535" in command.fails("explore", run.path, "--port", 99999)


def test_what_the_operating_system_refuses_is_no_traceback(command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(argv: list[str]) -> None:
        raise OSError(28, "No space left on device", "metrics.csv")

    monkeypatch.setitem(cli.COMMANDS, "report", refuse)
    assert "The operating system refused: [Errno 28] No space left on device: 'metrics.csv'" in command.fails("report")


def test_generate_where_nobody_may_write(run: Run, nowhere: Path, command: Cli) -> None:
    message = command.fails("generate", run.path, "--label", 3, "--out", nowhere)
    assert f"Cannot write {nowhere / 'made.json'}: " in message


@pytest.mark.parametrize("name", ["evaluate", "report", "explore", "generate", "figure"])
def test_every_command_about_a_run_says_when_there_is_none(name: str, tmp_path: Path, command: Cli) -> None:
    extra = {"generate": ["--out", tmp_path / "out"]}.get(name, [])
    arguments = [name, *(["style"] if name == "figure" else []), tmp_path / "missing", *extra]
    assert f"There is no run folder {tmp_path / 'missing'}. Train one" in command.fails(*arguments)


def test_reproduce_continues_and_refuses_other_settings(run: Run, tmp_path: Path, command: Cli, monkeypatch) -> None:
    """The whole experiment with the recipes cut short: interrupted between the two trainings, then continued."""
    from dataclasses import replace

    from condvae import reproduce as experiment
    from condvae.config import load_recipe

    short = {"max_epochs": 1, "limit_train_batches": 100}
    monkeypatch.setattr(experiment, "load_recipe", lambda name: replace(load_recipe(name), trainer=short))
    fit, out = experiment.fit, tmp_path / "paper"

    def interrupted(config, path, data):
        if path.name == "autoencoder":
            raise KeyboardInterrupt
        return fit(config, path, data)

    monkeypatch.setattr(experiment, "fit", interrupted)
    assert cli.main(["reproduce", "--out", str(out)]) == 130
    captured = command.capsys.readouterr()
    assert "Interrupted. Call the same command again to continue." in captured.err
    monkeypatch.setattr(experiment, "fit", fit)
    output = command("reproduce", "--out", out)
    assert f"{out} is trained already" in output
    assert f"Report: {out / 'report.html'}" in output
    left = {path.name for path in out.iterdir()}
    assert left >= {"cvae.ckpt", "model.safetensors", "claims.json", "evaluation.json", "figures", "report.html"}
    assert "other settings than recipe 'paper' with seed 1" in command.fails("reproduce", "--out", out, "--seed", 1)


def test_as_a_program(tmp_path: Path) -> None:
    for module in (["-m", "condvae"], ["-c", "import sys; from condvae.cli.main import main; sys.exit(main())"]):
        result = subprocess.run(
            [sys.executable, *module, "evaluate", str(tmp_path / "none")], capture_output=True, text=True
        )
        assert result.returncode == 1
        assert result.stderr.startswith("condvae: There is no run folder")
