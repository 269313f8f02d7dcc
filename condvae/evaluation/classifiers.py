"""The small classifier with which the evaluation measures how useful images are for training."""

from collections.abc import Callable, Iterable
from math import radians

import torch
from torch import Tensor, nn
from torch.nn import functional

from condvae.data.labelled import LabelledImages
from condvae.images import ratio, reduced, unit, warped
from condvae.model.devices import fast_products
from condvae.progress import progress

BATCH = 64
LEARNING_RATE, RISE = 1e-3, 0.2  # RISE is the share of one cycle in which the step size rises
# the classical augmentation: largest shift as a share of width and height, rotation in degrees, change of the size
SHIFT, ROTATION, SCALE = 0.06, 8.5, 0.1
Batches = Callable[[], Iterable[tuple[Tensor, Tensor]]]


class Reduced(nn.Module):
    """Averages large images down: (B, C, H, W) to (B, C, h, w). See `reduced`."""

    def forward(self, images: Tensor) -> Tensor:
        return reduced(images)


def small_classifier(channels: int, classes: int) -> nn.Module:
    """Convolutions of 32 and 64 channels and a dense layer of 128: (B, C, H, W) to logits (B, classes).

    The activations come after the pooling, which gives the same numbers with a quarter of the work.
    """
    return nn.Sequential(
        Reduced(),
        nn.Conv2d(channels, 32, 3, padding=1), nn.MaxPool2d(2, ceil_mode=True), nn.ReLU(),
        nn.Conv2d(32, 64, 3, padding=1), nn.AdaptiveMaxPool2d(7), nn.ReLU(), nn.Flatten(),
        nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, classes),
    )  # fmt: skip


def train_classifier(
    kind: LabelledImages,
    batches: Batches,
    steps: int,
    what: str,
    *,
    weights: Tensor | None = None,
    peak: float | None = None,
) -> nn.Module:
    """Train a small classifier with Adam. All random numbers come from PyTorch's global generator.

    Args:
        kind: images with the channels and the classes that it is for.
        batches: called once the classifier has its initial weights. Gives floats in [0, 1] (B, C, H, W) and labels
            (B,), int64.
        steps: the number of batches.
        what: what the images are, for the progress.
        weights: the weight of each class in the loss, (classes,).
        peak: the largest step size of one cycle of it (Smith and Topin, https://arxiv.org/abs/1708.07120). If None, the
            step size decreases linearly from LEARNING_RATE to 0.
    """
    network = small_classifier(kind.shape[0], len(kind.classes))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # takes a quarter less time
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE, fused=True)
    schedule: torch.optim.lr_scheduler.LRScheduler = (
        torch.optim.lr_scheduler.OneCycleLR(optimizer, peak, steps, pct_start=RISE)
        if peak
        else torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, steps)
    )
    with progress(f"Training a classifier on {what}", steps, "steps") as advance:
        for images, labels in batches():
            with fast_products(images.device):
                logits = network(images)
            loss = functional.cross_entropy(logits.float(), labels, weights)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            advance(1)
    return network


@torch.inference_mode()
def predicted(network: nn.Module, part: LabelledImages) -> Tensor:
    """The most probable class of each image, int64 (N,)."""
    images = (unit(torch.from_numpy(batch.pixels())) for batch in part.batches(BATCH))
    with fast_products(torch.device("cpu")):
        return torch.cat([network(batch).argmax(1) for batch in images])


def moved(images: Tensor, flips: bool = False) -> Tensor:
    """Each image shifted, rotated and scaled at random, and mirrored if asked: floats (B, C, H, W).

    Its last pixels continue outside of it.
    """
    count = len(images)
    if flips:
        images = torch.where(torch.rand(count, 1, 1, 1) < 0.5, images.flip(-1), images)
    turn = radians(ROTATION) * ratio(images) * _symmetric(count)
    scale, shift = 1 + SCALE * _symmetric(2, count), 2 * SHIFT * _symmetric(2, count)
    return warped(images, turn, scale, shift, "border").clamp(0, 1)


def _symmetric(*shape: int) -> Tensor:
    """Uniform random numbers from -1 to 1."""
    return 2 * torch.rand(*shape) - 1
