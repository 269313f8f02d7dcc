"""Recalls are those of a confusion, and their intervals hold as often as they say."""

import numpy as np
import pytest
import torch

from condvae.evaluation.recalls import interval, mean_recall

LABELS = torch.tensor([0, 0, 0, 0, 1, 1, 2])
RIGHT = torch.tensor([[1.0, 1, 1, 0, 1, 0, 0], [1, 1, 0, 0, 1, 0, 1]])


def test_the_mean_over_classes() -> None:
    found = mean_recall(RIGHT, LABELS, [0, 1, 2], "Text.")
    assert found.value == pytest.approx(np.mean([(3 / 4 + 2 / 4) / 2, 1 / 2, 1 / 2]))
    assert found.count == len(LABELS)
    assert found.protocol == "Text."
    alone = mean_recall(RIGHT, LABELS, [1], "Text.")
    assert (alone.value, alone.count) == (0.5, 2)


def test_the_error_joins_seeds_and_test_images() -> None:
    each_seed = np.array([(3 / 4 + 1 / 2 + 0) / 3, (2 / 4 + 1 / 2 + 1) / 3])
    each_image = [np.array([1, 1, 0.5, 0]), np.array([1.0, 0.0])]
    alone = 0.25  # the variance of a single image is not known, and that of a share is not larger
    images = (sum(group.var(ddof=1) / len(group) for group in each_image) + alone) / 9
    expected = np.sqrt(each_seed.var(ddof=1) / 2 + images)
    assert mean_recall(RIGHT, LABELS, [0, 1, 2], "Text.").error == pytest.approx(expected)


def test_an_interval_without_spread_is_a_point() -> None:
    assert interval(torch.ones(2, 7), LABELS, [0, 1], 0.95) == (1.0, 1.0)


def test_an_interval_holds_with_a_class_of_a_single_test_image() -> None:
    generator, labels = np.random.default_rng(0), torch.cat([torch.arange(100) % 2, torch.tensor([2])])
    trials, held = 400, 0
    for _ in range(trials):
        images = generator.random((1, 101)) < 0.8
        right = torch.from_numpy((images ^ (generator.random((5, 101)) < 0.02)).astype(float))
        low, high = interval(right, labels, [0, 1, 2], 0.95)
        held += low <= 0.8 * 0.98 + 0.2 * 0.02 <= high
    assert held / trials > 0.94


@pytest.mark.parametrize(("of_seeds", "of_images"), [(0.0, 0.3), (0.05, 0.3), (0.2, 0.05)])
def test_intervals_hold_as_often_as_they_say(of_seeds: float, of_images: float) -> None:
    """True value 0, with seeds and test images drawn anew each time."""
    generator, labels = np.random.default_rng(0), torch.arange(60) % 3
    trials, held = 400, 0
    for _ in range(trials):
        seeds = generator.normal(0, of_seeds, (5, 1)) if of_seeds else 0
        values = seeds + generator.normal(0, of_images, (1, 60)) + generator.normal(0, 0.1, (5, 60))
        low, high = interval(torch.from_numpy(values), labels, [0, 1, 2], 0.95)
        held += low <= 0 <= high
    assert 0.92 < held / trials < 0.985
