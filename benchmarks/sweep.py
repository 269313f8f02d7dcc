"""The time from `condvae sweep` to the first training step of its first trial, beyond that of `condvae train`."""

import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import arguments, difference, in_turn, publish, spread

TRAIN, SWEEP = "condvae train", "condvae sweep"
SETTINGS = {"trainer.max_epochs": 1}


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=5)
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.yaml"
        plan.write_text(json.dumps({"recipe": "paper", "settings": SETTINGS}))  # JSON is YAML
        fresh = (Path(folder) / str(number) for number in itertools.count())
        sides: dict[str, Callable[[], float]] = {
            TRAIN: lambda: seconds_until_training(next(fresh), "train", "--recipe", "paper"),
            SWEEP: lambda: seconds_until_training(next(fresh), "sweep", str(plan)),
        }
        measured = in_turn(sides, options.segments)
    rows = [
        {
            "command": name,
            "seconds": spread(values),
            "more than train, by seconds": difference(values, measured[TRAIN]),
        }
        for name, values in measured.items()
    ]
    return publish("sweep", options.out, {"Until the first training step": rows}, seconds=measured)


def seconds_until_training(out: Path, *command: str) -> float:
    """Seconds until a run folder has config.yaml, which training writes when its first step begins."""
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "condvae", *command, "--out", str(out)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    try:
        while not [*out.glob("config.yaml"), *out.glob("*/config.yaml")]:
            if process.poll() is not None:
                raise RuntimeError(f"condvae {' '.join(command)} ended before it trained.")
            time.sleep(0.01)
        return time.perf_counter() - started
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
