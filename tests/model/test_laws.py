"""Laws that every combination of parts obeys. A new part of a registry is tested here without a new test."""

from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.evaluation.importance import log_likelihood
from condvae.inference.batched import decode, draw, encode_all, encode_moments
from condvae.model.cvae import CVAE
from condvae.model.likelihoods import LIKELIHOODS
from condvae.model.networks import ACTIVATIONS, NETWORKS, NORMS
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
    """A learned prior needs a KL term. Condition dropout needs a condition to hide."""
    return (has_bound(chosen) or not PRIORS[chosen["prior"]].is_learned) and bool(
        chosen["conditions"] or not chosen["condition_dropout"]
    )


def has_bound(chosen: dict[str, Any]) -> bool:
    return POSTERIORS[chosen["posterior"]].has_density and LIKELIHOODS[chosen["likelihood"]].is_likelihood


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
    least = len(CHOICES["likelihood"]) * len(CHOICES["conditions"])  # pairs of the two longest lists
    assert least <= len(COMBINATIONS) < 60, "few enough to test each of them"
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
    return float(has_bound(vars(config)))


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

    def test_gradients_are_finite(self, config: ModelConfig, shape: tuple[int, int, int]) -> None:
        for samples in (1, 3) if beta_of(config) else (1,):  # importance weights need densities
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
            if PRIORS[config.prior].is_learned:
                densities = [model.prior(model.conditions(rows)).log_prob(z) for rows in (given, other)]
                assert not torch.equal(*densities)
            if shape != (1, 1, 1) or config.network == "mlp":  # a convolution normalises a single pixel to a constant
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
        """And they reach both ends: the decoder has no bounds of its own, which would be applied twice."""
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
