"""Settings that exclude each other: each is refused with a message, before anything is loaded or written."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import pytest

from condvae.config import Config, DataConfig, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.model.likelihoods import LIKELIHOODS
from condvae.model.posteriors import POSTERIORS
from condvae.model.priors import PRIORS
from condvae.recipe import load_recipe, recipe_names
from condvae.training.checks import check
from condvae.training.fit import fit
from tests.training.runs import with_bound


def with_model(**settings: object) -> Config:
    return with_bound(1, ModelConfig(**settings))


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_can_be_trained(name: str) -> None:
    check(load_recipe(name))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"network": "cnn"}, "There is no network 'cnn'"),
        ({"norm": "batch"}, "There is no norm 'batch'"),
        ({"activation": "rely"}, "There is no activation 'rely'. Did you mean 'relu'"),
        ({"posterior": "gausian"}, "There is no posterior 'gausian'. Did you mean 'gaussian'"),
        ({"prior": "flaw"}, "There is no prior 'flaw'. Did you mean 'flow'"),
        ({"likelihood": "bernouli"}, "There is no likelihood 'bernouli'. Did you mean 'bernoulli'"),
    ],
)
def test_an_unknown_part_of_the_model(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(with_model(**settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"optimizer": "adan"}, "There is no optimizer 'adan'. Did you mean 'adam'.*Known: adam, muon"),
        ({"schedule": "cosine"}, "There is no schedule 'cosine'.*Known: constant, one-cycle"),
    ],
)
def test_an_unknown_optimizer_or_schedule(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(with_bound(1, **settings))


def combinations() -> Iterator[tuple[Config, str]]:
    """Every combination of parts, and the beginning of the message if it is refused."""
    for likelihood, posterior, prior, beta in product(LIKELIHOODS, POSTERIORS, PRIORS, (0.0, 1.0)):
        model = ModelConfig(likelihood=likelihood, posterior=posterior, prior=prior)
        message = ""
        if beta and not LIKELIHOODS[likelihood].is_likelihood:
            message = rf"training\.beta must be 0 if model\.likelihood is {likelihood}, .*, got 1\.0\."
        elif beta and not POSTERIORS[posterior].has_density:
            message = rf"training\.beta must be 0 if model\.posterior is {posterior}, .*, got 1\.0\."
        elif not beta and PRIORS[prior].is_learned:
            message = rf"model\.prior must be standard if training\.beta is 0, .*, got {prior}\."
        yield Config(model=model, training=TrainingConfig(beta=beta)), message


def test_the_parts_decide_whether_there_is_a_kl_term() -> None:
    refused = 0
    for config, message in combinations():
        if message:
            refused += 1
            with pytest.raises(ConfigError, match=message):
                check(config)
        else:
            check(config)
    assert refused, "some combinations must be refused"


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_start_at_the_mean_image_needs_a_sigmoid(likelihood: str) -> None:
    training = TrainingConfig(start_at_mean=True)
    config = Config(model=ModelConfig(likelihood=likelihood), training=training)
    if LIKELIHOODS[likelihood].sigmoid_mean:
        check(config)
        return
    message = rf"training\.start_at_mean must be false if model\.likelihood is {likelihood}, .*, got True\."
    with pytest.raises(ConfigError, match=message):
        check(config)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"free_bits": 0.5, "samples": 4}, r"training\.free_bits must be 0 if training\.samples is 4, got 0\.5"),
        ({"samples": 4, "beta": 0}, r"training\.samples must be 1 if training\.beta is 0.*, got 4"),
        ({"free_bits": 1.0, "beta": 0}, r"training\.free_bits must be 0 if training\.beta is 0.*, got 1\.0"),
        ({"warm_up": 1.0, "beta": 0}, r"training\.warm_up must be 0 if training\.beta is 0.*, got 1\.0"),
        ({"samples": 0}, r"training\.samples must be at least 1, got 0"),
        ({"warm_up": -1.0}, r"training\.warm_up must be at least 0, got -1\.0"),
        ({"peak": 1.0}, r"training\.peak must be more than 0 and less than 1, got 1\.0"),
    ],
)
def test_settings_of_the_objective_that_exclude_each_other(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        with_bound(1, **settings)


@pytest.mark.parametrize("conditions", [("label", "label"), ("slant", "label")])
def test_conditions_that_are_not_possible(conditions: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"model\.conditions must be a list"):
        ModelConfig(conditions=conditions)


def test_patience_needs_validation_images(bars: Dataset, tmp_path: Path) -> None:
    config = replace(with_bound(1, patience=3), data=DataConfig())
    with pytest.raises(ConfigError, match=r"training\.patience must be 0 without validation images\..*, got 3"):
        fit(config, tmp_path / "run", bars)
    assert not (tmp_path / "run").exists()


def test_fit_checks_before_it_loads_or_writes_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unexpected(name: str) -> None:
        raise AssertionError(f"{name} was loaded")

    monkeypatch.setattr("condvae.training.fit.load_data", unexpected)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text("a run is here already")
    impossible = replace(with_bound(1), model=ModelConfig(likelihood="mse"))
    with pytest.raises(ConfigError, match=r"training\.beta must be 0"):
        fit(impossible, tmp_path / "run")
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["config.yaml"]
