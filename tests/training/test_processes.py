"""Training in processes of its own: killed, stopped by Ctrl-C, in a terminal, and two that share one run."""

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path

import pytest
import torch

from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.study import Study
from condvae.model.saving import load
from condvae.run import Run
from condvae.training.checkpoints import load_checkpoint
from tests.conftest import Cli
from tests.training.runs import (
    PARAMETERS,
    SHORT,
    STEP_OPTIONS,
    in_process,
    logged,
    same,
    start,
    wait_for_epoch,
    weights,
)

WITHIN_AN_EPOCH = 0.3  # seconds after an epoch has begun; it takes longer than that


@pytest.mark.slow
def test_killed_and_resumed_it_ends_with_the_same_weights(uninterrupted: Path, tmp_path: Path, command: Cli) -> None:
    out = tmp_path / "killed"
    process = start("train", "--out", out, "--trainer.max_epochs", SHORT["max_epochs"], *STEP_OPTIONS)
    wait_for_epoch(process, 2)
    time.sleep(WITHIN_AN_EPOCH)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not Run(out).is_finished
    command("train", "--resume", out)
    assert same(weights(uninterrupted), weights(out))
    assert logged(uninterrupted, "step") == logged(out, "step")


def test_interrupted_it_says_how_to_continue(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    process = start("train", "--out", out, "--trainer.max_epochs", 50, *STEP_OPTIONS)
    wait_for_epoch(process, 1)
    time.sleep(WITHIN_AN_EPOCH)
    process.send_signal(signal.SIGINT)
    _, message = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert f"Interrupted. Continue with: condvae train --resume {out}" in message
    assert "Traceback" not in message
    assert load_checkpoint(Run(out).checkpoint)["epoch"] < 49


@pytest.mark.slow
def test_in_a_terminal_there_is_a_bar_with_loss_and_rate(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    resize(child)
    command = in_process("train", "--out", tmp_path / "run", "--trainer.max_epochs", 1, *STEP_OPTIONS)
    process = subprocess.Popen(command, stdout=child, stderr=child)
    os.close(child)
    output = b""
    while chunk := read(parent):
        output += chunk
    os.close(parent)
    assert process.wait() == 0
    assert re.search(r"Epoch 0: 100%.*60/60 .*loss=0\.\d+, test MSE=0\.\d+, images/s=\d+", output.decode())


def resize(terminal: int) -> None:
    """Give a terminal 40 rows and 140 columns."""
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 140, 0, 0))


def read(terminal: int) -> bytes:
    """The next output in a terminal. Empty if the program in it has ended."""
    try:
        return os.read(terminal, 65536)
    except OSError:
        return b""


@pytest.mark.slow
def test_two_processes_share_one_run(tmp_path: Path) -> None:
    out, environment = tmp_path / "run", {**os.environ, "OMP_NUM_THREADS": "1"}
    devices = ["--trainer.accelerator", "cpu", "--trainer.devices", 2]
    limits = ["--trainer.max_epochs", 1, "--trainer.limit_train_batches", 20]
    result = subprocess.run(
        in_process("train", "--out", out, *devices, *STEP_OPTIONS, *limits),
        capture_output=True, text=True, check=True, env=environment,
    )  # fmt: skip
    assert result.stdout.count(f"Trained: {out}") == 1
    assert load(out).parameter_count == PARAMETERS
    assert Run(out).describe()["record"]["steps"] == 20
    measured = evaluate(Study(Run(out)), ["reconstruction"])["reconstruction"]
    assert logged(out, "test_mse") == pytest.approx([measured.mse.value], rel=1e-5), "each measures half of the images"
    again = subprocess.run(
        in_process("train", "--resume", out, "--trainer.max_epochs", 2), capture_output=True, text=True, env=environment
    )
    assert again.returncode == 0, again.stderr
    assert [row["epoch"] for row in Run(out).history() if "test_mse" in row] == [0, 1]


TERMS = [  # everything that is random, or a mean over the images of a batch
    *("--model.network", "conv", "--model.encoder", "[8, 8]", "--model.decoder", "[8, 8]", "--model.latent", 4),
    *("--model.prior", "flow", "--model.likelihood", "bernoulli", "--model.condition_dropout", 0.1),
    *("--training.beta", 0.8, "--training.free_bits", 0.1, "--training.shared_style", 0.3),
    *("--training.shift", 0.1, "--training.rotate", 10, "--training.flip", 0.5),
]
SAMPLED = ["--model.likelihood", "bernoulli", "--training.beta", 1, "--training.samples", 3]


@pytest.mark.slow
@pytest.mark.parametrize("settings", [[], TERMS, SAMPLED], ids=["paper", "all terms", "several samples"])
def test_two_processes_take_the_steps_of_one(settings: list[object], tmp_path: Path) -> None:
    """Few steps, because Adam makes a rounding error of a small gradient as large as the step."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    limits = ["--trainer.max_epochs", 1, "--trainer.limit_train_batches", 3, "--data.validation_split", 1001]
    for processes in (1, 2):
        devices = ["--trainer.accelerator", "cpu", "--trainer.devices", processes, "--training.batch_size", 33]
        subprocess.run(
            in_process("train", "--out", tmp_path / str(processes), *devices, *settings, *limits),
            check=True, capture_output=True, env=environment,
        )  # fmt: skip
    one, two = (torch.cat([value.flatten() for value in weights(tmp_path / name).values()]) for name in ("1", "2"))
    assert (one - two).norm() < 1e-4 * one.norm()
    for figure in ("val_bound", "val_mse", "train_loss_epoch"):
        assert logged(tmp_path / "1", figure) == pytest.approx(logged(tmp_path / "2", figure), rel=1e-5)
