"""Distributions that PyTorch lacks or has differently, the KL divergence, and the squared error."""

from math import log, pi
from typing import Any, ClassVar

import torch
from torch import Size, Tensor
from torch.distributions import Distribution, Independent, Normal, kl_divergence
from torch.nn.functional import softplus

from condvae.model.shares import for_rows

LOG_VARIANCE = (-20.0, 10.0)
Shape = Size | list[int] | tuple[int, ...]


def gaussian(mean: Tensor, log_variance: Tensor) -> Distribution:
    """A Gaussian with independent dimensions over vectors: mean and log-variance, (B, Z) each, in any precision.

    The log-variance passes a soft clamp to LOG_VARIANCE.
    """
    scale = (0.5 * soft_clamp(log_variance.float(), *LOG_VARIANCE)).exp()
    return Independent(RowNormal(mean.float(), scale, validate_args=False), 1, validate_args=False)


class RowNormal(Normal):
    """Gaussians over (B, Z), whose samples belong to their rows (see `condvae.model.shares`)."""

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        shape = self._extended_shape(Size(sample_shape))
        device, width = self.loc.device, shape[-1]
        noise = for_rows(shape[:-1].numel(), lambda rows: torch.randn(rows, width, device=device))
        return self.loc + noise.view(shape) * self.scale


def soft_clamp(values: Tensor, low: float, high: float) -> Tensor:
    """Soft clamp. The error is 0.005 at distance 1 inside a bound, and below 0.0001 at distance 2."""
    return low + softplus(values - low, beta=4) - softplus(values - high, beta=4)


def divergence(q: Distribution, p: Distribution, z: Tensor) -> Tensor:
    """KL(q || p) in nats.

    Two Gaussians with independent dimensions have a closed form for each dimension: (B, Z). Otherwise this is an
    unbiased estimate of the whole divergence from one sample z of q, (B, Z): (B, 1).
    """
    if isinstance(q, Independent) and isinstance(p, Independent):
        return kl_divergence(q.base_dist, p.base_dist)
    return (q.log_prob(z) - p.log_prob(z)).unsqueeze(-1)


def squared_error(images: Tensor, others: Tensor) -> Tensor:
    """The squared error of each image, averaged over its pixels: (B, C, H, W) twice to (B,)."""
    return (images - others).square().mean((-3, -2, -1))


class Point(Distribution):
    """All probability at one point, (B, Z). It has no density, and therefore no KL divergence."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, point: Tensor) -> None:
        self.point = point
        super().__init__(point.shape[:-1], point.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.point

    @property
    def stddev(self) -> Tensor:
        return self.point.new_zeros(self.point.shape)

    def rsample(self, sample_shape: Shape = ()) -> Tensor:
        return self.point.expand(*sample_shape, *self.point.shape)


class SquaredError(Distribution):
    """An image with the squared error as its score: `log_prob` is minus its mean over pixels, not a density."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, image: Tensor) -> None:
        self.image = image
        super().__init__(image.shape[:-3], image.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.image

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        """The image itself, because the squared error has no noise."""
        return self.image.expand(*sample_shape, *self.image.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return -squared_error(value, self.image)


class IsotropicGaussian(Distribution):
    """Independent Gaussians around an image, with one standard deviation for all pixels.

    It equals `Independent(Normal(image, sigma), 3)`, and its density takes fewer passes over the pixels.

    Args:
        image: the mean, (B, C, H, W).
        sigma: the standard deviation, ().
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, image: Tensor, sigma: Tensor) -> None:
        self.image, self.sigma = image, sigma
        super().__init__(image.shape[:-3], image.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.image

    @property
    def stddev(self) -> Tensor:
        return self.sigma.expand_as(self.image)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        with torch.no_grad():
            return self.image + self.sigma * torch.randn(*sample_shape, *self.image.shape, device=self.image.device)

    def log_prob(self, value: Tensor) -> Tensor:
        pixels = self.event_shape.numel()
        squares = (value - self.image).square().sum((-3, -2, -1))
        return -squares / (2 * self.sigma.square()) - pixels * (self.sigma.log() + 0.5 * log(2 * pi))


class ContinuousBernoulli(Distribution):
    """The density exp(l x) l / (exp(l) - 1) over x in [0, 1], with the logit l, of any shape.

    Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders",
    https://arxiv.org/abs/1907.06845. PyTorch computes the normaliser from the probability, which float32 cuts off
    beyond logits of 16. Black pixels reach such logits, and there PyTorch's density does not integrate to one.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    near = 0.05  # For smaller |l| the series below are exact to float32, and the quotients are not.

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        size, small, far = self._split(0.5)  # nearer to 0, the difference of the two quotients is not exact
        series = 0.5 + size / 12 - size**3 / 720 + size**5 / 30240
        positive = torch.where(small, series, -1 / torch.expm1(-far) - 1 / far)
        return torch.where(self.logits < 0, 1 - positive, positive)

    def log_prob(self, value: Tensor) -> Tensor:
        size, small, far = self._split()
        exact = torch.log(-torch.expm1(-far)) - far.log()
        series = -size / 2 + size.square() / 24
        positive = (self.logits + size) / 2  # not clamp(min=0), which has another gradient at 0
        return self.logits * value - positive - torch.where(small, series, exact)

    def sample(self, sample_shape: Shape = ()) -> Tensor:
        uniform = torch.rand(*sample_shape, *self.logits.shape, device=self.logits.device)
        size, small, far = self._split()
        # the inverse of the distribution function for positive logits, mirrored for negative ones
        drawn = 1 + torch.log(uniform + (1 - uniform) * torch.exp(-far)) / far
        series = uniform + size * uniform * (1 - uniform) / 2
        positive = torch.where(small, series, drawn).clamp(0, 1)
        return torch.where(self.logits < 0, 1 - positive, positive)

    def _split(self, near: float = near) -> tuple[Tensor, Tensor, Tensor]:
        """|l|, where it is smaller than `near`, and |l| with these values replaced by 1."""
        size = self.logits.abs()
        small = size < near
        return size, small, size.masked_fill(small, 1.0)
