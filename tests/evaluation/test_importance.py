"""Importance sampling against closed forms and quadrature."""

from math import log

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from condvae.config import ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.evaluation.by_label import by_label
from condvae.evaluation.importance import log_likelihood
from condvae.evaluation.study import Study
from condvae.inference.batched import CHUNK
from condvae.model.cvae import CVAE
from condvae.model.devices import has_bf16
from tests.evaluation.linear import IMAGES, SCHEMA, LinearGaussian
from tests.evaluation.quadrature import log_likelihood_by_quadrature
from tests.evaluation.runs import trained

MANY = 5000  # samples for each image


@pytest.fixture
def linear() -> LinearGaussian:
    return LinearGaussian()


def whole(model: nn.Module, x: Tensor, rows: Tensor, samples: int) -> Tensor:
    return log_likelihood(model, x, rows, samples).whole


def test_one_sample_of_the_exact_posterior_is_exact(linear: LinearGaussian) -> None:
    model = linear.with_posterior(wrong=0)
    found = whole(model, linear.x, linear.labels, 1)
    torch.testing.assert_close(found, linear.log_p, atol=1e-3, rtol=1e-4)
    bound = model.elbo(linear.x, linear.labels)
    torch.testing.assert_close(bound.value, linear.log_p, atol=1e-3, rtol=1e-4)


@pytest.mark.parametrize("samples", [1, 4, 10, 30])
def test_the_mean_weight_is_unbiased(linear: LinearGaussian, samples: int) -> None:
    torch.manual_seed(0)
    model, repeats = linear.with_posterior(wrong=0, scale=1.3), 200
    x, labels = linear.x.repeat(repeats, 1, 1, 1), linear.labels.repeat(repeats)
    ratios = (whole(model, x, labels, samples) - linear.log_p.repeat(repeats)).double().exp()
    error = ratios.std() / len(ratios) ** 0.5
    assert abs(ratios.mean() - 1) < 4 * error
    assert error < 0.05


def test_it_rises_with_the_samples_to_the_exact_value(linear: LinearGaussian) -> None:
    model = linear.with_posterior(wrong=0.02, scale=1.5)
    torch.manual_seed(1)
    x, labels = linear.x.repeat(50, 1, 1, 1), linear.labels.repeat(50)
    values = [whole(model, x, labels, samples).mean() for samples in (1, 4, 16, 256)]
    bound = torch.stack([model.elbo(x, labels).value.mean() for _ in range(4)]).mean()
    assert bound == pytest.approx(values[0].item(), abs=0.1), "the bound is the estimate from one sample"
    assert values[0] < values[1] < values[2] < values[3]
    assert values[0] < linear.log_p.mean() - 0.1
    assert values[3].item() == pytest.approx(linear.log_p.mean().item(), abs=0.03)


def test_the_objective_with_k_samples_tends_to_the_same(linear: LinearGaussian) -> None:
    model = linear.with_posterior(wrong=0.02, scale=1.5)
    x, labels = linear.x.repeat(20, 1, 1, 1), linear.labels.repeat(20)
    trained_for = model.elbo(x, labels, samples=100).value.mean()
    assert trained_for.item() == pytest.approx(whole(model, x, labels, 200).mean().item(), abs=0.05)


