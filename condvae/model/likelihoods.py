"""p(x|z,y): modules from latent vector and condition to a distribution over images with event shape (C, H, W).

The mean of each is an image in [0, 1]. `log_prob` is in nats per image unless the class says otherwise. A decoder gives
one unbounded number a pixel: what it means is the likelihood's business alone.
"""

from math import log
from typing import Any, ClassVar

import torch
from torch import Size, Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent, Normal

from condvae.model.distributions import bounded

LOG_SIGMA = (-6.0, 3.0)


class Likelihood(nn.Module):
    """What all likelihoods have.

    Attributes:
        decoder: latent vectors (B, Z) and condition vectors (B, Y) to one unbounded number a pixel, (B, C, H, W).
        measures: what `log_prob` is of, each its own; figures that measure different things cannot be compared.
        binary: whether it is of images binarised at random, each pixel being the probability of a 1.
        unbounded: whether samples can lie outside of [0, 1], where they are clipped to be an image.
        offset: what bits per dimension add to -log_prob / (C H W log 2), so that a density is per grey level; None
            where `log_prob` is no likelihood.
    """

    measures: ClassVar[str]
    binary: ClassVar[bool] = False
    unbounded: ClassVar[bool] = False
    offset: ClassVar[float | None] = log(255) / log(2)

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder


class SquaredErrorLikelihood(Likelihood):
    """The experiment's reconstruction score. It is not a likelihood, and its values are not nats."""

    measures = "minus the mean squared error over pixels, which is no likelihood"
    offset = None

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return SquaredError(torch.sigmoid(self.decoder(z, y).float()))


class GaussianLikelihood(Likelihood):
    """Independent Gaussians around the decoded image, with one learned sigma shared by all pixels.

    The sigma-VAE of Rybkin et al., "Simple and Effective VAE Training with Calibrated Decoders",
    https://arxiv.org/abs/2006.13202. The logarithm of sigma is bounded smoothly to LOG_SIGMA.
    """

    measures = "density of grey pixels by Gaussians over all real numbers"
    unbounded = True

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__(decoder)
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        image = torch.sigmoid(self.decoder(z, y).float())
        sigma = bounded(self.log_sigma, *LOG_SIGMA).exp()
        return Independent(Normal(image, sigma, validate_args=False), 3, validate_args=False)


class BernoulliLikelihood(Likelihood):
    """Independent Bernoulli variables: the probability of a binarised image."""

    measures = "probability of binarised images"
    binary = True
    offset = 0.0

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return Independent(Bernoulli(logits=self.decoder(z, y).float(), validate_args=False), 3, validate_args=False)


class ContinuousBernoulliLikelihood(Likelihood):
    """Independent continuous Bernoulli variables: a density of grey pixels."""

    measures = "density of grey pixels by continuous Bernoullis over [0, 1]"

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return Independent(ContinuousBernoulli(self.decoder(z, y).float()), 3, validate_args=False)


class SquaredError(Distribution):
    """An image, scored by squared error: `log_prob` is minus the mean over pixels, and integrates to nothing."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, image: Tensor) -> None:
        self.image = image
        super().__init__(image.shape[:-3], image.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.image

    def sample(self, sample_shape: Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        """The image itself: squared error knows no noise."""
        return self.image.expand(*sample_shape, *self.image.shape)

    def log_prob(self, value: Tensor) -> Tensor:
        return -(value - self.image).square().mean((-3, -2, -1))


class ContinuousBernoulli(Distribution):
    """The density exp(l x) l / (exp(l) - 1) over x in [0, 1], by its logit l, of any shape.

    Loaiza-Ganem and Cunningham, "The continuous Bernoulli: fixing a pervasive error in variational autoencoders",
    https://arxiv.org/abs/1907.06845. PyTorch's own takes the normaliser from the probability, which float32 cuts off
    beyond logits of 16, so that it does not integrate to one there: black pixels reach such logits.
    """

    arg_constraints: ClassVar[dict[str, Any]] = {}
    near = 0.05  # where |l| is smaller, the series below are exact to float32, and the quotients are not

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        super().__init__(logits.shape, validate_args=False)

    @property
    def mean(self) -> Tensor:
        size, small, far = self._split()
        positive = torch.where(small, 0.5 + size / 12, -1 / torch.expm1(-far) - 1 / far)
        return torch.where(self.logits < 0, 1 - positive, positive)

    def log_prob(self, value: Tensor) -> Tensor:
        size, small, far = self._split()
        exact = torch.log(-torch.expm1(-far)) - far.log()
        series = -size / 2 + size.square() / 24
        positive = (self.logits + size) / 2  # not clamp(min=0), whose gradient at 0 is not that of this function
        return self.logits * value - positive - torch.where(small, series, exact)

    def sample(self, sample_shape: Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        uniform = torch.rand(*sample_shape, *self.logits.shape, device=self.logits.device)
        size, small, far = self._split()
        # the inverse of the distribution function for positive logits; negative ones are its mirror image
        drawn = 1 + torch.log(uniform + (1 - uniform) * torch.exp(-far)) / far
        series = uniform + size * uniform * (1 - uniform) / 2
        positive = torch.where(small, series, drawn).clamp(0, 1)
        return torch.where(self.logits < 0, 1 - positive, positive)

    def _split(self) -> tuple[Tensor, Tensor, Tensor]:
        """|l|, where it is small, and itself where it is not."""
        size = self.logits.abs()
        small = size < self.near
        return size, small, size.masked_fill(small, 1.0)


LIKELIHOODS = {
    "mse": SquaredErrorLikelihood,
    "gaussian": GaussianLikelihood,
    "bernoulli": BernoulliLikelihood,
    "continuous-bernoulli": ContinuousBernoulliLikelihood,
}
