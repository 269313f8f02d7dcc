"""Conditions beyond the label: attributes of the data, measured ones, and those that are left out."""

from pathlib import Path

import numpy as np
import pytest
import torch

import condvae
from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.attributes import MEASURES, thickness
from condvae.data.dataset import Dataset
from condvae.errors import InputError
from condvae.inference.tensors import as_conditions, conditions_of
from condvae.model.conditions import Conditions
from condvae.model.cvae import CVAE
from condvae.schema import Attribute, Schema
from condvae.training.fit import fit

MIXED = Schema(
    (1, 4, 4), ("a", "b"), (Attribute("colour", ("red", "green")), Attribute("size", (), 2.0, 0.5, 1.0, 3.0))
)
NAMES = ("label", "colour", "size")


@pytest.fixture
def mixed() -> CVAE:
    torch.manual_seed(0)
    return CVAE(ModelConfig(conditions=NAMES, condition_dropout=0.5, encoder=(8,), decoder=(8,)), MIXED).eval()


def test_classes_are_one_hot_numbers_standardised_and_nan_is_nothing() -> None:
    conditions = Conditions(NAMES, MIXED).eval()
    nan = torch.nan
    rows = torch.tensor([[1, 0, 2.0], [0, 1, 3.0], [nan, 1, nan], [nan, nan, nan]])
    wanted = [[0, 1, 1, 0, 0, 1], [1, 0, 0, 1, 2, 1], [0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0]]
    torch.testing.assert_close(conditions(rows), torch.tensor(wanted, dtype=torch.float32))
    assert conditions.width == 6


def test_dropout_hides_all_conditions_and_each_by_itself_and_only_in_training() -> None:
    conditions = Conditions(NAMES, MIXED, dropout=0.25)
    torch.manual_seed(0)
    hidden = 1 - torch.stack([part.sum(1) for part in conditions(torch.tensor([[1, 0, 2.0]] * 20_000)).split(2, 1)])
    assert hidden.mean(1).tolist() == pytest.approx([1 - 0.75**2] * 3, abs=0.02)
    assert hidden.prod(0).mean().item() == pytest.approx(0.25 + 0.75 * 0.25**3, abs=0.01)
    one = Conditions(("label",), MIXED, dropout=0.25)
    assert (1 - one(torch.ones(20_000)).sum(1)).mean().item() == pytest.approx(0.25, abs=0.01)
    assert conditions.eval()(torch.tensor([[1, 0, 2.0]])).sum() == 3
    assert conditions.optional


def test_conditions_by_name(mixed: CVAE) -> None:
    given = as_conditions(mixed, ["b", 0], {"colour": "green", "size": [1.5, "2.5"]})
    assert given.tolist() == [[1, 1, 1.5], [0, 1, 2.5]]
    assert as_conditions(mixed, None, {"size": np.array([1.0])}).isnan().tolist() == [[True, True, False]]
    images = condvae.generate(mixed, "a", attributes={"colour": 1, "size": 2.0}, z=[0, 0])
    other = condvae.generate(mixed, "a", attributes={"colour": 1, "size": 2.9}, z=[0, 0])
    assert (images != other).any()
    assert len(condvae.generate(mixed, count=3)) == 3, "a model trained to do without draws without"


