"""A model with a known log p(x|y): linear and Gaussian, with its exact posterior or another one."""

from dataclasses import replace
from math import log2, prod

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, MultivariateNormal, Normal

from condvae.config import ModelConfig
from condvae.model.cvae import CVAE
from condvae.schema import Schema

SHAPE, PIXELS, LATENT, NOISE, IMAGES = (1, 2, 3), 6, 3, 0.4, 40
SCHEMA = Schema(SHAPE, ("a", "b"))


class Affine(nn.Module):
    """A Gaussian with a mean that is affine in its first input, with a shift for each label."""

    def __init__(self, weight: Tensor, shift: Tensor, scale: Tensor, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight, self.shift, self.scale, self.shape = weight, shift, scale, shape
        self.drawn = 0

    binary, measures, offset = False, "density of made images", log2(255)

    def forward(self, value: Tensor, y: Tensor) -> Distribution:
        self.drawn += len(value)
        mean = (value.flatten(1) @ self.weight + y @ self.shift).unflatten(1, self.shape)
        return Independent(Normal(mean, self.scale.expand_as(mean)), len(self.shape))


class LinearGaussian:
    """x = W z + c_y + noise, z ~ N(0, I): its log p(x|y) and posterior are known."""

    def __init__(self, latent: int = LATENT, shape: tuple[int, int, int] = SHAPE, noise: float = NOISE) -> None:
        torch.manual_seed(0)
        pixels = prod(shape)
        weight, shift = torch.randn(latent, pixels), torch.randn(2, pixels)
        self.model = CVAE(ModelConfig(latent=latent, likelihood="gaussian"), replace(SCHEMA, shape=shape))
        self.model.likelihood = Affine(weight, shift, torch.tensor(noise), shape)
        covariance = weight.T @ weight + noise**2 * torch.eye(pixels)
        self.exact = MultivariateNormal(torch.zeros(pixels), covariance)
        self.weight, self.shift = weight, shift
        self.labels = torch.arange(IMAGES) % 2
        clean = torch.randn(IMAGES, latent) @ weight + shift[self.labels]
        self.x = (clean + noise * torch.randn(IMAGES, pixels)).unflatten(1, shape)
        precision = weight @ weight.T / noise**2 + torch.eye(latent)
        gain = weight.T / noise**2 @ precision.inverse()
        self.mean = lambda wrong: Affine(
            gain + wrong * torch.randn_like(gain), -shift @ gain, torch.tensor(1.0), (latent,)
        )
        self.covariance = precision.inverse()

    @property
    def one_hot(self) -> Tensor:
        return nn.functional.one_hot(self.labels, 2).float()

    @property
    def log_p(self) -> Tensor:
        return self.exact.log_prob(self.x.flatten(1) - self.shift[self.labels])

    def with_posterior(self, wrong: float, scale: float = 1.0) -> CVAE:
        """The model with its exact posterior (a full Gaussian), or with one that is off."""
        mean, covariance = self.mean(wrong), self.covariance * scale

        class Posterior(nn.Module):
            def forward(self, x: Tensor, y: Tensor) -> Distribution:
                return MultivariateNormal(mean(x, y).mean, covariance)

        self.model.posterior = Posterior()
        return self.model

    def with_mean_field(self, wrong: float) -> CVAE:
        """The model with the best posterior of independent dimensions, as encoders have, but for its mean."""
        self.covariance = self.covariance.inverse().diagonal().reciprocal().diag()
        return self.with_posterior(wrong)
