"""The whole evaluation on data that measures may stumble over."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from tests.evaluation.runs import BOUND, SMALL, measured, trained

LARGE = pytest.param("64 x 48 x 3", marks=pytest.mark.slow)
CASES = ["constant", "one class", "one image in a class", "1 x 1", LARGE, "one test image"]
MODELS = {
    "mlp": ({"network": "mlp", "likelihood": "gaussian", "prior": "gaussian"}, {}),
    "conv": ({"network": "conv", "likelihood": "bernoulli", "prior": "flow"}, {"samples": 2}),
    "attributes": (
        {"conditions": ("label", "slant", "ink"), "likelihood": "continuous-bernoulli"},
        {"batch_size": 1},
    ),
}
TRAIN, TEST, VALIDATION = 31, 12, 5  # numbers of images that no batch size divides


def hostile(case: str) -> Dataset:
    generator = np.random.default_rng(0)

    def part(count: int) -> LabelledImages:
        shape = {"1 x 1": (1, 1, 1), "64 x 48 x 3": (3, 64, 48)}.get(case, (1, 6, 5))
        images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
        labels = np.arange(count) % 2
        if case == "constant":
            images[:] = 255
        if case == "one class":
            labels[:] = 0
        if case == "one image in a class":
            labels[:] = np.arange(count) == 0
        return LabelledImages(images, labels, ("a", "b") if case != "one class" else ("a",))

    return Dataset("hostile", part(TRAIN), part(1 if case == "one test image" else TEST))


@pytest.mark.usefixtures("small", "quick_judge")
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("model", "training"), MODELS.values(), ids=MODELS.keys())
def test_hostile_data(case: str, model: dict, training: dict, tmp_path: Path) -> None:
    data = hostile(case).hold_out(VALIDATION)
    assert measured(trained(tmp_path / "run", data, replace(SMALL, **model), replace(BOUND, **training)))
