"""pythae's VAE, one model a class: Kingma and Welling, https://arxiv.org/abs/1312.6114"""

from pythae.models import VAE, VAEConfig
from pythae.samplers import NormalSampler
from pythae_by_class import LATENT, train
from shared import log_gaussian, read_task, write
from torch import Tensor, zeros_like


def build(shape: tuple[int, int, int]) -> VAE:
    """A model that is not trained."""
    config = VAEConfig(input_dim=shape, latent_dim=LATENT, reconstruction_loss="bce")
    return VAE(config)


def sample(model: VAE, count: int) -> Tensor:
    """Images, with z from N(0, I)."""
    return NormalSampler(model).sample(count, batch_size=count)


def log_prior(model: VAE, z: Tensor) -> Tensor:
    """log p(z), (B,)."""
    return log_gaussian(z, zeros_like(z), zeros_like(z))


if __name__ == "__main__":
    given = read_task(__doc__)
    write(given, train(given, build, sample, log_prior))
