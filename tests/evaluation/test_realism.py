"""Realism and the accuracy score of models whose answer is known: they draw real images, or noise."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.evaluation.parts.classifier_score import measure_score
from condvae.evaluation.parts.realism import Realism, measure_realism
from condvae.evaluation.protocol import Protocol, examples
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.model.cvae import CVAE

EACH = 30  # images drawn of each label: the number of training images that a label has


def stand_in(study: Study, bars: Dataset, real: bool) -> Callable[..., torch.Tensor]:
    """Takes the place of `decode`: real training images of the requested labels, or noise. Samples are binary."""
    generator = np.random.default_rng(0)

    def decode(_: CVAE, z: torch.Tensor, rows: torch.Tensor, sample: bool) -> torch.Tensor:
        images = torch.from_numpy(generator.random((len(z), *bars.train.shape), dtype=np.float32))
        if real:
            images = unit(torch.from_numpy(bars.train.images))[examples(study, rows[:, 0].long())]
        return images.bernoulli() if sample else images

    return decode


@pytest.fixture
def compared(
    request: pytest.FixtureRequest, binary: Study, bars: Dataset, monkeypatch: pytest.MonkeyPatch
) -> tuple[Realism, ...]:
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", EACH)
    monkeypatch.setattr("condvae.evaluation.parts.realism.decode", stand_in(binary, bars, real=request.param == "real"))
    found = measure_realism(binary, Protocol())
    assert [(one.prior, one.mode) for one in found] == [
        ("prior", "mean"),
        ("prior", "sample"),
        ("mixture", "mean"),
        ("mixture", "sample"),
    ]
    return found


@pytest.mark.parametrize("compared", ["real"], indirect=True)
def test_real_images_are_at_the_floor(compared: tuple[Realism, ...]) -> None:
    for found in compared:
        assert found.accuracy.value > 0.95, "the judge knows them"
        if found.mode == "mean":
            assert found.frechet.value == pytest.approx(found.frechet_floor.value)
            assert found.kernel.value == pytest.approx(found.kernel_floor.value)
        else:  # binarised with other noise than those of the floor
            assert found.frechet.value < 2 * found.frechet_floor.value
            assert abs(found.kernel.value - found.kernel_floor.value) < 4 * found.kernel_floor.error
        assert found.density.value == pytest.approx(1, abs=0.4)
        assert min(found.precision.value, found.recall.value, found.coverage.value) > 0.7


@pytest.mark.parametrize("compared", ["noise"], indirect=True)
def test_noise_is_far_from_the_floor(compared: tuple[Realism, ...]) -> None:
    for found in compared:
        assert found.frechet.value > 10 * found.frechet_floor.value
        assert found.kernel.value - found.kernel_floor.value > 5 * found.kernel_floor.error
        assert max(found.precision.value, found.coverage.value) < 0.5, "real images have more than 0.7"


@pytest.mark.parametrize("real", [True, False], ids=["real", "noise"])
def test_the_accuracy_score_of_real_images_is_its_ceiling_and_of_noise_lower(
    binary: Study, bars: Dataset, real: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = 900  # images for a classifier that is always right
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.IMAGES", enough)
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.decode", stand_in(binary, bars, real))
    found = measure_score(binary, Protocol())
    assert found.ceiling.value > 0.95
    for shown in (found.mean.value, found.sample.value):
        assert (shown > 0.95) if real else (shown < 0.7), "twice chance at most"


def test_realism_of_a_model_without_a_likelihood_is_of_means_alone(
    bars_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", EACH)
    found = measure_realism(bars_study, replace(Protocol(), prior="mixture"))
    assert [(one.prior, one.mode) for one in found] == [("prior", "mean"), ("mixture", "mean")], "it measures both"
