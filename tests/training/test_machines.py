"""One training on two machines: with torchrun and with SLURM, killed at random, and cut off from each other."""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from benchmarks.halves import COMMAND
from condvae.run import Run
from condvae.training.checkpoints import load_checkpoint
from tests.machines import Machine, kill, started_by, torchrun, two_machines
from tests.training.runs import in_process, same, weights

Both = tuple[Machine, Machine]
Processes = list[subprocess.Popen[str]]

OPTIONS = ["--trainer.accelerator", "cpu", "--trainer.devices", 1, "--trainer.num_nodes", 2]
# Everything that is random, in a small model.
SMALL = ["--model.encoder", "[64]", "--model.decoder", "[64]", "--model.condition_dropout", 0.1]
RANDOM = [
    "--model.likelihood",
    "bernoulli",
    "--training.beta",
    1,
    "--training.shift",
    0.1,
    "--data.validation_split",
    1000,
]
SETTINGS = [*SMALL, *RANDOM, *OPTIONS, "--trainer.limit_train_batches", 40]
KILLS = 10
PATIENCE = 120  # seconds until a test gives up
PORTS = iter(range(29_600, 29_700))


@pytest.fixture
def machines() -> Iterator[Both]:
    with two_machines() as both:
        yield both


def start_all(machines: Both, folder: Path, *arguments: object, same_folder: bool = False) -> Processes:
    """`condvae train` on both machines. Each has a run folder of its own, "0" and "1", or both have "0"."""
    port = next(PORTS)
    return [
        machine.start(
            *torchrun(machines[0], number, port), "train",
            *(argument.format(run=folder / str(number * (not same_folder))) if isinstance(argument, str) else argument
              for argument in arguments),
            log=folder / f"{number}.log",
        )
        for number, machine in enumerate(machines)
    ]  # fmt: skip


def finish(processes: Processes) -> list[int]:
    return [process.wait(PATIENCE) for process in processes]


def said(folder: Path, number: int = 0) -> str:
    return (folder / f"{number}.log").read_text()


def wait_for(folder: Path, pattern: str) -> None:
    begin = time.monotonic()
    while not re.search(pattern, said(folder)):
        assert time.monotonic() - begin < PATIENCE, said(folder)
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.parametrize("same_folder", [False, True], ids=["a folder each", "one folder"])
def test_each_machine_has_the_whole_run_and_one_process_speaks(
    machines: Both, tmp_path: Path, same_folder: bool
) -> None:
    processes = start_all(
        machines, tmp_path, "--out", "{run}", *SETTINGS, "--trainer.max_epochs", 1, same_folder=same_folder
    )
    assert finish(processes) == [0, 0], said(tmp_path) + said(tmp_path, 1)
    files = [
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("0", "1")[: 2 - same_folder]
    ]
    assert {"config.yaml", "cvae.ckpt", "metrics.csv", "model.json", "model.safetensors"} == files[0].keys()
    assert files[0] == files[-1]
    assert "Trained:" in said(tmp_path, 0)
    assert "Trained:" not in said(tmp_path, 1)


@pytest.mark.slow
def test_killed_ten_times_it_ends_with_the_same_bits(machines: Both, tmp_path: Path) -> None:
    generator, epochs = random.Random(0), 6 * KILLS  # some epochs end between a report and a kill
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    length = ["--trainer.max_epochs", epochs]
    assert finish(start_all(machines, whole, "--out", "{run}", *SETTINGS, *length)) == [0, 0]
    processes = start_all(machines, killed, "--out", "{run}", *SETTINGS, *length)
    for _ in range(KILLS):
        wait_for(killed, "epoch [0-9]+/")
        time.sleep(generator.uniform(0, 0.3))
        victims = generator.choice([[0], [1], [0, 1]])
        is_machine = generator.random() < 0.5
        for victim in victims:
            if is_machine:
                kill(processes[victim])
            else:
                os.kill(started_by(processes[victim].pid)[0], signal.SIGKILL)  # torchrun starts one process
        finish(processes)
        assert not Run(killed / "0").is_finished
        processes = start_all(machines, killed, "--resume", "{run}")
    assert finish(processes) == [0, 0], said(killed)
    for name in ("0", "1"):
        assert same(weights(whole / "0"), weights(killed / name))


@pytest.mark.slow
def test_two_machines_end_with_the_bits_of_one_that_computes_both_halves(machines: Both, tmp_path: Path) -> None:
    once = [*SETTINGS, "--model.prior", "flow", "--training.shared_style", 0.3, "--trainer.max_epochs", 1]
    assert finish(start_all(machines, tmp_path, "--out", "{run}", *once)) == [0, 0]
    alone = [sys.executable, *COMMAND, *map(str, [*once, "--trainer.num_nodes", 1, "--out", tmp_path / "one"])]
    subprocess.run(alone, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert same(weights(tmp_path / "one"), weights(tmp_path / "0"))


@pytest.mark.slow
def test_two_processes_begin_and_one_goes_on(machines: Both, tmp_path: Path) -> None:
    """Few steps, because Adam makes a rounding error of a small gradient as large as the step."""
    few = [*SETTINGS, "--trainer.limit_train_batches", 2, "--trainer.max_epochs"]
    assert finish(start_all(machines, tmp_path, "--out", "{run}", *few, 1)) == [0, 0]
    alone, resumed = ["--trainer.num_nodes", 1, "--trainer.max_epochs", 2], tmp_path / "0"
    for options in (["--resume", resumed], ["--out", tmp_path / "one", *few, 2]):
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(in_process("train", *options, *alone), check=True, capture_output=True, env=environment)
    one, two = (
        torch.cat([value.flatten() for value in weights(path).values()]) for path in (tmp_path / "one", resumed)
    )
    assert (one - two).norm() / one.norm() < 1e-4


@pytest.mark.slow
def test_cut_off_the_others_end_within_a_minute_and_say_what_to_do(machines: Both, tmp_path: Path) -> None:
    if not machines[0].namespace:
        pytest.skip("Only a network namespace can be cut off.")
    processes = start_all(machines, tmp_path, "--out", "{run}", *SETTINGS, "--trainer.max_epochs", 500)
    wait_for(tmp_path, "epoch 20/")  # its checkpoint may be unfinished, and that of the epoch before is whole
    machines[1].unplug()
    assert processes[0].wait(60) == 1
    kill(processes[1])
    assert "One of the 2 processes of this training ended, or did not answer for 45 seconds" in said(tmp_path)
    assert f"condvae train --resume {tmp_path / '0'}" in said(tmp_path)
    assert load_checkpoint(Run(tmp_path / "0").checkpoint)["epoch"] >= 18


@pytest.mark.slow
def test_slurm_needs_no_other_line(machines: Both, tmp_path: Path) -> None:
    port = next(PORTS)
    processes = [
        machine.start(
            sys.executable, "-m", "condvae", "train", "--out", tmp_path / "run", *SETTINGS, "--trainer.max_epochs", 1,
            log=tmp_path / f"{number}.log", SLURM_JOB_ID="7", SLURM_JOB_NAME="train", SLURM_NTASKS="2",
            SLURM_NTASKS_PER_NODE="1", SLURM_PROCID=str(number), SLURM_LOCALID="0", SLURM_NODEID=str(number),
            SLURM_NODELIST=machines[0].address, MASTER_PORT=str(port),
        )
        for number, machine in enumerate(machines)
    ]  # fmt: skip
    assert finish(processes) == [0, 0], said(tmp_path) + said(tmp_path, 1)
    assert Run(tmp_path / "run").describe()["record"]["steps"] == 40
