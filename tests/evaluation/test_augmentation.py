"""The part augmentation: its columns are those of a confusion, and its verdict follows the generated images."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.evaluation import imbalance
from condvae.evaluation.classifiers import moved
from condvae.evaluation.evaluate import evaluate, load_evaluation, quick_parts
from condvae.evaluation.imbalance import AS_IS, COPIES, GENERATED, WAYS, Pool, rare_classes
from condvae.evaluation.part import find_part
from condvae.evaluation.parts.augmentation import Augmentation
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study
from condvae.report.html import write_report
from condvae.report.text import summary
from tests.evaluation.runs import NO_BOUND, SMALL, trained, untrained
from tests.evaluation.uneven import SIZES, uneven

SHORT = Protocol(classifier_seeds=2, classifier_steps=3)
ENOUGH = Protocol(classifier_seeds=3, classifier_steps=40)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Classifiers of such small images are faster with one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def uneven_study(bars: Dataset, tmp_path: Path) -> Study:
    """An untrained model of the uneven bars."""
    return untrained(tmp_path / "run", uneven(bars))


def test_the_recalls_are_those_of_a_confusion(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = trained(tmp_path / "run", uneven(bars), SMALL, NO_BOUND)
    labels, generator, guesses = bars.test.labels, np.random.default_rng(0), []

    def predicted(*_: object) -> Tensor:
        share = 0.2 + 0.05 * (len(guesses) % len(WAYS))  # the columns differ
        wrong = generator.random(len(labels)) < share
        guesses.append(np.where(wrong, generator.integers(0, 3, len(labels)), labels))
        return torch.from_numpy(guesses[-1])

    monkeypatch.setattr(imbalance, "predicted", predicted)
    found: Augmentation = evaluate(study, ["augmentation"], SHORT)["augmentation"]
    assert load_evaluation(study)["augmentation"] == found, "evaluation.json has all of it"
    assert len(guesses) == SHORT.classifier_seeds * len(WAYS)
    assert (found.classes, found.train_images, found.rare_classes) == (bars.test.classes, SIZES, ("right",))
    expected = {}
    for place, (name, column) in enumerate(found.columns.items()):
        recalls = np.zeros(3)
        for guess in guesses[place :: len(WAYS)]:
            confusion = np.zeros((3, 3))
            np.add.at(confusion, (labels, guess), 1)
            recalls += np.diag(confusion) / confusion.sum(1) / SHORT.classifier_seeds
        assert [one.value for one in column.recalls if one] == pytest.approx(recalls)
        assert column.balanced.value == pytest.approx(recalls.mean())
        assert column.rare.value == pytest.approx(recalls[2])
        assert column.others is not None
        assert column.others.value == pytest.approx(recalls[:2].mean())
        expected[name] = recalls.mean()
        if name != "plain":
            assert column.difference is not None
            assert column.difference.value == pytest.approx(expected[name] - expected["plain"])
    best = max((name for name in WAYS if "generated" not in name), key=lambda name: expected[name])
    for gain, name in zip(found.gains, ("generated", "generated_classical"), strict=True):
        assert gain.against == WAYS[best].words
        assert gain.difference.value == pytest.approx(expected[name] - expected[best])
        low, high = gain.interval
        assert low < gain.difference.value < high
        assert high - gain.difference.value > 2 * gain.difference.error


def test_what_each_column_is_trained_on(uneven_study: Study, bars: Dataset) -> None:
    protocol = replace(SHORT, classifier_steps=20)
    real = uneven_study.data.train
    largest = max(SIZES)
    for filled, sizes in ((AS_IS, SIZES), (COPIES, (largest,) * 3), (GENERATED, (largest,) * 3)):
        pool = Pool(uneven_study, filled, 0, protocol)
        assert torch.bincount(pool.labels).tolist() == list(sizes)
        assert len(pool.order) == 20 * imbalance.BATCH
        times = torch.bincount(pool.order, minlength=len(pool.labels))
        assert times.max() - times.min() <= 1, "all images are seen equally often"
        images = pool.images(torch.arange(len(pool.labels)))
        assert torch.equal(images[: len(real)], torch.from_numpy(real.pixels()) / 255)
        added = images[len(real) :]
        is_real = torch.tensor([bool((one == images[: len(real)]).flatten(1).all(1).any()) for one in added])
        assert is_real.all() if filled == COPIES else not is_real.any()
        again = Pool(uneven_study, filled, 0, protocol)
        assert torch.equal(again.images(torch.arange(len(pool.labels))), images)
    other = Pool(uneven_study, GENERATED, 1, protocol)
    assert not torch.equal(other.images(torch.arange(len(other.labels))), images), "each seed draws its own images"
    few = Pool(uneven_study, GENERATED, 0, replace(SHORT, classifier_steps=1))
    assert len(few.drawn) < len(few.labels) - len(real), "what no classifier sees is not drawn"


def perfect(model: object, z: Tensor, rows: Tensor, *_: object) -> np.ndarray:
    """Images as the bars are, in place of those of a model."""
    generator, labels = np.random.default_rng(1), rows[:, 0].long().numpy()
    images = generator.integers(0, 60, (len(labels), 3, 5, 7), dtype=np.uint8)
    images[np.arange(len(labels)), :, :, 1 + 2 * labels] += 180
    return images


def wrong(model: object, z: Tensor, rows: Tensor, *_: object) -> np.ndarray:
    """Images of the third class in place of the second, and the other way round."""
    return perfect(model, z, (3 - rows) % 3)


def test_it_says_whether_generated_images_help(bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = uneven(bars)
    untypical = data.train.pixels().copy()
    untypical[data.train.labels == 2] = untypical[data.train.labels == 2][..., ::-1]  # they look like the first class
    train = replace(data.train, images=untypical)
    cases = (
        (Dataset("untypical", train, data.test), perfect, "Generated images help."),
        (data, wrong, "Generated images do not help, they make classifiers worse."),
    )
    for number, (used, drawn, begin) in enumerate(cases):
        study = untrained(tmp_path / str(number), used)
        monkeypatch.setattr(imbalance, "draw_pixels", drawn)
        found = evaluate(study, ["augmentation"], ENOUGH)
        assert found["augmentation"].verdict.startswith(begin)
        assert f"Augmentation with generated images: {begin}" in summary(found, [])


@pytest.mark.usefixtures("cache", "quick_judge")
def test_the_report_has_the_verdict(bars: Dataset, tmp_path: Path) -> None:
    study = trained(tmp_path / "run", uneven(bars), SMALL, NO_BOUND)
    found = evaluate(study, ["augmentation"], SHORT)
    page = write_report(study, found, []).read_text("utf-8")
    assert f"<strong>Augmentation with generated images:</strong> {found['augmentation'].verdict[:20]}" in page
    assert "recall of the rare classes" in page
    assert "Recall of &#39;left&#39;" not in page, "figures of single classes are in evaluation.json only"


def test_it_is_measured_unasked_only_if_classes_have_different_sizes(
    bars: Dataset, uneven_study: Study, tmp_path: Path
) -> None:
    part = find_part("augmentation")
    assert part.name not in quick_parts()
    assert part.applies(uneven_study)
    assert part.by_default(uneven_study)
    even = untrained(tmp_path / "even", bars)
    assert part.applies(even)
    assert not part.by_default(even)
    found = evaluate(even, ["augmentation"], SHORT)["augmentation"]
    assert found.generated.balanced.count == len(bars.test)
    assert found.rare_classes == ("left",), "the third with the fewest images"
    without = untrained(tmp_path / "without", uneven(bars), conditions=())
    assert not part.applies(without)
    assert part.nothing_to_measure.startswith("There is nothing to measure for 'augmentation': it needs labels among")


def test_rare_classes() -> None:
    sizes = torch.tensor([1000, 99, 100, 5, 0])
    assert rare_classes(sizes, [0, 1, 2, 3]) == [1, 3], "fewer than a tenth"
    assert rare_classes(sizes, [1, 3]) == [3], "not all of them"
    assert rare_classes(torch.tensor([30, 20, 25, 30, 30, 30]), [0, 1, 2, 3, 4, 5]) == [1, 2]
    assert rare_classes(torch.tensor([5, 5]), [0, 1]) == [0]


def test_what_can_be_chosen() -> None:
    with pytest.raises(ConfigError, match=r"--classifier-seeds must be at least 2, because .*, got 1\."):
        Protocol(classifier_seeds=1)
    with pytest.raises(ConfigError, match=r"--classifier-steps must be at least 1, got 0\."):
        Protocol(classifier_steps=0)


def test_images_are_mirrored_only_if_asked() -> None:
    torch.manual_seed(0)
    images = torch.zeros(200, 1, 21, 21)
    images[:, :, :, :8] = 1  # bright on the left
    left, right = (slice(None), 0, slice(None), slice(0, 5)), (slice(None), 0, slice(None), slice(16, 21))
    same, mirrored = moved(images), moved(images, flips=True)
    assert (same[left].mean((1, 2)) > same[right].mean((1, 2))).all()
    assert not torch.equal(same, images)
    share = (mirrored[left].mean((1, 2)) < mirrored[right].mean((1, 2))).float().mean()
    assert 0.4 < share < 0.6
    assert same.min() >= 0
    assert same.max() <= 1
