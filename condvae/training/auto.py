"""Recipe `auto`: settings that follow from the data, by a table of rules.

The settings for all data are in `recipes/auto.yaml`. A rule of the table adds some, or replaces those of earlier rules.
What the user sets wins over both. The table in the documentation is `table()`, and a test compares the two.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.recipe import load_recipe, with_settings
from condvae.training.plan import divided, with_plan

STEPS = "steps"  # of training, without --minutes. It is no setting: trainer.max_epochs follows from it
RECIPE, NETWORK = "auto", "model.network"
WIDTHS = {"mlp": ([512, 256], [256, 512]), "conv": ([32, 64], [64, 32])}  # of a network that the rules do not choose


@dataclass(frozen=True)
class Facts:
    """What the rules ask of the training images.

    Attributes:
        images: the number of images that have a label.
        unlabelled: the number of images that have none.
        classes: the number of classes that have images.
        channels: 1 for grey images, 3 for colour.
        height: of an image, in pixels.
        width: of an image, in pixels.
        imbalance: the number of images of the largest class, divided by that of the smallest class.
    """

    images: int
    unlabelled: int
    classes: int
    channels: int
    height: int
    width: int
    imbalance: float

    @property
    def pixels(self) -> int:
        """The number of pixels of an image."""
        return self.height * self.width

    def __str__(self) -> str:
        kind = "grey" if self.channels == 1 else "colour"
        size = f"{self.height} x {self.width} pixels"
        several = "1 class" if self.classes == 1 else f"{self.classes:,} classes"
        return f"{self.images:,} {kind} training images of {size} in {several}"


class Rule(NamedTuple):
    """A line of the table.

    Attributes:
        when: the images that the rule is for, as a noun phrase.
        settings: settings by their names.
        why: the reason, as a clause after "because".
        applies: whether images are like that.
    """

    when: str
    settings: Mapping[str, Any]
    why: str
    applies: Callable[[Facts], bool]


def _conv(widths: list[int], latent: int) -> dict[str, Any]:
    return {"model.encoder": widths, "model.decoder": widths[::-1], "model.latent": latent}


RULES = (
    Rule("all images", {STEPS: 4000}, "most models of small images improve little after so many", lambda _: True),
    Rule(
        "at least 10,000 images of at most 40 x 40 pixels",
        {STEPS: 10_000},
        "more images have more to learn from",
        lambda facts: facts.images >= 10_000 and facts.pixels <= 40 * 40,
    ),
    Rule(
        "images of at most 12 x 12 pixels",
        {NETWORK: "mlp", "model.encoder": [512, 256], "model.decoder": [256, 512], "model.latent": 8},
        "convolutions gain little on so few pixels",
        lambda facts: facts.pixels <= 12 * 12,
    ),
    Rule(
        "images of more than 40 x 40 pixels",
        {**_conv([16, 32, 64], 32), "model.blocks": 1, "training.batch_size": 50},
        "each stage halves the image, the last one should have about 8 x 8 pixels, and the first ones take most of the "
        "time",
        lambda facts: facts.pixels > 40 * 40,
    ),
    Rule(
        "images of more than 80 x 80 pixels",
        {**_conv([16, 32, 64, 96], 32), "training.batch_size": 50},
        "a further stage is needed",
        lambda facts: facts.pixels > 80 * 80,
    ),
    Rule(
        "images of more than 160 x 160 pixels",
        {**_conv([16, 32, 64, 96, 96], 32), "training.batch_size": 25},
        "a further stage is needed, and memory is limited",
        lambda facts: facts.pixels > 160 * 160,
    ),
    Rule(
        "grey images",
        {"model.likelihood": "bernoulli"},
        "labels are obeyed after fewer steps than with a density of grey levels",
        lambda facts: facts.channels == 1,
    ),
    Rule(
        "colour images",
        {"model.likelihood": "gaussian", "training.learning_rate": 5e-3, "training.beta": 10},
        "a large beta keeps codes near the prior, and cost little detail in a trial with one seed on emoji",
        lambda facts: facts.channels > 1,
    ),
    Rule(
        "fewer than 10,000 images of at most 40 x 40 pixels",
        {"model.dropout": 0.1},
        "a model may learn so few images by heart",
        lambda facts: facts.images < 10_000 and facts.pixels <= 40 * 40,
    ),
    Rule(
        "fewer than 10,000 images of at least 20 x 20 pixels",
        {"training.shift": 0.05},
        "shifted images are further images",
        lambda facts: facts.images < 10_000 and facts.pixels >= 20 * 20,
    ),
    Rule(
        "fewer than 2,000 images",
        {
            "model.latent": 8,
            "training.batch_size": 50,
            "training.schedule": "constant",
            "training.learning_rate": 1e-3,
            "training.muon_learning_rate": 0.02,
        },
        "few images need a small model, and small steps of the same size until training stops",
        lambda facts: facts.images < 2000,
    ),
    Rule(
        "100 to 1,999 images",
        {"training.patience": 10},
        "training should stop when images that are held out get no more probable",
        lambda facts: 100 <= facts.images < 2000,
    ),
    Rule(
        "fewer than 100 images",
        {"data.validation_split": 0, "training.batch_size": 25, STEPS: 1000},
        "there are too few images to hold some out",
        lambda facts: facts.images < 100,
    ),
    Rule(
        "fewer than 20 images for each class, on average",
        {"model.prior": "standard"},
        "a prior of each class cannot be learned from so few images",
        lambda facts: facts.images < 20 * facts.classes,
    ),
    Rule(
        "a class with at least 10 times as many images as another",
        {"training.balance": 0.5},
        "the rare classes would hardly be seen",
        lambda facts: facts.imbalance >= 10,
    ),
    Rule(
        "images without a label",
        {"model.condition_dropout": 0.1},
        "the model learns from them to do without its conditions",
        lambda facts: facts.unlabelled > 0,
    ),
)


def auto(data: Dataset, base: Config, given: Collection[str] = ()) -> tuple[Config, list[str]]:
    """The settings that follow from the data, and sentences that say which they are and why.

    Args:
        data: the data set, before images are held out.
        base: recipe `auto`, with the settings of the user.
        given: names of the settings that the user chose, such as "model.latent". They are kept. "steps" keeps the
            number of epochs.
    """
    facts = facts_of(data)
    if "data.validation_split" in given and not base.data.validation_split and data.validation is None:
        given = {*given, "training.patience"}  # which needs validation images
    found = [(rule, name, value) for rule in RULES if rule.applies(facts) for name, value in rule.settings.items()]
    ruled, network = {name: value for _, name, value in found}, base.model.network
    sentences = [f"{data.source}: {facts}."]
    widths: dict[str, Any] = {}
    if NETWORK in given and network in WIDTHS and network != ruled.get(NETWORK, load_recipe(RECIPE).model.network):
        both = zip(("model.encoder", "model.decoder"), WIDTHS[network], strict=True)
        widths = {name: value for name, value in both if name not in given}
        shown = ", ".join(f"{name} {value}" for name, value in widths.items())
        sentences += [f"Network {network}, as you chose: {shown}."] if widths else []
    last = {name: (rule, value) for rule, name, value in found if name not in {*given, *widths}}
    chosen = {name: value for name, (_, value) in last.items()} | widths
    for rule in RULES:
        won = [name for name in rule.settings if name in last and last[name][0] is rule]
        settings = ", ".join(f"{name} {_shown(chosen[name])}" for name in won)
        sentences += [f"{rule.when[0].upper()}{rule.when[1:]}: {settings}. Reason: {rule.why}."] if won else []
    steps = chosen.pop(STEPS, None)
    config = with_settings(base, chosen)
    if steps is None:
        return config, sentences
    share = 0 if data.validation is not None else config.data.validation_split
    return _of_length(config, steps, facts, share), sentences


def facts_of(data: Dataset) -> Facts:
    """What the rules ask of a data set."""
    counts = np.bincount(data.train.labels)
    counts = counts[counts > 0]
    unlabelled = 0 if data.unlabelled is None else len(data.unlabelled)
    return Facts(len(data.train), unlabelled, len(counts), *data.train.shape, float(counts.max() / counts.min()))


def table() -> str:
    """The rules as a table in Markdown, for the documentation."""
    lines = ["| for | settings | because |", "|---|---|---|"]
    for rule in RULES:
        settings = ", ".join(f"`{name}` {_shown(value)}" for name, value in rule.settings.items())
        lines.append(f"| {rule.when} | {settings} | {rule.why} |")
    return "\n".join(lines)


def _of_length(config: Config, steps: int, facts: Facts, share: float) -> Config:
    """The settings with the number of epochs that has about so many steps, if a share of the images is held out."""
    held = round(share * facts.images) if share < 1 else int(share)
    images = max(1, facts.images - held) + facts.unlabelled
    return with_plan(config, divided(steps, -(-images // config.training.batch_size)))


def _shown(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
