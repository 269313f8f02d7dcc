"""p(z|y): modules from the condition vector (B, Y) to a distribution over latent vectors with event shape (Z,).

A learned prior is also a change of coordinates: to *standard coordinates*, in which it is N(0, I) whatever the
condition. There the same numbers are as probable under one label as under another: a style, which labels can share.
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
    """p(z|y), and the way to standard coordinates and back."""

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
        """Where a posterior over (B, Z) has its mean in standard coordinates, and its standard deviation there to
        first order: each (B, Z)."""
        variance, mean = torch.zeros_like(q.mean), q.mean
        for side in torch.diag_embed(q.stddev).unbind(1):  # of the box of one standard deviation
            variance += ((self.to_standard(mean + side, y) - self.to_standard(mean - side, y)) / 2).square()
        return self.to_standard(mean, y), variance.sqrt()


class StandardPrior(Prior):
    """N(0, I), whatever the condition."""

    def __init__(self, condition: int, latent: int) -> None:
        super().__init__()
        self.latent = latent

    def forward(self, y: Tensor) -> Distribution:
        zeros = y.new_zeros(len(y), self.latent)
        return gaussian(zeros, zeros)

    def to_standard(self, z: Tensor, y: Tensor) -> Tensor:
        return z

    def from_standard(self, u: Tensor, y: Tensor) -> Tensor:
        return u

    def moments(self, q: Distribution, y: Tensor) -> tuple[Tensor, Tensor]:
        return q.mean, q.stddev


class GaussianPrior(Prior):
    """A Gaussian with independent dimensions; mean and log-variance are linear in the condition vector.

    So each class has its own. Training starts at N(0, I).
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

        with torch.device("cpu"):  # zuko looks at its masks while it makes them, which tensors without data forbid
            self.flow = NSF(latent, condition, transforms=TRANSFORMS, passes=2, hidden_features=FLOW_WIDTHS)

    def forward(self, y: Tensor) -> Distribution:
        return self.flow(y)

    def to_standard(self, z: Tensor, y: Tensor) -> Tensor:
        return self.flow(y).transform(z)

    def from_standard(self, u: Tensor, y: Tensor) -> Tensor:
        return self.flow(y).transform.inv(u)


class MixturePrior(nn.Module):
    """A mixture of M Gaussians for each class: an ex-post density of a trained model's codes in standard coordinates.

    Ghosh et al., "From Variational to Deterministic Autoencoders", https://arxiv.org/abs/1903.12436

    Args:
        weights: (classes + 1, M), where the last row is for images whose label is not given.
        means: (classes + 1, M, Z).
        scales: lower Cholesky factors of the covariances, (classes + 1, M, Z, Z).
    """

    tables: ClassVar[tuple[str, ...]] = ("weights", "means", "scales")

    def __init__(self, weights: Tensor, means: Tensor, scales: Tensor) -> None:
        super().__init__()
        self.weights, self.means, self.scales = map(nn.Buffer, (weights, means, scales))

    @property
    def kind(self) -> tuple[int, int]:
        """How many labels and latent dimensions it has."""
        return len(self.means) - 1, self.means.shape[-1]

    def forward(self, y: Tensor) -> Distribution:
        """Condition vectors (B, Y) that begin with the label's one-hot vector, if the model has labels."""
        classes, _ = self.kind
        given = torch.cat([y[:, :classes], y.new_full((len(y), 1), 0.5)], 1)  # the last wins if no label is given
        row = given.argmax(1)
        parts = MultivariateNormal(self.means[row], scale_tril=self.scales[row], validate_args=False)
        return MixtureSameFamily(Categorical(self.weights[row], validate_args=False), parts, validate_args=False)


PRIORS: dict[str, type[Prior]] = {"standard": StandardPrior, "gaussian": GaussianPrior, "flow": FlowPrior}
