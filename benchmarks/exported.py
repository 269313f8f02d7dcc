"""A process that loads a model and draws one image: from the run folder with PyTorch, and from an ONNX file without.

python -m benchmarks.exported
"""

import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.decoding import DIGITS
from benchmarks.harness import Usage, arguments, in_turn, publish, ratio, spread, watched
from condvae.export.onnx import export_onnx
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.recipe import load_recipe
from condvae.run import Run

SHIPPED = "pretrained"
RECIPES = ("paper", "conv")  # with random weights
FOLDER, FILE = "run folder, PyTorch", "ONNX file, onnxruntime"
CODE = {
    FOLDER: "import condvae; condvae.generate(condvae.load({!r}), '3', seed=0)",
    FILE: "import condvae; condvae.load({!r}).generate('3', seed=0)",
}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=7, recipes=len(RECIPES))
    rows, seconds = [], {}
    with tempfile.TemporaryDirectory() as folder:
        for name in (SHIPPED, *RECIPES[: options.recipes]):
            run = SHIPPED if name == SHIPPED else untrained(name, Path(folder) / name)
            file = Path(folder) / f"{name}.onnx"
            export_onnx(run, file, pixels="uint8")
            used: dict[str, list[Usage]] = {side: [] for side in CODE}
            places = {FOLDER: run, FILE: str(file)}
            sides = {side: partial(measured, CODE[side].format(places[side]), used[side]) for side in CODE}
            seconds[name] = in_turn(sides, options.segments)
            rows += [
                {
                    "model": name,
                    "side": side,
                    "seconds": spread(values),
                    f"of {FOLDER}": ratio(values, seconds[name][FOLDER]),
                    "MB": spread([one.peak_mb for one in used[side]]),
                }
                for side, values in seconds[name].items()
            ]
    return publish("exported", options.out, {"Load a model and draw one image, whole processes": rows}, seconds=seconds)


def untrained(recipe: str, path: Path) -> str:
    """The folder of a run with random weights."""
    config = load_recipe(recipe)
    path.mkdir()
    save_model(Run(path), CVAE(config.model, DIGITS), config, {})
    return str(path)


def measured(code: str, used: list[Usage]) -> float:
    """Seconds of a Python process. Its use of memory is appended to `used`."""
    used.append(watched([sys.executable, "-c", code]))
    return used[-1].seconds


if __name__ == "__main__":
    main(sys.argv[1:])
