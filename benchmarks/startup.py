"""The time that commands take from start to end, compared with the shortest process of their kind."""

import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.decoding import DIGITS
from benchmarks.harness import arguments, difference, in_turn, publish, spread
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.recipe import load_recipe
from condvae.run import Run

PASS, TORCH = "python -c pass", 'python -c "import torch"'
HELP, GENERATE = "condvae --help", "condvae generate, 16 images"


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=9)
    config = load_recipe("paper")
    with tempfile.TemporaryDirectory() as folder:
        run = Run(Path(folder) / "run")
        save_model(run, CVAE(config.model, DIGITS), config, {})
        fresh = (str(Path(folder) / str(number)) for number in itertools.count())
        sides: dict[str, Callable[[], float]] = {
            PASS: lambda: seconds_of("-c", "pass"),
            HELP: lambda: seconds_of("-m", "condvae", "--help"),
            TORCH: lambda: seconds_of("-c", "import torch"),
            GENERATE: lambda: seconds_of(
                *("-m", "condvae", "generate", str(run.path), "--label", "3", "--count", "16", "--out", next(fresh))
            ),
        }
        measured = in_turn(sides, options.segments)
    above = {HELP: PASS, GENERATE: TORCH}
    rows = [
        {
            "process": name,
            "seconds": spread(values),
            "more than": above.get(name, ""),
            "by seconds": difference(values, measured[above[name]]) if name in above else "",
        }
        for name, values in measured.items()
    ]
    return publish("startup", options.out, {"Whole processes": rows}, seconds=measured)


def seconds_of(*command: str) -> float:
    """Seconds of a Python process from start to end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, *command], check=True, capture_output=True)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(sys.argv[1:])
