"""The parsers: every help text, every example, unknown commands, and old spellings."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from condvae.cli import main as cli
from condvae.cli.options import RENAMED
from condvae.evaluation.part import RENAMED as RENAMED_PARTS
from tests.conftest import Cli

WRONG_USAGE = 2  # the exit status of argparse
SENTENCE = 25  # characters that a sentence about a command has at least


@pytest.mark.parametrize("name", sorted(cli.COMMANDS))
def test_help_is_complete(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for argv in ([*name.split(), "--help"], ["help", *name.split()]):
        with pytest.raises(SystemExit) as caught:
            cli.main(argv)
        text = capsys.readouterr().out
        assert caught.value.code == 0
        assert text.startswith(f"usage: condvae {name} ")
        assert f"Example: condvae {name}" in text
        first = cli.COMMANDS[name].text.splitlines()[0]
        assert first in text
        assert first.endswith(".")
        assert len(first) > SENTENCE


def test_every_option_is_explained() -> None:
    for name, parser in cli.parsers():
        for action in parser._actions:
            assert action.help, f"{name} {action.option_strings}"


def test_the_parsers_for_the_documentation_are_complete() -> None:
    parsers = dict(cli.parsers())
    assert list(parsers) == list(cli.COMMANDS)
    assert "--model.latent" in parsers["train"].format_help()
    assert "--trainer.max_epochs" in parsers["train"].format_help()


def test_the_help_names_every_figure_part_source_and_recipe(capsys: pytest.CaptureFixture[str]) -> None:
    from condvae.data.sources import SOURCES
    from condvae.evaluation.part import parts
    from condvae.recipe import recipe_names
    from condvae.report.figures import FIGURES

    for command, names in (
        ("figure", FIGURES),
        ("evaluate", parts()),
        ("data fetch", SOURCES),
        ("train", recipe_names()),
    ):
        with pytest.raises(SystemExit):
            cli.main([*command.split(), "--help"])
        text = capsys.readouterr().out
        assert all(re.search(rf"\b{name}\b", text) for name in names)


def test_examples_of_the_help_are_understood(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example parses: the command is stopped before anything is done."""
    import condvae.cluster.plan
    import condvae.explorer.server
    import condvae.inference.bulk
    import condvae.reproduce  # noqa: F401  (everything is imported before parts of it are replaced)

    class StopError(Exception):
        pass

    def stop(*arguments: object, **options: object) -> None:
        raise StopError

    for name in (
        "run.Run.find",
        "inference.bulk.load",
        "training.fit.fit",
        "data.packing.packed.packed_size",
        "data.sources.load_data",
        "data.sources.open_source",
        "reproduce.reproduce",
        "cluster.plan.load_plan",
    ):
        monkeypatch.setattr(f"condvae.{name}", stop)
    for name, command in cli.COMMANDS.items():
        (example,) = [line.split("Example: ")[1] for line in command.text.splitlines() if "Example: " in line]
        words = example.split()
        assert words[: 1 + len(name.split())] == ["condvae", *name.split()]
        with pytest.raises(StopError):
            cli.main(words[1:])


def test_overview_and_version(command: Cli) -> None:
    for argv in ([], ["--help"], ["help"]):
        overview = command(*argv)
        assert all(name.split()[0] in overview for name in cli.COMMANDS)
    for argv in (["data"], ["data", "--help"], ["help", "data"]):
        assert "fetch" in command(*argv)
    assert command("--version").startswith("condvae 0.")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["evalaute", "x"], "There is no command 'evalaute'. Did you mean 'evaluate'?"),
        (["data", "fetsch"], "There is no command 'data fetsch'. Did you mean 'data fetch'?"),
        (["--frobnicate"], "There is no command '--frobnicate'"),
        (["help", "trian"], "There is no command 'trian'. Did you mean 'train'?"),
    ],
)
def test_unknown_command(argv: list[str], message: str, command: Cli) -> None:
    assert message in command.fails(*argv)


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_spelling_is_answered_with_the_new_one(old: str, command: Cli, tmp_path: Path) -> None:
    for argument in (old, f"{old}=1"):
        message = command.fails("generate", "pretrained", argument, "--out", tmp_path / "out")
        assert f"{old} is now {RENAMED[old]}. Write that and run the command again." in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("old", RENAMED_PARTS)
def test_an_old_name_of_a_part_is_answered_with_the_new_one(
    old: str, command: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    message = command.fails("evaluate", "pretrained", "--only", old)
    assert f"'{old}'" in message
    assert f"'{RENAMED_PARTS[old]}'" in message
    assert not list(tmp_path.iterdir()), "the pretrained run is not copied"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["generate", "pretrained", "--lab", "3", "--out", "x"], "unrecognized arguments: --lab"),
        (["train", "--rec", "fast"], "unrecognized arguments: --rec"),
        (["train", "--model.lat", "3"], "unrecognized arguments: --model.lat"),
        (["train", "--model.latent", "many"], "model.latent"),
        (["data", "--out", "x"], "condvae data: error: "),
        (["generate", "pretrained"], "the following arguments are required: --out"),
        (["figure", "style", "pretrained", "--device", "tpu"], "invalid choice: 'tpu'"),
    ],
)
def test_wrong_usage(
    argv: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options are taken in full only, by train as well, whose parser is jsonargparse's."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        cli.main(argv)
    assert caught.value.code == WRONG_USAGE
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("argv", "place", "how"),
    [
        (
            ["generate", "pretrained", "--out", "x"],
            "inference.bulk.generate_files",
            "Run the same command again to continue.",
        ),
        (
            ["encode", "pretrained", "y", "--out", "x.npz"],
            "inference.bulk.encode_files",
            "Run the same command again to continue.",
        ),
        (["evaluate", "pretrained"], "evaluation.evaluate.evaluate", "What was measured is kept."),
        (["train", "--out", "x"], "training.fit.fit", "No training was begun."),
    ],
)
def test_ctrl_c_says_how_to_continue(
    argv: list[str], place: str, how: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch
) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    import condvae.evaluation.evaluate
    import condvae.inference.bulk
    import condvae.training.fit  # noqa: F401  (imported before parts of it are replaced)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(f"condvae.{place}", interrupt)
    assert cli.main(argv) == cli.INTERRUPTED
    assert f"Interrupted. {how}" in capsys.readouterr().err


def test_what_the_operating_system_refuses_is_no_traceback(command: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(name: object) -> None:
        raise OSError(28, "No space left on device", "metrics.csv")

    monkeypatch.setattr("condvae.run.Run.find", refuse)
    message = command.fails("report", "pretrained")
    assert "The operating system reports: [Errno 28] No space left on device: 'metrics.csv'" in message


def test_as_a_program(tmp_path: Path) -> None:
    for module in (["-m", "condvae"], ["-c", "import sys; from condvae.cli.main import main; sys.exit(main())"]):
        result = subprocess.run(
            [sys.executable, *module, "evaluate", str(tmp_path / "none")], capture_output=True, text=True
        )
        assert result.returncode == 1
        assert result.stderr.startswith("condvae: There is no run folder")
