"""Recipe `auto`: what follows from data of many shapes, what is said about it, and that the user's settings stay."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from condvae.config import Config
from condvae.data.dataset import Dataset, LabelledImages
from condvae.model.saving import load
from condvae.recipe import load_recipe
from condvae.run import Run
from condvae.training.auto import RULES, STEPS, auto, facts_of, table
from condvae.training.checks import check
from condvae.training.fit import fit
from condvae.training.plan import PAUSES
from tests.training.runs import QUIET

BASE = load_recipe("auto")
TRAINING_PAGE = Path(__file__).parents[2] / "docs" / "training.md"


def made(count: int, shape: tuple[int, int, int], classes: int = 2) -> Dataset:
    """Random images. As many test images as classes."""
    generator = np.random.default_rng(0)
    names = tuple(f"class {number}" for number in range(classes))

    def part(images: int) -> LabelledImages:
        values = generator.integers(0, 256, (images, *shape), dtype=np.uint8)
        return LabelledImages(values, np.arange(images) % classes, names)

    return Dataset("made", part(count), part(classes))


def chosen(data: Dataset, base: Config = BASE, given: tuple[str, ...] = ()) -> Config:
    config, _ = auto(data, base, given)
    check(config)
    return config


@pytest.mark.parametrize(
    ("count", "shape", "classes"),
    [
        (3, (1, 28, 28), 2),
        (1, (3, 8, 8), 1),
        (120, (1, 8, 8), 10),
        (120, (1, 5, 400), 3),
        (120, (3, 400, 5), 1),
        (400, (3, 12, 13), 200),
        (30, (3, 64, 64), 2),
        (5, (3, 100, 61), 2),
        (4, (1, 161, 161), 2),
        (4, (1, 1, 1), 2),
    ],
    ids=str,
)
def test_data_of_any_shape_can_be_trained(
    count: int, shape: tuple[int, int, int], classes: int, tmp_path: Path
) -> None:
    data = made(count, shape, classes)
    config = chosen(data)
    one = {**config.trainer, "max_epochs": 1, "limit_train_batches": 1, "check_val_every_n_epoch": 1, **QUIET}
    fit(replace(config, training=replace(config.training, schedule="constant"), trainer=one), tmp_path / "run", data)
    assert load(tmp_path / "run").schema.shape == shape
    assert Run(tmp_path / "run").describe()["record"]["steps"] == 1


@pytest.mark.parametrize(
    ("data", "settings"),
    [
        (made(300, (1, 8, 8)), {"model.network": "mlp"}),
        (made(300, (1, 28, 28)), {"model.network": "conv", "model.encoder": (32, 64)}),
        (made(300, (3, 64, 64)), {"model.encoder": (16, 32, 64), "model.decoder": (64, 32, 16)}),
        (made(300, (1, 10, 10)), {"model.likelihood": "bernoulli"}),
        (made(3000, (3, 10, 10)), {"model.likelihood": "gaussian", "training.learning_rate": 5e-3}),
        (made(3000, (3, 10, 10)), {"training.beta": 10}),
        (made(300, (3, 64, 64)), {"model.dropout": 0.0, "training.shift": 0.05}),
        (made(300, (1, 10, 10)), {"training.patience": 10, "training.schedule": "constant"}),
        (made(3000, (1, 10, 10)), {"training.patience": 0, "training.schedule": "one-cycle", "model.dropout": 0.1}),
        (made(10_000, (1, 4, 4)), {"training.batch_size": 100, "model.dropout": 0.0, "training.shift": 0.0}),
        (made(50, (1, 10, 10)), {"training.patience": 0, "data.validation_split": 0}),
        (made(300, (1, 10, 10), 20), {"model.prior": "standard"}),
    ],
)
def test_settings_follow_from_the_data(data: Dataset, settings: dict[str, Any]) -> None:
    config = chosen(data)
    for name, value in settings.items():
        group, key = name.split(".")
        assert getattr(getattr(config, group), key) == value


def test_imbalance_and_images_without_a_label() -> None:
    data = made(300, (1, 10, 10))
    uneven = replace(data, train=replace(data.train, labels=(np.arange(300) < 20).astype(np.int64)))
    assert facts_of(uneven).imbalance == 14
    assert chosen(uneven).training.balance == 0.5
    assert chosen(data).training.balance == 0
    more = replace(data, unlabelled=data.test.pixels(slice(0, 2)))
    assert chosen(more).model.condition_dropout == 0.1


def test_the_length_is_a_number_of_steps_with_a_schedule_that_fits() -> None:
    for count, steps in (20, 1000), (300, 4000), (3000, 4000):
        config = chosen(made(count, (1, 10, 10)))
        batches = -(-(count - round(config.data.validation_split * count)) // config.training.batch_size)
        epochs, every = config.trainer["max_epochs"], config.training.checkpoint_every
        assert 0.97 * steps <= epochs * batches <= steps
        assert epochs // every <= PAUSES
        assert config.training.warm_up == pytest.approx(epochs / BASE.trainer["max_epochs"], rel=1e-3)
    plan = {"max_epochs": 3}
    kept = chosen(made(300, (1, 10, 10)), replace(BASE, trainer={**BASE.trainer, **plan}), (STEPS,))
    assert kept.trainer == {**BASE.trainer, **plan}


def test_settings_of_the_user_win() -> None:
    data = made(300, (1, 28, 28))
    mine = replace(
        BASE,
        model=replace(BASE.model, network="mlp", latent=3),
        training=replace(BASE.training, batch_size=7),
        data=replace(BASE.data, validation_split=0),
    )
    given = ("model.network", "model.latent", "training.batch_size", "data.validation_split")
    config, sentences = auto(data, mine, given)
    assert (config.model.network, config.model.latent, config.training.batch_size) == ("mlp", 3, 7)
    assert (config.model.encoder, config.model.decoder) == ((512, 256), (256, 512)), "widths that fit the network"
    assert config.training.patience == 0, "there are no validation images"
    assert not any(name in " ".join(sentences) for name in given)


def test_the_network_that_the_rules_choose_may_be_named() -> None:
    data = made(300, (1, 100, 100))
    assert chosen(data, given=("model.network",)) == chosen(data)
    mlp = replace(BASE, model=replace(BASE.model, network="mlp"))
    config, sentences = auto(data, mlp, ("model.network",))
    assert config.model.encoder == (512, 256)
    assert "Network mlp, as you chose: model.encoder [512, 256], model.decoder [256, 512]." in sentences
    assert "model.encoder" not in " ".join(sentences[2:])


def test_images_for_validation_that_the_source_has_are_not_held_out_of_an_epoch() -> None:
    data = made(3000, (1, 10, 10))
    config = chosen(replace(data, validation=data.test))
    assert 0.97 * 4000 <= config.trainer["max_epochs"] * (3000 / config.training.batch_size) <= 4000


def test_every_choice_is_said_once_with_its_reason() -> None:
    data = made(30, (3, 100, 90), 3)
    config, (first, *sentences) = auto(data, BASE)
    assert first == "made: 30 colour training images of 100 x 90 pixels in 3 classes."
    shown = [
        part for line in sentences for part in line.partition(". Reason: ")[0].partition(": ")[2].split(", training.")
    ]
    assert len(shown) == len(set(shown))
    assert sum("model.encoder" in line for line in sentences) == 1
    assert any(
        line.startswith("Images of more than 80 x 80 pixels: model.encoder [16, 32, 64, 96]")
        and line.endswith(" Reason: a further stage is needed.")
        for line in sentences
    )
    assert any(line.startswith("Fewer than 100 images: data.validation_split 0") for line in sentences)
    assert config.training.batch_size == 25, "the last rule that applies decides"


def test_every_rule_applies_to_some_data_and_not_to_all_but_the_first() -> None:
    some = [
        made(300, (1, 8, 8)), made(30, (3, 170, 170)), made(12_000, (1, 1, 1)), made(60, (1, 8, 8), 20),
    ]  # fmt: skip
    uneven = replace(some[0].train, labels=(np.arange(300) < 20).astype(np.int64))
    some += [replace(some[0], train=uneven), replace(some[0], unlabelled=some[0].test.pixels(slice(0, 2)))]
    facts = [facts_of(data) for data in some]
    for rule in RULES[1:]:
        assert any(map(rule.applies, facts)), rule.when
        assert not all(map(rule.applies, facts)), rule.when
    assert all(map(RULES[0].applies, facts))


def test_the_documentation_has_the_table() -> None:
    assert table() in TRAINING_PAGE.read_text("utf-8")
