"""q(z|x,y): modules from image and condition to a distribution over latent vectors with event shape (Z,)."""

from typing import Any, ClassVar

from torch import Size, Tensor, nn
from torch.distributions import Distribution

from condvae.model.distributions import gaussian


class GaussianPosterior(nn.Module):
    """A Gaussian with independent dimensions; two linear heads give its mean and log-variance."""

    def __init__(self, encoder: nn.Module, features: int, latent: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.mean = nn.Linear(features, latent)
        self.logvar = nn.Linear(features, latent)

    def forward(self, x: Tensor, y: Tensor) -> Distribution:
        features = self.encoder(x, y)
        return gaussian(self.mean(features), self.logvar(features))


class PointPosterior(nn.Module):
    """One latent vector and nothing around it: this makes the model a plain autoencoder."""

    def __init__(self, encoder: nn.Module, features: int, latent: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.point = nn.Linear(features, latent)

    def forward(self, x: Tensor, y: Tensor) -> Distribution:
        return Point(self.point(self.encoder(x, y)).float())


class Point(Distribution):
    """All probability at one point, shape (B, Z). It has no density, hence no KL divergence."""

    arg_constraints: ClassVar[dict[str, Any]] = {}
    has_rsample = True

    def __init__(self, point: Tensor) -> None:
        self.point = point
        super().__init__(point.shape[:-1], point.shape[-1:], validate_args=False)

    @property
    def mean(self) -> Tensor:
        return self.point

    @property
    def stddev(self) -> Tensor:
        return self.point.new_zeros(self.point.shape)

    def rsample(self, sample_shape: Size | list[int] | tuple[int, ...] = ()) -> Tensor:
        return self.point.expand(*sample_shape, *self.point.shape)


POSTERIORS = {"gaussian": GaussianPosterior, "point": PointPosterior}
