"""Means, bootstrap errors, correlations and neighbours of samples whose answer is known."""

import pytest
import torch

from condvae.evaluation.distances import neighbour_confusion
from condvae.evaluation.measurement import bootstrapped, correlation, measure
from condvae.model.distributions import squared_error


def test_measure_and_squared_error() -> None:
    result = measure(torch.tensor([1.0, 2.0, 3.0, 6.0]), "how")
    assert (result.value, result.count, result.protocol) == (3.0, 4, "how")
    assert result.error == pytest.approx((14 / 3) ** 0.5 / 2)
    assert measure(torch.ones(1), "").error == 0
    assert squared_error(torch.ones(2, 1, 4, 4), torch.full((2, 1, 4, 4), 0.5)).tolist() == [0.25, 0.25]


def test_the_bootstrap_error_of_a_mean_and_of_a_difference() -> None:
    torch.manual_seed(0)
    values, others = torch.randn(1000), 3 * torch.randn(500)
    state = torch.get_rng_state()
    found = bootstrapped(lambda chosen: values[chosen].mean().item(), "", 1000).error
    assert found == pytest.approx(measure(values, "").error, rel=0.25)
    apart = bootstrapped(lambda one, two: (values[one].mean() - others[two].mean()).item(), "", 1000, 500).error
    assert apart == pytest.approx((1 / 1000 + 9 / 500) ** 0.5, rel=0.25)
    assert torch.equal(state, torch.get_rng_state())


def test_correlation() -> None:
    a = torch.tensor([1.0, 2.0, 3.0, 5.0])
    assert correlation(a, 2 * a + 1) == pytest.approx(1)
    assert correlation(a, -a) == pytest.approx(-1)
    assert correlation(a, torch.ones(4)) == 0


def test_neighbour_confusion_finds_the_two_mixed_classes() -> None:
    generator = torch.Generator().manual_seed(0)
    centres = torch.tensor([[0.0, 0.0], [0.5, 0.0], [20.0, 0.0], [0.0, 20.0]])
    labels = torch.arange(4).repeat(60)
    confusion = neighbour_confusion(centres[labels] + torch.randn(240, 2, generator=generator), labels, 4)
    assert torch.equal(confusion, confusion.T)
    assert confusion[0, 1] > 0.3
    assert confusion[2:].sum() == 0
