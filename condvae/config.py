"""Settings: frozen dataclasses, each default written once. The defaults are the original experiment's.

A recipe is a YAML file with the settings that differ from these defaults.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import Enum
from importlib.resources import files
from math import inf
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from condvae.errors import ConfigError, unknown

Settings = TypeVar("Settings")
# Ten epochs, and one device of the best kind there is, because several would multiply the batch.
TRAINER = {"max_epochs": 10, "devices": 1}
OPTIMIZERS = ("adam", "muon")
SCHEDULES = ("constant", "one-cycle")
SOURCES = ("prior", "mixture")  # where z is from
RECIPES = Path(str(files("condvae"))) / "recipes"


@dataclass(frozen=True)
class Attribute:
    """Something that each image has beside its label: a class of its own kind, or a number.

    Attributes:
        name: what it is called.
        classes: the names of its classes; empty for a number.
        mean: of a number, over the training images.
        sd: its standard deviation there.
        low: its smallest value there, but for one image in a hundred.
        high: its largest value, likewise.
    """

    name: str
    classes: tuple[str, ...] = ()
    mean: float = 0.0
    sd: float = 1.0
    low: float = 0.0
    high: float = 0.0


@dataclass(frozen=True)
class Schema:
    """What a model must know of its data.

    Attributes:
        shape: (C, H, W) of one image.
        classes: the name of each class, in the order of the labels.
        attributes: what the images have beside their label.
    """

    shape: tuple[int, int, int]
    classes: tuple[str, ...]
    attributes: tuple[Attribute, ...] = ()


@dataclass(frozen=True)
class ModelConfig:
    """What the model is made of.

    Args:
        latent: latent dimensions Z.
        conditions: what the model is conditioned on: label, attributes of the data by name, or what can be measured of
            any image: slant, thickness, ink and width; [] for an unconditional model.
        condition_dropout: probability of hiding all conditions of an image in training, and, where there are several,
            of hiding each of them besides, 0 to 1 (exclusive); if more than 0, the model draws without them too.
        network: the kind of encoder and decoder: mlp, or conv.
        encoder: widths of the encoder's hidden layers, from the image down; for conv the channels of its stages, each
            at half the height and width of the one before.
        decoder: widths of the decoder's hidden layers, or channels of its stages, from the latent vector up.
        blocks: residual blocks in each stage of conv.
        norm: normalisation of hidden layers: layer, group (of eight channels), or none.
        activation: relu, silu or gelu.
        dropout: probability of dropping a hidden unit in training, 0 to 1 (exclusive).
        posterior: q(z|x,y): gaussian, or point (an autoencoder).
        prior: p(z|y): standard, gaussian (mean and scale learned for each condition), or flow (a neural spline flow).
        likelihood: p(x|z,y): mse (the experiment's score, no likelihood), gaussian, bernoulli (of images binarised at
            random, with each pixel as a probability), or continuous-bernoulli.
    """

    latent: int = 2
    conditions: tuple[str, ...] = ("label",)
    condition_dropout: float = 0.0
    network: str = "mlp"
    encoder: tuple[int, ...] = (512, 256, 128)
    decoder: tuple[int, ...] = (128, 256, 512)
    blocks: int = 2
    norm: str = "layer"
    activation: str = "relu"
    dropout: float = 0.25
    posterior: str = "gaussian"
    prior: str = "standard"
    likelihood: str = "mse"

    def __post_init__(self) -> None:
        _require(self.latent >= 1, "model.latent", self.latent, "at least 1")
        for name in ("dropout", "condition_dropout"):
            _require(0 <= getattr(self, name) < 1, f"model.{name}", getattr(self, name), "0 to 1 (exclusive)")
        _require(self.blocks >= 0, "model.blocks", self.blocks, "0 or more")
        known = self.conditions
        _require(
            not self.condition_dropout or bool(known),
            "model.condition_dropout",
            self.condition_dropout,
            "0, as model.conditions is empty and there is none to hide",
        )
        _require(len(set(known)) == len(known), "model.conditions", list(known), "each condition once")
        _require("label" not in known[1:], "model.conditions", list(known), "the label, if there, as the first")
        for name in ("encoder", "decoder"):
            widths = getattr(self, name)
            _require(len(widths) > 0 and min(widths) >= 1, f"model.{name}", widths, "one or more widths of at least 1")


@dataclass(frozen=True)
class TrainingConfig:
    """How the model is trained. The number of epochs is Lightning's own setting, trainer.max_epochs.

    Args:
        batch_size: images in one step, per process.
        optimizer: adam, or muon: Muon for the weights between hidden layers, Adam for everything else.
        learning_rate: step size of Adam; the largest one where the schedule changes it.
        muon_learning_rate: step size of Muon, likewise.
        adam_betas: how much of its running means of gradient and squared gradient Adam keeps in each step.
        schedule: of the step size: constant, or one-cycle (up to the peak, then down to 0, both in equal steps).
        peak: the share of all steps after which one-cycle has its largest step size, 0 to 1 (exclusive).
        start_at_mean: let the decoder's first output be the mean training image rather than grey; of network conv its
            mean in each channel only.
        bf16: matrix products in bfloat16, where the processor has instructions for them; otherwise in float32.
        beta: weight of the KL term: 0 leaves it out as the experiment does, 1 is the evidence lower bound.
        warm_up: epochs in which the weight of the KL term rises from 0 to beta, in equal steps.
        free_bits: nats of KL, averaged over the batch, that each latent dimension has at no cost; under a flow prior
            they have them together, that many times their number.
        samples: importance samples of z for each image; more than 1 is the tighter bound of the importance weighted
            autoencoder.
        validation: training images held out, to measure the bound on after each epoch; 0 measures the error of the test
            images there instead, as the experiment does.
        patience: how often in succession the bound on the held-out images, measured after each epoch unless the Trainer
            is told otherwise, may be no better before training ends; its best weights are kept. 0 trains to the end and
            keeps the last.
        seed: decides the first weights, the order of the images, dropout and sampling.
    """

    batch_size: int = 100
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    muon_learning_rate: float = 0.1
    adam_betas: tuple[float, float] = (0.9, 0.999)
    schedule: str = "constant"
    peak: float = 0.25
    start_at_mean: bool = False
    bf16: bool = False
    beta: float = 0.0
    warm_up: float = 0.0
    free_bits: float = 0.0
    samples: int = 1
    validation: int = 0
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        _require(self.batch_size >= 1, "training.batch_size", self.batch_size, "at least 1")
        _require(self.optimizer in OPTIMIZERS, "training.optimizer", repr(self.optimizer), ", ".join(OPTIMIZERS))
        for name in ("learning_rate", "muon_learning_rate"):
            _require(0 < getattr(self, name) < inf, f"training.{name}", getattr(self, name), "more than 0")
        betas = self.adam_betas
        _require(
            len(betas) == 2 and all(0 <= b < 1 for b in betas),
            "training.adam_betas",
            betas,
            "two, each 0 to 1 (exclusive)",
        )
        _require(0 < self.peak < 1, "training.peak", self.peak, "0 to 1 (both exclusive)")
        _require(self.schedule in SCHEDULES, "training.schedule", repr(self.schedule), ", ".join(SCHEDULES))
        for name in ("beta", "warm_up", "free_bits", "validation", "patience"):
            _require(0 <= getattr(self, name) < inf, f"training.{name}", getattr(self, name), "0 or more")
        _require(self.samples >= 1, "training.samples", self.samples, "at least 1")
        _require(
            not (self.free_bits and self.samples > 1),
            "training.free_bits",
            self.free_bits,
            f"0, as training.samples is {self.samples} and its bound has no KL term by itself",
        )
        _require(
            not self.patience or self.validation > 0,
            "training.patience",
            self.patience,
            "0, as long as training.validation is 0 and no image is held out to measure the bound on",
        )
        _require(0 <= self.seed < 2**32, "training.seed", self.seed, "0 to 4294967295")


@dataclass(frozen=True)
class Config:
    """Everything that decides a run.

    Args:
        data: the data source, such as "mnist" or "idx:DIR".
        model: what the model is made of.
        training: how it is trained.
        trainer: options of Lightning's Trainer that differ from Lightning's own defaults; TRAINER where not given.
    """

    data: str = "mnist"
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    trainer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trainer", {**TRAINER, **self.trainer})
        if self.training.beta > 0 and not self.has_bound:
            raise ConfigError(
                f"training.beta = {self.training.beta} weighs a KL term, which model.likelihood = "
                f"'{self.model.likelihood}' with model.posterior = '{self.model.posterior}' cannot have: 'mse' is no "
                "likelihood in nats, and the divergence of a point is infinite. Set training.beta to 0, or use "
                "another likelihood and the gaussian posterior."
            )
        _require(
            not self.training.start_at_mean or self.model.likelihood != "continuous-bernoulli",
            "training.start_at_mean",
            True,
            "false with model.likelihood = 'continuous-bernoulli', whose mean is no sigmoid of what the decoder gives",
        )
        without_kl = {
            "model.prior": (self.model.prior, "standard"),
            "training.samples": (self.training.samples, 1),
            "training.free_bits": (self.training.free_bits, 0),
            "training.warm_up": (self.training.warm_up, 0),
        }
        _require(
            not self.training.patience or self.trainer.get("limit_val_batches") != 0,
            "trainer.limit_val_batches",
            0,
            f"more, as training.patience = {self.training.patience} waits for a better bound on held-out images",
        )
        for name, (value, alone) in without_kl.items():
            allowed = f"{alone}, as training.beta = 0 leaves the KL term out; set that to 1 for others"
            _require(value == alone or self.training.beta > 0, name, value, allowed)

    @property
    def has_bound(self) -> bool:
        """Whether the model has an evidence lower bound: a likelihood in nats, and a posterior with a density."""
        return self.model.likelihood != "mse" and self.model.posterior != "point"

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and strings, that `from_dict` takes back.

        Raises:
            ConfigError: an option of the Trainer is an object of another kind.
        """
        return _plain(asdict(self))

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "Config":
        """Settings by name, nested like this class; what is not named keeps its default.

        Raises:
            ConfigError: a name is unknown, or a value is not possible.
        """
        if not isinstance(settings, Mapping):
            raise ConfigError(f"Settings by name are needed, not {settings!r}.")
        values = dict(settings)
        for name, kind in (("model", ModelConfig), ("training", TrainingConfig)):
            if name in values:
                values[name] = _build(kind, values[name], name)
        return _build(cls, values)


