"""p(x|z,y): modules from latent vector and condition to a distribution over images with event shape (C, H, W).

The mean of each is an image in [0, 1]. `log_prob` is in nats per image unless the class says otherwise.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal


class SquaredErrorLikelihood(nn.Module):
    """The experiment's reconstruction score. It is not a likelihood, and its values are not nats."""

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        return SquaredError(torch.sigmoid(self.decoder(z, y)))


class SquaredError(Distribution):
    """An image, scored by squared error: `log_prob` is minus the mean over pixels, and integrates to nothing."""

    arg_constraints: ClassVar[dict[str, Any]] = {}

    def __init__(self, image: Tensor) -> None:
        self.image = image
        super().__init__(image.shape[:-3], image.shape[-3:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.image

    def log_prob(self, value: Tensor) -> Tensor:
        return -(value - self.image).square().mean((-3, -2, -1))


class GaussianLikelihood(nn.Module):
    """Independent Gaussians around the decoded image, with one learned sigma shared by all pixels.

    The sigma-VAE of Rybkin et al., "Simple and Effective VAE Training with Calibrated Decoders",
    https://arxiv.org/abs/2006.13202. `log_prob` is a density in nats per image, for pixels in [0, 1].
    """

    def __init__(self, decoder: nn.Module) -> None:
        super().__init__()
        self.decoder = decoder
        self.log_sigma = nn.Parameter(torch.zeros(()))

    def forward(self, z: Tensor, y: Tensor) -> Distribution:
        image = torch.sigmoid(self.decoder(z, y))
        return Independent(Normal(image, self.log_sigma.exp(), validate_args=False), 3, validate_args=False)


LIKELIHOODS = {"mse": SquaredErrorLikelihood, "gaussian": GaussianLikelihood}
