"""p(z|y): modules from the condition vector (B, Y) to a distribution over latent vectors with event shape (Z,).

A learned prior also defines a change of coordinates, to *standard coordinates*, in which p(z|y) is N(0, I) for every
condition. A point in standard coordinates is equally probable under each label.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily, MultivariateNormal
from torch.nn.functional import linear

from condvae.model.distributions import gaussian

TRANSFORMS, FLOW_WIDTHS = 5, (256, 256)


class Prior(nn.Module, ABC):
    """p(z|y), and the map to standard coordinates and back.

    Attributes:
        is_learned: whether the prior has parameters of its own.
        is_standard: whether latent vectors are in standard coordinates as they are.
    """

    is_learned: ClassVar[bool] = True
    is_standard: ClassVar[bool] = False

    @abstractmethod
    def forward(self, y: Tensor) -> Distribution:
        """Condition vectors (B, Y) to a distribution over (B, Z)."""

    @abstractmethod
    def to_standard(self, z: Tensor, y: Tensor) -> Tensor:
        """Latent vectors (B, Z) under conditions (B, Y) in standard coordinates, (B, Z)."""

    @abstractmethod
    def from_standard(self, u: Tensor, y: Tensor) -> Tensor:
        """The inverse: standard coordinates (B, Z) under conditions (B, Y) to latent vectors (B, Z)."""

    def moments(self, q: Distribution, y: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of a posterior in standard coordinates, (B, Z) each.

        The mean is the image of the posterior's mean. The standard deviation is to first order, from the images of the
        mean plus and minus one standard deviation in each dimension.
        """
        mean, dimensions = q.mean, q.mean.shape[-1]
        steps, count = torch.diag_embed(q.stddev), 1 + 2 * dimensions
        points = torch.cat([mean.unsqueeze(1), mean.unsqueeze(1) + steps, mean.unsqueeze(1) - steps], 1)
        rows = y[torch.arange(y.shape[0] * count, device=y.device) // count]
        found = self.to_standard(points.flatten(0, 1), rows).unflatten(0, (-1, count))
        center, above, below = found.split([1, dimensions, dimensions], 1)
        return center[:, 0], ((above - below) / 2).square().sum(1).sqrt()


class StandardPrior(Prior):
    """N(0, I) for every condition."""

    is_learned = False
    is_standard = True

    def __init__(self, condition: int, latent: int) -> None:
        super().__init__()
        self.latent = latent

    def forward(self, y: Tensor) -> Distribution:
        zeros = y.new_zeros(y.shape[0], self.latent)
        return gaussian(zeros, zeros)

    def to_standard(self, z: Tensor, y: Tensor) -> Tensor:
        return z

    def from_standard(self, u: Tensor, y: Tensor) -> Tensor:
        return u

    def moments(self, q: Distribution, y: Tensor) -> tuple[Tensor, Tensor]:
        return q.mean, q.stddev


class GaussianPrior(Prior):
    """A Gaussian with independent dimensions, whose mean and log-variance are linear in the condition vector.

    Each class therefore has a mean and a variance of its own. Training starts at N(0, I).
    """

    def __init__(self, condition: int, latent: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(2 * latent))
        self.weight = nn.Parameter(torch.zeros(2 * latent, condition))

    def forward(self, y: Tensor) -> Distribution:
        return gaussian(*linear(y, self.weight, self.bias).chunk(2, -1))

    def to_standard(self, z: Tensor, y: Tensor) -> Tensor:
        p = self(y)
        return (z - p.mean) / p.stddev

    def from_standard(self, u: Tensor, y: Tensor) -> Tensor:
        p = self(y)
        return p.mean + p.stddev * u


class FlowPrior(Prior):
    """A conditional neural spline flow with coupling layers.

    Durkan et al., "Neural Spline Flows", https://arxiv.org/abs/1906.04032
    """

    def __init__(self, condition: int, latent: int) -> None:
        super().__init__()
        from zuko.flows import NSF

        with torch.device("cpu"):  # zuko reads its masks while it makes them, which the meta device does not allow
            self.flow = NSF(latent, condition, transforms=TRANSFORMS, passes=2, hidden_features=FLOW_WIDTHS)

    def forward(self, y: Tensor) -> Distribution:
        return self.flow(y)

    def to_standard(self, z: Tensor, y: Tensor) -> Tensor:
        return self.flow.transform(y)(z)

    def from_standard(self, u: Tensor, y: Tensor) -> Tensor:
        from condvae.model.splines import inverse

        return inverse(self.flow, u, y)


class MixturePrior(nn.Module):
    """A mixture of M Gaussians for each class: an ex-post density of the codes of a trained model.

    It is in standard coordinates.

    Ghosh et al., "From Variational to Deterministic Autoencoders", https://arxiv.org/abs/1903.12436

    Args:
        weights: (classes + 1, M). The last row is used if the label is not given.
        means: (classes + 1, M, Z).
        scales: lower Cholesky factors of the covariances, (classes + 1, M, Z, Z).
    """

    tables: ClassVar[tuple[str, ...]] = ("weights", "means", "scales")

    def __init__(self, weights: Tensor, means: Tensor, scales: Tensor) -> None:
        super().__init__()
        self.weights, self.means, self.scales = map(nn.Buffer, (weights, means, scales))

    @property
    def kind(self) -> tuple[int, int]:
        """The number of classes and of latent dimensions."""
        return len(self.means) - 1, self.means.shape[-1]

    def forward(self, y: Tensor) -> Distribution:
        """Condition vectors (B, Y), which begin with the one-hot vector of the label, to a distribution over (B, Z)."""
        row = self.rows(y)
        parts = MultivariateNormal(self.means[row], scale_tril=self.scales[row], validate_args=False)
        return MixtureSameFamily(Categorical(self.weights[row], validate_args=False), parts, validate_args=False)

    def rows(self, y: Tensor) -> Tensor:
        """The row of the tables for each condition vector, int64 (B,)."""
        classes, _ = self.kind
        last = torch.full_like(y[:, :1], 0.5) if classes else y.new_zeros(y.shape[0], 1)
        return torch.cat([y[:, :classes], last], 1).argmax(1)  # the last one is the largest if no label is given


PRIORS: dict[str, type[Prior]] = {"standard": StandardPrior, "gaussian": GaussianPrior, "flow": FlowPrior}
