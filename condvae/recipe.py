"""Recipes: YAML files with the settings that differ from the defaults."""

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from condvae.config import Config
from condvae.errors import ConfigError, unknown

RECIPES = Path(str(files("condvae"))) / "recipes"


def load_recipe(name: str) -> Config:
    """Load a recipe by its name, or from a YAML file by its path.

    Raises:
        ConfigError: there is no such recipe, or the file cannot be understood.
    """
    path = Path(name) if Path(name).suffix in {".yaml", ".yml"} else RECIPES / f"{name}.yaml"
    if path.parent == RECIPES and not path.is_file():
        raise ConfigError(unknown("recipe", name, recipe_names()) + " The path of your own recipe must end in .yaml.")
    try:
        settings = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"Cannot read the recipe {path}: {error}. Check the path and the YAML.") from error
    return Config.from_dict({} if settings is None else settings)


def with_settings(config: Config, changed: Mapping[str, Any]) -> Config:
    """Settings by their names, such as `model.latent`, in place of those of a configuration.

    Raises:
        ConfigError: a name is unknown, or a value is not possible.
    """
    settings = config.to_dict()
    for name, value in changed.items():
        group, _, key = name.partition(".")
        if not key or group not in settings:
            known = ", ".join(f"{one}.…" for one in settings)
            raise ConfigError(f"There is no setting '{name}'. Settings begin with {known}, such as model.latent.")
        settings[group][key] = value
    return Config.from_dict(settings)


def recipe_names() -> list[str]:
    """The names of the recipes that ship with condvae."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_notes(name: str) -> dict[str, str]:
    """The first lines of a shipped recipe: "What" it is, the "Time" of its training, and its "Figures"."""
    lines = (RECIPES / f"{name}.yaml").read_text("utf-8").splitlines()
    notes = (line.removeprefix("# ").partition(": ") for line in lines if line.startswith("# "))
    return {key: text for key, mark, text in notes if mark and key.isalpha()}
