"""The bare package, without any extra: it loads and uses models, and says which line installs the rest."""

import subprocess
import sys
from pathlib import Path

import pytest

import condvae
from condvae.errors import EXTRAS

ROOT = Path(condvae.__file__).parent.parent
HIDDEN = sorted({name for names in EXTRAS.values() for name in names} | {"pydantic", "scipy"})


def without_extras(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in an interpreter that cannot find the packages of extras."""
    hide = (
        "import importlib.util, sys\n"
        f"hidden = {HIDDEN!r}\n"
        "found = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name, *rest: None if name.split('.')[0] in hidden else found(name, *rest)\n"
        "class Hidden:\n"
        "    def find_spec(self, name, *rest):\n"
        "        if name.split('.')[0] in hidden:\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hidden())\n"
    )
    return subprocess.run([sys.executable, "-c", hide + code], capture_output=True, text=True)


def test_it_generates_from_the_pretrained_model(tmp_path: Path) -> None:
    out = tmp_path / "threes"
    argv = ["generate", "pretrained", "--label", "3", "--count", "4", "--out", str(out)]
    code = f"from condvae.cli.main import main\nraise SystemExit(main({argv!r}))"
    result = without_extras(code)
    assert result.returncode == 0, result.stderr
    assert len(list((out / "3").glob("*.png"))) == 4


@pytest.mark.parametrize(
    ("argv", "line"),
    [
        (["train", "--recipe", "paper"], "pip install 'condvae[train]'"),
        (["train", "--help"], "pip install 'condvae[train]'"),
        (["train", "--resume", "runs/paper"], "pip install 'condvae[train]'"),
        (["reproduce"], "pip install 'condvae[train]'"),
        (["evaluate", "pretrained"], "pip install 'condvae[report]'"),
        (["figure", "style", "pretrained"], "pip install 'condvae[report]'"),
        (["report", "pretrained"], "pip install 'condvae[report]'"),
        (["explore"], "pip install 'condvae[explorer]'"),
    ],
)
def test_a_command_says_which_line_installs_its_extra(argv: list[str], line: str, tmp_path: Path) -> None:
    code = (
        f"import os\nos.chdir({str(tmp_path)!r})\nfrom condvae.cli.main import main\nraise SystemExit(main({argv!r}))"
    )
    result = without_extras(code)
    assert result.returncode == 1, result.stderr
    assert result.stderr.startswith("condvae: ")
    assert line in result.stderr
    assert not list(tmp_path.iterdir()), "nothing was begun"


@pytest.mark.parametrize(
    ("code", "line"),
    [
        ("condvae.fit", "condvae[train]"),
        ("condvae.Study", "condvae[report]"),
        ("condvae.Evaluation", "condvae[report]"),
        ("condvae.inference.mixture.fit_mixture(None, None, 1)", "condvae[report]"),
    ],
)
def test_a_function_says_it_too(code: str, line: str) -> None:
    result = without_extras(f"import condvae, condvae.inference.mixture\n{code}")
    assert result.returncode == 1
    assert "MissingExtraError" in result.stderr
    assert f"pip install '{line}'" in result.stderr


@pytest.mark.slow
def test_installed_alone_in_a_fresh_environment_it_generates(tmp_path: Path) -> None:
    """pip install condvae, nothing else: what is then installed is enough, and is what pyproject.toml says."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt", ROOT]
    subprocess.run(list(map(str, install)), check=True, cwd=tmp_path)
    listed = subprocess.run([python, "-m", "pip", "list"], check=True, capture_output=True, text=True).stdout.lower()
    assert "lightning" not in listed
    assert "fastapi" not in listed
    code = "import condvae; print(condvae.generate(condvae.load('pretrained'), '3', count=16, seed=0).shape)"
    result = subprocess.run([str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert result.stdout == "(16, 1, 28, 28)\n", result.stderr
