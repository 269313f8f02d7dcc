"""What a sweep tries: a YAML file, checked before anything is started."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from math import inf, prod
from pathlib import Path
from typing import Any

import yaml

from condvae.config import Config, require
from condvae.errors import ConfigError
from condvae.plain import restored
from condvae.recipe import load_recipe, with_settings
from condvae.training.checks import check

RUN, SEED_WORD = "RUN", "SEED"  # stand for the run folder and for its seed in a command
RECIPE, SEED = "recipe", "training.seed"  # names of what varies, beside other settings
METHODS = ("random", "bayes")
FIGURES = {"val_bound": "max", "val_mse": "min"}  # measured on held-out images, and whether more is better
RANGE = "a list of values, or low and high (with log: true for a logarithmic scale), such as {low: 1, high: 8}"
Settings = dict[str, Any]


@dataclass(frozen=True)
class Stopping:
    """Early stopping by ASHA: of the trials that have come so far, only the best go on.

    Li et al., "A System for Massively Parallel Hyperparameter Tuning", https://arxiv.org/abs/1810.05934

    Attributes:
        min_epochs: epochs that each trial trains at least.
        reduction: one in so many trials goes on, each time that the number of epochs has grown by the same factor.
    """

    min_epochs: int = 1
    reduction: int = 4

    def __post_init__(self) -> None:
        require(self.min_epochs >= 1, "early_stopping.min_epochs", self.min_epochs, "at least 1")
        require(self.reduction >= 2, "early_stopping.reduction", self.reduction, "at least 2")


@dataclass(frozen=True)
class Plan:
    """The content of SWEEP.yaml.

    Attributes:
        recipe: the recipe of all trials, by its name or the path of a YAML file.
        settings: settings of all trials that differ from the recipe, by their names, such as `model.latent`.
        grid: lists of values by the name of a setting. Each combination is tried. `recipe` may be one of the names.
        search: what is drawn for each trial, by the name of a setting: a list of values, or a range (`low`, `high`, and
            `log: true` for a logarithmic scale) of numbers. A range of whole numbers gives whole numbers.
        method: how `search` draws: "random", or "bayes" (Optuna's tree-structured Parzen estimator).
        trials: the number of draws.
        seeds: the seeds of training with which each combination is tried, or their number.
        figure: the held-out figure that the search and early stopping go by, one of FIGURES.
        early_stopping: None trains each trial to its end.
        after: commands of condvae for each finished run, such as `evaluate RUN`. RUN stands for its folder, and SEED
            for its seed.
        cpus: processor cores for a trial.
        gpus: graphics cards for a trial. A fraction shares one.
    """

    recipe: str = "fast"
    settings: Settings = field(default_factory=dict)
    grid: Settings = field(default_factory=dict)
    search: Settings = field(default_factory=dict)
    method: str = METHODS[0]
    trials: int = 1
    seeds: Any = 1
    figure: str = "val_bound"
    early_stopping: Stopping | None = None
    after: tuple[str, ...] = ()
    cpus: float = 1.0
    gpus: float = 0.0

    def __post_init__(self) -> None:
        require(self.method in METHODS, "method", self.method, f"one of {', '.join(METHODS)}")
        require(self.figure in FIGURES, "figure", self.figure, f"one of {', '.join(FIGURES)}")
        require(self.trials >= 1, "trials", self.trials, "at least 1")
        require(
            bool(self.search) or self.trials == 1, "trials", self.trials, "left out without search, which draws them"
        )
        require(0 < self.cpus < inf, "cpus", self.cpus, "more than 0")
        require(0 <= self.gpus < inf, "gpus", self.gpus, "at least 0")
        self._require_seeds()
        for name, values in self.grid.items():
            require(isinstance(values, list) and bool(values), f"grid.{name}", values, "a list of values")
        for name, value in self.search.items():
            require(self.is_choice(name) or _is_range(value), f"search.{name}", value, RANGE)
        both = self.grid.keys() & self.search.keys()
        require(not both, "search", ", ".join(both), "other settings than those of grid")
        for command in self.after:
            allowed = "commands with the word RUN and closed quotation marks, such as 'evaluate RUN'"
            require(RUN in _words(command), "after", command, allowed)
        if self.method == "bayes":
            require(not self.grid, "grid", self.grid, "left out if method is bayes. Write its lists into search")
            one = "one seed if method is bayes. Try the best settings with more seeds in a grid"
            require(len(self.all_seeds) == 1, "seeds", self.seeds, one)
            require(bool(self.search), "search", self.search, "given if method is bayes, which draws its settings")

    @property
    def all_seeds(self) -> list[int]:
        """The seeds of training."""
        return list(range(self.seeds)) if isinstance(self.seeds, int) else list(self.seeds)

    @property
    def total(self) -> int:
        """The number of trials."""
        return prod(map(len, self.grid.values())) * self.trials * len(self.all_seeds)

    @property
    def chooses(self) -> bool:
        """Whether trials are drawn or stopped by a held-out figure."""
        return self.early_stopping is not None or self.method == "bayes"

    def is_choice(self, name: str) -> bool:
        """Whether a setting of the search is one of a list, rather than in a range."""
        value = self.search[name]
        return isinstance(value, list) and bool(value)

    def bounds(self, name: str) -> tuple[float, float, bool]:
        """The range of a setting: both ends, which are drawn, too, and whether its scale is logarithmic.

        Whole numbers are int.
        """
        value = self.search[name]
        low, high = _number(value["low"]), _number(value["high"])
        assert low is not None
        assert high is not None
        return low, high, value.get("log", False)

    def config(self, varied: Mapping[str, Any]) -> Config:
        """The settings of a trial.

        Args:
            varied: what differs from the other trials, by the names of settings.

        Raises:
            ConfigError: a name is unknown, or a value is not possible.
        """
        recipe = load_recipe(varied.get(RECIPE, self.recipe))
        changed = {**self.settings, **{name: value for name, value in varied.items() if name != RECIPE}}
        return with_settings(recipe, changed)

    def corners(self) -> list[Settings]:
        """Each combination of the grid with each choice and both ends of each range, and each seed."""
        lists = {name: list(values) for name, values in self.grid.items()}
        for name, value in self.search.items():
            lists[name] = value if self.is_choice(name) else list(self.bounds(name)[:2])
        few = {name: values if name in self.grid else values[:1] for name, values in lists.items()}
        found = [dict(zip(few, values, strict=True)) for values in product(*few.values())]
        found += [{**found[0], name: value} for name in self.search for value in lists[name]]
        first, *others = self.all_seeds
        return [{**one, SEED: first} for one in found] + [{**found[0], SEED: seed} for seed in others]

    def require_possible(self) -> None:
        """Make sure that each trial can be trained.

        Raises:
            ConfigError: one cannot be, or no image is held out although a held-out figure decides.
        """
        for varied in self.corners():
            config = self.config(varied)
            check(config)
            held_out = config.data.validation_split
            needed = "more than 0 (in settings), because early stopping or the search goes by held-out images"
            require(bool(held_out) or not self.chooses, "data.validation_split", held_out, needed)

    def _require_seeds(self) -> None:
        seeds = self.seeds
        is_list = isinstance(seeds, list) and bool(seeds) and all(isinstance(one, int) for one in seeds)
        is_count = isinstance(seeds, int) and not isinstance(seeds, bool) and seeds >= 1
        allowed = "a number of seeds, at least 1, or a list of different seeds"
        require(is_count or (is_list and len(set(seeds)) == len(seeds)), "seeds", seeds, allowed)
        require(SEED not in {*self.grid, *self.search, *self.settings}, SEED, "given", "left out: seeds has the seeds")


def _words(command: str) -> list[str]:
    """The words of a command. There are none if a quotation mark is not closed."""
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _is_range(value: Any) -> bool:
    if not isinstance(value, Mapping) or not {"low", "high"} <= value.keys() <= {"low", "high", "log"}:
        return False
    low, high, log = _number(value["low"]), _number(value["high"]), value.get("log", False)
    return low is not None and high is not None and isinstance(log, bool) and low < high and (low > 0 or not log)


def _number(value: Any) -> int | float | None:
    """A number, also if YAML reads it as text, such as 1e-3. None if it is something else."""
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def load_plan(path: Path) -> Plan:
    """Read and check SWEEP.yaml.

    Raises:
        ConfigError: the file cannot be read, or something in it is not possible.
    """
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"Cannot read the sweep {path}: {error}. Check the path and the YAML.") from error
    plan: Plan = restored(Plan, {} if content is None else content)
    plan.require_possible()
    grid = {**plan.grid, **({RECIPE: [_anywhere(one) for one in plan.grid[RECIPE]]} if RECIPE in plan.grid else {})}
    return replace(plan, recipe=_anywhere(plan.recipe), grid=grid)


def _anywhere(recipe: str) -> str:
    """A recipe as other folders name it: a path becomes absolute."""
    return str(Path(recipe).absolute()) if recipe.endswith((".yaml", ".yml")) else recipe
