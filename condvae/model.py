"""The conditional variational autoencoder: three distributions and a bound.

posterior q(z|x,y), prior p(z|y), likelihood p(x|z,y); each is a module whose `forward` returns a
`torch.distributions.Distribution`. Kingma and Welling, https://arxiv.org/abs/1312.6114; Sohn et al.,
"Learning Structured Output Representation using Deep Conditional Generative Models", NeurIPS 2015.

Letters: B batch, C channels, H x W pixels, Z latent dimensions, Y width of the condition vector.
"""

from typing import NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution, kl_divergence

from condvae.conditions import Conditions
from condvae.config import ModelConfig, Schema
from condvae.errors import ConfigError, unknown
from condvae.likelihoods import LIKELIHOODS
from condvae.networks import NETWORKS
from condvae.posteriors import POSTERIORS
from condvae.priors import PRIORS

Part = TypeVar("Part")


class Bound(NamedTuple):
    """The evidence lower bound of each image and its two parts, each (B,), in the likelihood's unit (nats).

    value = reconstruction - beta * divergence
    """

    value: Tensor
    reconstruction: Tensor
    divergence: Tensor


class CVAE(nn.Module):
    """A conditional variational autoencoder.

    With a point posterior it is a plain autoencoder; with no conditions it is an unconditional VAE.

    Args:
        config: what it is made of.
        schema: the shape of the images and the names of the classes.

    Raises:
        ConfigError: a part is not known by its name.
    """

    def __init__(self, config: ModelConfig, schema: Schema) -> None:
        super().__init__()
        self.config, self.schema = config, schema
        self.conditions = Conditions(config.conditions, schema)
        make_encoder, make_decoder = _named("network", config.network, NETWORKS)
        encoder = make_encoder(schema.shape, self.conditions.width, config)
        decoder = make_decoder(schema.shape, self.conditions.width, config)
        self.posterior = _named("posterior", config.posterior, POSTERIORS)(encoder, encoder.width, config.latent)
        self.prior = _named("prior", config.prior, PRIORS)(config.latent)
        self.likelihood = _named("likelihood", config.likelihood, LIKELIHOODS)(decoder)

    def encode(self, x: Tensor, labels: Tensor) -> Distribution:
        """q(z|x,y): images float (B, C, H, W) in [0, 1] and labels int64 (B,) to a distribution over (B, Z)."""
        return self.posterior(x, self.conditions(labels))

    def decode(self, z: Tensor, labels: Tensor) -> Distribution:
        """p(x|z,y): latent vectors (B, Z) and labels int64 (B,) to a distribution over images (B, C, H, W)."""
        return self.likelihood(z, self.conditions(labels))

    def elbo(self, x: Tensor, labels: Tensor, beta: float) -> Bound:
        """The evidence lower bound, estimated with one sample of z for each image.

        Args:
            x: images, float (B, C, H, W) in [0, 1].
            labels: int64 (B,).
            beta: weight of the KL term; at 0 the term is not computed and is reported as 0.
        """
        q = self.encode(x, labels)
        reconstruction = self.decode(q.rsample(), labels).log_prob(x)
        divergence = kl_divergence(q, self.prior(self.conditions(labels))) if beta else torch.zeros_like(reconstruction)
        return Bound(reconstruction - beta * divergence, reconstruction, divergence)

    @property
    def parameter_count(self) -> int:
        """The number of trained numbers."""
        return sum(parameter.numel() for parameter in self.parameters())


def _named(what: str, name: str, registry: dict[str, Part]) -> Part:
    if name not in registry:
        raise ConfigError(unknown(what, name, registry))
    return registry[name]
