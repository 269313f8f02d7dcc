"""The inverse of a spline flow, against zuko's own."""

import pytest
import torch

from condvae.model.priors import FlowPrior


def trained(latent: int) -> FlowPrior:
    """A flow that bends, which one with initial weights hardly does."""
    torch.manual_seed(latent)
    prior = FlowPrior(10, latent).eval()
    with torch.no_grad():
        for weight in prior.parameters():
            weight.mul_(3)
    return prior


@pytest.mark.parametrize("latent", [1, 2, 3, 16])
def test_it_is_the_inverse_that_zuko_finds(latent: int) -> None:
    prior = trained(latent).double()
    u, y = 3 * torch.randn(2000, latent, dtype=torch.float64), torch.eye(10, dtype=torch.float64).repeat(200, 1)
    u[:3] = torch.tensor([[-5.0], [5.0], [9.0]])
    with torch.no_grad():
        found = prior.from_standard(u, y)
        assert torch.allclose(found, prior.flow.transform(y).inv(u), atol=1e-9)
        assert torch.allclose(prior.to_standard(found, y), u, atol=1e-6)
        assert (found - u).abs().max() > 0.5, "the flow bends"


def test_its_gradients_are_numbers_near_and_far() -> None:
    prior = trained(2)
    u = torch.tensor([[0.1, -0.2], [4.999, -5.0], [5.0, 60.0], [-1e4, 1e4]], requires_grad=True)
    prior.from_standard(u, torch.eye(10)[:4]).sum().backward()
    assert u.grad is not None
    assert u.grad.isfinite().all()
    assert all(weight.grad is None or weight.grad.isfinite().all() for weight in prior.parameters())
