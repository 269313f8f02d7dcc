"""Wrong labels and outliers are found first, by models that were not trained on the images that they judge."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from condvae.config import Config, DataConfig, TrainingConfig
from condvae.data.dataset import Dataset
from condvae.data.labelled import LabelledImages
from condvae.errors import ConfigError, DataError, RunError
from condvae.evaluation import suspects
from condvae.evaluation.claims import assess
from condvae.evaluation.evaluate import Evaluation, evaluate
from condvae.evaluation.findings import Finding, read_findings, write_findings
from condvae.evaluation.outliers import UNUSUAL, png_sizes, robust_distances
from condvae.evaluation.part import find_part
from condvae.evaluation.study import Study
from condvae.evaluation.suspects import Judgement, cross_fitted, halves, judged, settings
from condvae.report.figures import draw_figure, report_figures
from condvae.report.html import write_report
from condvae.training.fit import fit
from tests.evaluation.linear import PIXELS, LinearGaussian
from tests.evaluation.runs import SMALL, untrained

COUNT, WRONG, FOREIGN = 240, np.arange(7, 12), np.arange(30, 33)
BRIGHT = 180


def marred(bars: Dataset) -> Dataset:
    """Bars, of which WRONG have the label of another class and FOREIGN have a bright row in place of a column."""
    generator = np.random.default_rng(1)
    labels = np.arange(COUNT) % 3
    images = generator.integers(0, 60, (COUNT, *bars.train.shape), dtype=np.uint8)
    upright = np.setdiff1d(np.arange(COUNT), FOREIGN)
    images[upright, :, :, 1 + 2 * labels[upright]] += BRIGHT
    images[FOREIGN, :, 2, :] += BRIGHT
    labels[WRONG] = (labels[WRONG] + 1) % 3
    names = [f"{number}.png" for number in range(COUNT)]
    return Dataset("bars", LabelledImages(images, labels.astype(np.int64), bars.train.classes, names=names), bars.test)


@pytest.fixture(scope="module")
def measured(bars: Dataset, tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Evaluation, list[Finding]]:
    """A run on marred bars with its labels judged."""
    data, path = marred(bars), tmp_path_factory.mktemp("labels") / "run"
    config = Config(
        DataConfig(validation_split=20),
        replace(SMALL, likelihood="continuous-bernoulli"),
        TrainingConfig(batch_size=20, beta=1, learning_rate=1e-2),
        {"max_epochs": 10, "enable_progress_bar": False},
    )
    fit(config, path, data)
    study = Study(path, data)
    return study, evaluate(study, ["labels"]), read_findings(path / "labels.csv")


def test_wrong_labels_come_first(measured: tuple[Study, Evaluation, list[Finding]]) -> None:
    _, found, rows = measured
    assert {row.position for row in rows[: len(WRONG)]} == set(WRONG.tolist())
    classes = ("left", "middle", "right")
    for row in rows:
        if row.position in WRONG:
            assert row.most_probable_label == classes[row.position % 3] != row.label
            assert row.p_label is not None
            assert row.p_label < 0.01
    assert found["labels"].suspects.value >= len(WRONG) / COUNT
    assert found["labels"].suspects.count == COUNT, "images held out for validation are judged too"


def test_images_of_no_class_come_first(measured: tuple[Study, Evaluation, list[Finding]]) -> None:
    _, found, rows = measured
    ranked = sorted(rows, key=lambda row: row.outlier_rank)
    assert {row.position for row in ranked[: len(FOREIGN)]} == set(FOREIGN.tolist())
    assert found["labels"].outliers.value >= len(FOREIGN) / COUNT


def test_the_table_has_every_image(measured: tuple[Study, Evaluation, list[Finding]]) -> None:
    study, _, rows = measured
    part = study.whole.train
    assert sorted(row.position for row in rows) == list(range(COUNT))
    assert [row.rank for row in rows] == list(range(1, COUNT + 1))
    assert all(
        (row.file, row.label) == (f"{row.position}.png", part.classes[part.labels[row.position]]) for row in rows
    )
    assert [row.outlier_score > UNUSUAL for row in rows] == sorted(row.outlier_score > UNUSUAL for row in rows)
    usual = [row.log_p_label for row in rows if row.outlier_score <= UNUSUAL]
    assert usual == sorted(usual)
    with (study.run.path / "labels.csv").open(encoding="utf-8") as file:
        assert next(csv.reader(file)) == [
            *("rank", "position", "file", "label", "most_probable_label", "p_label", "log_p_label"),
            *("outlier_rank", "outlier_score"),
        ]


def test_it_is_deterministic(measured: tuple[Study, Evaluation, list[Finding]]) -> None:
    study, found, rows = measured
    state = torch.get_rng_state()
    again = evaluate(Study(study.run, study.given_data), ["labels"])
    assert torch.equal(state, torch.get_rng_state())
    assert again["labels"] == found["labels"]
    assert read_findings(study.run.path / "labels.csv") == rows


@pytest.mark.usefixtures("cache", "quick_judge")
def test_the_report_shows_them(measured: tuple[Study, Evaluation, list[Finding]]) -> None:
    study, found, rows = measured
    page = write_report(study, found, assess(study, found)).read_text("utf-8")
    assert '<figure id="suspects">' in page
    assert '<figure id="outliers">' in page
    assert "Labels of training images" in page
    texts = [axis.get_xlabel() for part in draw_figure("suspects", study).subfigs for axis in part.axes]
    assert texts[0] == f"labelled {rows[0].label}\nlooks like {rows[0].most_probable_label}"
    chosen = draw_figure("outliers", study, label="left").subfigs[0].axes
    assert all(axis.get_xlabel().startswith("labelled left\n") for axis in chosen if axis.axison)


def test_a_judge_has_not_seen_the_images_that_it_judges(
    bars: Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each image has its position in its first pixels."""
    data = marred(bars)
    data.train.pixels()[:, 0, 0, 0] = np.arange(COUNT)
    trained: list[set[int]] = []
    judgements: list[set[int]] = []

    def watched_fit(config: Config, out: Path, given: Dataset) -> object:
        trained.append(positions(given.train))
        return fit(replace(config, trainer={**config.trainer, "max_epochs": 1}), out, given)

    def watched_judged(model: object, part: LabelledImages, *others: object) -> Judgement:
        judgements.append(positions(part))
        number = torch.from_numpy(part.pixels()[:, 0, 0, 0].astype(np.float32))
        return replace(judged(model, part, *others), log_p=number)

    monkeypatch.setattr("condvae.training.fit.fit", watched_fit)
    monkeypatch.setattr(suspects, "judged", watched_judged)
    found = cross_fitted(untrained(tmp_path / "run", data, likelihood="bernoulli"))
    assert len(trained) == len(judgements) == 2
    for seen, own in zip(trained, judgements, strict=True):
        assert not seen & own
        assert seen | own == set(range(COUNT))
    assert found.log_p.tolist() == list(range(COUNT)), "judgements are in the order of the images"


