"""The instruments of the evaluation, on models whose answer is known: copies, leaks, perfect and useless images."""

from pathlib import Path

import numpy as np
import pytest
import torch

from condvae.checkpoint import Run, save_model
from condvae.config import Config, ModelConfig
from condvae.data import Dataset
from condvae.generation import measure_memorisation
from condvae.model import CVAE
from condvae.sampling import unit
from condvae.score import measure_score
from condvae.study import Study
from condvae.styles import measure_leak


@pytest.fixture
def study(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    config = Config(model=ModelConfig(encoder=(8,), decoder=(8,)))
    run = Run(tmp_path / "run")
    torch.manual_seed(0)
    save_model(run, CVAE(config.model, bars.train.schema), config, {})
    return Study(run, bars)


@pytest.mark.parametrize(("drawn", "share"), [("train", 1.0), ("test", 0.0)])
def test_memorisation_finds_copies(
    study: Study, bars: Dataset, drawn: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = study.balanced(1000)
    smooth = 0.9 * unit(torch.from_numpy(bars.test.images))[shown]
    images = {"train": unit(torch.from_numpy(bars.train.images))[: len(shown)], "test": smooth + 0.05}
    answers = iter([smooth, images[drawn]])  # the reconstructions, then what the model draws
    monkeypatch.setattr("condvae.generation.decode", lambda *_: next(answers))
    found = measure_memorisation(study)
    assert found.copies.value == pytest.approx(share, abs=0.05)
    assert (found.generated.value < 1e-3) == (drawn == "train")
    assert found.real.value > 0.01


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
    study: Study, bars: Dataset, real: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("condvae.score.IMAGES", 900)
    generator = np.random.default_rng(0)

    def drawn(_: CVAE, z: torch.Tensor, rows: torch.Tensor, sample: bool) -> torch.Tensor:
        assert not sample
        if not real:
            return torch.from_numpy(generator.random((len(z), 3, 5, 7), dtype=np.float32))
        return unit(torch.from_numpy(bars.train.images))[study.examples(rows[:, 0].long())]

    monkeypatch.setattr("condvae.score.decode", drawn)
    found = measure_score(study)
    assert found.ceiling.value > 0.95
    if real:
        assert found.mean.value > 0.95
    else:
        assert found.mean.value < 0.7