@pytest.mark.parametrize("images", [1, 3, IMAGES])
@pytest.mark.parametrize(("samples", "blocks"), [(1, 1), (2, 1), (7, 1), (10, 10), (11, 1), (30, 10), (25, 5)])
def test_exactly_k_samples_are_drawn(
    linear: LinearGaussian, samples: int, blocks: int, images: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the chunk, and whether it divides K."""
    monkeypatch.setattr("condvae.evaluation.importance.TOGETHER", 10)
    monkeypatch.setattr("condvae.evaluation.importance.CHUNK", 4)
    model = linear.with_posterior(wrong=0)
    model.likelihood.drawn = 0
    found = log_likelihood(model, linear.x[:images], linear.labels[:images], samples, blocks=blocks)
    assert model.likelihood.drawn == images * samples
    assert [len(one) for one in found] == [images] * 3


def test_memory_is_bounded(linear: LinearGaussian) -> None:
    model, largest = linear.with_posterior(wrong=0), 0
    asked = model.likelihood.forward

    def watched(value: Tensor, y: Tensor) -> Distribution:
        nonlocal largest
        largest = max(largest, len(value))
        return asked(value, y)

    model.likelihood.forward = watched
    log_likelihood(model, linear.x, linear.labels, 1234)
    log_likelihood(model, linear.x, linear.labels, 12340, blocks=10)
    assert largest <= CHUNK


def test_the_effective_sample_size(linear: LinearGaussian) -> None:
    exact = log_likelihood(linear.with_posterior(wrong=0), linear.x, linear.labels, 2).effective
    torch.testing.assert_close(exact, torch.full((IMAGES,), 2.0), atol=0.01, rtol=0)
    off = log_likelihood(linear.with_posterior(wrong=0.1), linear.x, linear.labels, 100).effective
    assert ((off >= 1) & (off < 60)).all()


class Folded(nn.Module):
    """An image of one pixel around z^2: its posterior has one mode at each side of 0."""

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return Independent(Normal(z.square().unflatten(1, (1, 1, -1)), 0.1), 3)


class OneSide(nn.Module):
    """A posterior that has found one of the two modes."""

    def forward(self, x: Tensor, y: Tensor) -> Distribution:
        return Independent(Normal(x.flatten(1).sqrt(), 0.05), 1)


@pytest.fixture
def folded(linear: LinearGaussian) -> CVAE:
    model = linear.model
    model.config = ModelConfig(latent=1)
    model.likelihood, model.posterior, model.prior.latent = Folded(), OneSide(), 1
    return model


@pytest.mark.parametrize("samples", [50, 70])
def test_blocks_of_many_samples_have_the_mean_of_few_samples(folded: CVAE, samples: int) -> None:
    """Otherwise the gains of levels would not add up, most of all where q misses a mode."""
    torch.manual_seed(0)
    x = torch.linspace(0.5, 2, 20)[:, None, None, None].repeat(400, 1, 1, 1)
    few = log_likelihood(folded, x, torch.zeros(len(x)), samples, blocks=10).whole
    blocks = log_likelihood(folded, x, torch.zeros(len(x)), 10 * samples, blocks=10).by_block
    error = (few.var() / len(few) + blocks.var() / len(blocks)).sqrt().item()
    assert few.mean().item() == pytest.approx(blocks.mean().item(), abs=4 * error)
    assert error < 0.05


def test_a_mode_that_the_posterior_misses_is_found(folded: CVAE) -> None:
    torch.manual_seed(0)
    model = folded
    x = torch.linspace(0.5, 2, 20)[:, None, None, None]
    grid = torch.linspace(-5, 5, 100_001)[:, None]
    log_mass = Normal(0.0, 1.0).log_prob(grid[:, 0]) + log(1e-4)
    exact = (Normal(grid.square(), 0.1).log_prob(x.flatten()) + log_mass[:, None]).logsumexp(0)
    found = whole(model, x, torch.zeros(20), MANY)
    torch.testing.assert_close(found, exact, atol=0.5, rtol=0)
    assert abs((found - exact).mean()) < 0.1
    only = torch.stack([model.elbo(x, torch.zeros(20), samples=500).value for _ in range(4)]).mean(0)
    assert ((exact - only) > 0.5).all(), "half of the probability is missed without the defensive part"


@pytest.fixture(scope="module", params=["plane", "paper"])
def two_dimensions(request: pytest.FixtureRequest, mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The model that ships, of recipe plane, or one like the experiment's with a bound."""
    if request.param == "plane":
        return Study("pretrained", mnist)
    few = Dataset("mnist", mnist.train.select(range(6000)), mnist.test)
    model = ModelConfig(dropout=0, likelihood="bernoulli")
    return trained(tmp_path_factory.mktemp("paper") / "run", few, model, TrainingConfig(beta=1, learning_rate=3e-3))


def added(table: Tensor, labels: Tensor) -> Tensor:
    """What the other labels add to log p(x|y) of the true one, if all have the same probability: (B,)."""
    return table.logsumexp(1) - table.gather(1, labels[:, None])[:, 0]


def test_it_agrees_with_quadrature(two_dimensions: Study) -> None:
    """Of a few images under their own labels, and what the other labels add to it."""
    study, chosen = two_dimensions, torch.arange(30, 46)
    x, rows, labels = study.observed[chosen], study.test_rows[chosen], study.test_labels[chosen]
    exact = torch.stack(
        [log_likelihood_by_quadrature(study.model, x, torch.full((1, 1), float(one))) for one in range(10)], 1
    )
    torch.manual_seed(0)
    found, _, effective = log_likelihood(study.model, x, rows, MANY)
    own = exact.gather(1, labels[:, None])[:, 0]
    assert abs(found - own).mean() < 0.15
    assert (found < own + 4 / effective.sqrt()).all(), "it is a lower bound, but for the error of one estimate"
    table = by_label(study.model, x, rows, labels, torch.full((10,), -log(10)), MANY, 1)
    ours, theirs = (added(one, labels) for one in (table, exact))
    assert theirs.max() > 0.5, "other labels matter for some image"
    assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.2)


