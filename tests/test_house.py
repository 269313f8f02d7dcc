"""The walls of the house: rooms import downwards, heavy libraries have one home, files and functions stay small."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import condvae

PACKAGE = Path(condvae.__file__).parent
ROOT = PACKAGE.parent
DESIGN = ROOT / "docs" / "design.md"
MOST_ROOMS, MOST_ARROWS = 24, 132  # `cluster` uses what it runs on other machines: ten rooms
LONGEST_FILE, LONGEST_FUNCTION = 300, 60
MOST_PACKAGES = 10
HOMES = {
    "av": {"explorer"},
    "datasets": {"data"},
    "fastapi": {"explorer"},
    "fastapi_offline": {"explorer"},
    "imagehash": {"data"},
    "jinja2": {"report"},
    "jsonargparse": {"training", "cli"},
    "lightning": {"training"},
    "huggingface_hub": {"export", "hub"},
    "matplotlib": {"report"},
    "obstore": {"storage"},
    "onnx": {"export", "inference"},
    "optuna": {"cluster"},
    "ray": {"cluster"},
    "rich": {"cluster"},
    "onnxruntime": {"export", "inference"},
    "prometheus_client": {"explorer"},
    "pydantic": {"explorer"},
    "sklearn": {"data", "inference", "evaluation", "report"},
    "torchmetrics": {"evaluation"},
    "uvicorn": {"explorer"},
    "zuko": {"model"},
}
SOURCES = sorted(PACKAGE.rglob("*.py"))


def module(path: Path) -> str:
    """The dotted name of a file."""
    name = ".".join(("condvae", *path.relative_to(PACKAGE).with_suffix("").parts))
    return name.removesuffix(".__init__")


def room(name: str) -> str:
    """The room of a module, or the single file at the top: condvae.explorer.page is in `explorer`."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 else "__init__"


MODULES = {module(path): path for path in SOURCES}


def imports(path: Path) -> set[str]:
    """Dotted names of everything that a file imports, at the top or inside functions; not for type checkers only."""
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


def known_module(name: str) -> str | None:
    """The module of condvae that an imported name is, or is in."""
    parts = name.split(".")
    return next((found for cut in range(len(parts), 0, -1) if (found := ".".join(parts[:cut])) in MODULES), None)


def arrows() -> dict[str, set[str]]:
    """For each module of condvae those that it imports."""
    return {
        name: {found for one in imports(path) if (found := known_module(one)) and found not in ("condvae", name)}
        for name, path in MODULES.items()
    }


def floors() -> dict[str, int]:
    """The floor of each room, from the table in docs/design.md."""
    rows = re.findall(r"^\| (\d+) \| ((?:`[\w/.]+`(?:, )?)+) \|", DESIGN.read_text("utf-8"), re.MULTILINE)
    return {
        name.removesuffix(".py").rstrip("/"): int(floor)
        for floor, names in rows
        for name in re.findall(r"`(.*?)`", names)
    }


def rooms() -> set[str]:
    return {room(name) for name in MODULES} | {"__main__"}


def room_arrows() -> set[tuple[str, str]]:
    return {
        (room(one), room(other)) for one, others in arrows().items() for other in others if room(one) != room(other)
    }