def positions(part: LabelledImages) -> set[int]:
    return set(part.pixels()[:, 0, 0, 0].tolist())


def test_the_posterior_of_the_label_is_that_of_bayes() -> None:
    """A linear Gaussian model with its exact posterior, for which one sample of z gives log p(x|y) exactly."""
    linear = LinearGaussian()
    part, frequencies = noise(20), torch.tensor([0.02, 0.98])
    found = judged(linear.with_posterior(wrong=0), part, frequencies)
    joint = exact_joint(linear, part, frequencies)
    exact = joint.log_softmax(1)[torch.arange(20), torch.from_numpy(part.labels)]
    assert torch.allclose(found.log_own, exact, atol=1e-3)
    assert torch.allclose(found.log_p, joint.logsumexp(1), atol=1e-3)
    assert torch.equal(found.likely, joint.argmax(1))
    assert 0 < found.likely.sum() < len(found.likely), "both labels occur"


def test_doubtful_labels_are_judged_with_more_samples() -> None:
    """With a posterior that is too wide, one sample gives a lower log p(x) than many."""
    linear = LinearGaussian()
    part, frequencies = noise(400), torch.tensor([0.02, 0.98])
    found = judged(linear.with_posterior(wrong=0, scale=4), part, frequencies)
    missing = exact_joint(linear, part, frequencies).logsumexp(1) - found.log_p
    doubtful = found.log_own < np.log(0.1)
    assert 50 < doubtful.sum() < 350
    assert missing[doubtful].mean() < missing[found.log_own > np.log(0.9)].mean() / 2


def noise(count: int) -> LabelledImages:
    """Images of noise for the linear Gaussian model, in two classes in turn."""
    images = np.random.default_rng(0).integers(0, 256, (count, 1, 2, 3), dtype=np.uint8)
    return LabelledImages(images, (np.arange(count) % 2).astype(np.int64), ("a", "b"))


def exact_joint(linear: LinearGaussian, part: LabelledImages, frequencies: torch.Tensor) -> torch.Tensor:
    """log p(x|y) + log p(y) of images (N,) for both labels: (N, 2)."""
    x = torch.from_numpy(part.pixels()).reshape(len(part), PIXELS) / 255
    return torch.stack([linear.exact.log_prob(x - shift) for shift in linear.shift], 1) + frequencies.log()


