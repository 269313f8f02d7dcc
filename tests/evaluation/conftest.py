"""What tests of the evaluation use: small sizes, a cache of their own, untrained models."""

from pathlib import Path

import pytest

from condvae.data.dataset import Dataset
from condvae.evaluation.study import Study
from tests.evaluation.runs import untrained

SAMPLES_PER_CLASS, CLASSIFIER_IMAGES = 40, 90


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A cache that only these tests use, so that each judge is trained once."""
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, cache: None) -> None:
    """Few images are drawn."""
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.IMAGES", CLASSIFIER_IMAGES)
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.SEEN", 10 * CLASSIFIER_IMAGES)
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", SAMPLES_PER_CLASS)


@pytest.fixture
def bars_study(bars: Dataset, tmp_path: Path, cache: None) -> Study:
    """An untrained model of the bars."""
    return untrained(tmp_path / "run", bars)


@pytest.fixture
def binary(bars: Dataset, tmp_path: Path, cache: None) -> Study:
    """The same with a likelihood of binarised images."""
    return untrained(tmp_path / "run", bars, likelihood="bernoulli")
