"""A process that loads a model and draws one image: from the run folder with PyTorch, and from an ONNX file without.

python -m benchmarks.exported
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from benchmarks.decoding import DIGITS
from benchmarks.explorer import answered, explore, free_port
from benchmarks.harness import Usage, arguments, in_turn, publish, ratio, resident_mb, spread, watched
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
    opened: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in (SHIPPED, *RECIPES[: options.recipes]):
            run = SHIPPED if name == SHIPPED else untrained(name, Path(folder) / name)
            file = Path(folder) / f"{name}.onnx"
            export_onnx(run, file, pixels="uint8")
            used: dict[str, list[Usage]] = {side: [] for side in CODE}
            places = {FOLDER: run, FILE: str(file)}
            sides = {side: partial(measured, CODE[side].format(places[side]), used[side]) for side in CODE}
            seconds[name] = in_turn(sides, options.segments)
            for _, side in product(range(options.segments), places):
                opened.setdefault((name, side), []).append(explored(places[side]))
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
    explorer = [
        {
            "model": name,
            "side": side,
            "seconds until the page answers": spread([seconds for seconds, _ in found]),
            "MB after one image of each label": spread([megabytes for _, megabytes in found]),
        }
        for (name, side), found in opened.items()
    ]
    tables = {"Load a model and draw one image, whole processes": rows, "condvae explore": explorer}
    return publish("exported", options.out, tables, seconds=seconds)


def explored(place: str) -> tuple[float, float]:
    """Seconds from the command to a page that answers, and the memory of the server once it has drawn, in MB."""
    port, begun = free_port(), time.perf_counter()
    with subprocess.Popen(explore(Path(place), port), stdout=subprocess.DEVNULL) as process:
        answered(port, process)
        seconds = time.perf_counter() - begun
        body = json.dumps({"label": list(map(str, range(10))), "z": [0.0] * len(json_of(port, "grid")["z"][0])})
        json_of(port, "decode", body)
        json_of(port, "plane")  # so that what begins in the background has ended
        megabytes = resident_mb(process.pid)
        process.kill()
    return seconds, megabytes


def json_of(port: int, route: str, body: str | None = None) -> Any:
    """What a route answers."""
    address, headers = f"http://127.0.0.1:{port}/api/v1/{route}", {"Content-Type": "application/json"}
    data = body.encode() if body is not None else None
    with urllib.request.urlopen(urllib.request.Request(address, data, headers)) as answer:
        return json.load(answer)


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
