"""p(x|z,y): modules from latent vector and condition vector to a distribution over images (C, H, W).

The mean of each distribution is an image in [0, 1]. `log_prob` is in nats per image unless the class says otherwise. A
decoder gives one unbounded number for each pixel, and the likelihood alone decides what it means.
"""

from abc import ABC, abstractmethod
from math import log
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Bernoulli, Distribution, Independent

from condvae.model.distributions import ContinuousBernoulli, IsotropicGaussian, SquaredError, soft_clamp

LOG_SIGMA = (-6.0, 3.0)
FIRST_SIGMA = 0.15  # before training, for pixels in [0, 1]
PER_GREY_LEVEL = log(255) / log(2)  # bits by which a density over [0, 1] exceeds one over grey levels


class Likelihood(nn.Module, ABC):
    """What all likelihoods have.

    Attributes:
        decoder: latent vectors (B, Z) and condition vectors (B, Y) to one unbounded number a pixel, (B, C, H, W).
        measures: what `log_prob` measures. Figures of likelihoods that measure different things cannot be compared.
        is_likelihood: whether `log_prob` is a log-likelihood in nats.
        binary: whether it is a likelihood of images binarised at random, with each pixel as the probability of a 1.
        unbounded: whether samples can lie outside of [0, 1]. They are clipped to be images.
        sigmoid_mean: whether the mean image is a sigmoid of what the decoder gives.
        offset: what bits per dimension add to -log_prob / (C H W log 2). PER_GREY_LEVEL for a density of pixels in
            [0, 1], and 0 for a probability.
    """

    measures: ClassVar[str]
    is_likelihood: ClassVar[bool] = True
    binary: ClassVar[bool] = False
    unbounded: ClassVar[bool] = False
    sigmoid_mean: ClassVar[bool] = True
    offset: ClassVar[float] = 0.0

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    @abstractmethod
    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        """Latent vectors (B, Z) and condition vectors (B, Y) to a distribution over images (B, C, H, W)."""


class SquaredErrorLikelihood(Likelihood):
    """The reconstruction score of the experiment. It is not a likelihood, and its values are not nats."""

    measures = "minus the mean squared error over pixels, which is not a likelihood"
    is_likelihood = False

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return SquaredError(torch.sigmoid(self.decoder(z, y).float()))


class GaussianLikelihood(Likelihood):
    """Independent Gaussians around the decoded image, with one learned standard deviation for all pixels.

    Rybkin et al., "Simple and Effective VAE Training with Calibrated Decoders", https://arxiv.org/abs/2006.13202. The
    logarithm of the standard deviation passes a soft clamp to LOG_SIGMA.
    """

    measures = "density of grey pixels by Gaussians over all real numbers"
    unbounded = True
    offset = PER_GREY_LEVEL

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__(decoder)
        self.log_sigma = nn.Parameter(torch.tensor(log(FIRST_SIGMA)))

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        image = torch.sigmoid(self.decoder(z, y).float())
        sigma = soft_clamp(self.log_sigma, *LOG_SIGMA).exp()
        return IsotropicGaussian(image, sigma)


class BernoulliLikelihood(Likelihood):
    """Independent Bernoulli variables: the probability of a binarised image."""

    measures = "probability of binarised images"
    binary = True

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return Independent(Bernoulli(logits=self.decoder(z, y).float(), validate_args=False), 3, validate_args=False)


class ContinuousBernoulliLikelihood(Likelihood):
    """Independent continuous Bernoulli variables: a density of grey pixels."""

    measures = "density of grey pixels by continuous Bernoullis over [0, 1]"
    sigmoid_mean = False
    offset = PER_GREY_LEVEL

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return Independent(ContinuousBernoulli(self.decoder(z, y).float()), 3, validate_args=False)


LIKELIHOODS: dict[str, type[Likelihood]] = {
    "mse": SquaredErrorLikelihood,
    "gaussian": GaussianLikelihood,
    "bernoulli": BernoulliLikelihood,
    "continuous-bernoulli": ContinuousBernoulliLikelihood,
}