def test_halves_keep_classes_and_duplicates_together() -> None:
    labels = np.repeat(np.arange(3), (20, 2, 1)).astype(np.int64)
    groups = np.arange(23)
    groups[:6] = 0
    part = LabelledImages(np.zeros((23, 1, 2, 2), np.uint8), labels, ("many", "two", "one"), groups=groups)
    half = halves(part)
    assert len(set(half[:6])) == 1
    assert len(set(half[:20])) == len(set(half[20:22])) == 2


def test_an_image_that_is_alone_in_its_class_is_not_judged(bars: Dataset, tmp_path: Path) -> None:
    data = marred(bars)
    labels = np.where(data.train.labels == 2, 1, data.train.labels)
    labels[50] = 2
    data = replace(data, train=replace(data.train, labels=labels))
    study = untrained(tmp_path / "run", data, likelihood="bernoulli")
    judgement = judged(study.model, data.train, torch.tensor([0.5, 0.5, 0]))
    assert judgement.log_own.isnan().nonzero()[:, 0].tolist() == [50]
    assert 2 not in judgement.likely
    write_findings(tmp_path / "labels.csv", data.train, judgement, np.ones(COUNT))
    last = read_findings(tmp_path / "labels.csv")[-1]
    assert (last.position, last.p_label, last.log_p_label) == (50, None, None)


def test_what_cannot_be_judged_is_said(bars: Dataset, bars_study: Study, tmp_path: Path) -> None:
    assert evaluate(bars_study, ["labels"])["labels"] is None
    assert find_part("labels").nothing_to_measure == (
        "There is nothing to measure for 'labels': it needs labels among the conditions of the model, at least two "
        "classes, a likelihood in nats (not the squared error), and a posterior with a density."
    )
    few = replace(bars, train=bars.train.take(np.arange(3)))
    with pytest.raises(DataError, match=r"bars has only one training image of each class\. Add images"):
        cross_fitted(untrained(tmp_path / "few", few, likelihood="bernoulli"))


def test_it_is_measured_only_if_it_is_named(bars: Dataset, tmp_path: Path) -> None:
    part, study = find_part("labels"), untrained(tmp_path / "run", bars, likelihood="bernoulli")
    assert part.applies(study)
    assert not part.by_default(study)
    assert "suspects" not in report_figures(study)
    with pytest.raises(ConfigError, match=r"Figure 'suspects' needs the part labels .*--only labels"):
        draw_figure("suspects", study)


@pytest.mark.parametrize("content", ["", "rank\n1\n", ",".join(Finding._fields) + "\n1,x,,a,b,,,1,1\n"])
def test_a_damaged_table_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(content, "utf-8")
    with pytest.raises(RunError, match=r"labels.csv cannot be read .*condvae evaluate .* --only labels"):
        read_findings(path)


def test_two_trainings_of_half_the_images_take_as_long_as_one(bars: Dataset, tmp_path: Path) -> None:
    study = untrained(tmp_path / "run", bars, likelihood="bernoulli")
    study.description["record"] = {"epochs": 7}
    trainer = {"max_epochs": 50, "limit_train_batches": 9, "max_steps": -1}
    study.config = Config(DataConfig(validation_split=0.1), trainer=trainer)
    found = settings(study)
    assert (found.trainer["limit_train_batches"], found.trainer["max_steps"]) == (4, -1)
    assert (found.trainer["max_epochs"], found.data.validation_split) == (50, 0)
    study.config = replace(study.config, training=TrainingConfig(patience=3), trainer={"limit_train_batches": 0.5})
    found = settings(study)
    assert (found.trainer["max_epochs"], found.training.patience) == (7, 0), "as long as the run was really trained"
    assert found.trainer["limit_train_batches"] == 0.5


def correlated(count: int = 1000) -> NDArray[np.float64]:
    values = np.random.default_rng(0).normal(size=(count, 2))
    values[:, 1] = 3 * values[:, 0] + 0.1 * values[:, 1]
    return values


def test_distances_are_those_of_the_main_part() -> None:
    """A clump of rows that are usual in each column, and not in both together, does not move the main part."""
    values = correlated()
    values[:30] = (1, -3)
    found = robust_distances(values)
    assert found[:30].min() > 5 * found[30:].max()
    assert np.median(found) == pytest.approx(np.sqrt(2 * np.log(2)), rel=0.02), "median of chi-square with 2 dimensions"


@pytest.mark.parametrize("count", [1, 2, 3])
def test_distances_of_few_or_equal_rows_are_finite(count: int) -> None:
    assert np.isfinite(robust_distances(correlated(count))).all()
    assert np.isfinite(robust_distances(np.ones((count, 3)))).all()


def test_complex_images_have_larger_files() -> None:
    images = np.zeros((2, 3, 16, 16), np.uint8)
    images[1] = np.random.default_rng(0).integers(0, 256, images[1].shape)
    simple, noise = png_sizes(LabelledImages(images, np.zeros(2, np.int64), ("a",)))
    assert noise > images[1].size > 5 * simple
