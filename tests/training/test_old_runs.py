"""Runs that were trained before the modules moved into rooms: they resume, and those with an open schedule continue."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.errors import ConfigError
from condvae.run import Run
from condvae.training.fit import fit, resume
from tests.training.runs import QUIET, logged, same, weights

RUNS = Path(__file__).parent.parent / "fixtures" / "runs"
ROUNDING = 1e-6  # other processors round differently


@pytest.fixture(scope="module")
def data() -> Dataset:
    """The bars that the runs were trained on."""
    arrays = np.load(RUNS / "bars.npz")
    classes = ("left", "middle", "right")
    parts = (LabelledImages(arrays[f"{name}_images"], arrays[f"{name}_labels"], classes) for name in ("train", "test"))
    return Dataset("bars", *parts)


@pytest.fixture
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an old run, by its name."""
    return Path(shutil.copytree(RUNS / request.param, tmp_path / "run"))


@pytest.mark.parametrize("old", ["interrupted"], indirect=True)
def test_an_interrupted_run_ends_with_the_weights_of_the_whole_run(old: Path, data: Dataset) -> None:
    before = Run(old).history()
    resume(old, data=data)
    expected, found = load_file(RUNS / "interrupted-finished.safetensors"), weights(old)
    assert found.keys() == expected.keys()
    for name, weight in expected.items():
        torch.testing.assert_close(found[name], weight, atol=ROUNDING, rtol=ROUNDING)
    assert Run(old).history()[: len(before)] == before, "the rows of the first part are kept"
    assert set(logged(old, "epoch")) == {0, 1, 2, 3}


@pytest.mark.parametrize("old", ["squared-error"], indirect=True)
def test_a_finished_run_with_an_open_schedule_is_trained_further(old: Path, data: Dataset, tmp_path: Path) -> None:
    longer = {**Run(old).config().trainer, "max_epochs": 4, **QUIET}
    resume(old, longer, data)
    record = Run(old).describe()["record"]
    assert (record["epochs"], record["steps"]) == (4, 4)
    assert set(logged(old, "epoch")) == {0, 1, 2, 3}
    config = Run(old).config()
    fit(config, tmp_path / "whole", data)
    for name, weight in weights(tmp_path / "whole").items():
        torch.testing.assert_close(weights(old)[name], weight, atol=ROUNDING, rtol=ROUNDING)


@pytest.mark.parametrize("old", ["gaussian"], indirect=True)
def test_a_finished_run_with_a_planned_schedule_stays_as_it_was(old: Path, data: Dataset) -> None:
    before = weights(old)
    with pytest.raises(ConfigError, match="is planned for 21 steps, and 28 steps are asked for"):
        resume(old, {**Run(old).config().trainer, "max_epochs": 4}, data)
    assert same(before, weights(old))
