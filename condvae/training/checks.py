"""Whether the settings of a run fit together. What each part can do is an attribute of its class."""

from collections.abc import Mapping
from typing import TypeVar

from condvae.config import Config, require
from condvae.data.attributes import MEASURES
from condvae.errors import ConfigError, unknown
from condvae.model.likelihoods import LIKELIHOODS
from condvae.model.networks import ACTIVATIONS, NETWORKS, NORMS
from condvae.model.posteriors import POSTERIORS
from condvae.model.priors import PRIORS
from condvae.training.optimizers import OPTIMIZERS, SCHEDULES

Member = TypeVar("Member")


def check(config: Config) -> None:
    """Make sure that a run with these settings can be trained. Nothing is loaded or written.

    Raises:
        ConfigError: a name is unknown, or two settings exclude each other.
    """
    model, training = config.model, config.training
    for what, name, registry in (
        ("network", model.network, NETWORKS),
        ("norm", model.norm, NORMS),
        ("activation", model.activation, ACTIVATIONS),
        ("optimizer", training.optimizer, OPTIMIZERS),
        ("schedule", training.schedule, SCHEDULES),
    ):
        _member(what, name, registry)
    likelihood = _member("likelihood", model.likelihood, LIKELIHOODS)
    posterior = _member("posterior", model.posterior, POSTERIORS)
    prior = _member("prior", model.prior, PRIORS)

    beta = training.beta
    no_likelihood = f"0 if model.likelihood is {model.likelihood}, which is not a likelihood in nats"
    require(not beta or likelihood.is_likelihood, "training.beta", beta, no_likelihood)
    no_density = f"0 if model.posterior is {model.posterior}, which has no density and so no KL term"
    require(not beta or posterior.has_density, "training.beta", beta, no_density)
    fixed = ", ".join(name for name, kind in PRIORS.items() if not kind.is_learned)
    without_kl = f"{fixed} if training.beta is 0, which leaves the KL term out, so that no prior is learned"
    require(bool(beta) or not prior.is_learned, "model.prior", model.prior, without_kl)
    measured = ", ".join(name for name in model.conditions if name in MEASURES)
    unchanged = f"0 if model.conditions has {measured}, which condvae measures of the unchanged images"
    for name in ("flip", "rotate"):
        value = getattr(training, name)
        require(not value or not measured, f"training.{name}", value, unchanged)
    shared = training.shared_style
    no_labels = "0 if model.conditions does not have label"
    require(not shared or "label" in model.conditions, "training.shared_style", shared, no_labels)
    start = training.start_at_mean
    no_sigmoid = f"false if model.likelihood is {model.likelihood}, whose mean is not a sigmoid of the decoder's output"
    require(not start or likelihood.sigmoid_mean, "training.start_at_mean", start, no_sigmoid)


def _member(what: str, name: str, registry: Mapping[str, Member]) -> Member:
    if name not in registry:
        raise ConfigError(unknown(what, name, registry))
    return registry[name]
