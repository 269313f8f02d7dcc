"""One model of pythae for each class, which is what a user of pythae does for images with labels.

The classes share the time equally, whatever the number of their images. The networks are pythae's defaults, dense ones.
Those of its benchmark on MNIST, ResNets, cost about ten times as much a step, and a class has a minute or less.
"""

from collections.abc import Callable
from typing import Any

import torch
from pythae import trainers
from pythae.data.datasets import BaseDataset, DatasetOutput
from pythae.models import VAE
from shared import (
    BATCH,
    BINARISED,
    STEP_SIZE,
    Clock,
    Task,
    Trained,
    binarised_nats,
    parameters,
    run_in_time,
)
from torch import Tensor
from torch.nn import functional

LATENT = 16


class Binarised(BaseDataset):  # type: ignore[misc]
    """Images of one class, whose pixels are drawn anew each time: 1 with their own value as the probability."""

    def __getitem__(self, index: int) -> Any:
        return DatasetOutput(data=torch.bernoulli(self.data[index]), labels=self.labels[index])


def train(
    task: Task,
    build: Callable[[tuple[int, int, int]], VAE],
    sample: Callable[[VAE, int], Tensor],
    log_prior: Callable[[VAE, Tensor], Tensor],
) -> Trained:
    """Train a model for each class.

    Args:
        task: images and time.
        build: makes a model from the shape of an image.
        sample: draws as many images from a model, floats in [0, 1] (B, C, H, W).
        log_prior: a model and z (B, Z) to log p(z), (B,).
    """
    models = [build(task.shape) for _ in range(task.classes)]
    whole, clocks = Clock(task.seconds), []
    for label, model in enumerate(models):
        seconds = (task.seconds - whole.elapsed) / (task.classes - label)
        images = task.images[task.labels == label] / 255
        part = Binarised(images, torch.zeros(len(images)))
        clocks.append(run_in_time(trainers, model, part, seconds, task.seed))
    taken, cores = whole.elapsed, whole.cores

    def draw(labels: Tensor) -> Tensor:
        images = torch.empty(len(labels), *task.shape)
        for label in labels.unique().tolist():
            images[labels == label] = sample(models[label], int((labels == label).sum()))
        return images

    def encode(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        found = models[int(labels[0])].encoder(images)
        return found.embedding, found.log_covariance

    def log_joint(images: Tensor, labels: Tensor, z: Tensor) -> Tensor:
        model = models[int(labels[0])]
        pixels = model.decoder(z).reconstruction.flatten(1)
        log_p = -functional.binary_cross_entropy(pixels, images.flatten(1), reduction="none").sum(1)
        return log_p + log_prior(model, z)

    settings = {
        "model": models[0].model_config.to_dict(),
        "encoder": type(models[0].encoder).__name__,
        "decoder": type(models[0].decoder).__name__,
        "batch": BATCH,
        "step size": STEP_SIZE,
        "steps of each class": [clock.steps for clock in clocks],
        "losses of each class": [clock.curve() for clock in clocks],
    }
    steps = sum(clock.steps for clock in clocks)
    curve = clocks[0].curve()
    nats = binarised_nats(task, encode, log_joint)
    return Trained(draw, parameters(*models), taken, cores, steps, settings, curve, nats, BINARISED)
