"""The objective as it is trained and monitored: warm-up, the validation bound, early stopping, resuming."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset, prepared
from condvae.errors import ConfigError, RunError
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.model.cvae import CVAE, Bound
from condvae.model.likelihoods import LIKELIHOODS
from condvae.model.saving import load
from condvae.run import Run
from condvae.seeds import seeded
from condvae.training.checkpoints import load_checkpoint
from condvae.training.fit import fit, resume
from condvae.training.module import CVAEModule

QUIET = {"enable_progress_bar": False}
MODEL = ModelConfig(likelihood="bernoulli", encoder=(16,), decoder=(16,), condition_dropout=0.1)


def config(epochs: int, model: ModelConfig = MODEL, **training: object) -> Config:
    settings = TrainingConfig(batch_size=20, **{"beta": 1, "validation": 10, **training})
    return Config(model=model, training=settings, trainer={"max_epochs": epochs, **QUIET})


def losses(path: Path, name: str) -> list[float]:
    return [row[name] for row in Run(path).history() if name in row]


@pytest.mark.parametrize("likelihood", sorted(LIKELIHOODS))
def test_only_a_bernoulli_sees_binarised_images(bars: Dataset, likelihood: str) -> None:
    model = CVAE(replace(MODEL, likelihood=likelihood), bars.train.schema)
    grey = torch.rand(2000, 1, 2, 2).sort(0).values
    seen = model.observe(grey)
    if likelihood != "bernoulli":
        assert seen is grey
        return
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(seen, model.observe(grey)), "drawn anew each time"
    means = seen.view(10, 200, -1).mean((1, 2))
    torch.testing.assert_close(means, grey.view(10, 200, -1).mean((1, 2)), atol=0.1, rtol=0)


def test_binarised_anew_in_training_and_once_for_all_where_it_is_measured(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[bool, list[Tensor]] = {True: [], False: []}
    elbo = CVAE.elbo

    def spied(model: CVAE, x: Tensor, *arguments: object, **options: object) -> Bound:
        given[model.training].append(x)
        return elbo(model, x, *arguments, **options)

    monkeypatch.setattr(CVAE, "elbo", spied)
    settings = config(3, replace(MODEL, likelihood="bernoulli"))
    fit(replace(settings, training=replace(settings.training, batch_size=len(bars.train))), tmp_path / "run", bars)
    for parts in given.values():
        assert len(parts) == 3
        assert all(set(part.unique().tolist()) == {0.0, 1.0} for part in parts)
    sums = [part.sum(0) for part in given[True]]  # over the epoch, so that the order does not matter
    assert not torch.equal(sums[0], sums[1])
    assert torch.equal(given[False][0], given[False][2])
    once, again = (Study(Run(tmp_path / "run"), bars).observed for _ in range(2))
    assert torch.equal(once, again)
    assert set(once.unique().tolist()) == {0.0, 1.0}


def test_what_is_monitored_is_the_unweighted_bound_of_the_held_out_images(bars: Dataset, tmp_path: Path) -> None:
    """Whatever the KL term weighed in training, and with the same noise in each epoch."""
    settings = config(2, beta=0.25, warm_up=2)
    model = fit(settings, tmp_path / "run", bars)
    held_out = prepared(bars, settings).validation
    x, rows = unit(torch.from_numpy(held_out.images)), torch.from_numpy(held_out.rows(("label",)))
    with seeded(0), torch.no_grad():
        bound = model.elbo(model.observe(x), rows)
    torch.testing.assert_close(bound.value, bound.reconstruction - bound.divergence)
    assert losses(tmp_path / "run", "val_bound")[-1] == pytest.approx(bound.value.mean().item(), rel=1e-5)
    assert losses(tmp_path / "run", "val_mse")
    assert not losses(tmp_path / "run", "test_mse"), "no test image is looked at"
    record = Run(tmp_path / "run").describe()["record"]
    assert (record["train_images"], record["validation_images"], record["test_images"]) == (80, 10, 30)


def test_warm_up_rises_to_beta_in_equal_steps(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = []
    found = CVAEModule._beta

    def watched(module: CVAEModule, index: int) -> float:
        weights.append(found(module, index))
        return weights[-1]

    monkeypatch.setattr(CVAEModule, "_beta", watched)
    fit(config(3, beta=2, warm_up=1.5), tmp_path / "run", bars)
    assert weights == pytest.approx([2 * min(1, (step + 1) / 6) for step in range(12)])


def test_validation_does_not_disturb_training(bars: Dataset, tmp_path: Path) -> None:
    """The weights are those of a run that never looked at its validation images."""
    settings = config(2)
    blind = replace(settings, trainer={**settings.trainer, "limit_val_batches": 0})
    for name, one in (("seen", settings), ("blind", blind)):
        fit(one, tmp_path / name, bars)
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("seen", "blind"))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_it_stops_when_the_bound_gets_no_better_and_keeps_the_best(bars: Dataset, tmp_path: Path) -> None:
    settings = config(60, patience=2, learning_rate=0.05)
    model = fit(settings, tmp_path / "run", bars)
    bounds = losses(tmp_path / "run", "val_bound")
    assert len(bounds) < 60
    assert max(bounds) == bounds[-3], "two epochs without a better one"
    held_out = prepared(bars, settings).validation
    x, rows = unit(torch.from_numpy(held_out.images)), torch.from_numpy(held_out.rows(("label",)))
    with seeded(0), torch.no_grad():
        assert model.elbo(model.observe(x), rows).value.mean().item() == pytest.approx(max(bounds), rel=1e-5)
    again = load(tmp_path / "run")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(
    "model",
    [MODEL, replace(MODEL, prior="flow"), replace(MODEL, network="conv", encoder=(8, 8), decoder=(8, 8), dropout=0.1)],
    ids=["mlp", "flow", "conv"],
)
def test_interrupted_and_resumed_it_ends_with_the_same_weights(
    bars: Dataset, tmp_path: Path, model: ModelConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(4, model, warm_up=3, schedule="one-cycle", patience=9, samples=2, learning_rate=1e-2)
    fit(settings, tmp_path / "whole", bars)
    started, at = CVAEModule.on_train_epoch_start, 2

    def interrupted(module: CVAEModule) -> None:
        if module.current_epoch == at:
            raise KeyboardInterrupt
        started(module)

    monkeypatch.setattr(CVAEModule, "on_train_epoch_start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(settings, tmp_path / "resumed", bars)
    monkeypatch.setattr(CVAEModule, "on_train_epoch_start", started)
    (tmp_path / "resumed").rename(tmp_path / "moved")
    resume(tmp_path / "moved", data=bars)
    first, second = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "moved"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert losses(tmp_path / "whole", "val_bound") == losses(tmp_path / "moved", "val_bound")


def test_moved_before_it_is_resumed_it_still_knows_its_best(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = config(3, patience=9)
    started, bounds = CVAEModule.on_train_epoch_start, iter([-1.0, -5.0, -4.0])
    log = CVAEModule.log_dict

    def worsening(module: CVAEModule, found: dict, **options: object) -> None:
        log(module, {**found, "val_bound": torch.tensor(next(bounds))} if "val_bound" in found else found, **options)

    def interrupted(module: CVAEModule) -> None:
        if module.current_epoch == 1:
            raise KeyboardInterrupt
        started(module)

    monkeypatch.setattr(CVAEModule, "log_dict", worsening)
    monkeypatch.setattr(CVAEModule, "on_train_epoch_start", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fit(settings, tmp_path / "run", bars)
    best = load_checkpoint(tmp_path / "run" / "best.ckpt")["state_dict"]
    (tmp_path / "run").rename(tmp_path / "moved")
    monkeypatch.setattr(CVAEModule, "on_train_epoch_start", started)
    (tmp_path / "moved" / "best.ckpt").rename(tmp_path / "aside")
    with pytest.raises(RunError, match=r"best\.ckpt is missing, which holds the best weights of this run so far"):
        resume(tmp_path / "moved", data=bars)
    (tmp_path / "aside").rename(tmp_path / "moved" / "best.ckpt")
    resumed = resume(tmp_path / "moved", data=bars).state_dict()
    assert all(torch.equal(weight, best[f"model.{name}"]) for name, weight in resumed.items())


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("bound", [None, 0.5])
def test_gradients_are_clipped(
    bars: Dataset, tmp_path: Path, optimizer: str, precision: str, bound: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[float] = []

    def record(module: CVAEModule, _: object) -> None:
        """Called before the gradients of the last step, which the optimiser has used, become zero."""
        gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
        found.extend([nn.utils.get_total_norm(gradients).item()] if gradients else [])

    monkeypatch.setattr(CVAEModule, "on_before_zero_grad", record)
    settings = config(1, optimizer=optimizer)
    options = {"precision": precision, "gradient_clip_val": bound}
    fit(replace(settings, trainer={**settings.trainer, **options}), tmp_path / "run", bars)
    assert max(found) == pytest.approx(0.5, rel=1e-3) if bound else min(found) > 1


@pytest.mark.parametrize("network", ["mlp", "conv"])
def test_muon_and_a_start_at_the_mean_for_both_networks(bars: Dataset, tmp_path: Path, network: str) -> None:
    model = replace(MODEL, network=network, encoder=(8, 8), decoder=(8, 8))
    settings = config(6, model, optimizer="muon", start_at_mean=True, muon_learning_rate=0.02, learning_rate=1e-2)
    fit(settings, tmp_path / "run", bars)
    first, *_, last = losses(tmp_path / "run", "train_loss_epoch")
    assert last < first


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"patience": 3, "validation": 0}, r"training\.patience = 3 is not possible; allowed: 0, as long as"),
        (
            {"free_bits": 0.5, "samples": 4},
            r"training\.free_bits = 0\.5 is not possible; allowed: 0, as training\.samples is 4",
        ),
        ({"samples": 4, "beta": 0}, r"training\.samples = 4 is not possible; allowed: 1, as training\.beta = 0"),
        (
            {"free_bits": 1.0, "beta": 0},
            r"training\.free_bits = 1\.0 is not possible; allowed: 0, as training\.beta = 0",
        ),
        ({"samples": 0}, r"training\.samples = 0 is not possible"),
        ({"warm_up": -1.0}, r"training\.warm_up = -1\.0 is not possible"),
        ({"peak": 1.0}, r"training\.peak = 1\.0 is not possible"),
    ],
)
def test_settings_that_are_not_possible(training: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        config(1, **training)


def test_waiting_for_a_bound_that_is_never_measured(bars: Dataset, tmp_path: Path) -> None:
    settings = config(2, patience=1)
    rare = replace(settings, trainer={**settings.trainer, "check_val_every_n_epoch": 3})
    with pytest.raises(ConfigError, match=r"check_val_every_n_epoch = 3 is not possible; allowed: 1 to 2, the epochs"):
        fit(rare, tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


def test_a_learned_prior_needs_a_kl_term() -> None:
    with pytest.raises(
        ConfigError, match=r"model\.prior = flow is not possible; allowed: standard, as training\.beta = 0"
    ):
        config(1, replace(MODEL, prior="flow"), beta=0)
    for conditions in (("label", "label"), ("slant", "label")):
        with pytest.raises(ConfigError, match=r"model\.conditions ="):
            replace(MODEL, conditions=conditions)


def test_no_file_of_a_stopped_run_is_left_over(bars: Dataset, tmp_path: Path) -> None:
    fit(config(3, patience=1), tmp_path / "run", bars)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "best.ckpt",
        "config.yaml",
        "cvae.ckpt",
        "metrics.csv",
        "model.json",
        "model.safetensors",
    ]
