"""The explorer of a model on another device than the CPU answers what it answers on the CPU."""

from pathlib import Path

import numpy as np
import torch

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.evaluation.study import Study
from condvae.explorer.run_session import RunSession
from condvae.explorer.schemas import Decode, Encode, Generate, Nearest, Overlay, Stop
from condvae.training.fit import fit
from tests.conftest import as_text
from tests.inference.elsewhere import DEVICE, PretendDevice, moved

LARGEST_ROUNDING = 1  # of 255: the same operations, in another order
Z = [0.5, -0.5, 1.0]


def test_a_session_works_on_any_device(bars: Dataset, tmp_path: Path) -> None:
    model = ModelConfig(latent=3, encoder=(8,), decoder=(8,), prior="gaussian", likelihood="gaussian")
    training = TrainingConfig(beta=1.0, batch_size=10)
    fit(Config(model=model, training=training, trainer={"max_epochs": 1}), tmp_path / "run", bars)
    here, study = RunSession(Study(tmp_path / "run", bars), "here"), Study(tmp_path / "run", bars)
    with PretendDevice():
        moved(study.model)
        there = RunSession(study, "there")
        assert there.model.device == DEVICE
        assert_close(answers(here, bars), answers(there, bars))


def answers(session: RunSession, data: Dataset) -> list[np.ndarray]:
    """What a session answers to each kind of request."""
    picture = as_text(data.test.images[0].transpose(1, 2, 0))
    stops = [Stop(label=label, z=Z) for label in ("left", "right")]
    found = session.encoded(Encode(image=picture))
    return [
        session.map.codes.means.numpy(),
        session.decoded(Decode(label=["left", "right"], z=Z))[0],
        session.generated(Generate(label="left", seed=1))[0],
        session.generated(Generate(label="left", seed=1, prior="mixture"))[0],
        *session.restyled(found, None),
        session.frames(stops, 3),
        session.overlay(Overlay(measure="ink", label="left", z=Z, side=5)),
        session.nearest(Nearest(label="left", z=Z))[0],
    ]


def assert_close(ours: list[np.ndarray], theirs: list[np.ndarray]) -> None:
    for one, other in zip(ours, theirs, strict=True):
        assert type(one) is type(other) is np.ndarray
        if one.dtype == np.uint8:
            assert np.abs(one.astype(int) - other).max() <= LARGEST_ROUNDING
        else:
            torch.testing.assert_close(torch.from_numpy(one), torch.from_numpy(other), rtol=1e-4, atol=1e-5)
