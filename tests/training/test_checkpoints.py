"""Checkpoints: whole or not there, and refused if they hold code."""

import os
import pickle
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from condvae.errors import RunError
from condvae.model.saving import load
from condvae.training.checkpoints import load_checkpoint
from tests.conftest import Cli
from tests.training.runs import PARAMETERS, in_process

LIMIT = 1_000_000  # bytes, less than a checkpoint and more than every other file of a run
MORE = ["--trainer.max_epochs", 5]


def test_a_full_disk_leaves_the_previous_checkpoint_whole(uninterrupted: Path, tmp_path: Path) -> None:
    """A limit on the size of a file has the same effect as a full disk: a write fails in the middle of the file."""
    script = f"""
import resource, signal
from pathlib import Path
from condvae.errors import StorageError
from condvae.training.checkpoints import load_checkpoint, save_checkpoint
content = load_checkpoint(Path({str(uninterrupted / "cvae.ckpt")!r}))
target = Path({str(tmp_path / "cvae.ckpt")!r})
save_checkpoint({{"previous": 1}}, target)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, resource.RLIM_INFINITY))
try:
    save_checkpoint(content, target)
except StorageError as error:
    print(error)
"""
    message = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert f"Cannot write {tmp_path / 'cvae.ckpt'}" in message
    assert load_checkpoint(tmp_path / "cvae.ckpt") == {"previous": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["cvae.ckpt"]


def test_training_into_a_full_disk(tmp_path: Path) -> None:
    """The whole command, on a disk that has room for settings and logs but not for a checkpoint."""
    out = tmp_path / "run"

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    result = subprocess.run(
        in_process("train", "--out", out, "--trainer.max_epochs", 1, "--trainer.limit_train_batches", 2),
        capture_output=True, text=True, preexec_fn=limit,
    )  # fmt: skip
    assert result.returncode == 1
    assert f"condvae: Cannot write {out / 'cvae.ckpt'}" in result.stderr
    assert "Traceback" not in result.stderr


class Malicious:
    """A pickle that runs a command when it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (f"touch {self.target}",)


def as_pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value))


@pytest.mark.parametrize("write", [torch.save, as_pickle])
def test_a_checkpoint_with_code_is_refused(copy: Path, tmp_path: Path, command: Cli, write: Callable) -> None:
    write(Malicious(tmp_path / "executed"), copy / "cvae.ckpt")
    message = command.fails("train", "--resume", copy, *MORE)
    assert f"{copy / 'cvae.ckpt'} was refused: it contains code" in message
    assert not (tmp_path / "executed").exists()
    assert load(copy).parameter_count == PARAMETERS, "a finished run needs no checkpoint"


def test_a_damaged_checkpoint(uninterrupted: Path, tmp_path: Path) -> None:
    path = tmp_path / "cvae.ckpt"
    shutil.copy(uninterrupted / "cvae.ckpt", path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(RunError, match=r"cvae\.ckpt cannot be read"):
        load_checkpoint(path)


def test_a_file_that_is_not_a_training_checkpoint(copy: Path, command: Cli) -> None:
    torch.save({"weights": torch.zeros(2)}, copy / "cvae.ckpt")
    message = command.fails("train", "--resume", copy, *MORE)
    assert "is not a training checkpoint: it has no epoch, global_step" in message


def test_a_finished_run_without_a_checkpoint_is_not_trained_again(copy: Path, command: Cli) -> None:
    (copy / "cvae.ckpt").unlink()
    message = command.fails("train", "--resume", copy, *MORE)
    assert "is finished and has no cvae.ckpt to continue from" in message
