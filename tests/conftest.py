"""What tests share: real MNIST, a small made data set, and one trained run of the experiment."""

import base64
import io
import os
import shutil
import signal
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from condvae.cli.main import main
from condvae.config import Config
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.data.sources import load_data
from condvae.model.cvae import CVAE
from condvae.model.saving import load
from condvae.recipe import load_recipe
from condvae.run import Run
from condvae.storage import connection
from tests.storage import servers

if TYPE_CHECKING:
    from condvae.evaluation.study import Study

SHORT = {"max_epochs": 1, "limit_train_batches": 200}
BUCKETS = count()  # their numbers
FIXTURES = Path(__file__).parent / "fixtures" / "runs"  # runs of an earlier version, one of each kind


@pytest.fixture(scope="session")
def mnist() -> Dataset:
    return load_data("mnist")


@pytest.fixture(scope="session")
def bars() -> Dataset:
    """Three classes of 5 x 7 colour images: one bright column, whose place is the label."""
    generator = np.random.default_rng(0)

    def part(count: int) -> LabelledImages:
        labels = np.arange(count) % 3
        images = generator.integers(0, 60, (count, 3, 5, 7), dtype=np.uint8)
        images[np.arange(count), :, :, 1 + 2 * labels] += 180
        return LabelledImages(images, labels.astype(np.int64), ("left", "middle", "right"))

    return Dataset("bars", part(90), part(30))


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory, mnist: Dataset) -> Run:
    """The experiment on real MNIST, cut short: the CVAE with the plain autoencoder beside it."""
    from condvae.evaluation.study import autoencoder_folder
    from condvae.training.fit import fit

    path = tmp_path_factory.mktemp("runs") / "paper"
    fit(Config(trainer=SHORT), path, mnist)
    fit(Config(model=load_recipe("autoencoder").model, trainer=SHORT), autoencoder_folder(path), mnist)
    return Run(path)


@pytest.fixture(scope="session")
def model(run: Run) -> CVAE:
    return load(run.path)


@pytest.fixture(scope="session")
def study(run: Run) -> "Study":
    from condvae.evaluation.study import Study

    return Study(run)


@pytest.fixture
def earlier(tmp_path: Path) -> Path:
    """A copy of the runs of an earlier version, to work with."""
    return Path(shutil.copytree(FIXTURES, tmp_path / "earlier"))


class Cli:
    """Runs a command in this process and keeps what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self.capsys = capsys

    def __call__(self, *argv: object) -> str:
        """The output of a command that must succeed."""
        status = main([str(argument) for argument in argv])
        captured = self.capsys.readouterr()
        assert status == 0, captured.err
        return captured.out

    def fails(self, *argv: object) -> str:
        """The message of a command that must fail with exit status 1 and no traceback."""
        status = main([str(argument) for argument in argv])
        captured = self.capsys.readouterr()
        assert status == 1, captured.out
        assert captured.err.splitlines()[-1].startswith("condvae: ") or captured.err.startswith("condvae: ")
        assert "Traceback" not in captured.err
        return captured.err


def as_text(picture: Image.Image | np.ndarray, kind: str = "PNG") -> str:
    """A picture, or its pixels, (H, W) or (H, W, 3), as an image file in base64."""
    buffer = io.BytesIO()
    (picture if isinstance(picture, Image.Image) else Image.fromarray(picture)).save(buffer, kind)
    return base64.b64encode(buffer.getvalue()).decode()


def hear_interrupts() -> None:
    """For a process about to start: Ctrl-C reaches it, even if the tests themselves run in the background."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a server of object storage."""
    with servers.moto() as address:
        yield address


@pytest.fixture
def bucket(server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty bucket."""
    for name, value in servers.environment(server).items():
        monkeypatch.setenv(name, value)
    connection.store.cache_clear()
    name = f"bucket-{os.getpid()}-{next(BUCKETS)}"
    servers.make_bucket(server, name)
    return f"s3://{name}"


@pytest.fixture
def quick_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judges of other data than MNIST learn for two epochs, if it does not matter how good they are."""
    from condvae.evaluation import judge

    monkeypatch.setattr(judge, "_settings_for", lambda images: judge.JudgeTraining(epochs=2, batch_size=10))


@pytest.fixture
def nowhere() -> Path:
    """A folder that cannot be made: the kernel's own file system allows nobody to write there."""
    return Path("/sys/condvae")
