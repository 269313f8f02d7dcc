"""Optimisers, schedules and precision: what they change, that they resume to the bit, and what they refuse."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from condvae.config import Config, ModelConfig, TrainingConfig, load_recipe
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.run import Run
from condvae.training import trainer
from condvae.training.checkpoints import load_checkpoint
from condvae.training.fit import fit, resume
from condvae.training.module import CVAEModule

SMALL = ModelConfig(encoder=(32, 16), decoder=(16, 32))


def small(**training: object) -> Config:
    """Two epochs of nine steps on the made data."""
    return Config(model=SMALL, training=TrainingConfig(batch_size=10, **training), trainer={"max_epochs": 2})


def test_the_fast_recipe_keeps_the_experiment_s_model_and_resumes_to_the_bit(
    mnist: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = load_recipe("fast")
    assert replace(recipe.model, dropout=0.25) == load_recipe("paper").model
    config = replace(recipe, trainer={**recipe.trainer, "limit_train_batches": 15})
    whole = fit(config, tmp_path / "whole", mnist)

    def interrupted(module: CVAEModule) -> None:
        if module.current_epoch == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CVAEModule, "on_train_batch_start", lambda module, *_: interrupted(module))
        with pytest.raises(KeyboardInterrupt):
            fit(config, tmp_path / "parts", mnist)
    parts = resume(tmp_path / "parts", data=mnist).state_dict()
    assert all(torch.equal(parts[name], weight) for name, weight in whole.state_dict().items())
    (row,) = [row for row in Run(tmp_path / "whole").history() if "val_mse" in row]
    assert row["val_mse"] < 0.06, "30 steps must be enough to beat the mean image"


def test_muon_gets_the_weights_between_hidden_layers_only(bars: Dataset, tmp_path: Path) -> None:
    model = fit(small(optimizer="muon"), tmp_path / "run", bars)
    (state,) = load_checkpoint(tmp_path / "run" / "cvae.ckpt")["optimizer_states"]
    inner, outer = state["param_groups"]
    assert [inner["use_muon"], outer["use_muon"]] == [True, False]
    shapes = [tuple(state["state"][index]["momentum_buffer"].shape) for index in inner["params"]]
    assert shapes == [(16, 32), (32, 16)]
    assert len(inner["params"]) + len(outer["params"]) == len(list(model.parameters()))


def test_one_cycle_goes_up_and_down_and_ends_where_planned(bars: Dataset, tmp_path: Path, monkeypatch) -> None:
    rates = []
    monkeypatch.setattr(
        CVAEModule,
        "on_train_batch_end",
        lambda module, *_: rates.append(module.trainer.optimizers[0].param_groups[0]["lr"]),
    )
    config = small(schedule="one-cycle", learning_rate=0.01)
    fit(config, tmp_path / "run", bars)
    peak = rates.index(max(rates))
    assert len(rates) == 18
    assert max(rates) == pytest.approx(0.01, rel=0.1)
    assert rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True)
    assert rates[-1] < 1e-5
    with pytest.raises(ConfigError, match="one-cycle schedule of this run ends after 18 steps, and 27 are asked for"):
        resume(tmp_path / "run", {**config.trainer, "max_epochs": 3}, bars)
    assert Run(tmp_path / "run").config() == replace(config, data="bars"), "what is refused must leave no trace"


def test_one_cycle_needs_an_end(bars: Dataset, tmp_path: Path) -> None:
    for options, steps in ({"max_epochs": -1}, "inf"), ({"max_steps": 4}, "4"):
        config = replace(small(schedule="one-cycle"), trainer=options)
        with pytest.raises(ConfigError, match=f"at least 5 steps, and to know how many; there are {steps}"):
            fit(config, tmp_path / "run", bars)
        assert not (tmp_path / "run").exists(), "what is refused must leave no trace"
    fit(replace(small(schedule="one-cycle"), trainer={"max_epochs": -1, "max_steps": 5}), tmp_path / "run", bars)


def test_muon_without_weights_between_hidden_layers(bars: Dataset, tmp_path: Path) -> None:
    shallow = replace(small(optimizer="muon"), model=ModelConfig(encoder=(8,), decoder=(8,)))
    assert fit(shallow, tmp_path / "run", bars).parameter_count > 0


@pytest.mark.parametrize(("has", "precision"), [(True, "bf16-mixed"), (False, "32-true")])
def test_bf16_is_used_where_the_processor_has_it(
    has: bool, precision: str, bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "_has_bf16", lambda accelerator: has)
    fit(small(bf16=True), tmp_path / "run", bars)
    assert Run(tmp_path / "run").describe()["record"]["precision"] == precision
    chosen = replace(small(bf16=True), trainer={"max_epochs": 1, "precision": "32-true"})
    fit(chosen, tmp_path / "chosen", bars)
    assert Run(tmp_path / "chosen").describe()["record"]["precision"] == "32-true"