@dataclass(frozen=True)
class Choices:
    """What of the evaluation's protocol can be chosen.

    Attributes:
        samples: importance samples for each image.
        images: test images for the importance samples, class-balanced; all if None.
        source: where z is from in the parts score, obedience and memorisation, one of SOURCES; generation and accuracy
            have each.

    Raises:
        ConfigError: a choice is not possible.
    """

    samples: int = 500
    images: int | None = 1000
    source: str = "prior"

    def __post_init__(self) -> None:
        for name, value in (("--is-samples", self.samples), ("--images", self.images)):
            _require(value is None or value >= 1, name, value, "1 or more")
        if self.source not in SOURCES:
            raise ConfigError(unknown("source of z", self.source, SOURCES))


def load_recipe(name: str) -> Config:
    """A recipe by its name, or from a YAML file by its path.

    Raises:
        ConfigError: there is none of that name, or the file cannot be understood.
    """
    path = Path(name) if Path(name).suffix in {".yaml", ".yml"} else RECIPES / f"{name}.yaml"
    if path.parent == RECIPES and not path.is_file():
        raise ConfigError(unknown("recipe", name, recipe_names()) + " A file of your own ends in .yaml.")
    try:
        settings = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"Cannot read the recipe {path}: {error}. Check the path and the YAML.") from error
    return Config.from_dict({} if settings is None else settings)


