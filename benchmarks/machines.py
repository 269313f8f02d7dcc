"""One training on two processes: how far its weights are from those of one process, and what communication takes.

All is done on this machine, over its loopback device. Two processes add up the gradients of two halves of a batch. One
process that does the same must end with the same weights. One that computes the whole batch at once, or with two
threads, adds up the same numbers in another order, and training makes the difference in rounding large.
"""

import itertools
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from benchmarks.halves import COMMAND
from benchmarks.harness import arguments, publish, spread
from benchmarks.networks import efficiencies
from condvae.run import Run

RECIPES = {"paper": 600, "conv": 220, "best": 220}  # with the steps of an epoch
ONE, TWO = ["--trainer.devices", 1], ["--trainer.devices", 2]
PLAIN = ["--trainer.limit_val_batches", 0, "--trainer.enable_checkpointing", "false"]  # nothing between epochs
TRAIN = ["-m", "condvae", "train"]
TRAFFIC = Path("/sys/class/net/lo/statistics/rx_bytes")


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=3, recipes=3, most=600, timed=40)
    with tempfile.TemporaryDirectory() as folder:
        fresh = (Path(folder) / str(number) for number in itertools.count())
        chosen = list(RECIPES)[: options.recipes]
        agreements = [agreement(recipe, options, fresh) for recipe in chosen]
        costs = [communication(recipe, options, fresh) for recipe in chosen]
    tables = {
        "Relative difference of all weights after an epoch": agreements,
        "Communication of a step between two processes": costs,
        "Efficiency of many processors, on paper": [row for recipe in chosen for row in efficiencies(recipe)],
    }
    return publish("machines", options.out, tables)


def agreement(recipe: str, options: Namespace, fresh: Iterator[Path]) -> dict[str, Any]:
    """How far two processes are from one, and two threads from one thread."""
    steps = min(RECIPES[recipe], options.most)
    whole, halves, threads, processes = (
        train([next(fresh)], recipe, ["--trainer.limit_train_batches", steps, *devices], threads, command)[0]
        for devices, threads, command in ((ONE, 1, TRAIN), (ONE, 1, COMMAND), (ONE, 2, TRAIN), (TWO, 1, TRAIN))
    )
    return {
        "recipe": recipe,
        "steps": steps,
        "two processes against one that computes the same halves": f"{difference(processes, halves):.1e}",
        "two processes against one that computes all at once": f"{difference(processes, whole):.1e}",
        "two threads against one": f"{difference(threads, whole):.1e}",
    }


def communication(recipe: str, options: Namespace, fresh: Iterator[Path]) -> dict[str, Any]:
    """What two processes exchange in a step, and how much longer it takes than two that know nothing of each other."""
    length = ["--trainer.max_epochs", 2, "--trainer.limit_train_batches", options.timed, *PLAIN]
    together, apart, traffic = [], [], 0.0
    for _ in range(options.segments):
        before = int(TRAFFIC.read_text())
        (run,) = train([next(fresh)], recipe, [*length, *TWO], 1)
        traffic = (int(TRAFFIC.read_text()) - before) / (2 * options.timed)
        together.append(seconds_a_step(run, options.timed))
        half = [*length, *ONE, "--training.batch_size", run.config().training.batch_size // 2]
        both = train([next(fresh), next(fresh)], recipe, half, 1)
        apart.append(max(seconds_a_step(one, options.timed) for one in both))
    return {
        "recipe": recipe,
        "weights, MB": round(sum(value.nbytes for value in load_file(run.weights).values()) / 1e6, 2),
        "received by both in a step, MB": round(traffic / 1e6, 2),
        "a step of two processes, ms": spread([1000 * value for value in together]),
        "half a step of each alone, ms": spread([1000 * value for value in apart]),
        "difference, ms": spread([1000 * (one - other) for one, other in zip(together, apart, strict=True)]),
    }


def train(
    outs: Sequence[Path], recipe: str, options: Sequence[object], threads: int, command: Sequence[str] = TRAIN
) -> list[Run]:
    """Train an epoch into each of some folders at the same time."""
    usual = [
        "--recipe",
        recipe,
        "--trainer.accelerator",
        "cpu",
        "--trainer.max_epochs",
        1,
        "--trainer.limit_val_batches",
        1,
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    started = [
        subprocess.Popen(
            [sys.executable, *command, "--out", str(out), *map(str, [*usual, *options])],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment,
        )
        for out in outs
    ]  # fmt: skip
    for process in started:
        _, message = process.communicate()
        if process.returncode:
            raise RuntimeError(message)
    return [Run(out) for out in outs]


def difference(one: Run, other: Run) -> float:
    """The norm of the difference of all weights, relative to that of the weights."""
    first, second = (
        torch.cat([value.flatten() for value in load_file(run.weights).values() if value.is_floating_point()])
        for run in (one, other)
    )
    return float((first - second).norm() / second.norm())


def seconds_a_step(run: Run, steps: int) -> float:
    """Of the second epoch, in which nothing starts any more."""
    first, second = (row["seconds"] for row in run.history() if "seconds" in row)
    return (second - first) / steps


if __name__ == "__main__":
    main(sys.argv[1:])
