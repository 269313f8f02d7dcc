"""The conditional variational autoencoder: three distributions and a bound.

The posterior q(z|x,y), the prior p(z|y) and the likelihood p(x|z,y) are modules whose `forward` returns a
`torch.distributions.Distribution`. Kingma and Welling, https://arxiv.org/abs/1312.6114; Sohn et al., "Learning
Structured Output Representation using Deep Conditional Generative Models", NeurIPS 2015.

Letters: B batch, C channels, H x W pixels, D conditions, Y width of the condition vector, Z latent dimensions,
K samples.
"""

from math import log
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.distributions import Distribution

from condvae.config import ModelConfig
from condvae.errors import ConfigError, unknown
from condvae.model.conditions import Conditions
from condvae.model.distributions import divergence
from condvae.model.likelihoods import LIKELIHOODS
from condvae.model.networks import ACTIVATIONS, NETWORKS, NORMS
from condvae.model.posteriors import POSTERIORS
from condvae.model.priors import PRIORS
from condvae.model.shares import in_place, mean_of_batch, own_of
from condvae.model.summary import html_of, text_of
from condvae.schema import Schema, Variables

Part = TypeVar("Part")


class Bound(NamedTuple):
    """The evidence lower bound of each image and its two parts, (B,) each, in the unit of the likelihood (nats).

    Attributes:
        value: the objective that training maximises. With one sample it is reconstruction - beta * divergence, with the
            penalty for free bits included.
        reconstruction: the expectation of log p(x|z,y), estimated with the samples of z.
        divergence: KL(q(z|x,y) || p(z|y)), in closed form if there is one, otherwise estimated with the samples.
    """

    value: Tensor
    reconstruction: Tensor
    divergence: Tensor


class CVAE(nn.Module):
    """A conditional variational autoencoder.

    With a point posterior it is a plain autoencoder. Without conditions it is an unconditional VAE.

    Args:
        config: the parts of the model.
        schema: the shape of the images, and the names of classes and attributes.

    Raises:
        ConfigError: there is no part of that name.
    """

    def __init__(self, config: ModelConfig, schema: Schema) -> None:
        super().__init__()
        self.config, self.schema = config, schema
        self.conditions = Conditions(config.conditions, schema, config.condition_dropout)
        _named("norm", config.norm, NORMS)
        _named("activation", config.activation, ACTIVATIONS)
        make_encoder, make_decoder = _named("network", config.network, NETWORKS)
        encoder: Any = make_encoder(schema.shape, self.conditions.width, config)
        decoder = make_decoder(schema.shape, self.conditions.width, config)
        self.posterior = _named("posterior", config.posterior, POSTERIORS)(encoder, encoder.width, config.latent)
        self.prior = _named("prior", config.prior, PRIORS)(self.conditions.width, config.latent)
        self.likelihood = _named("likelihood", config.likelihood, LIKELIHOODS)(decoder)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # for faster convolutions
        # PyTorch would register a module again, and a list prevents that
        self._leaf = [next(module for module in self.modules() if module._parameters)]

    def __repr__(self) -> str:
        return text_of(self)

    def _repr_html_(self) -> str:
        """What a notebook shows of the model."""
        return html_of(self)

    @property
    def named(self) -> Variables:
        """The conditions, and which values they can have."""
        return self.conditions.named

    @property
    def device(self) -> torch.device:
        """The device of the parameters."""
        first: Any = next(iter(self._leaf[0]._parameters.values()))  # ten times as fast as next(self.parameters())
        device: torch.device = first.device
        return device

    @property
    def has_bound(self) -> bool:
        """Whether there is an evidence lower bound: a likelihood in nats, and a posterior with a density."""
        return self.likelihood.is_likelihood and self.posterior.has_density

    def encode(self, x: Tensor, given: Tensor) -> Distribution:
        """q(z|x,y): images float (B, C, H, W) in [0, 1] and conditions (B, D) to a distribution over (B, Z)."""
        return self.posterior(x, self.conditions(given))

    def decode(self, z: Tensor, given: Tensor) -> Distribution:
        """p(x|z,y): latent vectors (B, Z) and conditions (B, D) to a distribution over images (B, C, H, W)."""
        return self.likelihood(z, self.conditions(given))

    def observe(self, x: Tensor) -> Tensor:
        """Images as the likelihood sees them. If it is binary, each pixel becomes 1 with a probability of its value.

        Otherwise images are unchanged.
        """
        return own_of(torch.bernoulli(in_place(x))) if self.likelihood.binary else x

    def elbo(self, x: Tensor, given: Tensor, beta: float = 1.0, free_bits: float = 0.0, samples: int = 1) -> Bound:
        """The evidence lower bound.

        With more than one sample it is the tighter bound of Burda et al., "Importance Weighted Autoencoders",
        https://arxiv.org/abs/1509.00519.

        Args:
            x: images as the likelihood sees them, float (B, C, H, W) in [0, 1].
            given: conditions (B, D), or labels (B,).
            beta: weight of the KL term. If it is 0 and there is one sample, the term is not computed and is reported
                as 0.
            free_bits: KL divergence of each latent dimension, in nats averaged over the batch, below which it is not
                penalised (Kingma et al., https://arxiv.org/abs/1606.04934). If only the total is known, the limit is Z
                times as large. It applies to the bound with one sample only.
            samples: K, the number of samples of z for each image.
        """
        if samples > 1:
            reconstruction, log_ratio = self.sampled(x, given, samples)
            value = (reconstruction - beta * log_ratio).logsumexp(0) - log(samples)
            return Bound(value, reconstruction.mean(0), log_ratio.mean(0))
        y = self.conditions(given)
        q = self.posterior(x, y)
        z = q.rsample()
        reconstruction = self.likelihood(z, y).log_prob(x)
        if not beta:
            return Bound(reconstruction, reconstruction, torch.zeros_like(reconstruction))
        with torch.autocast(x.device.type, enabled=False):  # densities need full precision
            parts = divergence(q, self.prior(y), z)
        value = reconstruction - beta * parts.sum(1)
        if free_bits:
            floor = free_bits * z.shape[1] / parts.shape[1]
            value = value - beta * (floor - mean_of_batch(parts)).clamp(min=0).sum()
        return Bound(value, reconstruction, parts.sum(1))

    def sampled(self, x: Tensor, given: Tensor, samples: int) -> tuple[Tensor, Tensor]:
        """Two tensors, (K, B) each: log p(x|z,y), and log q(z|x,y) - log p(z|y), at K samples z of q for each image.

        Their difference is the logarithm of the importance weights. The mean of the weights is an unbiased estimate
        of p(x|y).
        """
        y = self.conditions(given)
        q = self.posterior(x, y)
        z = q.rsample((samples,))
        flat, shape, y = z.flatten(0, 1), z.shape[:2], y.repeat(samples, 1)
        reconstruction = self.likelihood(flat, y).log_prob(x.repeat(samples, 1, 1, 1)).unflatten(0, shape)
        with torch.autocast(x.device.type, enabled=False):
            return reconstruction, q.log_prob(z) - self.prior(y).log_prob(flat).unflatten(0, shape)

    @property
    def parameter_count(self) -> int:
        """The number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.parameters())


def _named(what: str, name: str, registry: dict[str, Part]) -> Part:
    if name not in registry:
        raise ConfigError(unknown(what, name, registry))
    return registry[name]
