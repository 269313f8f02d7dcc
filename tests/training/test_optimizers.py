"""Optimisers and schedules: what each of them does, for every member of the registries, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from condvae.config import Config, DataConfig, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError, RunError
from condvae.model.cvae import CVAE
from condvae.run import Run
from condvae.training.checkpoints import load_checkpoint
from condvae.training.fit import fit, resume
from condvae.training.module import CVAEModule
from condvae.training.optimizers import OPTIMIZERS, SCHEDULES
from tests.training.runs import BERNOULLI, interrupted, logged, same, weights, with_bound

SMALL = ModelConfig(encoder=(32, 16), decoder=(16, 32))
STEPS = 18  # two epochs of nine batches
PLANNED = [name for name, kind in SCHEDULES.items() if not kind.can_continue]
OPEN = [name for name, kind in SCHEDULES.items() if kind.can_continue]


def small(**training: object) -> Config:
    """Two epochs of nine steps on the bars."""
    return Config(model=SMALL, training=TrainingConfig(batch_size=10, **training), trainer={"max_epochs": 2})


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_an_optimizer_has_every_parameter_once(bars: Dataset, name: str) -> None:
    model = CVAE(SMALL, bars.train.schema)
    groups = OPTIMIZERS[name](model, small().training, True).param_groups
    found = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(found) == sorted(map(id, model.parameters()))


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_an_interrupted_run_resumes_to_the_bit(bars: Dataset, tmp_path: Path, optimizer: str, schedule: str) -> None:
    config = small(optimizer=optimizer, schedule=schedule)
    fit(config, tmp_path / "whole", bars)
    with interrupted(1):
        fit(config, tmp_path / "parts", bars)
    resume(tmp_path / "parts", data=bars)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.parametrize("schedule", OPEN)
def test_an_open_schedule_can_be_trained_further(bars: Dataset, tmp_path: Path, schedule: str) -> None:
    config = small(schedule=schedule)
    longer = {**config.trainer, "max_epochs": 3}
    fit(replace(config, trainer=longer), tmp_path / "whole", bars)
    fit(config, tmp_path / "parts", bars)
    with pytest.raises(RunError, match=r"To train it further, set --trainer\.max_epochs to more epochs"):
        resume(tmp_path / "parts", data=bars)
    resume(tmp_path / "parts", longer, bars)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))


@pytest.mark.parametrize("schedule", PLANNED)
def test_a_planned_schedule_cannot_be_trained_further(bars: Dataset, tmp_path: Path, schedule: str) -> None:
    config = small(schedule=schedule)
    fit(config, tmp_path / "run", bars)
    message = f"The schedule {schedule} of this run is planned for {STEPS} steps, and 27 steps are asked for"
    with pytest.raises(ConfigError, match=message):
        resume(tmp_path / "run", {**config.trainer, "max_epochs": 3}, bars)
    assert Run(tmp_path / "run").config() == replace(config, data=DataConfig("bars")), "config.yaml stays as it was"
    with pytest.raises(RunError, match=f"Its schedule {schedule} ends with its last step. Train a new run"):
        resume(tmp_path / "run", data=bars)


@pytest.mark.parametrize("schedule", PLANNED)
def test_a_planned_schedule_needs_to_know_its_steps(bars: Dataset, tmp_path: Path, schedule: str) -> None:
    config, minimum = small(schedule=schedule), SCHEDULES[schedule].minimum_steps
    for options, steps in ({"max_epochs": -1}, "inf"), ({"max_steps": minimum - 1}, str(minimum - 1)):
        message = f"The schedule {schedule} needs a known number of steps, at least {minimum}, got {steps}"
        with pytest.raises(ConfigError, match=message):
            fit(replace(config, trainer=options), tmp_path / "run", bars)
        assert not (tmp_path / "run").exists(), "nothing is written for settings that are refused"
    fit(replace(config, trainer={"max_epochs": -1, "max_steps": minimum}), tmp_path / "run", bars)


def test_one_cycle_rises_to_the_learning_rate_and_falls_to_zero(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []

    def record(module: CVAEModule, *_: object) -> None:
        rates.append(module.trainer.optimizers[0].param_groups[0]["lr"])

    monkeypatch.setattr(CVAEModule, "on_train_batch_end", record)
    fit(small(schedule="one-cycle", learning_rate=0.01), tmp_path / "run", bars)
    peak = rates.index(max(rates))
    assert len(rates) == STEPS
    assert max(rates) == pytest.approx(0.01, rel=0.1), "the peak lies between two steps"
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-5


def test_muon_has_only_the_weights_between_hidden_layers(bars: Dataset, tmp_path: Path) -> None:
    model = fit(small(optimizer="muon"), tmp_path / "run", bars)
    (state,) = load_checkpoint(tmp_path / "run" / "cvae.ckpt")["optimizer_states"]
    inner, outer = state["param_groups"]
    assert [inner["use_muon"], outer["use_muon"]] == [True, False]
    shapes = [tuple(state["state"][index]["momentum_buffer"].shape) for index in inner["params"]]
    assert shapes == [(16, 32), (32, 16)]
    assert len(inner["params"]) + len(outer["params"]) == len(list(model.parameters()))


def test_muon_without_weights_between_hidden_layers(bars: Dataset, tmp_path: Path) -> None:
    shallow = replace(small(optimizer="muon"), model=ModelConfig(encoder=(8,), decoder=(8,)))
    assert fit(shallow, tmp_path / "run", bars).parameter_count > 0


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_muon_and_a_start_at_the_mean_lower_the_loss_of_both_networks(
    bars: Dataset, tmp_path: Path, network: str
) -> None:
    model = replace(BERNOULLI, network=network, encoder=(8, 8), decoder=(8, 8))
    settings = with_bound(6, model, optimizer="muon", start_at_mean=True, muon_learning_rate=0.02, learning_rate=1e-2)
    fit(settings, tmp_path / "run", bars)
    first, *_, last = logged(tmp_path / "run", "train_loss_epoch")
    assert last < first


def test_a_start_at_the_mean_decodes_to_the_mean_image(bars: Dataset) -> None:
    decoder = CVAE(ModelConfig(), bars.train.schema).likelihood.decoder
    mean = torch.as_tensor(bars.train.mean_image())
    decoder.start_at(mean)
    torch.testing.assert_close(decoder.pixels.bias.sigmoid().view(mean.shape), mean.float())
