"""Settings and recipes: round trips, and a message for each mistake."""

from pathlib import Path

import pytest

from condvae.config import Config, DataConfig, ModelConfig, TrainingConfig
from condvae.errors import ConfigError
from condvae.recipe import load_recipe, recipe_names


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
        ("model: 3", "model must be a dictionary of names and values, got 3"),
        ("model: {latent: many}", r"model.latent must be a whole number, got 'many' \(str\)"),
        ("model: {conditions: label}", r"model.conditions must be a list, got 'label' \(str\)"),
        ("training: {learning_rate: fast}", r"training.learning_rate must be a number, got 'fast' \(str\)"),
        ("training: {batch_size: true}", r"training.batch_size must be a whole number, got True \(bool\)"),
        ("trainer: 3", r"trainer must be a dictionary, got 3 \(int\)"),
        ("data: 3", "data must be a dictionary of names and values, got 3"),
        ("just words", "The settings must be a dictionary of names and values, got 'just words'"),
        ("training: {adam_betas: [0.9]}", r"training.adam_betas must be a list of 2, got \[0.9\]"),
        ("model: [", "Cannot read the recipe"),
    ],
)
def test_recipe_with_a_mistake(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        load_recipe(str(path))


def test_settings_of_earlier_versions() -> None:
    """`data` was the source alone, and the number of images to hold out was a setting of training."""
    config = Config.from_dict({"data": "bars", "training": {"validation": 20, "beta": 1}})
    assert config == Config(DataConfig("bars", validation_split=20), training=TrainingConfig(beta=1))
    assert Config.from_dict(config.to_dict()) == config


def test_an_object_cannot_be_a_setting() -> None:
    with pytest.raises(ConfigError, match=r"A setting must be a number, .* got .*PosixPath.* Write objects"):
        Config(trainer={"profiler": Path()}).to_dict()


def test_missing_recipe_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"Cannot read the recipe .*mine\.yaml"):
        load_recipe(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(
    ("kind", "name", "value", "allowed"),
    [
        (ModelConfig, "latent", 0, "at least 1"),
        (ModelConfig, "dropout", 1.0, "at least 0 and less than 1"),
        (ModelConfig, "encoder", (), "a list of one or more widths"),
        (ModelConfig, "decoder", (4, 0), "a list of one or more widths"),
        (DataConfig, "image_size", (5,), "a height and a width"),
        (DataConfig, "image_size", (0, 5), "a height and a width"),
        (DataConfig, "color_mode", "cmyk", "one of auto, grayscale, rgb"),
        (DataConfig, "resize", "fit", "one of crop, pad, stretch"),
        (DataConfig, "test_split", 1.5, "a share below 1, or a number of images"),
        (DataConfig, "validation_split", -0.1, "a share below 1, or a number of images"),
        (DataConfig, "seed", -1, "from 0 to 4294967295"),
        (DataConfig, "class_names", ("a", "a"), "a list of different names"),
        (TrainingConfig, "batch_size", 0, "at least 1"),
        (TrainingConfig, "learning_rate", 0.0, "more than 0"),
        (TrainingConfig, "muon_learning_rate", -1.0, "more than 0"),
        (TrainingConfig, "adam_betas", (0.9, 1.0), "two numbers, each at least 0 and less than 1"),
        (TrainingConfig, "beta", -1.0, "at least 0"),
        (TrainingConfig, "seed", -1, "from 0 to 4294967295"),
    ],
)
def test_impossible_setting(kind: type, name: str, value: object, allowed: str) -> None:
    with pytest.raises(ConfigError, match=rf"{name} must be {allowed}.*, got"):
        kind(**{name: value})
