"""Splits: stratified, reproducible, and with the images of a group on one side."""

import numpy as np
import pytest

from condvae.data.listing import PARTS
from condvae.data.split import TEST, TRAIN, VALIDATION, split
from condvae.errors import ConfigError, DataError


def numbers(*counts: int) -> np.ndarray:
    """Labels with this many images of each class."""
    return np.repeat(np.arange(len(counts)), counts).astype(np.int64)


def counts(labels: np.ndarray, parts: np.ndarray, part: int) -> list[int]:
    return np.bincount(labels[parts == part], minlength=labels.max() + 1).tolist()


def test_the_numbers_are_positions_of_parts() -> None:
    assert [PARTS[part] for part in (TRAIN, VALIDATION, TEST)] == ["train", "validation", "test"]


def test_shares_of_each_class() -> None:
    labels = numbers(100, 50, 20)
    parts = split(labels, np.arange(170), test=0.2, validation=0.1, seed=0)
    assert parts.dtype == np.int8
    assert counts(labels, parts, TEST) == [20, 10, 4]
    assert sum(counts(labels, parts, VALIDATION)) == round(0.1 * 136)
    assert counts(labels, parts, VALIDATION)[:2] == [8, 4]
    assert sum(counts(labels, parts, TRAIN)) == 170 - 34 - 14


def test_numbers_of_images_are_exact() -> None:
    labels = np.random.default_rng(0).permutation(numbers(501, 302, 203))
    parts = split(labels, np.arange(len(labels)), test=100, validation=50, seed=3)
    assert (parts == TEST).sum() == 100
    assert (parts == VALIDATION).sum() == 50
    assert counts(labels, parts, TEST) == [50, 30, 20]


def test_validation_alone() -> None:
    labels = numbers(30, 30)
    parts = split(labels, np.arange(60), test=0, validation=0.1, seed=0)
    assert counts(labels, parts, VALIDATION) == [3, 3]
    assert not (parts == TEST).any()
    assert not split(labels, np.arange(60), test=0, validation=0, seed=0).any()


def test_a_group_stays_on_one_side() -> None:
    random = np.random.default_rng(1)
    groups = random.integers(0, 60, 200)
    labels = (groups % 4).astype(np.int64)
    parts = split(labels, groups, test=0.2, validation=0.2, seed=0)
    assert all(len(set(parts[groups == group])) <= 1 for group in range(60))
    assert {TRAIN, VALIDATION, TEST} == set(parts.tolist())
    assert all(counts(labels, parts, TEST))


def test_groups_of_several_classes_stay_together_and_classes_stay_in_training() -> None:
    random = np.random.default_rng(2)
    groups, labels = random.integers(0, 40, 120), random.integers(0, 5, 120)
    for seed in range(20):
        parts = split(labels, groups, test=0.3, validation=0.2, seed=seed)
        assert all(len(set(parts[groups == group])) <= 1 for group in range(40))
        assert all(counts(labels, parts, TRAIN))
        assert all(counts(labels, parts, TEST))


def test_rare_classes_keep_a_test_image_and_a_training_image() -> None:
    labels = numbers(2261, 5, 2, 1)
    parts = split(labels, np.arange(len(labels)), test=0.1, validation=0.1, seed=0)
    assert counts(labels, parts, TEST)[1:] == [1, 1, 0]
    assert all(counts(labels, parts, TRAIN))


def test_a_class_of_one_group_goes_to_training() -> None:
    labels, groups = numbers(3, 10), np.array([0, 0, 0, *range(1, 11)])
    assert counts(labels, split(labels, groups, 0.3, 0, seed=0), TEST) == [0, 3]


def test_a_class_of_two_large_groups_gets_the_smaller_one_for_testing() -> None:
    labels, groups = numbers(9), np.array([0, 0, 0, 0, 0, 1, 1, 1, 1])
    assert split(labels, groups, 0.1, 0, seed=0).tolist() == [TRAIN] * 5 + [TEST] * 4


def test_the_same_seed_gives_the_same_split() -> None:
    labels, groups = numbers(50, 40), np.arange(90)
    first = split(labels, groups, 0.2, 0.2, seed=5)
    assert (first == split(labels, groups[::-1].copy() * 7, 0.2, 0.2, seed=5)).all()
    assert (first != split(labels, groups, 0.2, 0.2, seed=6)).any()


def test_a_class_is_split_alike_whatever_the_other_classes_are() -> None:
    alone = split(numbers(50), np.arange(50), 0.2, 0.2, seed=0)
    labels = numbers(10, 50, 30)
    among_others = split(labels, np.arange(90), 0.2, 0.2, seed=0)
    assert (among_others[labels == 1] == alone).all()


def test_validation_images_of_many_small_classes() -> None:
    """Where no class is large enough for one, the total still is as asked."""
    labels = np.repeat(np.arange(200), 4)
    parts = split(labels, np.arange(800), test=0.1, validation=0.1, seed=0)
    assert counts(labels, parts, TEST) == [1] * 200
    assert (parts == VALIDATION).sum() == 60


@pytest.mark.parametrize(("test", "validation", "name"), [(12, 0, "test_split"), (0, 12, "validation_split")])
def test_nothing_left_to_train_on(test: float, validation: float, name: str) -> None:
    message = rf"data.{name} must leave an image to train on, got 12 with 12 labelled .* less than 12\."
    with pytest.raises(ConfigError, match=message):
        split(numbers(6, 6), np.arange(12), test, validation, seed=0)


def test_nothing_left_for_validation() -> None:
    with pytest.raises(ConfigError, match=r"data\.validation_split must leave .* got 5 with 4 labelled images"):
        split(numbers(4, 4), np.arange(8), test=4, validation=5, seed=0)


@pytest.mark.parametrize(("labels", "groups"), [(numbers(1, 1), [0, 1]), (numbers(3, 1), [0, 0, 0, 1])])
def test_nothing_can_be_held_out(labels: np.ndarray, groups: list[int]) -> None:
    with pytest.raises(DataError, match=r"No image can be held out for testing: .* set data\.test_split to 0 if"):
        split(labels, np.array(groups), 0.5, 0, seed=0)
