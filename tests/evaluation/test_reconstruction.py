"""Reconstructions with a known error, and codes with a known spread."""

from pathlib import Path

import numpy as np
import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.evaluation.evaluate import evaluate
from condvae.evaluation.study import Study
from condvae.images import unit
from tests.evaluation.runs import untrained


@pytest.mark.parametrize(
    ("offset", "mse", "psnr"),
    [(0.1, 0.01, 20.0), (0.0, 0.0, 100.0)],  # the second PSNR is that of the smallest error that counts
    ids=["a constant difference", "equal"],
)
def test_errors_of_known_reconstructions(
    tmp_path: Path, offset: float, mse: float, psnr: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = np.random.default_rng(0).integers(0, 200, (40, 1, 16, 12), dtype=np.uint8)
    part = LabelledImages(images, np.arange(40) % 2, ("a", "b"))
    study = untrained(tmp_path / "run", Dataset("noise", part, part))
    copies = unit(torch.from_numpy(images)) + offset
    monkeypatch.setattr("condvae.evaluation.parts.reconstruction.decode", lambda *_: copies)
    found = evaluate(study, ["reconstruction"])["reconstruction"]
    assert found.mse.value == pytest.approx(mse, abs=1e-7)
    assert found.psnr.value == pytest.approx(psnr, abs=1e-3)
    assert (found.ssim.value == pytest.approx(1)) == (offset == 0), "an image is similar to itself"


def test_batches_of_test_images_meet_their_own_codes(bars_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = evaluate(bars_study, ["reconstruction"])["reconstruction"]
    monkeypatch.setattr("condvae.evaluation.study.unit_batches.__defaults__", (7,))
    monkeypatch.setattr("condvae.evaluation.parts.reconstruction.BATCH", 7)
    assert evaluate(bars_study, ["reconstruction"])["reconstruction"].mse.value == pytest.approx(whole.mse.value)


def test_codes_of_a_known_spread(bars_study: Study) -> None:
    torch.manual_seed(0)
    count, spread, posterior_sd = 4000, 3, 0.5
    train, test = spread * torch.randn(count, 2), spread * torch.randn(count, 2)
    images, labels = np.zeros((count, 3, 5, 7), np.uint8), np.zeros(count, np.int64)
    part = LabelledImages(images, labels, bars_study.model.schema.classes)
    bars_study.__dict__.update(data=Dataset("known", part, part), train_codes=train, test_codes=test)
    head = bars_study.model.posterior.logvar
    head.weight.data.zero_()
    head.bias.data.fill_(2 * np.log(posterior_sd))
    found = evaluate(bars_study, ["codes"])["codes"]
    assert found.posterior_sd.value == pytest.approx(posterior_sd, rel=1e-4)
    assert found.code_sd.value == pytest.approx(spread, abs=0.1)
    entropy = np.log(2 * np.pi * np.e * spread**2)  # of a Gaussian with two dimensions
    assert entropy < found.surprise.value < entropy + 0.5, "larger, because the least probable codes are left out"
