"""Which images an epoch has: the order as it always was, and the frequencies of the classes under training.balance."""

from dataclasses import replace
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from condvae.config import TrainingConfig
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.seeds import derived_seed
from condvae.training.fit import fit, resume
from condvae.training.module import _labels
from condvae.training.sampling import ShuffledBatches, balanced_draws
from tests.training.runs import interrupted, same, weights, with_bound

CPU = torch.device("cpu")
COUNTS = (100, 30, 9, 1)
LABELS = np.repeat(np.arange(4), COUNTS)
UNLABELLED = 60


def epoch(number: int, balance: float, labels: np.ndarray = LABELS, seed: int = 3) -> Tensor:
    """The indices of one epoch."""
    batches = ShuffledBatches(len(labels), 32, seed, CPU, balance, labels)
    batches.set_epoch(number)
    return torch.cat(list(batches))


def test_without_balance_the_order_is_a_permutation_by_seed_and_epoch() -> None:
    generator = torch.Generator().manual_seed(derived_seed(3, 5, 0))
    assert torch.equal(epoch(5, 0), torch.randperm(len(LABELS), generator=generator))


@pytest.mark.parametrize("balance", [0.0, 0.25, 0.5, 1.0])
def test_the_frequency_of_a_class_is_a_power_of_its_count(balance: float) -> None:
    powers = np.array(COUNTS) ** (1 - balance)
    wanted = len(LABELS) * powers / powers.sum()
    for number in range(5):
        found = epoch(number, balance)
        assert len(found) == len(LABELS), "an epoch has as many images as without"
        classes = np.bincount(LABELS[found], minlength=4)
        images = np.bincount(found, minlength=len(LABELS))
        for label, expected in enumerate(wanted):
            assert floor(expected - 1e-6) <= classes[label] <= ceil(expected + 1e-6)
            each = expected / COUNTS[label]
            own = images[label == LABELS]
            assert floor(each - 1e-6) <= own.min()
            assert own.max() <= ceil(each + 1e-6)


def test_over_many_epochs_each_image_is_drawn_as_often_as_the_others_of_its_class() -> None:
    drawn = torch.stack([epoch(number, 0.5).bincount(minlength=len(LABELS)) for number in range(400)]).double().mean(0)
    draws = balanced_draws(torch.from_numpy(LABELS), 0.5)
    assert draws.sum().item() == pytest.approx(len(LABELS))
    torch.testing.assert_close(drawn, draws, atol=0.15, rtol=0)  # the sd of a mean is at most 0.025


def test_seed_and_epoch_decide_the_draw_and_the_batches_are_mixed() -> None:
    torch.manual_seed(0)
    first = epoch(1, 1)
    torch.manual_seed(1)
    state = torch.get_rng_state()
    assert torch.equal(first, epoch(1, 1))
    assert torch.equal(state, torch.get_rng_state()), "the global generator is not used"
    assert not torch.equal(first, epoch(2, 1))
    assert not torch.equal(first, epoch(1, 1, seed=4))
    assert len(set(LABELS[first[:32]])) == 4, "each class has a fourth of the epoch"


def test_images_without_a_label_keep_their_frequency(bars: Dataset) -> None:
    assert _labels(bars.train, 95).tolist() == [*bars.train.labels, *[-1] * 5]
    found = epoch(0, 1, np.pad(LABELS, (0, UNLABELLED), constant_values=-1))
    assert found.bincount(minlength=len(LABELS) + UNLABELLED)[len(LABELS) :].tolist() == [1] * UNLABELLED
    assert np.bincount(LABELS[found[found < len(LABELS)]]).tolist() == [35] * 4


def test_classes_of_the_same_size_are_drawn_once_each() -> None:
    labels = np.arange(60) % 3
    assert epoch(0, 1, labels).sort().values.tolist() == list(range(60))


def test_a_balanced_and_augmented_run_resumes_to_the_bit(bars: Dataset, tmp_path: Path) -> None:
    kept = np.flatnonzero((bars.train.labels > 0) | (np.arange(90) < 9))
    uneven = replace(bars, train=bars.train.take(kept))
    settings = with_bound(4, balance=0.7, flip=0.5, shift=0.2, rotate=10)
    fit(settings, tmp_path / "whole", uneven)
    with interrupted(2):
        fit(settings, tmp_path / "parts", uneven)
    resume(tmp_path / "parts", data=uneven)
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "parts"))
    plain = replace(settings, training=replace(settings.training, balance=0.0))
    fit(plain, tmp_path / "plain", uneven)
    assert not same(weights(tmp_path / "whole"), weights(tmp_path / "plain"))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("balance", 1.5, "from 0 to 1"),
        ("flip", -0.1, "from 0 to 1"),
        ("shift", 1.0, "at least 0 and less than 1"),
        ("rotate", 200.0, "from 0 to 180 degrees"),
        ("checkpoint_every", 0, "at least 1"),
    ],
)
def test_impossible_settings(name: str, value: float, allowed: str) -> None:
    with pytest.raises(ConfigError, match=rf"training\.{name} must be {allowed}, got {value}\."):
        TrainingConfig(**{name: value})
