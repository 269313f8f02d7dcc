"""The walls: imports run downwards, heavy libraries stay at home, the public surface is what it says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import condvae

PACKAGE = Path(condvae.__file__).parent
DESIGN = PACKAGE.parent / "docs" / "design.md"
HOMES = {
    "lightning": {"training"},
    "av": {"explorer"},
    "fastapi": {"explorer"},
    "fastapi_offline": {"explorer"},
    "gradio": {"explorer"},
    "matplotlib": {"report"},
    "pydantic": {"explorer"},
    "sklearn": {"inference", "report", "evaluation"},
    "torchmetrics": {"evaluation"},
    "uvicorn": {"explorer"},
    "zuko": {"model"},
}


def floors() -> dict[str, int]:
    """The floor of each module, from the table in docs/design.md."""
    rows = re.findall(r"^\| (\d+) \| ((?:`[\w/.]+`(?:, )?)+) \|", DESIGN.read_text("utf-8"), re.MULTILINE)
    return {
        name.removesuffix(".py").rstrip("/"): int(floor)
        for floor, names in rows
        for name in re.findall(r"`(.*?)`", names)
    }


def room(path: Path) -> str:
    """The module of a file, or its folder: condvae/explorer/page.py is `explorer`."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, at the top or inside functions."""
    names = set()
    tree = ast.parse(path.read_text("utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


DOORS = {"__init__.py", "__main__.py"}
SOURCES = [path for path in PACKAGE.rglob("*.py") if path.parent != PACKAGE or path.name not in DOORS]


def test_every_module_has_a_floor() -> None:
    assert {room(path) for path in SOURCES} == set(floors())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_run_downwards(path: Path) -> None:
    known = floors()
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "condvae" and parts[1] != room(path):
            assert known[parts[1]] < known[room(path)], f"{room(path)} imports {parts[1]}, which is not below it"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_heavy_libraries_stay_at_home(path: Path) -> None:
    for name in imports(path):
        library = name.split(".")[0]
        assert room(path) in HOMES.get(library, {room(path)}), f"{path.name} imports {library}"


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after running code in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


HEAVY = {"torch", "lightning", "pytorch_lightning", "gradio", "matplotlib", "sklearn", "jsonargparse", "numpy"}


@pytest.mark.parametrize(
    "code",
    [
        "import condvae",
        "from condvae.cli.main import main; main(['--help'])",
        "from condvae.cli.main import main; main([])",
    ],
)
def test_start_up_loads_nothing_heavy(code: str) -> None:
    assert not loaded_by(code) & HEAVY


def test_generating_loads_only_what_it_needs() -> None:
    loaded = loaded_by("import condvae; condvae.generate, condvae.load")
    assert "torch" in loaded
    assert not loaded & (HEAVY - {"torch", "numpy"})


def test_public_surface() -> None:
    assert condvae.__all__ == [
        "CVAE",
        "CondvaeError",
        "Config",
        "Dataset",
        "Evaluation",
        "LabelledImages",
        "ModelConfig",
        "PRETRAINED",
        "Study",
        "TrainingConfig",
        "Values",
        "encode",
        "fit",
        "generate",
        "interpolate",
        "load",
        "load_data",
        "load_mixture",
        "load_recipe",
        "reconstruct",
        "restyle",
        "resume",
    ]
    for name in condvae.__all__:
        assert getattr(condvae, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = condvae.nothing
