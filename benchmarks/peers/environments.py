"""The environments of the peers: each is made once, from a file of exact versions, and kept."""

import subprocess
import sys
from pathlib import Path

from condvae.storage.files import sha256, write_text

SCRIPTS = Path(__file__).parent / "scripts"
ENVIRONMENTS = Path("runs/peers/envs")
ALONE = "-alone"  # packages that are installed without their dependencies, because torchvision is one of these


def python_of(name: str, folder: Path = ENVIRONMENTS) -> Path:
    """The interpreter of an environment, which is made first if it is not there or is of other versions.

    Args:
        name: NAME.txt beside the scripts lists the packages, and NAME-alone.txt those to install without dependencies.
        folder: where environments are.
    """
    place, files = folder / name, requirements(name)
    python, mark = place / "bin" / "python", place / "installed.txt"
    wanted = " ".join(sha256(file) for file in files)
    if mark.is_file() and mark.read_text("utf-8") == wanted:
        return python
    print(f"Making the environment {place}", flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
    for file in files:
        options = ["--no-deps"] if file.stem.endswith(ALONE) else []
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *options, "-r", str(file)], check=True)
    write_text(mark, wanted)
    return python


def requirements(name: str) -> list[Path]:
    """The files of an environment, in the order in which they are installed."""
    return [file for file in (SCRIPTS / f"{name}.txt", SCRIPTS / f"{name}{ALONE}.txt") if file.is_file()]
