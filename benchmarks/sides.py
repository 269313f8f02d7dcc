"""The two sides that are compared: the plain experiment, and a recipe of condvae, each trained as its user would."""

import os
import pty
import tempfile
import threading
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
from condvae.images import unit
from condvae.inference.batched import decode, encode_all
from condvae.model.cvae import CVAE
from condvae.model.distributions import squared_error
from condvae.training.fit import fit


def train_plain(data: Dataset, seed: int = 0, **options: Any) -> PlainCVAE:
    """The plain experiment with all of Lightning's defaults; `options` are the Trainer's."""
    with tempfile.TemporaryDirectory() as folder, terminal():
        pl.seed_everything(seed, verbose=False)
        model = PlainCVAE()
        trainer = pl.Trainer(default_root_dir=folder, callbacks=[Clock()], **options)
        trainer.fit(model, loader(data.train.images, data.train.labels))
    return model.eval()


def train_recipe(config: Config, data: Dataset, seed: int = 0, **options: Any) -> CVAE:
    """A recipe through `fit`; `options` are the Trainer's."""
    clock = {"class_path": f"{Clock.__module__}.{Clock.__name__}"}
    config = replace(
        config,
        training=replace(config.training, seed=seed),
        trainer={**config.trainer, **options, "callbacks": [clock]},
    )
    with tempfile.TemporaryDirectory() as folder, terminal():
        return fit(config, Path(folder) / "run", data)


def plain_error(model: PlainCVAE, data: Dataset) -> float:
    """Test MSE of the plain experiment, reconstructed from the posterior mean."""
    images, labels = (torch.from_numpy(array) for array in (data.test.images, data.test.labels))
    with torch.inference_mode():
        return squared_error(unit(images), model(unit(images), labels)).mean().item()


def recipe_error(model: CVAE, data: Dataset) -> float:
    """Test MSE of a trained recipe, reconstructed from the posterior mean."""
    images, labels = (torch.from_numpy(array) for array in (data.test.images, data.test.labels))
    copies = decode(model, encode_all(model, images, labels), labels)
    return squared_error(unit(images), copies).mean().item()


@contextmanager
def terminal() -> Iterator[None]:
    """A terminal of its own for what is printed inside, so that bars are drawn as they are for a user, unseen."""
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
    except OSError:  # how Linux says that the other end is closed
        return
