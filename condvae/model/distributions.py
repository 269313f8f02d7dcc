"""Gaussians with independent dimensions, as posteriors, priors and likelihoods use them, and the KL divergence."""

from torch import Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence
from torch.nn.functional import softplus

LOG_VARIANCE = (-20.0, 10.0)


def gaussian(mean: Tensor, log_variance: Tensor) -> Distribution:
    """A Gaussian over vectors, its log-variance bounded smoothly to LOG_VARIANCE: (B, Z) twice, in any precision."""
    scale = (0.5 * bounded(log_variance.float(), *LOG_VARIANCE)).exp()
    return Independent(Normal(mean.float(), scale, validate_args=False), 1, validate_args=False)


def bounded(values: Tensor, low: float, high: float) -> Tensor:
    """Values kept between low and high, bent smoothly at both ends: 1 inside by 0.005, 2 inside by less than 0.0001."""
    return low + softplus(values - low, beta=4) - softplus(values - high, beta=4)


def divergence(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """KL(q || p) in nats: of each dimension, (B, Z), in closed form, where both are independent Gaussians.

    Otherwise an unbiased estimate of the whole, (B, 1), from one sample z of q, (B, Z).
    """
    if isinstance(q, Independent) and isinstance(p, Independent):
        return kl_divergence(q.base_dist, p.base_dist)
    return (q.log_prob(z) - p.log_prob(z)).unsqueeze(-1)


def squared_error(images: Tensor, others: Tensor) -> Tensor:
    """The squared error of each image, averaged over its pixels: (B, C, H, W) twice to (B,)."""
    return (images - others).square().mean((-3, -2, -1))
