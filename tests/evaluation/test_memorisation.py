"""Memorisation finds copies, and only copies."""

import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.evaluation.parts.memorisation import PART
from condvae.evaluation.protocol import Protocol, balanced
from condvae.evaluation.study import Study
from condvae.images import unit

SAME = 1e-3  # distance of an image to itself, by rounding


@pytest.mark.parametrize(("drawn", "share"), [("train", 1.0), ("test", 0.0)])
def test_memorisation_finds_copies(
    bars_study: Study, bars: Dataset, drawn: str, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = balanced(bars_study, len(bars.test))
    reconstructions = 0.9 * unit(torch.from_numpy(bars.test.images))[shown]
    images = {"train": unit(torch.from_numpy(bars.train.images))[: len(shown)], "test": reconstructions + 0.05}
    answers = iter([reconstructions, images[drawn]])  # what the model decodes, in this order
    monkeypatch.setattr("condvae.evaluation.parts.memorisation.decode", lambda *_: next(answers))
    found = PART.measure(bars_study, Protocol())
    assert found.copies.value == pytest.approx(share, abs=0.05)
    assert (found.generated.value < SAME) == (drawn == "train")
    assert found.real.value > 10 * SAME