def recipe_names() -> list[str]:
    """The recipes that ship with condvae."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """{"model": {"latent": 2}} as {"model.latent": 2}; the values of one level only."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= {f"{name}.{key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def _build(kind: type[Settings], values: Any, group: str = "") -> Settings:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{group} = {values!r} is not possible; allowed: settings by name.")
    types = get_type_hints(kind)
    for name in values:
        if name not in types:
            raise ConfigError(unknown("setting", str(name), types))
    path = f"{group}." if group else ""
    return kind(**{name: _typed(path + name, types[name], value) for name, value in values.items()})


def _typed(name: str, wanted: Any, value: Any) -> Any:
    """A value as the type that a setting wants: lists as tuples, and numbers that YAML took for text, such as 1e-3."""
    if get_origin(wanted) is tuple and isinstance(value, (list, tuple)):
        return tuple(_typed(name, get_args(wanted)[0], part) for part in value)
    if wanted is float and isinstance(value, (int, str)) and not isinstance(value, bool):
        try:
            return float(value)
        except ValueError:
            pass
    if not isinstance(value, get_origin(wanted) or wanted) or (isinstance(value, bool) and wanted is not bool):
        kind = "a list" if get_origin(wanted) is tuple else getattr(wanted, "__name__", str(wanted))
        raise ConfigError(
            f"{name} = {value!r} is a {type(value).__name__}, where {kind} is needed. See 'condvae train --help'."
        )
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, Enum):
        return value.name
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ConfigError(
        f"A setting is {value!r}, a {type(value).__name__}, which config.yaml cannot hold. Write objects, such as "
        "callbacks of the Trainer, as {'class_path': 'package.Class', 'init_args': {...}}."
    )


def _require(holds: bool, name: str, value: object, allowed: str) -> None:
    if not holds:
        raise ConfigError(f"{name} = {value} is not possible; allowed: {allowed}.")
