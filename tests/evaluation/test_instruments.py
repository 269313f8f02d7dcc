"""The instruments of the evaluation, on models whose answer is known: copies, leaks, perfect and useless images."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from condvae.evaluation.classifier_score import measure_score
from condvae.evaluation.control import measure_leak, measure_obedience
from condvae.evaluation.memorisation import measure_memorisation
from condvae.evaluation.realism import measure_generation

from condvae.config import Config, ModelConfig
from condvae.data.attributes import MEASURES
from condvae.data.dataset import Dataset, LabelledImages, prepared
from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.model.cvae import CVAE
from condvae.model.saving import save_model
from condvae.run import Run


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))


def untrained(bars: Dataset, path: Path, likelihood: str) -> Study:
    config = Config(model=ModelConfig(encoder=(8,), decoder=(8,), likelihood=likelihood))
    torch.manual_seed(0)
    save_model(Run(path), CVAE(config.model, bars.train.schema), config, {})
    return Study(path, bars)


@pytest.fixture
def study(bars: Dataset, tmp_path: Path) -> Study:
    return untrained(bars, tmp_path / "run", "mse")


@pytest.fixture
def binary(bars: Dataset, tmp_path: Path) -> Study:
    return untrained(bars, tmp_path / "run", "bernoulli")


def stand_in(study: Study, bars: Dataset, real: bool) -> Callable[..., torch.Tensor]:
    """Instead of `decode`: real training images of the labels that are asked for, or noise; samples are binary."""
    generator = np.random.default_rng(0)

    def decode(_: CVAE, z: torch.Tensor, rows: torch.Tensor, sample: bool) -> torch.Tensor:
        images = torch.from_numpy(generator.random((len(z), 3, 5, 7), dtype=np.float32))
        if real:
            images = unit(torch.from_numpy(bars.train.images))[study.examples(rows[:, 0].long())]
        return images.bernoulli() if sample else images

    return decode


@pytest.mark.parametrize(("drawn", "share"), [("train", 1.0), ("test", 0.0)])
def test_memorisation_finds_copies(
    study: Study, bars: Dataset, drawn: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = study.balanced(1000)
    smooth = 0.9 * unit(torch.from_numpy(bars.test.images))[shown]
    images = {"train": unit(torch.from_numpy(bars.train.images))[: len(shown)], "test": smooth + 0.05}
    answers = iter([smooth, images[drawn]])  # the reconstructions, then what the model draws
    monkeypatch.setattr("condvae.evaluation.realism.decode", lambda *_: next(answers))
    found = measure_memorisation(study)
    assert found.copies.value == pytest.approx(share, abs=0.05)
    assert (found.generated.value < 1e-3) == (drawn == "train")
    assert found.real.value > 0.01


@pytest.mark.parametrize("drawn", ["real", "noise"])
def test_real_images_are_at_the_floor_and_noise_is_far_from_it(
    binary: Study, bars: Dataset, drawn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.evaluation.study.SAMPLES_PER_CLASS", 30)
    monkeypatch.setattr("condvae.evaluation.realism.decode", stand_in(binary, bars, real=drawn == "real"))
    measured = measure_generation(binary, binary.judge)
    assert [found.mode for found in measured] == ["mean", "sample"] * 2
    for found in measured:
        if drawn == "real":
            assert found.accuracy.value > 0.95
            if found.mode == "mean":
                assert found.frechet.value == pytest.approx(found.frechet_floor.value)
                assert found.kernel.value == pytest.approx(found.kernel_floor.value)
            else:  # binarised with other noise than the floor
                assert found.frechet.value < 2 * found.frechet_floor.value
                assert abs(found.kernel.value - found.kernel_floor.value) < 4 * found.kernel_floor.error
            assert found.density.value == pytest.approx(1, abs=0.4)
            assert min(found.precision.value, found.recall.value, found.coverage.value) > 0.7
        else:
            assert found.frechet.value > 10 * found.frechet_floor.value
            assert found.kernel.value - found.kernel_floor.value > 5 * found.kernel_floor.error
            assert found.precision.value < 0.1
            assert found.coverage.value < 0.3


@pytest.mark.parametrize("drawn", ["obedient", "same"])
def test_obedience_of_real_images_is_perfect_and_of_one_image_none(
    bars: Dataset, tmp_path: Path, drawn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = Config(model=ModelConfig(conditions=("label", "ink", "slant"), encoder=(8,), decoder=(8,)))
    data = prepared(bars, config)
    save_model(Run(tmp_path / "run"), CVAE(config.model, data.train.schema), config, {})
    study = Study(Run(tmp_path / "run"), bars)
    real = unit(torch.from_numpy(bars.train.images))[study.examples(study.sample_labels)]
    images = {"obedient": real, "same": real[:1].expand_as(real)}[drawn]
    monkeypatch.setattr("condvae.evaluation.control.decode", lambda *_: images)
    for found, name in zip(measure_obedience(study), ("ink", "slant"), strict=True):
        assert found.name == name
        if drawn == "obedient":
            assert [found.correlation.value, found.within.value] == pytest.approx([1, 1])
            assert [found.error.value, found.offset.value] == pytest.approx([0, 0], abs=1e-6)
        else:
            assert [found.correlation.value, found.within.value] == pytest.approx([0, 0], abs=1e-6)
            assert found.error.value > 0.5 * found.spread.value


def test_the_attribute_within_labels_is_not_what_labels_differ_in(bars: Dataset, tmp_path: Path, monkeypatch) -> None:
    """Images that have the mean attribute of their label correlate with what was asked for, but not within labels."""
    config = Config(model=ModelConfig(conditions=("label", "slant"), encoder=(8,), decoder=(8,)))
    save_model(Run(tmp_path / "run"), CVAE(config.model, prepared(bars, config).train.schema), config, {})
    study = Study(Run(tmp_path / "run"), bars)
    monkeypatch.setattr("condvae.evaluation.study.SAMPLES_PER_CLASS", 300)
    labels, slant = study.sample_labels, torch.randn(len(study.sample_labels))
    monkeypatch.setattr(study, "rows", lambda _: torch.stack([labels.float(), slant + 5 * labels], 1))
    monkeypatch.setattr("condvae.evaluation.control.decode", lambda *_: torch.zeros(len(labels), 3, 5, 7))
    monkeypatch.setitem(MEASURES, "slant", lambda part: 5 * labels + 0.01 * torch.randn(len(part)))
    (found,) = measure_obedience(study)
    assert found.correlation.value > 0.9
    assert abs(found.within.value) < 0.1


def test_errors_of_known_copies(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A constant difference of 0.1 is an MSE of 0.01 and a PSNR of 20 dB; an image is similar to itself."""
    images = np.random.default_rng(0).integers(0, 200, (40, 1, 16, 12), dtype=np.uint8)
    part = LabelledImages(images, np.arange(40) % 2, ("a", "b"))
    config = Config(model=ModelConfig(encoder=(8,), decoder=(8,)))
    save_model(Run(tmp_path / "run"), CVAE(config.model, part.schema), config, {})
    study = Study(Run(tmp_path / "run"), Dataset("noise", part, part))
    test = unit(torch.from_numpy(images))
    for offset, mse, psnr in ((0.1, 0.01, 20.0), (0.0, 0.0, 100.0)):
        monkeypatch.setattr("condvae.evaluation.evaluate.decode", lambda *_, offset=offset: test + offset)
        found = evaluate(study, ["reconstruction"]).reconstruction
        assert found.mse.value == pytest.approx(mse, abs=1e-7)
        assert found.psnr.value == pytest.approx(psnr, abs=1e-3)
        assert (found.ssim.value == pytest.approx(1)) == (not offset)


