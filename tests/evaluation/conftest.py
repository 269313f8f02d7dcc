"""Small sizes, and a cache of its own, for all tests of the evaluation."""

from pathlib import Path

import pytest

from condvae.data.dataset import Dataset
from condvae.evaluation.study import Study
from tests.evaluation.runs import untrained

SAMPLES_PER_CLASS, CLASSIFIER_IMAGES = 40, 90


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Few images are drawn, and judges and ceilings are shared between tests."""
    monkeypatch.setattr("condvae.evaluation.parts.classifier_score.IMAGES", CLASSIFIER_IMAGES)
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", SAMPLES_PER_CLASS)
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture
def bars_study(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """An untrained model of the bars, whose judge is kept in a cache of its own."""
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    return untrained(tmp_path / "run", bars)


@pytest.fixture
def binary(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The same with a likelihood of binarised images."""
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path / "cache"))
    return untrained(tmp_path / "run", bars, likelihood="bernoulli")