def longest_function(path: Path) -> int:
    spans = [
        node.end_lineno - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return max(spans, default=0)


def figures() -> dict[str, int]:
    """The figures of the house: `python -m tests.test_house` prints them."""
    return {
        "rooms and single files at the top": len(rooms()),
        "arrows between them": len(room_arrows()),
        "lines of the longest file": max(len(path.read_text("utf-8").splitlines()) for path in SOURCES),
        "lines of the longest function": max(longest_function(path) for path in SOURCES),
        "mandatory packages": len(mandatory_packages()),
        "lines of the README": len((ROOT / "README.md").read_text("utf-8").splitlines()),
    }


def mandatory_packages() -> list[str]:
    text = (ROOT / "pyproject.toml").read_text("utf-8")
    listed = re.search(r"^dependencies = \[\n(.*?)^\]", text, re.MULTILINE | re.DOTALL)
    assert listed
    return listed.group(1).splitlines()


def test_the_table_of_rooms_is_complete() -> None:
    assert set(floors()) == rooms() - {"__init__", "__main__"}
    assert len(rooms()) <= MOST_ROOMS


def test_imports_run_downwards() -> None:
    known = floors()
    for one, other in sorted(room_arrows()):
        if one not in ("__init__", "__main__"):
            assert known[other] < known[one], f"{one} imports {other}, which is not below it"
    assert len(room_arrows()) <= MOST_ARROWS


def test_no_import_runs_in_circles() -> None:
    TopologicalSorter(arrows()).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_heavy_libraries_stay_at_home(path: Path) -> None:
    for name in imports(path):
        library = name.split(".")[0]
        assert room(module(path)) in HOMES.get(library, {room(module(path))}), f"{path.name} imports {library}"


@pytest.mark.parametrize("path", SOURCES, ids=module)
def test_files_and_functions_are_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= LONGEST_FILE
    assert longest_function(path) <= LONGEST_FUNCTION


REGISTRIES = {
    "condvae.model.likelihoods": "LIKELIHOODS",
    "condvae.model.posteriors": "POSTERIORS",
    "condvae.model.priors": "PRIORS",
    "condvae.model.networks": "NETWORKS",
    "condvae.training.optimizers": "OPTIMIZERS",
}
PLAIN_WORDS = {"gaussian", "prior"}  # are also names of other things


def compared_texts(path: Path) -> set[str]:
    """Texts that a file compares something with."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            inner = [part for side in sides for part in ast.walk(side)]
            found |= {part.value for part in inner if isinstance(part, ast.Constant) and isinstance(part.value, str)}
    return found


def test_no_name_of_a_member_of_a_registry_is_compared() -> None:
    from importlib import import_module

    members = {name for home, registry in REGISTRIES.items() for name in getattr(import_module(home), registry)}
    for path in SOURCES:
        assert not compared_texts(path) & (members - PLAIN_WORDS), path


def test_there_is_one_restorer_of_dataclasses() -> None:
    """Types of fields are looked up in one place, which brings JSON back to dataclasses for everybody."""
    users = {module(path) for path in SOURCES if "get_type_hints" in path.read_text("utf-8")}
    assert users == {"condvae.plain"}


def test_rooms_have_empty_doors() -> None:
    """A room's __init__ has no names: at most it makes sure that its extra is installed."""
    for path in SOURCES:
        if path.name == "__init__.py" and path.parent != PACKAGE:
            for node in ast.parse(path.read_text("utf-8")).body:
                text = ast.unparse(node)
                is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
                assert is_text or "require_extra" in text, f"{path}: {text}"


def loaded_by(code: str) -> set[str]:
    """Top-level modules that are loaded after running code in a fresh interpreter."""
    script = f"{code}\nimport sys\nprint(' '.join({{name.split('.')[0] for name in sys.modules}}))"
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    return set(output.splitlines()[-1].split())


HEAVY = {"torch", "lightning", "pytorch_lightning", "fastapi", "matplotlib", "sklearn", "jsonargparse", "numpy"}


@pytest.mark.parametrize(
    "code",
    [
        "import condvae",
        "from condvae.cli.main import main; main(['--help'])",
        "from condvae.cli.main import main; main(['help'])",
        "from condvae.cli.main import main; main([])",
    ],
)
def test_start_up_loads_nothing_heavy(code: str) -> None:
    loaded = loaded_by(f"try:\n    {code}\nexcept SystemExit:\n    pass")
    assert not loaded & HEAVY


def test_generating_loads_only_what_it_needs() -> None:
    loaded = loaded_by("import condvae; condvae.generate(condvae.load('pretrained'), 3)")
    assert "torch" in loaded
    assert not loaded & (HEAVY - {"torch", "numpy"})


def test_mandatory_packages_are_few_and_clients_of_object_stores_can_be_installed() -> None:
    assert len(mandatory_packages()) <= MOST_PACKAGES
    (pinned,) = re.findall(r"^python-dateutil==(\d+)", (ROOT / "constraints.txt").read_text("utf-8"), re.MULTILINE)
    assert int(pinned) < 3, "botocore needs an older one"


def test_public_surface() -> None:
    assert condvae.__all__ == [
        "CVAE",
        "CondvaeError",
        "Config",
        "DataConfig",
        "Dataset",
        "Evaluation",
        "LabelledImages",
        "LatentMap",
        "ModelConfig",
        "Study",
        "TrainingConfig",
        "Values",
        "encode",
        "explore",
        "fit",
        "generate",
        "grids",
        "interpolate",
        "load",
        "load_data",
        "load_mixture",
        "load_recipe",
        "nearest",
        "reconstruct",
        "restyle",
        "resume",
        "save_figure",
        "show",
        "tiles",
    ]
    for name in condvae.__all__:
        assert getattr(condvae, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = condvae.nothing


if __name__ == "__main__":
    for figure, value in figures().items():
        print(f"{figure}: {value}")