def test_codes_of_a_known_spread(study: Study) -> None:
    torch.manual_seed(0)
    train, test = 3 * torch.randn(4000, 2), 3 * torch.randn(4000, 2)
    part = LabelledImages(np.zeros((4000, 3, 5, 7), np.uint8), np.zeros(4000, np.int64), study.model.schema.classes)
    study.__dict__.update(
        data=Dataset("known", part, part), train_codes=train, test_codes=(test, torch.full((4000, 2), 0.5))
    )
    found = evaluate(study, ["codes"]).codes
    assert found.posterior_sd.value == pytest.approx(0.5)
    assert found.code_sd.value == pytest.approx(3, abs=0.1)
    entropy = np.log(2 * np.pi * np.e * 9)  # of a Gaussian of two dimensions with a standard deviation of 3
    assert entropy < found.surprise.value < entropy + 0.5, "more, as the least probable codes are left out"


@pytest.mark.parametrize("leaking", [True, False])
def test_the_probe_finds_the_label_in_z_or_is_at_chance(study: Study, leaking: bool) -> None:
    torch.manual_seed(0)
    train, test = torch.randn(90, 2), torch.randn(30, 2)
    if leaking:
        train[:, 0] += 10 * study.train_labels
        test[:, 0] += 10 * study.test_labels
    study.__dict__.update(train_codes=train, test_codes=(test, torch.ones(30, 2)))
    found = measure_leak(study)
    assert found.chance.value == pytest.approx(1 / 3)
    if leaking:
        assert found.probe.value > 0.95
    else:
        assert abs(found.probe.value - found.chance.value) < 4 * found.probe.error


@pytest.mark.parametrize("real", [True, False])
def test_the_accuracy_score_of_real_images_is_its_ceiling_and_of_noise_chance(
    binary: Study, bars: Dataset, real: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.evaluation.classifier_score.IMAGES", 900)
    monkeypatch.setattr("condvae.evaluation.classifier_score.decode", stand_in(binary, bars, real))
    found = measure_score(binary)
    assert found.ceiling.value > 0.95
    for shown in (found.mean.value, found.sample.value):
        assert (shown > 0.95) if real else (shown < 0.7)
