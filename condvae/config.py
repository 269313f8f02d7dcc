"""Settings: frozen dataclasses, each default written once. The defaults are those of the original experiment.

Each class checks the values of its own settings. Whether the parts of a model fit together is checked where the parts
are known, in `condvae.training`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

from condvae.errors import ConfigError
from condvae.plain import plain, restored

# Ten epochs, as in the experiment. One device, because more of them start further processes.
TRAINER = {"max_epochs": 10, "devices": 1}
Z_PRIORS = ("prior", "mixture")  # where z is drawn from: the model's own prior, or the mixture fitted to its codes
DEVICES = ("auto", "cpu", "cuda", "mps")  # where a model can compute
COLOR_MODES = ("auto", "grayscale", "rgb")
RESIZES = ("crop", "pad", "stretch")


@dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are prepared and split.

    Args:
        source: the data source, such as "mnist" or "folder:DIR".
        image_size: height and width of the images in pixels. If it is empty, images that all have one size keep it if
            height times width is at most 4,096. Others get 64 pixels on their longer side, or 64 x 64 if their aspect
            ratios differ.
        color_mode: auto, grayscale or rgb. auto is grayscale if all images are grey.
        resize: how an image gets the size if its sides have another ratio: crop (cut what is beyond the centre), pad
            (add borders) or stretch.
        test_split: share of the images that become test images, of a source that does not name its own. 1 or more is a
            number of images.
        validation_split: share of the training images to hold out. The bound is measured on them after each epoch. 1 or
            more is a number of images. 0 measures the error on the test images instead, as the experiment does. Not
            used if the source has validation images of its own.
        seed: seed of these two splits.
        class_names: the classes in the order of their numbers. For a source whose labels are whole numbers, these are
            names for them. If it is empty, classes are sorted by name.
        unlabelled: name of a class folder with images without a label, which are used in training only.
        skip_damaged: leave out files that cannot be read as images, instead of stopping with an error.
    """

    source: str = "mnist"
    image_size: tuple[int, ...] = ()
    color_mode: str = "auto"
    resize: str = "crop"
    test_split: float = 0.1
    validation_split: float = 0.0
    seed: int = 0
    class_names: tuple[str, ...] = ()
    unlabelled: str = ""
    skip_damaged: bool = False

    def __post_init__(self) -> None:
        size = self.image_size
        require(not size or (len(size) == 2 and min(size) >= 1), "data.image_size", list(size), "a height and a width")
        for name, known in (("color_mode", COLOR_MODES), ("resize", RESIZES)):
            value = getattr(self, name)
            require(value in known, f"data.{name}", f"'{value}'", f"one of {', '.join(known)}")
        for name in ("test_split", "validation_split"):
            value = getattr(self, name)
            whole = "a share below 1, or a number of images"
            require(0 <= value < inf and (value < 1 or value == int(value)), f"data.{name}", value, whole)
        require(0 <= self.seed < 2**32, "data.seed", self.seed, "from 0 to 4294967295")
        names = self.class_names
        require(len(set(names)) == len(names), "data.class_names", list(names), "a list of different names")


