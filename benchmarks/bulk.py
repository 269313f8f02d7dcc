"""Bulk work: what Ray costs for a million images, and how long a hundred million take with each recipe.

The weights of the recipes are untrained, because the speed does not depend on them.
"""

import itertools
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch

from benchmarks.decoding import DIGITS
from benchmarks.harness import arguments, difference, in_turn, publish, ratio, resident_mb, spread
from condvae.data.packing.decoders import cpus
from condvae.inference.operations import generate
from condvae.model.cvae import CVAE
from condvae.recipe import load_recipe

RECIPES, MANY = ("paper", "plane", "conv", "best"), 100_000_000
ALONE, CLUSTER = "condvae generate", "condvae generate --address"
ENOUGH = 10  # measurements of a worker that drew for long
TITLE = "ray::_make"  # of the processes that draw


def main(argv: Sequence[str] | None = None) -> dict[str, Any]:
    options = arguments(__doc__, argv, segments=3, images=1_000_000, some=4000)
    with tempfile.TemporaryDirectory() as folder, cluster() as address:
        fresh = (Path(folder) / f"{number}" / "drawn.npz" for number in itertools.count())
        ways: dict[str, list[str]] = {ALONE: [], CLUSTER: ["--address", address]}
        sides: dict[str, Callable[[], float]] = {
            f"{name}, {count:,} images": partial(seconds, fresh, count, words)
            for count in (1, options.images)
            for name, words in ways.items()
        }
        with memory_of_workers() as held:
            measured = in_turn(sides, options.segments)
    whole = {name: [measured[f"{name}, {count:,} images"] for count in (1, options.images)] for name in ways}
    work = {name: [late - early for early, late in zip(*both, strict=True)] for name, both in whole.items()}
    rows = [
        {
            "command": name,
            "seconds for one image": spread(whole[name][0]),
            "further seconds for all": spread(work[name]),
            "of those alone": ratio(work[name], work[ALONE]),
        }
        for name in ways
    ]
    speeds = in_turn({name: partial(images_a_second, name, options.some) for name in RECIPES}, options.segments)
    paper = [
        {
            "recipe": name,
            "images a second, one core": spread(values),
            "core hours for 100 million": spread([MANY / value / 3600 for value in values]),
        }
        for name, values in speeds.items()
    ]
    longest = [values for values in held.values() if len(values) >= ENOUGH] or list(held.values())
    memory = [
        {"worker": "after a quarter of its time", "MB": spread([values[len(values) // 4] for values in longest])},
        {"worker": "at its end", "MB": spread([values[-1] for values in longest])},
    ]
    tables = {
        f"{options.images:,} images of the shipped model, {cpus()} cores": rows,
        "Resident memory of a worker": memory,
        "Drawing images, one core": paper,
    }
    extra = difference(whole[CLUSTER][0], whole[ALONE][0])
    return publish("bulk", options.out, tables, seconds=measured, start_up=extra, speeds=speeds)


@contextmanager
def cluster() -> Iterator[str]:
    """The address of a Ray cluster on all cores of this machine."""
    from ray.cluster_utils import Cluster

    found = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus(), "include_dashboard": False})
    try:
        yield found.address
    finally:
        found.shutdown()  # type: ignore[no-untyped-call]


@contextmanager
def memory_of_workers() -> Iterator[dict[int, list[float]]]:
    """Inside, the resident memory of each process that draws is noted twice a second, in megabytes."""
    held: dict[int, list[float]] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            found = subprocess.run(["pgrep", "-f", TITLE], capture_output=True, text=True)
            for number in map(int, found.stdout.split()):
                held.setdefault(number, []).append(resident_mb(number))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield held
    finally:
        ended.set()
        thread.join()


def seconds(fresh: Iterator[Path], count: int, words: Sequence[str]) -> float:
    """How long a command takes that draws images."""
    out = next(fresh)
    out.parent.mkdir()
    started = time.perf_counter()
    command = ["generate", "pretrained", "--label", "3", "--count", str(count), "--out", str(out), *words]
    subprocess.run([sys.executable, "-m", "condvae", *command], check=True, capture_output=True)
    taken = time.perf_counter() - started
    for path in out.parent.iterdir():
        path.unlink()
    return taken


def images_a_second(recipe: str, count: int) -> float:
    """How many images of a recipe one core draws in a second."""
    model, threads = CVAE(load_recipe(recipe).model, DIGITS).eval(), torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        started = time.perf_counter()
        generate(model, "3", count=count, seed=0)
        return count / (time.perf_counter() - started)
    finally:
        torch.set_num_threads(threads)


if __name__ == "__main__":
    main(sys.argv[1:])
