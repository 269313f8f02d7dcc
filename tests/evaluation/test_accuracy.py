"""Conditional accuracy by class: against answers of the judge that are known."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.evaluation.evaluate import evaluate, evaluation_from, load_evaluation
from condvae.evaluation.judge import Judge
from condvae.evaluation.part import Section
from condvae.plain import plain
from tests.evaluation.runs import untrained

COUNTS = (20, 5, 0)  # test images of each class


@pytest.fixture
def uneven(bars: Dataset) -> Dataset:
    """Bars with few test images of one class and none of another."""
    test = bars.test.take(slice(0, sum(COUNTS)))
    labels = np.repeat(np.arange(3), COUNTS)
    return replace(bars, test=LabelledImages(test.pixels(), labels, bars.train.classes))


@pytest.mark.usefixtures("quick_judge")
def test_means_over_classes_and_over_images(uneven: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A judge that takes every image for the second class."""

    def always(judge: Judge, images: Tensor) -> Tensor:
        return torch.ones(len(images), dtype=torch.int64)

    monkeypatch.setattr(Judge, "classify", always)
    study = untrained(tmp_path / "run", uneven)
    found = evaluate(study, ["accuracy"])["accuracy"]
    assert [one.label for one in found.by_class] == ["left", "middle", "right"]
    assert [one.prior.value for one in found.by_class] == [0, 1, 0]
    assert [one.mixture and one.mixture.value for one in found.by_class] == [0, 1, 0]
    assert [one.real and one.real.value for one in found.by_class] == [0, 1, None], "the last class has no test image"
    assert found.prior.value == pytest.approx(1 / 3)
    assert found.weighted.value == pytest.approx(5 / 25), "labels as frequent as in the test images"
    assert found.real.value == pytest.approx(1 / 2), "of the two classes that have test images"
    assert plain(load_evaluation(study)["accuracy"]) == plain(found)
    headings = {heading for heading, _, _ in load_evaluation(study).figures()}
    assert "Conditional accuracy of generated images, class middle" in headings


@pytest.mark.usefixtures("quick_judge")
def test_evaluations_of_earlier_versions_have_no_classes(bars: Dataset, tmp_path: Path) -> None:
    content = plain(evaluate(untrained(tmp_path / "run", bars), ["accuracy"]))
    for name in ("weighted", "real", "by_class"):
        del content["parts"]["accuracy"][name]
    found = evaluation_from(content)["accuracy"]
    assert isinstance(found, Section)
    assert found.by_class == ()
    assert found.weighted is None
