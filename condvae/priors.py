"""p(z|y): modules from the condition to a distribution over latent vectors with event shape (Z,)."""

from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal


class StandardPrior(nn.Module):
    """N(0, I), whatever the condition."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.latent = latent

    def forward(self, y: Tensor) -> Distribution:
        zeros = y.new_zeros(len(y), self.latent)
        return Independent(Normal(zeros, zeros + 1, validate_args=False), 1, validate_args=False)


PRIORS = {"standard": StandardPrior}
