"""Labelled images and data sets: reading them in batches, holding some out, and every inconsistency."""

import numpy as np
import pytest
import torch

from condvae.data.batches import Batches
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages, Values
from condvae.errors import ConfigError, DataError


def labelled(count: int, **attributes: Values) -> LabelledImages:
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 9, 9), dtype=np.uint8)
    return LabelledImages(images, np.arange(count) % 2, ("a", "b"), attributes)


def test_validation_images_are_always_the_same_and_left_out_of_training() -> None:
    data = Dataset("made", labelled(50, size=Values(np.arange(50.0))), labelled(10, size=Values(np.arange(10.0))))
    first, again = data.hold_out(20), data.hold_out(20)
    assert (first.validation.images == again.validation.images).all()
    sizes = [set(part.attributes["size"].values.tolist()) for part in (first.train, first.validation)]
    assert [len(size) for size in sizes] == [30, 20]
    assert not sizes[0] & sizes[1]
    assert first.train.images[0].tobytes() == data.train.images[int(first.train.attributes["size"].values[0])].tobytes()
    assert data.hold_out(0) is data
    with pytest.raises(
        DataError, match=r"data\.validation_split must be less than the number of training images, 50, got 50"
    ):
        data.hold_out(50)


def test_attributes_of_the_data_are_checked() -> None:
    with pytest.raises(DataError, match=r"There are 4 images, and values of 'size' of the shape \(3,\)"):
        labelled(4, size=Values(np.arange(3.0)))
    with pytest.raises(DataError, match=r"There are 4 images, and values of 'size' of the shape \(4, 2\)"):
        labelled(4, size=Values(np.ones((4, 2))))
    with pytest.raises(DataError, match="The values of 'size' must be numbers, got the type <U1"):
        labelled(2, size=Values(np.array(["1", "2"])))
    with pytest.raises(DataError, match="The values of 'colour' must be whole numbers, got the type float64"):
        labelled(2, colour=Values(np.array([0.5, 1]), ("red", "green")))
    with pytest.raises(DataError, match="An attribute is called 'label'"):
        labelled(2, label=Values(np.arange(2.0)))
    with pytest.raises(DataError, match=r"Training images have the attributes {'size': \(\)}, and the others {}"):
        Dataset("made", labelled(2, size=Values(np.arange(2.0))), labelled(2))
    with pytest.raises(DataError, match="The values of 'colour' must be from 0 to 1 for 2 classes, got 0 to 2"):
        labelled(3, colour=Values(np.arange(3), ("red", "green")))
    with pytest.raises(DataError, match="Every value of 'size' must be finite"):
        labelled(2, size=Values(np.array([1.0, np.nan])))
    own = Dataset("made", *(labelled(count, slant=Values(np.arange(float(count)))) for count in (5, 2)))
    with pytest.raises(DataError, match="The data has an attribute 'slant', which condvae measures of images"):
        own.with_attributes(["label", "slant"])
    data = Dataset("made", labelled(50), labelled(10))
    twice = data.with_attributes(["slant"]).with_attributes(["slant", "ink"])
    assert list(twice.train.attributes) == ["slant", "ink"], "a measured attribute can be measured again"
    with pytest.raises(ConfigError, match=r"There is no condition 'thicknes'\. Did you mean 'thickness'"):
        data.with_attributes(["label", "thicknes"])


def test_batches_and_positions_give_the_images_with_what_belongs_to_them() -> None:
    part = labelled(25, size=Values(np.arange(25.0)))
    batches = list(part.batches(10))
    assert [len(batch) for batch in batches] == [10, 10, 5]
    assert np.array_equal(np.concatenate([batch.images for batch in batches]), part.images)
    assert np.array_equal(np.concatenate([batch.attributes["size"].values for batch in batches]), np.arange(25))
    chosen = np.array([24, 3])
    assert np.array_equal(part.take(chosen).labels, part.labels[chosen])
    assert np.array_equal(part.pixels(chosen), part.images[chosen])


def test_figures_of_all_images_are_those_of_the_array(monkeypatch: pytest.MonkeyPatch) -> None:
    part = labelled(25)
    whole = Dataset("made", part, part).digest("x")
    monkeypatch.setattr("condvae.data.dataset.READ", 7)  # so that the images come in several pieces
    assert np.array_equal(part.mean_image(), part.images.mean(0) / 255)
    low, high, mean = part.pixel_statistics()
    assert (low, high) == (part.images.min(), part.images.max())
    assert mean == pytest.approx(part.images.mean())
    assert Dataset("made", part, part).digest("x") == whole


def test_examples_are_the_first_images_of_each_class() -> None:
    part = labelled(9)
    shown = part.examples(2)
    assert shown.labels.tolist() == [0, 0, 1, 1]
    assert np.array_equal(shown.images, part.images[[0, 2, 1, 3]])


def test_training_batches_are_images_and_conditions_on_the_device() -> None:
    part = labelled(6, size=Values(np.arange(6.0)))
    batches = Batches(part, ("label", "size"), torch.device("cpu"))
    images, rows = batches[torch.tensor([5, 2])]
    assert len(batches) == 6
    assert batches.device == torch.device("cpu")
    assert torch.equal(images, torch.from_numpy(part.images[[5, 2]]))
    assert rows.tolist() == [[1, 5], [0, 2]]
