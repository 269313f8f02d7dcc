"""Sweeps on Ray: on one machine, and on a cluster of two nodes whose node, worker and driver are killed."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock

from condvae.cluster.record import FINISHED, STOPPED, Sweep
from condvae.run import Run
from tests.cluster.nodes import PATIENCE, processes, two_nodes, wait_for
from tests.cluster.plans import SMALL, written
from tests.conftest import Cli
from tests.training.runs import in_process, logged, same, start, weights

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[Any]:
    with two_nodes() as found:
        yield found


def finished(sweep: Sweep) -> list[str]:
    return [trial.name for trial in sweep.trials() if trial.state == FINISHED]


def workers() -> list[int]:
    """The processes that train."""
    return processes("ray::.*train")


def test_killed_worker_node_and_driver_and_all_trials_finish_once(cluster: Any, tmp_path: Path) -> None:
    file, out = written(tmp_path / "s.yaml", grid={"model.latent": [2, 3, 4, 5]}, seeds=2), tmp_path / "out"
    sweep, address = Sweep(out), ["--address", cluster.address]
    driver = start("sweep", file, "--out", out, *address)
    wait_for(lambda: len(finished(sweep)) >= 1 and bool(workers()), driver)
    os.kill(workers()[0], signal.SIGKILL)
    wait_for(lambda: len(finished(sweep)) >= 3, driver)
    cluster.remove_node(cluster.second, allow_graceful=False)
    wait_for(lambda: len(finished(sweep)) >= 4, driver)
    driver.send_signal(signal.SIGKILL)
    driver.communicate()
    before = {name: Run(out / name).weights.stat().st_mtime_ns for name in finished(sweep)}
    assert 4 <= len(before) < 8
    resumed = subprocess.run(
        in_process("sweep", "--resume", out, *address), capture_output=True, text=True, timeout=PATIENCE
    )
    assert resumed.returncode == 0, resumed.stderr
    assert len(finished(sweep)) == 8
    assert "8 trials: 8 finished" in resumed.stdout
    for name in before:
        assert Run(out / name).weights.stat().st_mtime_ns == before[name], "a finished trial is not trained again"
    for name in finished(sweep):
        assert Run(out / name).describe()["record"]["steps"] == 60
        assert [row["epoch"] for row in Run(out / name).history() if "seconds" in row] == [0, 1, 2]
    alone = subprocess.run(
        in_process("train", "--recipe", out / finished(sweep)[-1] / "config.yaml", "--out", tmp_path / "alone"),
        capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert alone.returncode == 0, alone.stderr
    assert same(weights(tmp_path / "alone"), weights(out / finished(sweep)[-1])), "a trial is a normal run"


def test_bayesian_search_stops_early_and_runs_commands_afterwards(tmp_path: Path, command: Cli) -> None:
    rates = {"low": 1e-5, "high": 0.1, "log": True}
    file = written(
        tmp_path / "s.yaml", search={"model.latent": {"low": 2, "high": 6}, "training.learning_rate": rates},
        method="bayes", trials=5, early_stopping={"reduction": 2}, after=["evaluate RUN --only reconstruction"],
    )  # fmt: skip
    out = tmp_path / "out"
    output = command("sweep", file, "--out", out)
    states = {trial.name: trial.state for trial in Sweep(out).trials()}
    assert len(states) == 5
    assert set(states.values()) == {FINISHED, STOPPED}
    assert f"Written: {out / 'sweep.html'}" in output
    for name, state in states.items():
        assert Run(out / name).evaluation.is_file() == (state == FINISHED)
        assert (len(logged(out / name, "val_bound")) == 3) == (state == FINISHED)


def test_a_trial_that_fails_says_why_and_the_others_go_on(tmp_path: Path, command: Cli) -> None:
    rates = {"training.learning_rate": [1e-3, 1e30]}
    out = tmp_path / "out"
    output = command("sweep", written(tmp_path / "s.yaml", grid=rates), "--out", out)
    assert "2 trials: 1 finished, 1 failed" in output
    assert "The loss is" in output
    assert "Train again with a lower --training.learning_rate than 1e+30" in output


def test_what_cannot_be_done_is_said_and_nothing_is_lost(tmp_path: Path, command: Cli) -> None:
    file, out = written(tmp_path / "s.yaml", cpus=512), tmp_path / "out"
    for _ in range(2):  # nothing is left behind that the corrected command would stumble over
        message = command.fails("sweep", file, "--out", out)
        assert "A trial needs 512 cores and 0 graphics cards, and the largest machine has" in message
        assert not out.exists()
    out.mkdir()
    assert "is not the folder of a sweep" in command.fails("sweep", "--resume", out)
    (out / "sweep.yaml").write_text(written(tmp_path / "s.yaml").read_text())
    assert "exists and is not empty" in command.fails("sweep", file, "--out", out)
    with FileLock(out / ".lock"):
        assert f"Another 'condvae sweep' is working on {out}" in command.fails("sweep", "--resume", out)


def test_ctrl_c_says_how_to_go_on_and_the_folder_may_be_moved(
    tmp_path: Path, command: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 256, (4000, 28, 28), np.uint8)
    np.savez(tmp_path / "small.npz", images=images, labels=np.arange(4000) % 2)
    long = {**SMALL, "trainer.max_epochs": 40, "data.source": "arrays:small.npz"}
    monkeypatch.chdir(tmp_path)
    file, out = written(tmp_path / "s.yaml", settings=long, seeds=2), tmp_path / "out"
    driver = start("sweep", file, "--out", out)
    wait_for(lambda: any(Run(path).checkpoint.is_file() for path in out.glob("0*")), driver)
    driver.send_signal(signal.SIGINT)
    _, message = driver.communicate(timeout=PATIENCE)
    assert driver.returncode == 130
    assert f"Interrupted. Continue with: condvae sweep --resume {out}" in message
    assert "Traceback" not in message
    out.rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    assert "2 trials: 2 finished" in command("sweep", "--resume", tmp_path / "moved")
    assert not out.exists(), "nothing is written to where the folder was"