def test_bfloat16_does_not_change_what_other_labels_add(two_dimensions: Study) -> None:
    study, chosen = two_dimensions, torch.arange(30, 46)
    x, rows, labels = study.observed[chosen], study.test_rows[chosen], study.test_labels[chosen]
    given = study.model, x, rows, labels, torch.full((10,), -log(10)), MANY, 1
    exact, rounded = by_label(*given), by_label(*given, fast=True)
    assert has_bf16("cpu") != torch.equal(exact, rounded)
    ours, theirs = (added(one, labels) for one in (rounded, exact))
    assert ours.mean().item() == pytest.approx(theirs.mean().item(), abs=0.05)


def test_every_label_has_its_own_likelihood(linear: LinearGaussian) -> None:
    model = linear.with_posterior(wrong=0)
    rows, log_prior = linear.labels[:, None].float(), torch.tensor([0.9, 0.1]).log()
    found = by_label(model, linear.x, rows, linear.labels, log_prior, MANY, 1)
    exact = torch.stack([linear.exact.log_prob(linear.x.flatten(1) - shift) for shift in linear.shift], 1)
    torch.testing.assert_close(found, exact, atol=0.6, rtol=0.01)
    torch.testing.assert_close((found - exact).mean(), torch.tensor(0.0), atol=0.1, rtol=0)
    assert len(SCHEMA.classes) == found.shape[1]
    never = by_label(model, linear.x, rows, linear.labels, torch.tensor([1.0, 0.0]).log(), MANY, 1)
    assert never.isfinite().all()


def test_other_labels_add_the_right_amount_in_sixteen_dimensions() -> None:
    """As many dimensions as the convolutional recipes have, and a posterior that is off."""
    made = LinearGaussian(latent=16, shape=(1, 8, 8), noise=3.0)
    model, equal = made.with_mean_field(wrong=0.003), torch.tensor([0.5, 0.5]).log()
    found = by_label(model, made.x, made.labels[:, None].float(), made.labels, equal, MANY, 1) + equal
    exact = equal + torch.stack([made.exact.log_prob(made.x.flatten(1) - shift) for shift in made.shift], 1)
    marginal, added = zip(
        *((one.logsumexp(1), one.logsumexp(1) - one.max(1).values) for one in (found, exact)), strict=True
    )
    assert added[1].max() > 0.5, "the other label matters for some image"
    assert marginal[0].mean().item() == pytest.approx(marginal[1].mean().item(), abs=0.1)
    torch.testing.assert_close(*added, atol=0.4, rtol=0)
    assert added[0].mean().item() == pytest.approx(added[1].mean().item(), abs=0.03)