@dataclass(frozen=True)
class ModelConfig:
    """The parts of a model.

    Args:
        latent: number of latent dimensions, Z.
        conditions: what the model is conditioned on. Allowed are label, the attributes of the data by name, and the
            attributes that condvae measures of any image: slant, thickness, ink and width. An empty list makes an
            unconditional model.
        condition_dropout: probability of hiding all conditions of an image in training. If there are several
            conditions, each is also hidden by itself with this probability. At least 0 and less than 1. If it is more
            than 0, the model can draw images without conditions.
        network: kind of encoder and decoder, mlp or conv.
        encoder: widths of the encoder's hidden layers, from the image to the latent vector. For conv, the channels of
            its stages, each with half the height and width of the stage before.
        decoder: widths of the decoder's hidden layers, from the latent vector to the image. For conv, the channels of
            its stages.
        blocks: number of residual blocks in each stage of conv.
        norm: normalisation of the hidden layers, layer, group (groups of eight channels) or none.
        activation: activation function, relu, silu or gelu.
        dropout: probability of dropping a hidden unit in training. At least 0 and less than 1.
        posterior: q(z|x,y), gaussian or point. A point makes the model an autoencoder.
        prior: p(z|y), standard, gaussian (mean and scale learned for each condition) or flow (a neural spline flow).
        likelihood: p(x|z,y), mse (the squared error of the experiment, which is not a likelihood), gaussian, bernoulli
            (of images binarised at random, with each pixel as a probability) or continuous-bernoulli.
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
        require(self.latent >= 1, "model.latent", self.latent, "at least 1")
        for name in ("dropout", "condition_dropout"):
            value = getattr(self, name)
            require(0 <= value < 1, f"model.{name}", value, "at least 0 and less than 1")
        require(self.blocks >= 0, "model.blocks", self.blocks, "at least 0")
        known = self.conditions
        hidden = self.condition_dropout
        require(not hidden or bool(known), "model.condition_dropout", hidden, "0 if model.conditions is empty")
        require(len(set(known)) == len(known), "model.conditions", list(known), "a list of different conditions")
        require("label" not in known[1:], "model.conditions", list(known), "a list with the label first")
        for name in ("encoder", "decoder"):
            widths = getattr(self, name)
            possible = len(widths) > 0 and min(widths) >= 1
            require(possible, f"model.{name}", list(widths), "a list of one or more widths, each at least 1")


@dataclass(frozen=True)
class TrainingConfig:
    """How a model is trained. The number of epochs is Lightning's own setting, trainer.max_epochs.

    Args:
        batch_size: number of images in one step, of all processes together.
        optimizer: adam, or muon (Muon for the weights between hidden layers, Adam for all other parameters).
        learning_rate: step size of Adam. If the schedule changes the step size, this is the largest one.
        muon_learning_rate: step size of Muon. If the schedule changes the step size, this is the largest one.
        adam_betas: decay rates of Adam's running means of the gradient and of the squared gradient.
        schedule: schedule of the step size, constant or one-cycle (linearly up to the peak, then linearly down to 0).
        peak: share of all steps after which one-cycle has its largest step size. More than 0 and less than 1.
        start_at_mean: initialise the decoder so that its first output is the mean training image. For conv, the mean
            of each channel.
        bf16: compute matrix products in bfloat16 if the processor has instructions for it, otherwise in float32.
        beta: weight of the KL term. 0 leaves it out, as the experiment does. 1 gives the evidence lower bound.
        warm_up: number of epochs in which the weight of the KL term rises linearly from 0 to beta.
        free_bits: KL divergence, in nats averaged over the batch, that each latent dimension may have at no cost. For
            a prior without a KL divergence for each dimension, all dimensions share the sum.
        shared_style: weight of a term of the loss that makes labels share their styles: slant, thickness and ink of two
            labels correlate at the same z. 0 leaves it out.
        samples: number of importance samples of z for each image. More than 1 gives the tighter bound of the
            importance weighted autoencoder.
        patience: number of measurements in a row without a better bound on the held-out images after which training
            stops and keeps its best weights. The bound is measured after each epoch, or more rarely if
            trainer.check_val_every_n_epoch says so. 0 trains to the end and keeps the last weights.
        checkpoint_every: number of epochs between two checkpoints. The last epoch always has one.
        balance: how alike the frequencies of the classes become in training, from 0 (as they are in the data) to 1 (all
            the same). An image of a class with n images is drawn with a weight of n ** -balance. An epoch has as many
            images as without.
        flip: probability of mirroring a training image, left to right. 0.5 if the direction has no meaning.
        shift: largest shift of a training image, as a share of its height and width, in whole pixels. At least 0 and
            less than 1. The border pixels are repeated.
        rotate: largest rotation of a training image, in degrees. The border pixels are repeated.
        seed: seed of the initial weights, the order of the images, dropout and sampling.
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
    shared_style: float = 0.0
    samples: int = 1
    patience: int = 0
    checkpoint_every: int = 1
    balance: float = 0.0
    flip: float = 0.0
    shift: float = 0.0
    rotate: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        require(self.batch_size >= 1, "training.batch_size", self.batch_size, "at least 1")
        for name in ("learning_rate", "muon_learning_rate"):
            require(0 < getattr(self, name) < inf, f"training.{name}", getattr(self, name), "more than 0")
        betas = self.adam_betas
        possible = all(0 <= beta < 1 for beta in betas)
        require(possible, "training.adam_betas", list(betas), "two numbers, each at least 0 and less than 1")
        require(0 < self.peak < 1, "training.peak", self.peak, "more than 0 and less than 1")
        for name in ("beta", "warm_up", "free_bits", "shared_style", "patience"):
            require(0 <= getattr(self, name) < inf, f"training.{name}", getattr(self, name), "at least 0")
        require(self.samples >= 1, "training.samples", self.samples, "at least 1")
        require(self.checkpoint_every >= 1, "training.checkpoint_every", self.checkpoint_every, "at least 1")
        for name in ("balance", "flip"):
            require(0 <= getattr(self, name) <= 1, f"training.{name}", getattr(self, name), "from 0 to 1")
        require(0 <= self.shift < 1, "training.shift", self.shift, "at least 0 and less than 1")
        require(0 <= self.rotate <= 180, "training.rotate", self.rotate, "from 0 to 180 degrees")
        free = not self.free_bits or self.samples == 1
        require(free, "training.free_bits", self.free_bits, f"0 if training.samples is {self.samples}")
        require(0 <= self.seed < 2**32, "training.seed", self.seed, "from 0 to 4294967295")


