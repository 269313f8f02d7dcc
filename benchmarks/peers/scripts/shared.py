"""What the scripts of the peers share: their command line, the clock, likelihoods of test images, and what they write.

It needs numpy and torch only, because the environments of the peers have no condvae.
"""

import json
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass, field
from math import cos, log, pi, sqrt
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

RISE = 0.02  # share of the training in which the step size rises
TIMED = 1000  # images, of which the time is measured; of fewer of them it is extrapolated
TESTED, SAMPLES = 2000, 100  # test images, and importance samples of z for each, of which the likelihood is measured
WIDE, WIDENING = 0.3, 3.0  # share of the samples with wider Gaussians, and how much wider
BINARISED = f"log p(x|y) of {TESTED:,} test images with binarised pixels"
MARKS = 20  # points of the curve of losses
FOREVER = 100_000  # epochs of a trainer that the time ends
BATCH, STEP_SIZE = 100, 1e-3  # of a trainer of a library; the step size is its greatest


@dataclass(frozen=True)
class Task:
    """What a peer is asked to do.

    Attributes:
        images: training images, uint8 (N, C, H, W).
        labels: their labels, int64 (N,).
        seconds: wall time of the training.
        count: the number of images to draw.
        seed: of all random numbers.
        out: the file for the images.
        test: test images and labels, for the likelihood only. None if there are none.
    """

    images: Tensor
    labels: Tensor
    seconds: float
    count: int
    seed: int
    out: Path
    test: tuple[Tensor, Tensor] | None

    @property
    def classes(self) -> int:
        """The number of classes."""
        return int(self.labels.max()) + 1

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width."""
        channels, height, width = self.images.shape[1:]
        return channels, height, width


class Clock:
    """The time of a training, which starts when the clock is made, and its losses."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.started, self.steps = seconds, time.perf_counter(), 0
        self.worked = time.process_time()
        self.losses: list[list[float]] = [[] for _ in range(MARKS)]

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self.started

    @property
    def cores(self) -> float:
        """Cores that were at work since the start, on average. They are fewer on a busy machine."""
        return (time.process_time() - self.worked) / self.elapsed

    @property
    def share(self) -> float:
        """The share of the time that is over, at most 1."""
        return min(1.0, self.elapsed / self.seconds)

    def batches(self, count: int, size: int) -> Iterator[Tensor]:
        """Positions of images in random order, again and again until the time is over."""
        while True:
            for chosen in torch.randperm(count).split(min(size, count)):
                if self.share >= 1:
                    return
                if len(chosen) == min(size, count):
                    self.steps += 1
                    yield chosen

    def schedule(self, optimizer: torch.optim.Optimizer, peak: float) -> None:
        """Let the step size rise to its peak, and fall to 0 along a cosine until the time is over."""
        for group in optimizer.param_groups:
            group["lr"] = peak * min(1.0, self.share / RISE + 0.01) * (1 + cos(pi * self.share)) / 2

    def note(self, loss: float) -> None:
        """Keep a loss."""
        self.losses[min(MARKS - 1, int(MARKS * self.share))].append(loss)

    def curve(self) -> list[float]:
        """The mean loss of each part of the time that has any."""
        return [sum(part) / len(part) for part in self.losses if part]


class TimeIsOverError(Exception):
    """Ends a training of a library whose trainer knows epochs only."""


def run_in_time(trainers: ModuleType, model: Any, part: Any, seconds: float, seed: int) -> Clock:
    """Train a model by the trainer of its library, with the schedule of step sizes of the others.

    Args:
        trainers: pythae.trainers or multivae.trainers.
        model: a model of that library.
        part: its training images, a data set of that library.
        seconds: wall time of the training.
        seed: of the order of the images.
    """
    with tempfile.TemporaryDirectory() as folder:
        config = trainers.BaseTrainerConfig(
            output_dir=folder,
            num_epochs=FOREVER,
            per_device_train_batch_size=BATCH,
            learning_rate=STEP_SIZE,
            seed=seed,
            no_cuda=True,
        )
        trainer = trainers.BaseTrainer(model, part, training_config=config)
        clock, step = Clock(seconds), trainer._optimizers_step

        def timed(output: Any) -> None:
            clock.schedule(trainer.optimizer, STEP_SIZE)
            step(output)
            clock.steps += 1
            clock.note(output.loss.item())
            if clock.share >= 1:
                raise TimeIsOverError

        trainer._optimizers_step = timed
        with suppress(TimeIsOverError):
            trainer.train()
        trainer.model.eval()
    return clock


@dataclass(frozen=True)
class Trained:
    """A trained peer.

    Attributes:
        draw: labels (B,) to images, floats in [0, 1] (B, C, H, W).
        parameters: the number of parameters.
        seconds: wall time of the training.
        cores: cores that were at work in it, on average.
        steps: the number of steps.
        settings: architecture and settings, as plain values.
        curve: losses from the start to the end.
        nats: minus the logarithm of a probability for each test image, (N,). None if there is no likelihood.
        measures: what the nats are a likelihood of.
    """

    draw: Callable[[Tensor], Tensor]
    parameters: int
    seconds: float
    cores: float
    steps: int
    settings: Mapping[str, Any]
    curve: list[float] = field(default_factory=list)
    nats: Tensor | None = None
    measures: str = ""


