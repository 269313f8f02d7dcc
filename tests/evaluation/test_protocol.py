"""Which images are measured, and what of a protocol can be chosen."""

import numpy as np
import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.evaluation.protocol import Protocol, examples, proportioned, sample_labels
from condvae.evaluation.study import Study
from tests.evaluation.conftest import SAMPLES_PER_CLASS


@pytest.mark.usefixtures("small")
def test_compared_images_have_the_labels_in_the_proportions_of_the_test_images(bars_study: Study) -> None:
    bars = bars_study.whole
    kept = np.flatnonzero((bars.test.labels != 1) | (np.arange(len(bars.test)) < len(bars.test) // 2))
    study = Study(bars_study.run, Dataset("uneven", bars.train, bars.test.take(kept)))
    assert torch.bincount(study.test_labels).tolist() == [10, 5, 10]
    assert torch.bincount(study.train_labels).tolist() == [30, 30, 30], "fewer than could be drawn"
    expected = [30, 15, 30]
    assert SAMPLES_PER_CLASS > 30
    assert torch.bincount(sample_labels(study)[proportioned(study)]).tolist() == expected


@pytest.mark.usefixtures("small")
def test_a_rare_class_is_compared_too(bars_study: Study) -> None:
    """Of the largest class as many images are drawn as of any class, and of a class with 1% as many one at least."""
    bars = bars_study.whole
    common, rare = (np.flatnonzero(bars.test.labels == label) for label in (0, 1))
    study = Study(bars_study.run, Dataset("uneven", bars.train, bars.test.take([*common.repeat(20), rare[0]])))
    assert torch.bincount(sample_labels(study)[proportioned(study)], minlength=3).tolist() == [30, 1, 0]


def test_examples_are_drawn_without_replacement_if_the_class_has_enough_images(bars_study: Study) -> None:
    count = len(bars_study.train_labels)
    each = count // 3
    labels = torch.arange(3).repeat_interleave(each)
    chosen = examples(bars_study, labels)
    assert sorted(chosen.tolist()) == list(range(count))
    assert (bars_study.train_labels[chosen] == labels).all()
    extra = 10
    times = torch.bincount(examples(bars_study, torch.zeros(2 * each + extra, dtype=torch.int64)))
    assert sorted(times[times > 0].tolist()) == [2] * (each - extra) + [3] * extra


def test_what_can_be_chosen() -> None:
    with pytest.raises(ConfigError, match=r"--importance-samples must be at least 1, got 0\."):
        Protocol(importance_samples=0)
    with pytest.raises(ConfigError, match=r"--images must be at least 1, or all, got 0\."):
        Protocol(images=0)
    with pytest.raises(ConfigError, match=r"--prior must be one of prior, mixture, got 'prio'\."):
        Protocol(prior="prio")
    assert Protocol(images=None).images is None
