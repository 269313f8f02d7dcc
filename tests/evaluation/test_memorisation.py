"""Memorisation finds copies, however they are changed, and finds none where there are none."""

import numpy as np
import pytest
import torch
from torch import Tensor

from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.evaluation.copies import LEVEL, compare, controls, nearest_of_class
from condvae.evaluation.parts.memorisation import COPIED, HELD_OUT, PART, _compared
from condvae.evaluation.protocol import Protocol, examples
from condvae.evaluation.study import Study
from condvae.images import to_uint8, unit

TRAIN, TEST = 1200, 300


@pytest.fixture
def blobs(bars_study: Study) -> Study:
    """Random smooth images of two classes. Those of the second are fainter, and therefore near to each other."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(TRAIN + TEST) % 2

    def part(first: int, last: int) -> LabelledImages:
        own = labels[first:last]
        noise = (
            torch.rand(last - first, 3, 3, 4, generator=generator)
            * torch.where(own == 1, 0.2, 1.0)[:, None, None, None]
        )
        images = torch.nn.functional.interpolate(noise, size=(5, 7), mode="bilinear")
        return LabelledImages(to_uint8(images), own.numpy().astype(np.int64), bars_study.whole.train.classes)

    study = Study(bars_study.run, Dataset("blobs", part(0, TRAIN), part(TRAIN, TRAIN + TEST)))
    study.__dict__["whole"] = study.given_data
    return study


def images_of(part: LabelledImages) -> Tensor:
    return unit(torch.from_numpy(part.images))


@pytest.mark.parametrize("drawn", ["copies", "others"])
def test_copies_are_flagged_and_others_are_not(blobs: Study, drawn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    test, train = images_of(blobs.data.test), images_of(blobs.data.train)
    half = TEST // 2
    generated = test[half:] if drawn == "others" else train[:half]
    positions = examples(blobs, blobs.test_labels[:half], COPIED)
    answers = iter([generated, generated, test[:half], train[positions]])  # prior, mixture, reconstructions of both
    monkeypatch.setattr("condvae.evaluation.study.decode", lambda *_: next(answers))
    monkeypatch.setattr("condvae.evaluation.parts.memorisation.shuffled", lambda _: torch.arange(half))
    found = PART.measure(blobs, Protocol())
    for one in found.by_distance:
        assert [each.images for each in one.generated] == ["z from the prior", "z from the mixture"]
        for each in one.generated:
            if drawn == "copies":
                assert each.nearer.value == 1
                assert each.flagged.value == 1
            else:
                assert abs(each.nearer.value - 0.5) < 4 * each.nearer.error
                assert each.flagged.value < 0.06
        detected = {control.images: control for control in one.controls}
        assert detected["control: copied"].flagged.value == 1
        assert detected["control: reconstructed"].flagged.value == 1
        assert detected["control: blurred"].nearer.value > 0.75


def test_a_class_without_training_images_hides_no_copies(blobs: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    train, test, half = images_of(blobs.data.train), blobs.data.test, TEST // 2
    strange = test.labels.copy()
    strange[half:] = 2
    other = Dataset("blobs", blobs.data.train, LabelledImages(test.images, strange, test.classes))
    study = Study(blobs.run, other)
    study.__dict__["whole"] = other
    positions = examples(study, study.test_labels[:half], COPIED)
    answers = iter([train[:half], train[:half], images_of(test)[:half], train[positions]])
    monkeypatch.setattr("condvae.evaluation.study.decode", lambda *_: next(answers))
    monkeypatch.setattr("condvae.evaluation.parts.memorisation.shuffled", torch.arange)
    for one in PART.measure(study, Protocol()).by_distance:
        assert [each.flagged.value for each in one.generated] == [1, 1]
        assert one.generated[0].nearer.value == 1


def test_the_error_has_that_of_the_held_out_images() -> None:
    """Against the spread over repetitions, of images from the distribution of the held-out ones."""
    generator, found = torch.Generator().manual_seed(0), []
    labels = torch.arange(2).repeat_interleave(100)
    for _ in range(60):
        distances = {name: torch.rand(200, generator=generator) for name in ("drawn", HELD_OUT)}
        sets = {name: (distances[name], labels) for name in distances}
        found.append(_compared("drawn", distances, sets, "drawn", "Here."))
    for name in ("nearer", "flagged"):
        values = torch.tensor([getattr(one, name).value for one in found])
        error = torch.tensor([getattr(one, name).error for one in found]).mean()
        assert 0.75 < error / values.std() < 1.35


def test_the_comparison_is_within_the_class() -> None:
    """Images of a class whose images are all near each other are not taken for copies, and copies of the other are."""
    held_out, labels = torch.cat([torch.rand(500) + 9, torch.rand(500) + 0.1]), torch.arange(2).repeat_interleave(500)
    found = compare(torch.tensor([9.5, 0.6, 5.0, 0.01]), torch.tensor([0, 1, 0, 1]), held_out, labels)
    assert found.nearer.tolist() == pytest.approx([0.5, 0.5, 1, 1], abs=0.06)
    assert found.flagged[[0, 1, 3]].tolist() == [0, 0, 1]
    alike = compare(held_out, labels, held_out, labels)
    assert alike.nearer.mean().item() == pytest.approx(0.5)
    assert alike.flagged.mean().item() == pytest.approx(LEVEL, abs=0.002)


def test_distances_are_those_of_the_nearest_view(blobs: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("condvae.evaluation.copies.CHUNK", 100)  # so that they come in parts
    train, test, labels = images_of(blobs.data.train), images_of(blobs.data.test), blobs.test_labels
    sets = {"test": (test, labels), "first": (test[:7], labels[:7])}
    distances = nearest_of_class(blobs, sets, lambda images: [images.flatten(1), 1 - images.flatten(1)])
    found = distances["test"]
    torch.testing.assert_close(distances["first"], found[:7], atol=1e-3, rtol=1e-3)
    every = torch.minimum(*(torch.cdist(one.flatten(1), train.flatten(1)) for one in (test, 1 - test)))
    every[labels[:, None] != blobs.train_labels[None]] = torch.inf
    torch.testing.assert_close(found, every.min(1).values, atol=1e-3, rtol=1e-3)


def test_controls_are_changed_copies(blobs: Study) -> None:
    positions = torch.arange(50)
    images, made = images_of(blobs.data.train)[positions], controls(blobs, positions)
    assert torch.equal(made["copied"], images)
    assert torch.equal(made["shifted"][..., 1:], images[..., :-1])
    torch.testing.assert_close(made["blurred"][0, 0, 2, 2], images[0, 0, 1:4, 1:4].mean())
    assert (made["noisy"] - images).std().item() == pytest.approx(0.1, rel=0.3)
    others = 2 * made["averaged pairs"] - images
    distances = torch.cdist(others.flatten(1), images_of(blobs.data.train).flatten(1))
    assert (distances.min(1).values < 1e-2).all(), "each is averaged with another training image"
    assert (distances.argmin(1) != positions).all()
    assert all(one.min() >= 0 and one.max() <= 1 for one in made.values())
