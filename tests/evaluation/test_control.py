"""Control and styles of models whose answer is known: attributes that are met or not, labels that are in z or not."""

from pathlib import Path

import pytest
import torch

from condvae.data.attributes import MEASURES
from condvae.data.dataset import Dataset
from condvae.evaluation.parts import control
from condvae.evaluation.parts.styles import PART as STYLES
from condvae.evaluation.protocol import Protocol, examples, sample_labels
from condvae.evaluation.study import Study
from condvae.images import unit
from tests.evaluation.runs import untrained


@pytest.mark.parametrize("drawn", ["as requested", "all the same"])
def test_control_of_real_images_is_perfect_and_of_one_image_none(
    bars: Dataset, tmp_path: Path, drawn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = untrained(tmp_path / "run", bars, conditions=("label", "ink", "slant"))
    real = unit(torch.from_numpy(bars.train.images))[examples(study, sample_labels(study))]
    images = real if drawn == "as requested" else real[:1].expand_as(real)
    monkeypatch.setattr(control, "decode", lambda *_: images)
    for found, name in zip(control.PART.measure(study, Protocol()), ("ink", "slant"), strict=True):
        assert found.name == name
        if drawn == "as requested":
            assert [found.correlation.value, found.within.value] == pytest.approx([1, 1])
            assert [found.error.value, found.offset.value] == pytest.approx([0, 0], abs=1e-6)
        else:
            assert [found.correlation.value, found.within.value] == pytest.approx([0, 0], abs=1e-6)
            assert found.error.value > 0.5 * found.spread.value


def test_the_attribute_within_labels_is_not_what_labels_differ_in(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images with the mean attribute of their label correlate with the requested values, but not within labels."""
    study = untrained(tmp_path / "run", bars, conditions=("label", "slant"))
    monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", 300)
    labels, noise = sample_labels(study), 0.01
    slant = torch.randn(len(labels)) + 5 * labels
    monkeypatch.setattr(control, "sample_rows", lambda *_: torch.stack([labels.float(), slant], 1))
    monkeypatch.setattr(control, "decode", lambda *_: torch.zeros(len(labels), *bars.train.shape))
    monkeypatch.setitem(MEASURES, "slant", lambda part: 5 * labels + noise * torch.randn(len(part)))
    (found,) = control.PART.measure(study, Protocol())
    assert found.correlation.value > 0.9
    assert abs(found.within.value) < 0.1


@pytest.mark.parametrize("contained", [True, False], ids=["contained", "not contained"])
def test_the_probe_finds_the_label_in_z_or_is_at_chance(bars_study: Study, contained: bool) -> None:
    torch.manual_seed(0)
    train, test = torch.randn(len(bars_study.train_labels), 2), torch.randn(len(bars_study.test_labels), 2)
    if contained:
        train[:, 0] += 10 * bars_study.train_labels
        test[:, 0] += 10 * bars_study.test_labels
    bars_study.__dict__.update(train_codes=train, test_codes=(test, torch.ones_like(test)))
    found = STYLES.measure(bars_study, Protocol())
    assert found.chance.value == pytest.approx(1 / 3), "of three labels"
    if contained:
        assert found.probe.value > 0.95
    else:
        assert abs(found.probe.value - found.chance.value) < 4 * found.probe.error
