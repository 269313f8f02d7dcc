"""What the documentation shows is what happens: its code runs, and its commands print what it says, numbers aside."""

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import condvae
from condvae.recipe import recipe_names
from tests.conftest import Cli

ROOT = Path(condvae.__file__).parent.parent
PAGES = [
    "README.md",
    *(f"docs/{name}.md" for name in ("index", "own-images", "training", "evaluation", "augmentation")),
]
SERVED = "condvae explore"  # run by tests/explorer, as docs/explorer.md is
SHORTER = {"train": ["--trainer.limit_train_batches", "20"]}
MOST_LINES = 150  # of the README


class Block(NamedTuple):
    """A block of code: its language, and its text."""

    language: str
    text: str


def blocks(page: str) -> list[Block]:
    found = re.findall(r"^```(\w+)\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.MULTILINE | re.DOTALL)
    return [Block(*one) for one in found]


def sessions(block: Block) -> Iterator[tuple[str, list[str]]]:
    """Each command of a block with the lines that it is said to print."""
    for part in block.text.split("$ ")[1:]:
        line, *printed = part.splitlines()
        yield line, printed


def shape(text: str) -> str:
    """Text without its numbers and spacing."""
    return " ".join(re.sub(r"[\d.,]+", "#", text).split())


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that the pages after the first assume."""
    from condvae.config import Config
    from condvae.recipe import load_recipe
    from condvae.training.fit import fit

    recipe = load_recipe("fast")
    path = tmp_path_factory.mktemp("documentation") / "fast"
    fit(Config(recipe.data, recipe.model, recipe.training, {**recipe.trainer, "limit_train_batches": 20}), path)
    return path


@pytest.mark.parametrize("page", PAGES)
def test_everything_that_a_page_shows_runs(page: str, place: Path, fast: Path, command: Cli) -> None:
    if page in ("docs/evaluation.md", "docs/augmentation.md"):
        shutil.copytree(fast, place / "runs" / "fast")
    for block in blocks(page):
        if block.language == "python":
            names: dict[str, object] = {}
            exec(compile(block.text, page, "exec"), names)
            said_shapes_hold(block.text, names, command.capsys.readouterr().out)
        if block.language == "console":
            for line, printed in sessions(block):
                said_lines_are_printed(line, printed, command)


def said_shapes_hold(text: str, names: dict[str, object], printed: str) -> None:
    """The comments of a block say the shapes of its results, or what it prints."""
    for name, said in re.findall(r"^(\w+) = .*# .*?(\([\d, ]+\))", text, re.MULTILINE):
        assert str(names[name].shape) == said
    for said in re.findall(r"^print\(.*\)  # (.*)$", text, re.MULTILINE):
        assert said in printed


def said_lines_are_printed(line: str, printed: list[str], command: Cli) -> None:
    words = shlex.split(line)
    assert words[0] == "condvae"
    if line.startswith(SERVED):
        return
    output = command(*words[1:], *(SHORTER.get(words[1], []) if "--list-recipes" not in words else []))
    known = {shape(one) for one in output.splitlines()}
    for one in printed:
        assert shape(one) in known, f"{line} does not print: {one}"


def test_the_first_block_needs_the_bare_package_only() -> None:
    assert blocks("README.md")[0].language == "python"
    assert 'condvae.load("pretrained")' in blocks("README.md")[0].text


def test_the_korean_readme_shows_the_same_code() -> None:
    def code(page: str) -> list[str]:
        return [re.sub(r"  # .*", "", block.text) for block in blocks(page)]

    assert code("README.ko.md") == code("README.md")


@pytest.mark.parametrize("page", ["README.md", "README.ko.md"])
def test_the_readme_is_short_and_names_the_recipes(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    companions = {"autoencoder"}  # is trained by reproduce, beside the experiment's model
    assert all(f"`{name}`" in text for name in set(recipe_names()) - companions)


def test_every_command_is_on_a_page() -> None:
    from condvae.cli.main import parsers

    text = "".join(
        (ROOT / page).read_text("utf-8") for page in [*PAGES, "docs/explorer.md", "docs/scaling.md", "docs/share.md"]
    )
    for name, _ in parsers():
        assert f"condvae {name}" in text, name


@pytest.mark.parametrize(
    "page", sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]), ids=lambda page: page.name
)
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).is_file(), target


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path / "site")]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | {"CONDVAE_TRY": "1"})
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "site" / "try" / "model" / "decode.onnx").is_file()
    first = (tmp_path / "site" / "index.html").read_text("utf-8")
    assert first.index('src="try/?embed"') < first.index('id="install"'), "it is the first thing that one sees"
    pages = {page.name for page in (tmp_path / "site").iterdir()}
    assert {"api", "command-line", "design", "evaluation", "explorer", "index.html", "training"} <= pages
    assert "condvae generate" in (tmp_path / "site" / "command-line" / "index.html").read_text("utf-8")
    assert "q(z|x,y)" in (tmp_path / "site" / "api" / "index.html").read_text("utf-8")
