"""Settings and recipes: round trips, and a message for each mistake."""

from pathlib import Path

import pytest

from condvae.config import Config, ModelConfig, TrainingConfig, load_recipe, recipe_names
from condvae.errors import ConfigError


@pytest.mark.parametrize("name", recipe_names())
def test_recipes_load_and_survive_a_round_trip(name: str) -> None:
    config = load_recipe(name)
    assert Config.from_dict(config.to_dict()) == config


def test_recipe_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "model: {latent: 8, encoder: [64, 32]}\ntrainer: {precision: bf16-mixed}\ntraining: {learning_rate: 2e-3}\n"
    )
    config = load_recipe(str(path))
    assert config.model == ModelConfig(latent=8, encoder=(64, 32))
    assert config.training.learning_rate == 2e-3, "YAML takes 2e-3 for text"
    assert config.trainer == {"max_epochs": 10, "devices": 1, "precision": "bf16-mixed"}


def test_unknown_recipe() -> None:
    with pytest.raises(ConfigError, match=r"There is no recipe 'papper'. Did you mean 'paper'"):
        load_recipe("papper")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {latnet: 3}", "There is no setting 'latnet'. Did you mean 'latent'"),
        ("modle: {latent: 3}", "There is no setting 'modle'. Did you mean 'model'"),
        ("model: 3", "model = 3 is not possible; allowed: settings by name"),
        ("model: {latent: many}", "model.latent = 'many' is a str, where int is needed"),
        ("model: {conditions: label}", "model.conditions = 'label' is a str, where a list is needed"),
        ("training: {learning_rate: fast}", "training.learning_rate = 'fast' is a str, where float is needed"),
        ("training: {batch_size: true}", "training.batch_size = True is a bool, where int is needed"),
        ("trainer: 3", "trainer = 3 is a int, where dict is needed"),
        ("data: 3", "data = 3 is a int, where str is needed"),
        ("just words", "Settings by name are needed, not 'just words'"),
        ("model: [", "Cannot read the recipe"),
    ],
)
def test_recipe_with_a_mistake(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(path))


def test_an_object_cannot_be_a_setting() -> None:
    with pytest.raises(ConfigError, match=r"a PosixPath, which config\.yaml cannot hold\. Write objects"):
        Config(trainer={"profiler": Path()}).to_dict()


def test_missing_recipe_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the recipe .*mine\.yaml"):
        load_recipe(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(
    ("kind", "name", "value", "allowed"),
    [
        (ModelConfig, "latent", 0, "at least 1"),
        (ModelConfig, "dropout", 1.0, "0 to 1"),
        (ModelConfig, "encoder", (), "one or more widths"),
        (ModelConfig, "decoder", (4, 0), "one or more widths"),
        (TrainingConfig, "batch_size", 0, "at least 1"),
        (TrainingConfig, "learning_rate", 0.0, "more than 0"),
        (TrainingConfig, "muon_learning_rate", -1.0, "more than 0"),
        (TrainingConfig, "optimizer", "sgd", "adam, muon"),
        (TrainingConfig, "adam_betas", (0.9, 1.0), "two, each 0 to 1"),
        (TrainingConfig, "adam_betas", (0.9,), "two, each 0 to 1"),
        (TrainingConfig, "schedule", "cosine", "constant, one-cycle"),
        (TrainingConfig, "beta", -1.0, "0 or more"),
        (TrainingConfig, "seed", -1, "0 to 4294967295"),
    ],
)
def test_impossible_setting(kind: type, name: str, value: object, allowed: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} = .* is not possible; allowed: {allowed}"):
        kind(**{name: value})
