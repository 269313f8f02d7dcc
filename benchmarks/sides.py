"""The two sides of the comparison, the plain experiment and a recipe of condvae, trained as a user trains them."""

import os
import pty
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import torch

from benchmarks.clock import Clock
from benchmarks.plain import PlainCVAE, loader
from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.images import unit
from condvae.inference.batched import decode, encode_all
from condvae.model.cvae import CVAE
from condvae.model.distributions import squared_error
from condvae.training.fit import fit


def train_plain(data: Dataset, seed: int = 0, **options: Any) -> PlainCVAE:
    """Train the plain experiment with the defaults of Lightning. `options` are options of its Trainer."""
    with tempfile.TemporaryDirectory() as folder, terminal(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning warns of some of its own defaults
        pl.seed_everything(seed, verbose=False)
        model = PlainCVAE()
        trainer = pl.Trainer(default_root_dir=folder, callbacks=[Clock()], **options)
        trainer.fit(model, loader(data.train.pixels(slice(None)), data.train.labels))
    return model.eval()


def train_recipe(config: Config, data: Dataset, seed: int = 0, **options: Any) -> CVAE:
    """Train a recipe with `fit`. `options` are options of the Trainer."""
    clock = {"class_path": f"{Clock.__module__}.{Clock.__name__}"}
    config = replace(
        config,
        training=replace(config.training, seed=seed),
        trainer={**config.trainer, **options, "callbacks": [clock]},
    )
    with tempfile.TemporaryDirectory() as folder, terminal():
        return fit(config, Path(folder) / "run", data)


def plain_error(model: PlainCVAE, data: Dataset) -> float:
    """Test MSE of the plain experiment, with reconstructions from the posterior mean."""
    images, labels = pixels_and_labels(data.test)
    with torch.inference_mode():
        return squared_error(unit(images), model(unit(images), labels)).mean().item()


def recipe_error(model: CVAE, data: Dataset) -> float:
    """Test MSE of a trained recipe, with reconstructions from the posterior mean."""
    images, labels = pixels_and_labels(data.test)
    reconstructions = decode(model, encode_all(model, images, labels), labels)
    return squared_error(unit(images), reconstructions).mean().item()


def pixels_and_labels(part: LabelledImages) -> tuple[torch.Tensor, torch.Tensor]:
    """All images, uint8 (N, C, H, W), and their labels (N,)."""
    return torch.from_numpy(part.pixels(slice(None))), torch.from_numpy(part.labels)


@contextmanager
def terminal() -> Iterator[None]:
    """What is printed inside goes to a hidden terminal, so that progress bars are drawn as they are for a user."""
    parent, child = pty.openpty()
    reader = threading.Thread(target=_drain, args=(parent,))
    reader.start()
    with os.fdopen(child, "w") as screen, redirect_stdout(screen), redirect_stderr(screen):
        yield
    reader.join()
    os.close(parent)


def _drain(parent: int) -> None:
    try:
        while os.read(parent, 65536):
            pass
    except OSError:  # Linux raises this if the other end is closed
        return
