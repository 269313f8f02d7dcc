"""The mean of log p(x|y) over images of which few get all samples, against all samples for all and the exact value."""

import pytest
import torch
from torch import Tensor

from condvae.evaluation.importance import Estimates, log_likelihood
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.multilevel import Level, described, minus_log_likelihood, multilevel
from condvae.model.cvae import CVAE
from condvae.seeds import seeded
from tests.evaluation.linear import IMAGES, LinearGaussian

LEAST, MOST = 200, 1000


@pytest.fixture
def linear() -> LinearGaussian:
    return LinearGaussian()


class Estimator:
    """Estimates of images by their positions. Those in bfloat16 are lower by an error of known mean and spread."""

    def __init__(self, model: CVAE, x: Tensor, rows: Tensor, error: float = 0.0) -> None:
        self.model, self.x, self.rows, self.error = model, x, rows, error
        self.asked: list[tuple[int, int, bool]] = []

    def __call__(self, positions: Tensor, samples: int, blocks: int, fast: bool) -> Estimates:
        self.asked.append((len(positions), samples, fast))
        found = log_likelihood(self.model, self.x[positions], self.rows[positions], samples, blocks=blocks)
        lower = self.error * (1 + torch.sin(positions.float())) if fast else torch.zeros(len(positions))
        return Estimates(found.whole - lower, found.by_block - lower, found.effective)


def many(linear: LinearGaussian, wrong: float, error: float = 0.0) -> Estimator:
    model = linear.with_posterior(wrong=wrong, scale=2)
    return Estimator(model, linear.x.repeat(100, 1, 1, 1), linear.labels.repeat(100), error)


def of_images(levels: tuple[Level, ...], exact: Tensor) -> Measurement:
    """The measurement without the part of its error that is due to the choice of images."""
    found = minus_log_likelihood(levels, "Here.")
    spread = exact.std().item() / len(levels[0].positions) ** 0.5
    return Measurement(found.value, (found.error**2 - spread**2) ** 0.5, found.count, found.protocol)


def test_they_have_the_mean_of_all_samples_for_all_images(linear: LinearGaussian) -> None:
    estimate = many(linear, wrong=0.05)
    levels = multilevel(estimate, len(estimate.x), 500, 1, fast=False)
    assert [level.samples for level in levels] == [5, 50, 500]
    assert all(level.gain > 0 for level in levels[1:]), "more samples raise the estimate"
    found = of_images(levels, linear.log_p)
    with seeded(2):
        plain = -log_likelihood(estimate.model, estimate.x, estimate.rows, 500).whole.mean().item()
    assert found.value == pytest.approx(plain, abs=4 * found.error + 0.01)
    assert found.value == pytest.approx(-linear.log_p.mean().item(), abs=0.1)
    assert found.count == len(estimate.x)
    assert found.protocol == f"Here. {described(levels)}"
    counts = [len(level.positions) for level in levels]
    assert found.protocol.endswith(
        f"5 importance samples for 4,000 images, 50 importance samples for {counts[1]:,} images, and 500 importance "
        f"samples for {counts[2]} images, combined by multilevel Monte Carlo."
    )
    with torch.random.fork_rng():
        again = multilevel(estimate, len(estimate.x), 500, 1, fast=False)
        assert again[0].gain == levels[0].gain, "samples depend on the seeds only"


@pytest.mark.parametrize("error", [0.1, 3.0])
def test_an_error_of_bfloat16_is_measured_and_taken_back(linear: LinearGaussian, error: float) -> None:
    estimate = many(linear, wrong=0, error=error)
    levels = multilevel(estimate, len(estimate.x), 50, 1, fast=True)
    found = of_images(levels, linear.log_p)
    assert found.value == pytest.approx(-linear.log_p.mean().item(), abs=4 * found.error)
    assert levels[1].gain == pytest.approx(error, rel=0.2)
    assert "the difference between float32 and bfloat16 for" in found.protocol
    exact = [count for count, _, fast in estimate.asked if not fast]
    assert sum(exact) < len(estimate.x) / 2, "few images are computed in float32"


def test_a_level_has_as_many_images_as_it_needs(linear: LinearGaussian) -> None:
    easy = multilevel(many(linear, wrong=0), IMAGES * 100, 50, 1, fast=False)[1]
    hard = multilevel(many(linear, wrong=0.3), IMAGES * 100, 50, 1, fast=False)[1]
    assert (len(easy.positions), len(hard.positions)) == (LEAST, MOST)
    for level in (easy, hard):
        assert len(level.positions.unique()) == len(level.positions) == len(level.estimates.whole)


@pytest.mark.parametrize("samples", [1, 7, 30, 55])
def test_few_samples_are_one_level(linear: LinearGaussian, samples: int) -> None:
    estimate = Estimator(linear.with_posterior(wrong=0), linear.x, linear.labels)
    (level,) = multilevel(estimate, IMAGES, samples, 1, fast=False)
    assert (level.samples, len(level.positions)) == (samples, IMAGES)
    assert described((level,)) == f"{samples} importance samples for each image."
