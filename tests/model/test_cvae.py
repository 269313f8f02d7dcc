"""Laws of the model and its parts, for every combination that the registries allow."""

from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Distribution, Independent, Normal

from condvae.config import Config, ModelConfig, TrainingConfig, load_recipe
from condvae.errors import ConfigError
from condvae.evaluation.likelihood import log_likelihood
from condvae.inference.batched import decode, draw, encode_all, encode_moments
from condvae.model.cvae import CVAE
from condvae.model.likelihoods import LIKELIHOODS
from condvae.model.networks import ACTIVATIONS, NETWORKS, NORMS, Dropout
from condvae.model.posteriors import POSTERIORS
from condvae.model.priors import PRIORS
from condvae.model.saving import load, save_model
from condvae.run import Run
from condvae.schema import Attribute, Schema
from condvae.seeds import seeded

DIGITS = Schema((1, 28, 28), tuple("0123456789"))
MIXED = (Attribute("colour", ("red", "green", "blue")), Attribute("slant", (), 0.1, 0.3, -0.5, 0.8))
SHAPES = [(1, 28, 28), (3, 5, 7), (1, 1, 1)]
CHOICES = {
    "network": list(NETWORKS),
    "posterior": list(POSTERIORS),
    "prior": list(PRIORS),
    "likelihood": list(LIKELIHOODS),
    "conditions": [("label",), (), ("label", "colour", "slant"), ("slant",)],
    "norm": list(NORMS),
    "activation": list(ACTIVATIONS),
    "condition_dropout": [0.0, 0.2],
}


def is_possible(chosen: dict[str, Any]) -> bool:
    """A learned prior needs a KL term, which a point and a squared error have not; dropout needs something to hide."""
    has_bound = chosen["posterior"] != "point" and chosen["likelihood"] != "mse"
    return (has_bound or chosen["prior"] == "standard") and bool(
        chosen["conditions"] or not chosen["condition_dropout"]
    )


def pairwise_combinations() -> list[ModelConfig]:
    """Combinations of parts in which every possible pair of parts occurs."""
    everything = [dict(zip(CHOICES, values, strict=True)) for values in product(*CHOICES.values())]
    possible = [chosen for chosen in everything if is_possible(chosen)]
    pairs = {id(chosen): set(combinations(chosen.items(), 2)) for chosen in possible}
    missing, found = set().union(*pairs.values()), []
    while missing:
        best = max(possible, key=lambda chosen: len(pairs[id(chosen)] & missing))
        missing -= pairs[id(best)]
        found.append(ModelConfig(latent=3, encoder=(8, 8), decoder=(8, 8), blocks=1, **best))
    return found


COMBINATIONS = pairwise_combinations()


def test_every_pair_of_parts_is_combined() -> None:
    assert 16 <= len(COMBINATIONS) <= 60
    for config in COMBINATIONS:
        assert Config(model=config, training=TrainingConfig(beta=beta_of(config)))


def batch(shape: tuple[int, int, int], config: ModelConfig, count: int = 4) -> tuple[Tensor, Tensor]:
    """Random images, and conditions of which all columns vary."""
    torch.manual_seed(1)
    rows = torch.empty(count, len(config.conditions))
    for column, name in enumerate(config.conditions):
        rows[:, column] = torch.randn(count) if name == "slant" else torch.arange(count) % 2
    return torch.rand(count, *shape).round(), rows


def made(config: ModelConfig, shape: tuple[int, int, int] = (3, 5, 7)) -> CVAE:
    torch.manual_seed(0)
    return stirred(CVAE(config, Schema(shape, ("a", "b"), MIXED)))


