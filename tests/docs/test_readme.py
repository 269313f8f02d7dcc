"""What the README shows is what happens: its code runs, and its commands print what it says, numbers aside."""

import re
import shlex
from pathlib import Path

import pytest

import condvae
from condvae.cli import main as cli
from condvae.run import Run
from tests.conftest import Cli

README = (Path(condvae.__file__).parent.parent / "README.md").read_text("utf-8")
# These are run by other tests: test_cli.py, test_report.py and test_explorer.py.
ELSEWHERE = ("reproduce", "report", "explore")
SHORTER = {"train": ["--trainer.limit_train_batches", "20"]}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def sessions() -> list[tuple[str, list[str]]]:
    """Each command of the README with the lines that it is said to print."""
    parts = "".join(blocks("console")).split("$ ")[1:]
    return [(lines[0], lines[1:]) for lines in (part.splitlines() for part in parts)]


def shape(text: str) -> str:
    """Text without its numbers and spacing."""
    return " ".join(re.sub(r"[\d.,]+", "#", text).split())


@pytest.fixture(scope="module")
def place(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One working folder for all commands, with the trained run where the README has it."""
    path = tmp_path_factory.mktemp("readme")
    (path / "runs").mkdir()
    (path / "runs" / "paper").symlink_to(run.path)
    return path


@pytest.fixture
def here(place: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(place)
    return place


def test_the_first_code_block_is_the_library(here: Path) -> None:
    assert README.index("```") == README.index("```python")
    names: dict[str, object] = {}
    exec(blocks("python")[0], names)
    for name, expected in (
        ("threes", (16, 1, 28, 28)),
        ("every", (10, 1, 28, 28)),
        ("z", (8, 2)),
        ("nines", (8, 1, 28, 28)),
    ):
        assert names[name].shape == expected
    for line in blocks("python")[0].splitlines():
        for name, said in re.findall(r"^(\w+) = .*# .*?(\([\d, ]+\))", line):
            assert str(names[name].shape) == said


def test_the_second_code_block_measures(here: Path) -> None:
    names: dict[str, object] = {}
    exec(blocks("python")[1], names)
    assert names["measured"].reconstruction.mse.count == 10_000


@pytest.mark.parametrize("line", [line for line, _ in sessions()])
def test_commands_print_what_the_readme_says(line: str, here: Path, command: Cli) -> None:
    words = shlex.split(line)
    assert words[0] == "condvae"
    if words[1] in ELSEWHERE:
        pytest.skip("run by another test")
    output = command(*words[1:], *SHORTER.get(words[1], []))
    printed = {shape(line) for line in output.splitlines()}
    for line in dict(sessions())[line]:
        stem = shape(line).replace("does not hold", "holds")
        assert stem in {line.replace("does not hold", "holds") for line in printed}, line


def test_every_command_is_in_the_readme() -> None:
    shown = [command for command, _ in sessions()]
    for name in cli.COMMANDS:
        assert any(command.startswith(f"condvae {name}") for command in shown), name


def test_files_that_the_readme_names_exist() -> None:
    root = Path(condvae.__file__).parent.parent
    for target in re.findall(r"\]\((?!http)([^)]+)\)", README):
        assert (root / target).is_file(), target
