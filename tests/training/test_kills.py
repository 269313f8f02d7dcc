"""Packing pictures and training on the packed file, killed at random moments: the weights are the same to the bit."""

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from condvae.data.packing.packed import clear
from condvae.run import Run
from tests.training.runs import logged, same, weights

KILLS = 10
COMMAND = """
import sys
from condvae.cli.main import main
from condvae.data import build
from condvae.data.packing import making
if __name__ == "__main__":
    import condvae.training.fit  # takes long
    build.IN_MEMORY = 0
    making.SECONDS_BETWEEN_SYNCS, making.MOST_AT_ONCE = 0.0, 8
    print("ready", flush=True)
    sys.stdin.readline()
    sys.exit(main(sys.argv[1:]))
"""


def pictures(folder: Path, count: int) -> None:
    """Small colour pictures of noise in two classes."""
    generator = np.random.default_rng(0)
    for number in range(count):
        path = folder / "pictures" / "ab"[number % 2] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (60, 50, 3), dtype=np.uint8)).save(path)


def started(folder: Path, out: Path) -> "subprocess.Popen[str]":
    """Training in a process of its own: from the beginning, or where it was."""
    (folder / "script.py").write_text(COMMAND)
    source = ["--data", f"folder:{folder / 'pictures'}", "--data.image_size", "16", "16", "--out", str(out)]
    small = ["--recipe", "paper", "--model.encoder", "32", "--model.decoder", "32", "--trainer.max_epochs", "10"]
    arguments = ["--resume", str(out)] if Run(out).is_started else [*source, *small]
    command = [sys.executable, str(folder / "script.py"), "train", *arguments]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def finished(process: "subprocess.Popen[str]") -> float:
    """Let a process run to its end: seconds."""
    began = time.perf_counter()
    _, errors = process.communicate("\n")
    assert process.returncode == 0, errors
    return time.perf_counter() - began


@pytest.mark.slow
def test_ten_kills_while_packing_and_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    pictures(tmp_path, 1500)
    seconds = finished(started(tmp_path, tmp_path / "whole"))
    clear()
    moments, out, killed = random.Random(0), tmp_path / "killed", {"packing": 0, "training": 0}
    while sum(killed.values()) < KILLS:
        with started(tmp_path, out) as process:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
            time.sleep(moments.uniform(0, seconds / 2))
            process.kill()
            process.communicate()
        if Run(out).is_finished:  # too late to be killed, so it begins again
            assert same(weights(tmp_path / "whole"), weights(out))
            shutil.rmtree(out)
            clear()
        else:
            assert process.returncode == -signal.SIGKILL
            killed["training" if Run(out).is_started else "packing"] += 1
    finished(started(tmp_path, out))
    assert same(weights(tmp_path / "whole"), weights(out))
    assert logged(tmp_path / "whole", "train_loss_epoch") == logged(out, "train_loss_epoch")
    assert min(killed.values()) > 0, killed