def stirred(model: CVAE) -> CVAE:
    """Some parts start at zero, and so would not show what they do."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def beta_of(config: ModelConfig) -> float:
    return 0.0 if config.posterior == "point" or config.likelihood == "mse" else 1.0


def name_of(config: ModelConfig) -> str:
    return "-".join(str(getattr(config, name)) for name in CHOICES)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("config", COMBINATIONS, ids=name_of)
class TestLaws:
    def test_shapes(self, config: ModelConfig, shape: tuple[int, int, int]) -> None:
        model, (x, given) = made(config, shape), batch(shape, config)
        q, p = model.encode(x, given), model.decode(torch.zeros(4, 3), given)
        assert q.rsample().shape == q.mean.shape == q.stddev.shape == (4, 3)
        assert model.prior(model.conditions(given)).sample().shape == (4, 3)
        assert p.mean.shape == p.sample().shape == (4, *shape)
        assert p.log_prob(x).shape == (4,)
        for part in model.elbo(x, given, beta_of(config)):
            assert part.shape == (4,)

    @pytest.mark.parametrize("samples", [1, 3])
    def test_gradients_are_finite(self, config: ModelConfig, shape: tuple[int, int, int], samples: int) -> None:
        if samples > 1 and not beta_of(config):
            pytest.skip("importance weights need densities")
        model, (x, given) = made(config, shape), batch(shape, config)
        (-model.elbo(x, given, beta_of(config), samples=samples).value.mean()).backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name

    def test_an_image_does_not_depend_on_its_batch(self, config: ModelConfig, shape: tuple[int, int, int]) -> None:
        model, (_, given) = made(config, shape).eval(), batch(shape, config)
        z = torch.randn(4, 3)
        alone = torch.cat([model.decode(z[i : i + 1], given[i : i + 1]).mean for i in range(4)])
        torch.testing.assert_close(model.decode(z, given).mean, alone)

    def test_every_condition_reaches_every_part(self, config: ModelConfig, shape: tuple[int, int, int]) -> None:
        model, (x, given), z = made(config, shape).eval(), batch(shape, config), torch.randn(4, 3)
        for column in range(given.shape[1]):
            other = given.clone()
            other[:, column] = 1 - other[:, column]
            assert not torch.equal(model.decode(z, given).mean, model.decode(z, other).mean)
            if config.prior != "standard":
                densities = [model.prior(model.conditions(rows)).log_prob(z) for rows in (given, other)]
                assert not torch.equal(*densities)
            if shape != (1, 1, 1) or config.network == "mlp":  # normalised, one number is the same whatever its size
                assert not torch.equal(model.encode(x, given).mean, model.encode(x, other).mean)

    def test_standard_coordinates(self, config: ModelConfig, shape: tuple[int, int, int]) -> None:
        """There and back is the same; images and codes that go through them are those of the model itself."""
        model, (x, given) = made(config, shape).eval(), batch(shape, config)
        u = torch.randn(4, 3)
        with torch.no_grad():
            y, q = model.conditions(given), model.encode(x, given)
            z = model.prior.from_standard(u, y)
            torch.testing.assert_close(model.prior.to_standard(z, y), u, atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(decode(model, u, given), model.decode(z, given).mean)
            codes, deviations = encode_moments(model, x, given)
            torch.testing.assert_close(codes, encode_all(model, x, given))
            torch.testing.assert_close(model.prior.from_standard(codes, y), q.mean, atol=1e-4, rtol=1e-4)
            assert torch.equal(deviations > 0, q.stddev > 0)

    def test_images_are_in_the_unit_interval(self, config: ModelConfig, shape: tuple[int, int, int]) -> None:
        """And reach both ends: the decoder's numbers have no bounds of their own, which would be applied twice."""
        model, (_, given) = made(config, shape).eval(), batch(shape, config)
        images = model.decode(100 * torch.randn(4, 3), given).mean
        assert images.isfinite().all()
        assert images.min() >= 0
        assert images.max() <= 1
        for logit, wanted in ((-50.0, 0.0), (50.0, 1.0)):
            nn.init.zeros_(model.likelihood.decoder.pixels.weight)
            nn.init.constant_(model.likelihood.decoder.pixels.bias, logit)
            image = model.decode(torch.zeros(1, 3), given[:1]).mean
            torch.testing.assert_close(image, torch.full((1, *shape), wanted), atol=0.03, rtol=0)

    def test_saved_and_loaded_it_is_the_same(
        self, config: ModelConfig, shape: tuple[int, int, int], tmp_path: Path
    ) -> None:
        model, (x, given) = made(config, shape).eval(), batch(shape, config)
        save_model(Run(tmp_path), model, Config(model=config, training=TrainingConfig(beta=beta_of(config))), {})
        again = load(tmp_path)
        assert again.schema == model.schema
        for ours, theirs in zip(answers(model, x, given), answers(again, x, given), strict=True):
            assert torch.equal(ours, theirs)

    def test_evaluation_changes_nothing(self, config: ModelConfig, shape: tuple[int, int, int]) -> None:
        model, (x, given) = made(config, shape), batch(shape, config)
        before, state = {name: value.clone() for name, value in model.state_dict().items()}, torch.get_rng_state()
        first = decode(model, draw(model, given, seed=0), given)
        encode_all(model, x, given)
        if beta_of(config):
            with seeded(0):
                log_likelihood(model, x, given, 3)
        assert torch.equal(state, torch.get_rng_state())
        assert model.training
        assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
        assert torch.equal(first, decode(model, draw(model, given, seed=0), given))

    @pytest.mark.parametrize("x", [0.0, 1.0], ids=["black", "white"])
    def test_hostile_numbers(self, config: ModelConfig, shape: tuple[int, int, int], x: float) -> None:
        """Constant images, a batch of one, and log-variances, sigmas and logits far beyond their bounds."""
        model, (_, given) = made(config, shape), batch(shape, config)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if any(part in name for part in ("logvar", "log_sigma", "prior.bias", "pixels.bias")):
                    parameter.fill_(1e4 if x else -1e4)
        bound = model.elbo(torch.full((1, *shape), x), given[:1], beta_of(config))
        assert all(part.isfinite().all() for part in bound)
        (-bound.value.mean()).backward()
        assert all(p.grad is None or p.grad.isfinite().all() for p in model.parameters())


def answers(model: CVAE, x: Tensor, given: Tensor) -> list[Tensor]:
    q, p = model.encode(x, given), model.decode(torch.ones(4, 3), given)
    return [q.mean, q.stddev, p.mean, p.log_prob(x), draw(model, given, seed=1)]


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


def test_a_point_posterior_and_mse_have_no_divergence() -> None:
    for model in (ModelConfig(), ModelConfig(likelihood="gaussian", posterior="point")):
        with pytest.raises(ConfigError, match=r"training\.beta = 1\.0 weighs a KL term"):
            Config(model=model, training=TrainingConfig(beta=1.0))


@pytest.mark.parametrize("part", ["network", "posterior", "prior", "likelihood"])
def test_unknown_part(part: str) -> None:
    with pytest.raises(ConfigError, match=f"There is no {part} 'gausian'"):
        made(ModelConfig(**{part: "gausian"}))


def test_unknown_condition() -> None:
    with pytest.raises(ConfigError, match=r"There is no condition 'lable'. Did you mean 'label'"):
        made(ModelConfig(conditions=("lable",)))
