"""The judge: a digit classifier that no generative model was trained with, to score images.

Its weights ship with the package, so that figures are comparable between runs and between machines.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torch.nn import functional

from condvae.errors import RunError
from condvae.files import sha256, write_bytes, write_text

WEIGHTS = Path(str(files("condvae"))) / "weights" / "judge-mnist.safetensors"
BATCH = 50  # small batches stay in the cache: three times as fast on two cores as batches of 1000


class Judge(nn.Module):
    """A small convolutional classifier: (B, 1, 28, 28) floats in [0, 1] to (B, 10) logits."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            *_block(1, 32), *_block(32, 32), nn.MaxPool2d(2),
            *_block(32, 64), *_block(64, 64), nn.MaxPool2d(2),
            *_block(64, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        )  # fmt: skip
        self.head = nn.Linear(128, 10)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))

    @torch.inference_mode()
    def predict(self, images: Tensor) -> Tensor:
        """The most probable class of each image: (N, 1, 28, 28) floats in [0, 1] to (N,) int64."""
        return self.classify(self.embed(images))

    @torch.inference_mode()
    def embed(self, images: Tensor) -> Tensor:
        """The features before the last layer: (N, C, H, W) floats in [0, 1] to (N, 128)."""
        return torch.cat([self.features(batch) for batch in images.split(BATCH)])

    @torch.inference_mode()
    def classify(self, features: Tensor) -> Tensor:
        """The most probable class for features: (N, 128) to (N,) int64."""
        return self.head(features).argmax(-1)

    def correct(self, images: Tensor, labels: Tensor) -> Tensor:
        """1.0 where the predicted class is the label, else 0.0: (N,) floats."""
        return (self.predict(images) == labels).float()


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    return [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]


def load_judge() -> Judge:
    """The shipped judge of MNIST digits, ready to use.

    Raises:
        RunError: the weights do not match the digest of their card.
    """
    found, pinned = sha256(WEIGHTS), judge_card()["sha256"]
    if found != pinned:
        raise RunError(f"{WEIGHTS} has the SHA-256 digest {found}, its card says {pinned}. Install condvae again.")
    with torch.device("meta"):  # no first weights to draw, so that the global random state stays as it is
        judge = Judge()
    judge.load_state_dict(load_file(WEIGHTS), assign=True)
    return judge.to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def judge_card() -> dict[str, Any]:
    """The model card of the shipped judge: data, accuracy, digest, and the command that trained it."""
    return json.loads(WEIGHTS.with_suffix(".json").read_text("utf-8"))


def save_judge(judge: Judge, card: dict[str, Any]) -> None:
    """Write the weights and their card, to which the digest is added, into the package."""
    write_bytes(WEIGHTS, save({name: tensor.contiguous() for name, tensor in judge.state_dict().items()}))
    card = {**card, "sha256": sha256(WEIGHTS)}
    write_text(WEIGHTS.with_suffix(".json"), json.dumps(card, indent=2) + "\n")


@dataclass(frozen=True)
class JudgeTraining:
    """How the judge is trained: AdamW, one-cycle schedule, images moved, turned and scaled at random."""

    epochs: int = 15
    batch_size: int = 250
    learning_rate: float = 4e-3
    weight_decay: float = 1e-2
    shift: float = 0.12
    turn: float = 0.15
    scale: float = 0.10
    seed: int = 0


def train_judge(images: Tensor, labels: Tensor, settings: JudgeTraining) -> Iterator[tuple[int, float, Judge]]:
    """Train a judge, and yield (epoch, mean training loss in nats, the judge itself) after each epoch.

    The number of epochs is fixed beforehand and the last weights are kept: no test image is looked at.

    Args:
        images: (N, 1, 28, 28) floats in [0, 1].
        labels: (N,) int64.
        settings: lengths are fractions of half the image's width, turns are radians.
    """
    torch.manual_seed(settings.seed)
    judge = Judge().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(judge.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    steps = settings.epochs * -(-len(images) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
    for epoch in range(settings.epochs):
        judge.train()
        total = 0.0
        for chosen in torch.randperm(len(images)).split(settings.batch_size):
            batch = _moved(images[chosen], settings).contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16):
                logits = judge(batch)
            loss = functional.cross_entropy(logits.float(), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(chosen)
        yield epoch, total / len(images), judge.eval()


def _moved(images: Tensor, settings: JudgeTraining) -> Tensor:
    """Each image shifted, turned and scaled at random."""
    count = len(images)
    turn = (2 * torch.rand(count) - 1) * settings.turn
    scale = 1 + (2 * torch.rand(2, count) - 1) * settings.scale
    shift = (2 * torch.rand(2, count) - 1) * settings.shift
    rows = [
        torch.stack([turn.cos() * scale[0], -turn.sin() * scale[0], shift[0]], -1),
        torch.stack([turn.sin() * scale[1], turn.cos() * scale[1], shift[1]], -1),
    ]
    grid = functional.affine_grid(torch.stack(rows, 1), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, align_corners=False)
