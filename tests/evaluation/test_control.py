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
    monkeypatch.setattr("condvae.evaluation.study.decode", lambda *_: images)
    for found, name in zip(control.PART.measure(study, Protocol()), ("ink", "slant"), strict=True):
        assert found.name == name
        if drawn == "as requested":
            assert [found.correlation.value, found.within.value] == pytest.approx([1, 1])
            assert [found.error.value, found.offset.value] == pytest.approx([0, 0], abs=1e-6)
            assert [one.value for one in found.within_by_class] == pytest.approx([1, 1, 1])
            assert [one.value for one in found.error_by_class] == pytest.approx([0, 0, 0], abs=1e-6)
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
    monkeypatch.setattr("condvae.evaluation.study.decode", lambda *_: torch.zeros(len(labels), *bars.train.shape))
    monkeypatch.setitem(MEASURES, "slant", lambda part: 5 * labels + noise * torch.randn(len(part)))
    (found,) = control.PART.measure(study, Protocol())
    assert found.correlation.value > 0.9
    assert abs(found.within.value) < 0.1


@pytest.mark.parametrize("contained", ["not at all", "on a line", "in rings"])
def test_probes_find_the_label_in_z_or_are_at_chance(bars_study: Study, contained: str) -> None:
    """A linear probe does not find labels that are the distance from the origin, and neighbours do."""
    torch.manual_seed(0)
    train, test = torch.randn(len(bars_study.train_labels), 2), torch.randn(len(bars_study.test_labels), 2)
    for codes, labels in ((train, bars_study.train_labels), (test, bars_study.test_labels)):
        if contained == "on a line":
            codes[:, 0] += 10 * labels
        if contained == "in rings":
            codes *= ((1 + 10 * labels) / codes.norm(dim=1))[:, None]
    bars_study.__dict__.update(train_codes=train, test_codes=test)
    found = STYLES.measure(bars_study, Protocol())
    chance, linear, neighbours = found.chance.value, found.linear, found.neighbours
    assert chance == pytest.approx(1 / 3), "of three labels"
    if contained == "on a line":
        assert min(linear.value, neighbours.value) > 0.95
    else:
        assert abs(linear.value - chance) < 4 * linear.error
    if contained == "in rings":
        assert neighbours.value > 0.7
    if contained == "not at all":
        assert abs(neighbours.value - chance) < 4 * neighbours.error


def test_labels_agree_in_what_they_share(bars_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first two of three labels have the same ink and opposite slants, and the third has its own of both."""
    torch.manual_seed(0)
    z = torch.randn(len(bars_study.train_labels))
    others = torch.randn(2, len(z))
    images = torch.arange(3.0)[:, None, None, None, None].expand(3, len(z), 3, 5, 7)
    monkeypatch.setattr("condvae.evaluation.parts.styles.decode_all_labels", lambda *_: images)
    monkeypatch.setitem(MEASURES, "ink", lambda part: [z, 3 * z + 1, others[0]][int(part[0, 0, 0, 0])])
    monkeypatch.setitem(MEASURES, "slant", lambda part: [z, -z, others[1]][int(part[0, 0, 0, 0])])
    found = {one.style: one for one in STYLES.measure(bars_study, Protocol()).agreement}
    for name, expected in (("ink", 1), ("slant", -1)):
        measured = found[name]
        assert measured.correlation.value == pytest.approx(expected / 3, abs=0.15), "one of three pairs"
        assert [one.value for one in measured.by_class] == pytest.approx([expected / 2] * 2 + [0], abs=0.2)
        assert 0 < measured.correlation.error < 0.1
    assert found["width"].correlation.value == 0, "a measure that does not vary"