@pytest.mark.parametrize(
    ("labels", "attributes", "message"),
    [
        ("c", {}, r"There is no label 'c'\. Choose one of a, b"),
        ("a", {"colour": "blue"}, r"There is no colour 'blue'\. Choose one of red, green"),
        ("a", {"siez": 1}, r"There is no attribute 'siez'\. Did you mean 'size'"),
        ("a", {"label": "b"}, r"attributes sets the label to 'b'\. Give it as label instead"),
        ("a", {"size": "big"}, "The value of 'size' cannot be read as a number"),
        ("a", {"size": float("inf")}, "is not finite"),
        ("a", {"size": []}, "The list of values of 'size' is empty"),
        (["a", "b"], {"size": [1, 2, 3]}, "The numbers do not match: 2 label and 3 size"),
    ],
)
def test_conditions_that_are_not_possible(mixed: CVAE, labels: object, attributes: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        as_conditions(mixed, labels, attributes)


def test_a_model_that_needs_its_conditions_says_what_is_allowed() -> None:
    model = CVAE(ModelConfig(conditions=NAMES, encoder=(8,), decoder=(8,)), MIXED)
    with pytest.raises(
        InputError, match=r"needs a value of 'size', .* --attributes size=VALUE\. Choose from: a number, usually 1 to 3"
    ):
        as_conditions(model, "a", {"colour": "red"})
    with pytest.raises(InputError, match=r"needs a value of 'colour', .* Choose from: red, green"):
        as_conditions(model, "a", {"size": 1.0})


def test_what_can_be_measured_of_images_need_not_be_given() -> None:
    schema = Schema((1, 9, 9), ("a", "b"), (Attribute("slant", (), 0.0, 0.3), Attribute("size", (), 1.0, 1.0)))
    model = CVAE(ModelConfig(conditions=("label", "slant", "size"), encoder=(8,), decoder=(8,)), schema)
    upright, leaning = torch.zeros(2, 1, 9, 9)
    upright[:, :, 4] = leaning[:, torch.arange(9), torch.arange(8, -1, -1)] = 1
    x = torch.stack([upright, leaning])
    rows = conditions_of(model, x, "a", {"size": 2})
    torch.testing.assert_close(rows, torch.tensor([[0, 0.0, 2], [0, 1.0, 2]]), atol=1e-5, rtol=0)
    assert conditions_of(model, x, "a", {"size": 2, "slant": 5})[0, 1] == 5
    pixels = (255 * x).byte().numpy()
    kept = condvae.restyle(model, pixels, "a", "b", attributes={"size": 2})
    assert (
        kept
        == condvae.generate(
            model,
            "b",
            attributes={"slant": [0.0, 1.0], "size": 2},
            z=condvae.encode(model, pixels, "a", attributes={"size": 2}),
            pair=True,
        )
    ).all()


def test_setting_the_slant_sets_it_in_the_picture(mnist: Dataset, tmp_path: Path) -> None:
    """A short training on real digits: what is asked for is what is drawn."""
    model = ModelConfig(conditions=("label", "slant", "thickness"), dropout=0, likelihood="bernoulli", latent=2)
    short = Dataset("mnist", mnist.train.take(np.arange(20_000)), mnist.test.take(np.arange(100)))
    config = Config(
        model=model,
        training=TrainingConfig(beta=1, learning_rate=2e-3),
        trainer={"max_epochs": 2, "enable_progress_bar": False},
    )
    trained = fit(config, tmp_path / "run", short)
    wanted = np.linspace(-0.3, 0.5, 50)
    images = condvae.generate(trained, "1", attributes={"slant": wanted, "thickness": 2.5}, z=[0, 0])
    found = MEASURES["slant"](torch.from_numpy(images) / 255).numpy()
    assert np.corrcoef(wanted, found)[0, 1] > 0.95
    thin, thick = condvae.generate(trained, "1", attributes={"slant": 0.1, "thickness": [1.6, 3.6]}, z=[0, 0])
    assert thickness(torch.from_numpy(np.stack([thin, thick])) / 255).diff() > 0.5


def test_restyling_keeps_what_is_not_changed(mixed: CVAE) -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 1, 4, 4), dtype=np.uint8)
    own = {"colour": ["red", "green", "red"], "size": [1.0, 2.0, 3.0]}
    z = condvae.encode(mixed, x, "a", attributes=own)
    assert (
        condvae.reconstruct(mixed, x, "a", attributes=own)
        == condvae.generate(mixed, "a", attributes=own, z=z, pair=True)
    ).all()
    changed = condvae.restyle(mixed, x, "a", "b", attributes=own, new_attributes={"size": 2.5})
    wanted = condvae.generate(mixed, "b", attributes={**own, "size": 2.5}, z=z, pair=True)
    assert (changed == wanted).all()
    assert condvae.reconstruct(mixed, x, "a").shape == x.shape, "what was left out stays left out"
