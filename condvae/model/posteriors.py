"""q(z|x,y): modules from image and condition vector to a distribution over latent vectors (Z,)."""

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn
from torch.distributions import Distribution

from condvae.model.distributions import Point, gaussian


class Posterior(nn.Module, ABC):
    """What all posteriors have.

    Args:
        encoder: images (B, C, H, W) and condition vectors (B, Y) to features (B, F).
        features: F.
        latent: Z.

    Attributes:
        has_density: whether there is a density, and therefore a KL divergence.
    """

    has_density: ClassVar[bool] = True

    def __init__(self, encoder: nn.Module, features: int, latent: int) -> None:
        super().__init__()
        self.encoder = encoder

    @abstractmethod
    def forward(self, x: Tensor, y: Tensor) -> Distribution:
        """Images (B, C, H, W) and condition vectors (B, Y) to a distribution over latent vectors (B, Z)."""


class GaussianPosterior(Posterior):
    """A Gaussian with independent dimensions. Two linear heads give its mean and its log-variance."""

    def __init__(self, encoder: nn.Module, features: int, latent: int) -> None:
        super().__init__(encoder, features, latent)
        self.mean = nn.Linear(features, latent)
        self.logvar = nn.Linear(features, latent)

    def forward(self, x: Tensor, y: Tensor) -> Distribution:
        features = self.encoder(x, y)
        return gaussian(self.mean(features), self.logvar(features))


class PointPosterior(Posterior):
    """One latent vector without a distribution around it, which makes the model a plain autoencoder."""

    has_density = False

    def __init__(self, encoder: nn.Module, features: int, latent: int) -> None:
        super().__init__(encoder, features, latent)
        self.point = nn.Linear(features, latent)

    def forward(self, x: Tensor, y: Tensor) -> Distribution:
        return Point(self.point(self.encoder(x, y)).float())


POSTERIORS: dict[str, type[Posterior]] = {"gaussian": GaussianPosterior, "point": PointPosterior}