def read_task(description: str | None) -> Task:
    """The task on the command line. The seed is set."""
    parser = ArgumentParser(description=description, allow_abbrev=False)
    parser.add_argument("--data", type=Path, required=True, help="training images and labels, an .npz file")
    parser.add_argument("--test", type=Path, help="test images and labels, for the likelihood only")
    parser.add_argument("--minutes", type=float, required=True, help="wall time of the training")
    parser.add_argument("--count", type=int, required=True, help="number of images to draw")
    parser.add_argument("--seed", type=int, default=0, help="default: %(default)s")
    parser.add_argument("--out", type=Path, required=True, help="file for the images")
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    test = _read(given.test) if given.test else None
    return Task(*_read(given.data), 60 * given.minutes, given.count, given.seed, given.out, test)


def _read(path: Path) -> tuple[Tensor, Tensor]:
    with np.load(path) as arrays:
        return torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])


def write(task: Task, found: Trained) -> None:
    """Draw images and write them with all numbers."""
    labels = torch.arange(task.count) % task.classes
    with torch.inference_mode():
        found.draw(labels[:10])
        started = time.perf_counter()
        found.draw(labels[:TIMED])
        seconds = (time.perf_counter() - started) * TIMED / min(TIMED, task.count)
        drawn = torch.cat([found.draw(part) for part in labels.split(TIMED)])
    if not drawn.isfinite().all():
        raise SystemExit("Some drawn pixels are not finite: the training failed.")
    pixels = (drawn.float().clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    nats = found.nats
    numbers = {
        "seconds": found.seconds,
        "cores": found.cores,
        "steps": found.steps,
        "seconds_per_1000": seconds,
        "parameters": found.parameters,
        "nats": None if nats is None else nats.double().mean().item(),
        "nats_error": None if nats is None else nats.double().std().item() / sqrt(len(nats)),
        "measures": found.measures,
        "losses": found.curve,
        "settings": {**found.settings, "threads": torch.get_num_threads()},
    }
    np.savez(task.out, images=pixels, labels=labels.numpy(), numbers=np.array(json.dumps(numbers)))


def parameters(*networks: nn.Module) -> int:
    """The number of parameters of some networks."""
    return sum(one.numel() for network in networks for one in network.parameters())


def fast() -> AbstractContextManager[Any]:
    """Inside, matrix products and convolutions are computed in bfloat16 if the processor has instructions for it."""
    known: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    has_bf16 = any(known.get(name) for name in ("avx512_bf16", "amx_bf16"))
    return torch.autocast("cpu", torch.bfloat16) if has_bf16 else nullcontext()


def tested(task: Task) -> tuple[Tensor, Tensor] | None:
    """Some test images and labels, drawn at random in the same way for every peer. None without a file of them."""
    if task.test is None:
        return None
    images, labels = task.test
    chosen = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))[:TESTED]
    return images[chosen], labels[chosen]


def binarised_nats(
    task: Task,
    encode: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]],
    log_joint: Callable[[Tensor, Tensor, Tensor], Tensor],
) -> Tensor | None:
    """-log p(x|y) of binarised test images by importance sampling, in nats, (N,).

    Each pixel is 1 with its own value as the probability. Burda et al., "Importance Weighted Autoencoders",
    https://arxiv.org/abs/1509.00519. Some samples are drawn with WIDENING times the standard deviations of q(z|x,y),
    as condvae draws them, and weights are taken against the mixture of both.

    Args:
        task: the test images are its.
        encode: images (B, C, H, W) and labels (B,), of one class, to means and logarithms of variances (B, Z).
        log_joint: the same and z (B, Z) to log p(x, z|y), (B,).
    """
    given = tested(task)
    if given is None:
        return None
    nats = torch.empty(len(given[1]))
    ones = torch.bernoulli(given[0] / 255, generator=torch.Generator().manual_seed(0))
    scale = torch.ones(SAMPLES, 1)
    scale[: round(WIDE * SAMPLES)] = WIDENING
    with torch.inference_mode():
        for label in given[1].unique():
            for some in (given[1] == label).nonzero()[:, 0].split(10):
                mean, log_variance = (one[:, None] for one in encode(ones[some], label.expand(len(some))))
                z = mean + scale * (log_variance / 2).exp() * torch.randn(len(some), SAMPLES, mean.shape[-1])
                narrow = log_gaussian(z, mean, log_variance) + log(1 - WIDE)
                wide = log_gaussian(z, mean, log_variance + 2 * log(WIDENING)) + log(WIDE)
                images = ones[some].repeat_interleave(SAMPLES, 0)
                joint = log_joint(images, label.expand(len(images)), z.flatten(0, 1)).view(len(some), SAMPLES)
                weights = joint - torch.logaddexp(narrow, wide)
                nats[some] = log(SAMPLES) - weights.double().logsumexp(1).float()
    return nats


def log_gaussian(z: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """The logarithm of the density of a Gaussian with independent dimensions, the last ones of z."""
    return -0.5 * (log(2 * pi) + log_variance + (z - mean).square() / log_variance.exp()).sum(-1)
