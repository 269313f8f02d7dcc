"""The model against cases with a known answer: the experiment's architecture and loss, exact bounds."""

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from condvae.config import Config, ModelConfig
from condvae.errors import ConfigError
from condvae.model.cvae import CVAE
from condvae.model.networks import Dropout
from condvae.recipe import load_recipe
from condvae.schema import Schema
from tests.model.test_laws import DIGITS, batch, made


def test_the_experiment_s_architecture() -> None:
    model = CVAE(load_recipe("paper").model, DIGITS)
    assert model.parameter_count == 1_143_828
    linear = [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, nn.Linear)]
    encoder = [(794, 512), (512, 256), (256, 128), (128, 2), (128, 2)]
    assert linear == [*encoder, (12, 128), (128, 256), (256, 512), (512, 784)]
    assert sum(isinstance(m, nn.LayerNorm) for m in model.modules()) == 6
    assert [m.p for m in model.modules() if isinstance(m, Dropout)] == [0.25] * 6


@pytest.mark.parametrize("p", [0.25, 0.1, 0.5, 0.999])
def test_dropout_has_the_law_of_pytorch_s(p: float) -> None:
    """Each unit is dropped with probability p, whatever its neighbours do, and the others are scaled by 1 / (1 - p)."""
    torch.manual_seed(0)
    dropout, x = Dropout(p), torch.ones(1001, 1001, requires_grad=True)
    y = dropout(x)
    kept = y > 0
    assert torch.equal(y, kept / (1 - p))
    error = (p * (1 - p) / kept.numel()) ** 0.5
    assert kept.float().mean().item() == pytest.approx(1 - p, abs=4 * error)
    both = (kept.flatten()[:-1] & kept.flatten()[1:]).float().mean().item()
    assert both == pytest.approx((1 - p) ** 2, abs=8 * error)
    y.sum().backward()
    assert torch.equal(x.grad, y)
    assert (kept != (dropout(x) > 0)).any(), "every mask must be a new one"
    assert torch.equal(dropout.eval()(x), x)


def test_a_decoder_starts_at_an_image() -> None:
    decoder, image = CVAE(ModelConfig(), DIGITS).likelihood.decoder, torch.rand(1, 28, 28)
    decoder.start_at(image)
    drawn = torch.sigmoid(decoder.pixels.bias).unflatten(0, (1, 28, 28))
    torch.testing.assert_close(drawn, image.clamp(0.01, 0.99))


def test_the_experiment_s_settings() -> None:
    paper = load_recipe("paper")
    assert paper == Config()
    assert (paper.training.batch_size, paper.training.learning_rate, paper.training.beta) == (100, 1e-3, 0)
    assert paper.trainer == {"max_epochs": 10, "devices": 1}


def test_the_plain_autoencoder() -> None:
    model = CVAE(load_recipe("autoencoder").model, DIGITS)
    (x, _), labels = batch((1, 28, 28), ModelConfig()), torch.arange(4) % 2
    model.eval()
    q = model.encode(x, labels)
    assert q.mean.shape == (4, 3)
    assert torch.equal(q.rsample(), q.mean)
    assert not q.stddev.any()
    assert torch.equal(q.mean, model.encode(x, labels + 5).mean), "the label must not matter"


def test_the_experiment_s_loss_is_the_mean_squared_error() -> None:
    model = CVAE(ModelConfig(dropout=0), DIGITS)
    (x, _), labels = batch((1, 28, 28), ModelConfig()), torch.arange(4) % 2
    torch.manual_seed(7)
    loss = -model.elbo(x, labels, beta=0).value.mean()
    torch.manual_seed(7)
    y = nn.functional.one_hot(labels, 10).float()
    q = model.posterior
    features = q.encoder.layers(torch.cat([x.flatten(1), y], 1))
    z = q.mean(features) + torch.exp(0.5 * q.logvar(features)) * torch.randn(4, 2)
    decoder = model.likelihood.decoder
    image = torch.sigmoid(decoder.pixels(decoder.layers(torch.cat([z, y], 1))))
    torch.testing.assert_close(loss, nn.functional.mse_loss(image, x.flatten(1)))


def test_the_bound_is_reconstruction_minus_weighted_divergence() -> None:
    model = made(ModelConfig(likelihood="gaussian", latent=3)).eval()
    x, labels = batch((3, 5, 7), ModelConfig())
    bound = model.elbo(x, labels, beta=0.5)
    torch.testing.assert_close(bound.value, bound.reconstruction - 0.5 * bound.divergence)
    q, prior = model.encode(x, labels), model.prior(model.conditions(labels))
    z = q.rsample(torch.Size([20_000]))
    estimate = (q.log_prob(z) - prior.log_prob(z)).mean(0)
    torch.testing.assert_close(bound.divergence, estimate, rtol=0.03, atol=0.01)


class Linear(nn.Module):
    """A Gaussian whose mean is linear in its first input: weight and bias by hand, one scale."""

    def __init__(self, weight: Tensor, scale: float, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight, self.scale, self.shape = weight, scale, shape

    def forward(self, value: Tensor, y: Tensor) -> Distribution:
        mean = (value.flatten(1) @ self.weight).unflatten(1, self.shape)
        return Independent(Normal(mean, self.scale), len(self.shape))


def test_the_bound_of_a_linear_gaussian_model_is_its_exact_likelihood() -> None:
    """x = 2 z + noise: p(x) is known, the bound is that with the exact posterior, and below it with any other."""
    model = CVAE(ModelConfig(latent=1, likelihood="gaussian"), Schema((1, 1, 1), ("a",)))
    factor, noise = 2.0, 0.5
    model.likelihood = Linear(torch.tensor([[factor]]), noise, (1, 1, 1))
    precision = 1 + (factor / noise) ** 2
    x, labels = torch.randn(50, 1, 1, 1) * 3, torch.zeros(50, dtype=torch.int64)
    exact = Normal(0.0, (factor**2 + noise**2) ** 0.5).log_prob(x.flatten())

    def bounds(weight: float, scale: float) -> Tensor:
        model.posterior = Linear(torch.tensor([[weight]]), scale, (1,))
        return torch.stack([model.elbo(x, labels, beta=1.0).value for _ in range(400)]).mean(0)

    optimum = factor / noise**2 / precision
    best = bounds(optimum, precision**-0.5)
    torch.testing.assert_close(best.mean(), exact.mean(), atol=0.02, rtol=0)
    assert bounds(0.8 * optimum, precision**-0.5).mean() < exact.mean() - 0.1
    assert bounds(optimum, 2 * precision**-0.5).mean() < exact.mean() - 0.1


@pytest.mark.parametrize("config", [ModelConfig(), ModelConfig(likelihood="gaussian", posterior="point")])
def test_a_point_posterior_and_a_squared_error_have_no_bound(config: ModelConfig) -> None:
    assert not CVAE(config, DIGITS).has_bound
    assert CVAE(ModelConfig(likelihood="gaussian"), DIGITS).has_bound


@pytest.mark.parametrize("part", ["network", "posterior", "prior", "likelihood"])
def test_unknown_part(part: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no {part} 'gausian'"):
        made(ModelConfig(**{part: "gausian"}))


def test_unknown_condition() -> None:
    with pytest.raises(ConfigError, match=r"There is no condition 'lable'. Did you mean 'label'"):
        made(ModelConfig(conditions=("lable",)))
