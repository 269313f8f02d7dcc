"""The objective as it is trained and monitored: warm-up, the validation bound, early stopping, clipped gradients."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from condvae.config import Config
from condvae.data.dataset import Dataset, prepared
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.model.cvae import CVAE, Bound
from condvae.model.likelihoods import LIKELIHOODS
from condvae.model.saving import load
from condvae.run import Run
from condvae.seeds import seeded
from condvae.training.fit import fit
from condvae.training.module import CVAEModule
from tests.training.runs import BERNOULLI, logged, same, weights, with_bound

EPOCHS = 60  # more than a run with a large step size and little patience takes


def held_out_bound(model: CVAE, bars: Dataset, settings: Config) -> Bound:
    """The bound of the held-out images, with the noise of the first validation batch."""
    held_out = prepared(bars, settings).validation
    assert held_out is not None
    x, rows = unit(torch.from_numpy(held_out.images)), torch.from_numpy(held_out.rows(("label",)))
    with seeded(0), torch.no_grad():
        return model.elbo(model.observe(x), rows)


@pytest.mark.parametrize("likelihood", [name for name, kind in LIKELIHOODS.items() if not kind.binary])
def test_other_likelihoods_see_the_images_as_they_are(bars: Dataset, likelihood: str) -> None:
    grey = torch.rand(5, 1, 2, 2)
    assert CVAE(replace(BERNOULLI, likelihood=likelihood), bars.train.schema).observe(grey) is grey


@pytest.mark.parametrize("likelihood", [name for name, kind in LIKELIHOODS.items() if kind.binary])
def test_a_binary_likelihood_sees_images_binarised_anew_each_time(bars: Dataset, likelihood: str) -> None:
    model = CVAE(replace(BERNOULLI, likelihood=likelihood), bars.train.schema)
    grey = torch.rand(2000, 1, 2, 2).sort(0).values
    seen = model.observe(grey)
    assert set(seen.unique().tolist()) == {0.0, 1.0}
    assert not torch.equal(seen, model.observe(grey))
    means, expected = (images.view(10, 200, -1).mean((1, 2)) for images in (seen, grey))
    torch.testing.assert_close(means, expected, atol=0.1, rtol=0, msg="each mean is of 800 pixels, sd below 0.02")


def test_images_are_binarised_anew_in_training_and_always_alike_in_validation(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[bool, list[Tensor]] = {True: [], False: []}
    elbo = CVAE.elbo

    def spied(model: CVAE, x: Tensor, *arguments: object, **options: object) -> Bound:
        given[model.training].append(x)
        return elbo(model, x, *arguments, **options)

    monkeypatch.setattr(CVAE, "elbo", spied)
    settings = with_bound(3)
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


def test_the_bound_of_the_held_out_images_is_monitored_without_weights(bars: Dataset, tmp_path: Path) -> None:
    """The KL term has its full weight, whatever it is in training, and the noise is the same in each epoch."""
    settings = with_bound(2, beta=0.25, warm_up=2)
    model = fit(settings, tmp_path / "run", bars)
    bound = held_out_bound(model, bars, settings)
    torch.testing.assert_close(bound.value, bound.reconstruction - bound.divergence)
    assert logged(tmp_path / "run", "val_bound")[-1] == pytest.approx(bound.value.mean().item(), rel=1e-5)
    assert logged(tmp_path / "run", "val_mse")
    assert not logged(tmp_path / "run", "test_mse"), "no test image is used"
    record = Run(tmp_path / "run").describe()["record"]
    assert (record["train_images"], record["validation_images"], record["test_images"]) == (80, 10, 30)


def test_warm_up_rises_linearly_to_beta(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    betas = []
    found = CVAEModule._beta

    def watched(module: CVAEModule, index: int) -> float:
        betas.append(found(module, index))
        return betas[-1]

    monkeypatch.setattr(CVAEModule, "_beta", watched)
    fit(with_bound(3, beta=2, warm_up=1.5), tmp_path / "run", bars)
    assert betas == pytest.approx([2 * min(1, (step + 1) / 6) for step in range(12)]), "1.5 epochs of 4 steps are 6"


def test_validation_does_not_disturb_training(bars: Dataset, tmp_path: Path) -> None:
    settings = with_bound(2)
    fit(settings, tmp_path / "seen", bars)
    fit(replace(settings, trainer={**settings.trainer, "limit_val_batches": 0}), tmp_path / "blind", bars)
    assert same(weights(tmp_path / "seen"), weights(tmp_path / "blind"))


def test_it_stops_when_the_bound_gets_no_better_and_keeps_the_best_weights(bars: Dataset, tmp_path: Path) -> None:
    settings = with_bound(EPOCHS, patience=2, learning_rate=0.05)
    model = fit(settings, tmp_path / "run", bars)
    bounds = logged(tmp_path / "run", "val_bound")
    assert len(bounds) < EPOCHS
    assert max(bounds) == bounds[-3], "the last two epochs are no better"
    assert held_out_bound(model, bars, settings).value.mean().item() == pytest.approx(max(bounds), rel=1e-5)
    assert same(model.state_dict(), load(tmp_path / "run").state_dict())


def test_a_run_with_patience_leaves_only_its_own_files(bars: Dataset, tmp_path: Path) -> None:
    fit(with_bound(3, patience=1), tmp_path / "run", bars)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert names == {"best.ckpt", "config.yaml", "cvae.ckpt", "metrics.csv", "model.json", "model.safetensors"}


@pytest.mark.parametrize("optimizer", ["adam", "muon"])
@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
@pytest.mark.parametrize("limit", [None, 0.5])
def test_gradients_are_clipped(
    bars: Dataset, tmp_path: Path, optimizer: str, precision: str, limit: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    norms: list[float] = []

    def record(module: CVAEModule, _: object) -> None:
        """Called before the gradients of the last step, which the optimiser has used, become zero."""
        gradients = [weight.grad for weight in module.parameters() if weight.grad is not None]
        norms.extend([nn.utils.get_total_norm(gradients).item()] if gradients else [])

    monkeypatch.setattr(CVAEModule, "on_before_zero_grad", record)
    settings = with_bound(1, optimizer=optimizer)
    options = {"precision": precision, "gradient_clip_val": limit}
    fit(replace(settings, trainer={**settings.trainer, **options}), tmp_path / "run", bars)
    if limit:
        assert max(norms) == pytest.approx(limit, rel=1e-3)
    else:
        assert min(norms) > 1, "without a limit, all norms are larger than the limit of the other cases"
