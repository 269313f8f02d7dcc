"""The sides of the comparison: each gives drawn images with their labels and numbers."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.peers.environments import SCRIPTS, python_of
from condvae.data.dataset import Dataset


@dataclass(frozen=True)
class Options:
    """What all sides have in common.

    Attributes:
        minutes: wall time of a training.
        count: the number of images to draw.
        seed: of all random numbers.
        threads: the number of cores.
    """

    minutes: float
    count: int
    seed: int
    threads: int


class Drawn(NamedTuple):
    """Drawn images.

    Attributes:
        images: uint8 (N, C, H, W).
        labels: int64 (N,).
        numbers: seconds, steps, parameters, nats and settings, by their names.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    numbers: dict[str, Any]


class Peer(NamedTuple):
    """Another generator.

    Attributes:
        title: the name of its row.
        script: the name of its script.
        environment: the name of its environment.
    """

    title: str
    script: str
    environment: str


PEERS = {
    "multivae-cvae": Peer("CVAE of multivae", "multivae_cvae", "multivae"),
    "pythae-vae": Peer("VAE of pythae for each class", "pythae_vae", "pythae"),
    "pythae-vamp": Peer("VAMP of pythae for each class", "pythae_vamp", "pythae"),
    "pixelcnn": Peer("gated PixelCNN", "pixelcnn", "plain"),
    "dcgan": Peer("DCGAN", "dcgan", "plain"),
    "flow-matching": Peer("flow matching", "flow_matching", "plain"),
}


def labels_of(data: Dataset, count: int) -> NDArray[np.int64]:
    """The labels of drawn images: all classes in turn."""
    return np.arange(count) % len(data.train.classes)


def peer(name: str, data: Dataset, options: Options, folder: Path) -> Iterator[tuple[str, Drawn]]:
    """Images of a peer, whose script runs in its own environment.

    Args:
        name: one of PEERS.
        data: the images.
        options: time and number of images.
        folder: for the files that the script reads and writes, and NAME.log for what it prints.
    """
    folder.mkdir(parents=True, exist_ok=True)
    out, found, digest = folder / f"{name}.npz", PEERS[name], data.digest()
    given: dict[str, Any] = {"minutes": options.minutes, "count": options.count, "seed": options.seed, "out": out}
    for part, images in {"data": data.train, "test": data.test}.items():
        path = given[part] = folder / f"{part}-{digest}.npz"
        if not path.is_file():
            unfinished = folder / "unfinished.npz"
            np.savez(unfinished, images=images.pixels(), labels=images.labels)
            unfinished.rename(path)
    command = [str(python_of(found.environment)), str(SCRIPTS / f"{found.script}.py")]
    clean = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    threads = {"OMP_NUM_THREADS": str(options.threads)}
    arguments = [str(text) for key, value in given.items() for text in (f"--{key}", value)]
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        subprocess.run([*command, *arguments], check=True, env={**clean, **threads}, stdout=log, stderr=log)
    yield found.title, read(out)


def read(path: Path) -> Drawn:
    """What a script, or `write`, has written."""
    with np.load(path) as arrays:
        return Drawn(arrays["images"], arrays["labels"], json.loads(str(arrays["numbers"])))


def write(path: Path, drawn: Drawn) -> None:
    """Write images, to be read by `read`."""
    numbers = json.dumps(drawn.numbers, default=str)
    np.savez(path, images=drawn.images, labels=drawn.labels, numbers=numbers)


def real(data: Dataset, options: Options) -> Iterator[tuple[str, Drawn]]:
    """Training images, which are what a perfect generator draws. They are drawn at random, if there are enough once."""
    labels, generator = labels_of(data, options.count), np.random.default_rng(options.seed)
    chosen = np.empty(len(labels), np.int64)
    for label in range(len(data.train.classes)):
        own, wanted = np.flatnonzero(data.train.labels == label), labels == label
        chosen[wanted] = generator.choice(own, wanted.sum(), replace=len(own) < wanted.sum())
    yield "training images, which the judge has seen", Drawn(data.train.pixels(chosen), labels, {})
