"""`reproduce`: the device that trains, and what an interrupted call left. The trainings themselves are replaced."""

from pathlib import Path
from typing import Any

import pytest

from condvae import reproduce as experiment
from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError, RunError
from condvae.run import Run


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch, bars: Dataset) -> list[tuple[str, str]]:
    """What was trained: how, and on what device. Nothing is measured or drawn."""
    done: list[tuple[str, str]] = []

    def fit(config: Config, out: Path, data: Dataset) -> None:
        done.append(("fit", config.trainer.get("accelerator", "auto")))
        Run(out).write_config(config)

    def resume(out: Path, trainer: dict[str, Any], data: Dataset) -> None:
        done.append(("resume", trainer.get("accelerator", "auto")))

    monkeypatch.setattr(experiment, "fit", fit)
    monkeypatch.setattr(experiment, "resume", resume)
    monkeypatch.setattr(experiment, "load_data", lambda source: bars)
    for name in ("Study", "evaluate", "assess", "write_report"):
        monkeypatch.setattr(experiment, name, lambda *_, **__: None)
    return done


def test_the_device_trains_both_models(tmp_path: Path, trained: list[tuple[str, str]]) -> None:
    experiment.reproduce(tmp_path / "run", 0, "cpu")
    assert trained == [("fit", "cpu"), ("fit", "cpu")]


def test_an_interrupted_experiment_may_continue_on_another_device(
    tmp_path: Path, trained: list[tuple[str, str]]
) -> None:
    experiment.reproduce(tmp_path / "run", 0, "cpu")
    experiment.reproduce(tmp_path / "run", 0)
    assert trained[2:] == [("resume", "auto"), ("resume", "auto")]


def test_a_run_with_other_settings_is_refused(tmp_path: Path, trained: list[tuple[str, str]]) -> None:
    experiment.reproduce(tmp_path / "run", 0)
    with pytest.raises(RunError, match="holds a run with other settings than recipe 'paper' with seed 1"):
        experiment.reproduce(tmp_path / "run", 1)


def test_an_unknown_device_is_refused_before_training(tmp_path: Path, trained: list[tuple[str, str]]) -> None:
    with pytest.raises(ConfigError, match="There is no device 'gpu'"):
        experiment.reproduce(tmp_path / "run", 0, "gpu")
    assert not trained