@dataclass(frozen=True)
class Config:
    """All settings of a run.

    Args:
        data: which images, and how they are prepared and split.
        model: the parts of the model.
        training: how it is trained.
        trainer: options of Lightning's Trainer that differ from Lightning's own defaults. What is not given is taken
            from TRAINER.
    """

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    trainer: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "trainer", {**TRAINER, **self.trainer})
        waits = not self.training.patience or self.trainer.get("limit_val_batches") != 0
        require(waits, "trainer.limit_val_batches", 0, f"more than 0 if training.patience is {self.training.patience}")
        if self.training.beta:
            return
        without_kl = "if training.beta is 0, which leaves the KL term out"
        require(self.training.samples == 1, "training.samples", self.training.samples, f"1 {without_kl}")
        for name in ("free_bits", "warm_up"):
            value = getattr(self.training, name)
            require(not value, f"training.{name}", value, f"0 {without_kl}")

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, numbers and text, which `from_dict` takes back.

        Raises:
            ConfigError: an option of the Trainer is an object of another kind.
        """
        settings: dict[str, Any] = plain(self)
        return settings

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> "Config":
        """Settings from nested dictionaries. A setting that is not named keeps its default.

        `data` may also be the source alone.

        Raises:
            ConfigError: a name is unknown, or a value is not possible.
        """
        config: Config = restored(cls, _current(settings))
        return config


def _current(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Settings with the images as a group, of which `data` may be the source alone.

    In earlier versions, training.validation was the number of images to hold out.
    """
    if not isinstance(settings, Mapping):
        return settings
    data, training = settings.get("data", {}), settings.get("training", {})
    data = {"source": data} if isinstance(data, str) else data
    if isinstance(data, Mapping) and isinstance(training, Mapping) and "validation" in training:
        data = {"validation_split": training["validation"], **data}
        training = {name: value for name, value in training.items() if name != "validation"}
    return {**settings, "data": data, "training": training}


def dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    """{"model": {"latent": 2}} as {"model.latent": 2}. Only the first level is flattened."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        flat |= {f"{name}.{key}": part for key, part in value.items()} if isinstance(value, dict) else {name: value}
    return flat


def require(holds: bool, name: str, value: object, allowed: str) -> None:
    """Make sure that a setting is possible.

    Raises:
        ConfigError: it is not; the message names the setting, what is allowed, and the value.
    """
    if not holds:
        raise ConfigError(f"{name} must be {allowed}, got {value}.")
