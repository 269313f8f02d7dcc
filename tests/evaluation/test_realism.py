"""Realism and the accuracy score of models whose answer is known: they draw real images, or noise."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.evaluation.features import JUDGED, RandomFeatures
from condvae.evaluation.parts.classifier_score import measure_score
from condvae.evaluation.parts.realism import TRAINING, Realism, measure_realism
from condvae.evaluation.protocol import Protocol, examples
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.inference.batched import CHUNK
from condvae.model.cvae import CVAE

FEW = 8  # random features, so that their Frechet distance needs few images
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


class Shown(NamedTuple):
    """A distribution over images: these images, or binary samples of them."""

    mean: torch.Tensor

    def sample(self) -> torch.Tensor:
        return self.mean.bernoulli()


@pytest.fixture
def compared(
    request: pytest.FixtureRequest, binary: Study, bars: Dataset, monkeypatch: pytest.MonkeyPatch
) -> dict[tuple[str, str], Realism]:
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", EACH)
    monkeypatch.setattr("condvae.evaluation.study.decode", stand_in(binary, bars, real=request.param == "real"))
    found = measure_realism(binary, Protocol())
    places = [(one.prior, one.mode) for one in found]
    assert places == [(prior, mode) for prior in (TRAINING, "prior", "mixture") for mode in ("mean", "sample")]
    return dict(zip(places, found, strict=True))


@pytest.mark.parametrize("compared", ["real"], indirect=True)
def test_real_images_are_as_training_images(compared: dict[tuple[str, str], Realism]) -> None:
    for (_, mode), found in compared.items():
        assert found.accuracy.value > 0.95, "the judge knows them"
        assert [one.value for one in found.accuracy_by_class] == pytest.approx([1, 1, 1], abs=0.1)
        for one, training in zip(found.compared, compared[TRAINING, mode].compared, strict=True):
            if mode == "mean":
                assert one.kernel.value == pytest.approx(training.kernel.value, rel=1e-2, abs=1e-4)
            assert one.p_value.value > 0.01
            assert one.density.value == pytest.approx(1, abs=0.4)
            assert min(one.precision.value, one.recall.value, one.coverage.value) > 0.7
            assert all(part.value > 0.5 for part in one.coverage_by_class)


@pytest.mark.parametrize("compared", ["noise"], indirect=True)
def test_noise_is_far_from_real_images(compared: dict[tuple[str, str], Realism]) -> None:
    for (prior, mode), found in compared.items():
        for one, training in zip(found.compared, compared[TRAINING, mode].compared, strict=True):
            if prior != TRAINING:
                assert one.frechet is None, "there are fewer images than features"
                assert one.kernel.value > 3 * abs(training.kernel.value)
                assert one.p_value.value < 0.01
                assert max(one.precision.value, one.coverage.value) < 0.5, "real images have more than 0.7"


@pytest.fixture
def few_features(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = RandomFeatures.embed
    monkeypatch.setattr(RandomFeatures, "embed", lambda *given: usual(*given)[:, :FEW])


@pytest.mark.usefixtures("few_features")
@pytest.mark.parametrize("compared", ["real", "noise"], indirect=True)
def test_the_frechet_distance_where_there_are_enough_images(
    compared: dict[tuple[str, str], Realism], request: pytest.FixtureRequest
) -> None:
    is_real = request.node.callspec.params["compared"] == "real"
    for (prior, mode), found in compared.items():
        judged, random = found.compared
        training = compared[TRAINING, mode].compared[1].frechet
        assert (judged.features, judged.frechet) == (JUDGED, None)
        if is_real and mode == "mean":
            assert random.frechet.value == pytest.approx(training.value, rel=1e-2, abs=1e-3)
        if not is_real and prior != TRAINING:
            assert random.frechet.value > 5 * max(abs(training.value), training.error)


def test_samples_that_are_no_images_are_said_to_be_none(
    binary: Study, bars: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, noise = stand_in(binary, bars, real=True), stand_in(binary, bars, real=False)

    def decode(model: CVAE, z: torch.Tensor, rows: torch.Tensor, sample: bool) -> torch.Tensor:
        return (noise(model, z, rows, sample) if sample else real(model, z, rows, sample)).roll(3, 0)

    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", EACH)
    monkeypatch.setattr("condvae.evaluation.study.decode", decode)
    monkeypatch.setattr("condvae.evaluation.parts.realism.NO_IMAGES", 0.9)
    verdicts = [one.verdict for one in measure_realism(binary, Protocol()) if one.mode == "sample"]
    assert verdicts[0] is None, "of training images"
    for prior, verdict in zip(("prior", "mixture"), verdicts[1:], strict=True):
        assert verdict.startswith(f"Samples with z from the {prior} are no images that one could use: the judge takes ")
        assert verdict.endswith("Draw means from this model.")


@pytest.mark.parametrize("real", [True, False], ids=["real", "noise"])
def test_the_accuracy_score_of_real_images_is_its_ceiling_and_of_noise_lower(
    binary: Study, bars: Dataset, real: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    enough = 900  # images for a classifier that is always right
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.IMAGES", enough)
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.SEEN", 10 * enough)
    images = stand_in(binary, bars, real)

    def decoded(model: CVAE, z: torch.Tensor, rows: torch.Tensor) -> Iterator[Shown]:
        for part in rows.split(CHUNK):
            yield Shown(images(model, part, part, False))

    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.decoded", decoded)
    found = measure_score(binary, Protocol())
    assert found.ceiling.value > 0.95
    for shown in (found.mean.value, found.sample.value):
        assert (shown > 0.95) if real else (shown < 0.7), "twice chance at most"


def test_realism_of_a_model_without_a_likelihood_is_of_means_alone(
    bars_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", EACH)
    found = measure_realism(bars_study, replace(Protocol(), prior="mixture"))
    assert [(one.prior, one.mode) for one in found] == [
        (TRAINING, "mean"), ("prior", "mean"), ("mixture", "mean"),
    ], "it measures both"  # fmt: skip
