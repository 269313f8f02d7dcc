"""pythae's VAE with a VampPrior, one model a class: Tomczak and Welling, https://arxiv.org/abs/1705.07120"""

from math import log, pi

import torch
from pythae.models import VAMP, VAMPConfig
from pythae_by_class import LATENT, train
from shared import read_task, write
from torch import Tensor

COMPONENTS = 50  # pseudo-inputs of each class, as in the defaults of pythae


def build(shape: tuple[int, int, int]) -> VAMP:
    """A model that is not trained."""
    config = VAMPConfig(input_dim=shape, latent_dim=LATENT, reconstruction_loss="bce", number_components=COMPONENTS)
    return VAMP(config)


def sample(model: VAMP, count: int) -> Tensor:
    """Images, with z from the prior that is trained.

    VAMPSampler of pythae draws from another one: it applies tanh to the logarithms of the variances.
    """
    inputs = model.pseudo_inputs(model.idle_input)[torch.randint(COMPONENTS, (count,))]
    found = model.encoder(inputs.reshape(count, *model.model_config.input_dim))
    z = found.embedding + (found.log_covariance / 2).exp() * torch.randn_like(found.embedding)
    return model.decoder(z).reconstruction


def log_prior(model: VAMP, z: Tensor) -> Tensor:
    """log p(z), (B,). pythae leaves the constant of the Gaussians out."""
    return model._log_p_z(z) - LATENT / 2 * log(2 * pi)


if __name__ == "__main__":
    given = read_task(__doc__)
    write(given, train(given, build, sample, log_prior))
