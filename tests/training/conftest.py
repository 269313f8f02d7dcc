"""A short run on MNIST, and a copy of it to continue or to damage."""

import shutil
from pathlib import Path

import pytest

from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.training.fit import fit
from tests.training.runs import SHORT


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Path:
    """Three short epochs on MNIST without an interruption."""
    path = tmp_path_factory.mktemp("uninterrupted") / "run"
    fit(Config(trainer=SHORT), path, mnist)
    return path


@pytest.fixture
def copy(uninterrupted: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, to continue or to damage."""
    return Path(shutil.copytree(uninterrupted, tmp_path / "copy"))
