"""What the tests of training share: small settings, commands in processes of their own, and weights to compare."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from condvae.config import Config, DataConfig, ModelConfig, TrainingConfig
from condvae.run import Run
from condvae.training.module import CVAEModule
from tests.conftest import hear_interrupts

# Three short epochs on MNIST, as options of the Trainer and of the command.
STEPS = {"limit_train_batches": 60, "log_every_n_steps": 20}
SHORT = {"max_epochs": 3, **STEPS}
STEP_OPTIONS = [text for name, value in STEPS.items() for text in (f"--trainer.{name}", str(value))]
PARAMETERS = 1_143_828  # of recipe paper on MNIST
QUIET = {"enable_progress_bar": False}
BERNOULLI = ModelConfig(likelihood="bernoulli", encoder=(16,), decoder=(16,), condition_dropout=0.1)


def with_bound(epochs: int, model: ModelConfig = BERNOULLI, **training: object) -> Config:
    """A model with a bound on the bars: 80 training images in batches of 20, and 10 images held out."""
    settings = TrainingConfig(batch_size=20, **{"beta": 1, **training})
    return Config(DataConfig(validation_split=10), model, settings, {"max_epochs": epochs, **QUIET})


def in_process(*arguments: object) -> list[str]:
    """A command of condvae, for a process of its own."""
    return [sys.executable, "-m", "condvae", *map(str, arguments)]


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start a command in a process of its own."""
    return subprocess.Popen(
        in_process(*arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=hear_interrupts
    )


def wait_for_epoch(process: subprocess.Popen[str], number: int) -> None:
    """Read the output until an epoch is reported. The next epoch has then begun."""
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"epoch {number}/"):
            return
    raise AssertionError(f"The command ended before epoch {number}: {process.communicate()[1]}")


@contextmanager
def interrupted(epoch: int) -> Iterator[None]:
    """Training inside stops as by Ctrl-C when this epoch begins, counted from 0."""
    started = CVAEModule.on_train_epoch_start

    def stop(module: CVAEModule) -> None:
        if module.current_epoch == epoch:
            raise KeyboardInterrupt
        started(module)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CVAEModule, "on_train_epoch_start", stop)
        try:
            yield
        except KeyboardInterrupt:
            return
    raise AssertionError(f"Training ended before epoch {epoch}.")


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The weights of a finished run."""
    return load_file(path / "model.safetensors")


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    """Whether two models have the same weights, to the bit."""
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def logged(path: Path, name: str) -> list[float]:
    """The values of a figure in metrics.csv, in their order."""
    return [row[name] for row in Run(path).history() if name in row]
