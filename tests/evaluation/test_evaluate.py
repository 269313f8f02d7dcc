"""The whole evaluation on small made data: every part, for models and data of every kind."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from condvae.config import Config, ModelConfig, TrainingConfig
from condvae.data.dataset import Dataset, LabelledImages, Values
from condvae.errors import ConfigError
from condvae.evaluation.evaluate import EDITION, PARTS, Evaluation, evaluate, load_evaluation
from condvae.evaluation.measurement import Measurement
from condvae.evaluation.protocol import Choices
from condvae.evaluation.study import Study
from condvae.report.text import summary
from condvae.run import Run
from condvae.training.fit import fit
from tests.conftest import Cli

SMALL = ModelConfig(encoder=(16,), decoder=(16,), dropout=0)
SHORT = {"max_epochs": 2, "enable_progress_bar": False}
BOUND = TrainingConfig(batch_size=30, beta=1)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setattr("condvae.evaluation.classifier_score.IMAGES", 90)
    monkeypatch.setattr("condvae.evaluation.study.SAMPLES_PER_CLASS", 40)
    monkeypatch.setenv("CONDVAE_DATA", str(tmp_path_factory.getbasetemp() / "cache"))


def trained(path: Path, data: Dataset, model: ModelConfig, training: TrainingConfig = BOUND) -> Study:
    fit(Config(model=model, training=training, trainer=SHORT), path, data)
    return Study(Run(path), data)


def measured(study: Study) -> dict[str, Measurement]:
    """Every figure by part and title; each must be a finite number with an error, a count and a protocol."""
    evaluation = evaluate(study, choices=Choices(samples=7, images=9))
    figures = {f"{part}: {title}": figure for part, title, figure in evaluation.figures()}
    for name, figure in figures.items():
        assert np.isfinite([figure.value, figure.error]).all(), name
        assert figure.error >= 0, name
        assert figure.count >= 1, name
        assert len(figure.protocol) > 10, name
    assert len(figures) == len(list(evaluation.figures())), "every figure has a title of its own"
    assert load_evaluation(study) == evaluation
    assert summary(evaluation, [])
    return figures


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "continuous-bernoulli"])
@pytest.mark.parametrize("prior", ["standard", "flow"])
def test_every_part_of_every_likelihood(bars: Dataset, tmp_path: Path, likelihood: str, prior: str) -> None:
    study = trained(tmp_path / "run", bars, replace(SMALL, likelihood=likelihood, prior=prior))
    state = torch.get_rng_state()
    found = measured(study)
    assert torch.equal(state, torch.get_rng_state())
    assert {name.split(":")[0].split(",")[0] for name in found} == set(PARTS) - {"obedience"} | {"classifier"}
    part = f"likelihood, {study.model.likelihood.measures}"
    bound, nll = found[f"{part}: -ELBO, nats"], found[f"{part}: -log p(x|y), nats"]
    parts = [found[f"{part}: its {one} part, nats"].value for one in ("reconstruction", "KL")]
    assert bound.value == pytest.approx(sum(parts), rel=1e-4)
    assert nll.count == 9
    assert "7 importance samples of z for each image, class-balanced test images drawn at random" in nll.protocol
    assert study.judge.description in summary(load_evaluation(study), [])
    bits = nll.value / (105 * np.log(2)) + (0 if likelihood == "bernoulli" else np.log2(255))
    assert found[f"{part}: -log p(x|y), bits per dimension"].value == pytest.approx(bits, rel=1e-4)
    marginal = found[f"{part}: -log p(x), nats"].value
    assert nll.value - 1 < marginal < nll.value + np.log(3) + 1, "labels are worth log 3 at most, but for the estimates"
    assert 0 <= found["score, z from the prior: classification accuracy score, samples"].value <= 1
    kind = json.loads(study.run.evaluation.read_text("utf-8"))["likelihood"]["measures"]
    assert kind in nll.protocol


def test_without_a_likelihood_there_are_no_nats(bars: Dataset, tmp_path: Path) -> None:
    found = measured(trained(tmp_path / "run", bars, SMALL, TrainingConfig(batch_size=30)))
    assert not any("nats" in name or "sample" in name for name in found)


def test_without_labels_nothing_is_obeyed(bars: Dataset, tmp_path: Path) -> None:
    found = measured(trained(tmp_path / "run", bars, replace(SMALL, conditions=(), likelihood="bernoulli")))
    assert {name.split(":")[0].split(",")[0] for name in found} == {
        "reconstruction",
        "codes",
        "likelihood",
        "leak",
        "memorisation",
        "generation",
    }
    assert not any("accuracy" in name for name in found)


def test_what_does_not_apply_is_said(run: Run, command: Cli) -> None:
    output = command("evaluate", run.path, "--only", "likelihood", "obedience")
    assert "nothing to measure for 'likelihood': it needs a likelihood, which mse is not" in output
    assert "nothing to measure for 'obedience': it needs a condition that can be measured of images" in output


def test_attributes(bars: Dataset, tmp_path: Path) -> None:
    names = ("label", "tone", "slant")
    coloured = bars_with_tone(bars)
    model = replace(SMALL, conditions=names, likelihood="bernoulli", condition_dropout=0.1)
    study = trained(tmp_path / "run", coloured, model)
    assert [variable.name for variable in study.model.conditions.variables] == list(names)
    found = measured(study)
    assert "obedience, slant, z from the prior: requested against measured, correlation" in found
    drawn_with_none = [name for name in found if name.startswith("generation, z from the prior, decoder mean, no cond")]
    assert len(drawn_with_none) == 8, "without a label there is no accuracy"
    assert "given its other conditions" in found["classifier: accuracy of argmax p(x|y)"].protocol
    assert not any("-log p(x), nats" in name for name in found), "it would be of one label's attributes only"


def bars_with_tone(bars: Dataset) -> Dataset:
    def toned(part: LabelledImages) -> LabelledImages:
        return replace(part, attributes={"tone": Values(np.arange(len(part)) % 2, ("warm", "cold"))})

    return Dataset("bars", toned(bars.train), toned(bars.test))


@pytest.mark.parametrize(
    "case", ["constant", "one class", "one image in a class", "1 x 1", "64 x 48 x 3", "one test image"]
)
@pytest.mark.parametrize(
    ("model", "training"),
    [
        ({"network": "mlp", "likelihood": "gaussian", "prior": "gaussian"}, {}),
        ({"network": "conv", "likelihood": "bernoulli", "prior": "flow"}, {"samples": 2}),
        ({"conditions": ("label", "slant", "ink"), "likelihood": "continuous-bernoulli"}, {"batch_size": 1}),
    ],
    ids=["mlp", "conv", "attributes"],
)
def test_hostile_data(case: str, model: dict, training: dict, tmp_path: Path, quick_judge: None) -> None:
    generator = np.random.default_rng(0)

    def part(count: int) -> LabelledImages:
        shape = {"1 x 1": (1, 1, 1), "64 x 48 x 3": (3, 64, 48)}.get(case, (1, 6, 5))
        images = generator.integers(0, 256, (count, *shape), dtype=np.uint8)
        labels = np.arange(count) % 2
        if case == "constant":
            images[:] = 255
        if case == "one class":
            labels[:] = 0
        if case == "one image in a class":
            labels[:] = np.arange(count) == 0
        return LabelledImages(images, labels, ("a", "b") if case != "one class" else ("a",))

    data = Dataset("hostile", part(31), part(1 if case == "one test image" else 12))
    settings = replace(BOUND, validation=5, **training)
    assert measured(trained(tmp_path / "run", data, replace(SMALL, **model), settings))


def test_parts_are_added_to_what_is_there(bars: Dataset, tmp_path: Path) -> None:
    study = trained(tmp_path / "run", bars, replace(SMALL, likelihood="bernoulli"))
    first = evaluate(study, ["reconstruction"])
    assert first.codes is None
    second = evaluate(study, ["codes"])
    assert second.reconstruction == first.reconstruction
    assert second.codes is not None
    study.run.evaluation.write_text(study.run.evaluation.read_text("utf-8").replace(first.weights, "0" * 64), "utf-8")
    assert load_evaluation(study) == Evaluation(first.weights), "figures of other weights are not this model's"
    content = {**asdict(first), "edition": EDITION - 1}
    study.run.evaluation.write_text(json.dumps(content), "utf-8")
    assert load_evaluation(study) == Evaluation(first.weights), "figures by another protocol are not this one's"
    study.run.evaluation.write_text("{damaged", "utf-8")
    assert load_evaluation(study) == Evaluation(first.weights)


def test_what_is_not_possible(bars: Dataset, tmp_path: Path) -> None:
    study = trained(tmp_path / "run", bars, replace(SMALL, likelihood="bernoulli"))
    with pytest.raises(ConfigError, match=r"There is no part of the evaluation 'codez'. Did you mean 'codes'"):
        evaluate(study, ["codez"])
    with pytest.raises(ConfigError, match=r"trainer\.limit_val_batches = 0 is not possible; allowed: more"):
        Config(training=TrainingConfig(patience=1, validation=9), trainer={"limit_val_batches": 0})
    with pytest.raises(ConfigError, match=r"training\.start_at_mean = True is not possible; allowed: false with"):
        Config(model=ModelConfig(likelihood="continuous-bernoulli"), training=TrainingConfig(start_at_mean=True))
    with pytest.raises(ConfigError, match="--is-samples = 0 is not possible; allowed: 1 or more"):
        Choices(samples=0)
    with pytest.raises(ConfigError, match=r"There is no source of z 'prio'\. Did you mean 'prior'"):
        Choices(source="prio")


def test_the_part_of_the_test_images_is_balanced_and_drawn_from_all_of_them(tmp_path: Path) -> None:
    """Not the first of each class, as files are often sorted."""
    labels = np.arange(600) % 2
    brightness = np.repeat([50, 200], 300).astype(np.uint8)  # the second half is brighter
    images = np.broadcast_to(brightness[:, None, None, None], (600, 1, 4, 4)).copy()
    part = LabelledImages(images, labels, ("a", "b"))
    study = trained(tmp_path / "run", Dataset("halves", part, part), SMALL, TrainingConfig(batch_size=30))
    chosen = study.balanced(200)
    assert len(set(chosen.tolist())) == 200
    assert torch.bincount(study.test_labels[chosen]).tolist() == [100, 100]
    assert 0.35 < (chosen < 300).float().mean() < 0.65
    assert torch.equal(chosen, study.balanced(200))
    assert torch.equal(study.balanced(None), torch.arange(600))


def test_compared_images_have_the_labels_in_the_proportions_of_the_test_images(bars: Dataset, tmp_path: Path) -> None:
    study = trained(tmp_path / "run", bars, SMALL, TrainingConfig(batch_size=30))
    uneven = Dataset(
        "uneven", bars.train, bars.test.take(np.flatnonzero((bars.test.labels != 1) | (np.arange(30) < 15)))
    )
    counts = torch.bincount(Study(study.run, uneven).test_labels).tolist()
    assert counts == [10, 5, 10]
    other = Study(study.run, uneven)
    assert torch.bincount(other.sample_labels[other.proportioned]).tolist() == [40, 20, 40]


def test_no_real_image_is_taken_twice_where_there_are_enough(bars: Dataset, tmp_path: Path) -> None:
    """The floor of distances would rise with repetitions, and models look better beside it."""
    study = trained(tmp_path / "run", bars, SMALL, TrainingConfig(batch_size=30))
    each = 90 // 3
    chosen = study.examples(torch.arange(3).repeat_interleave(each))
    assert sorted(chosen.tolist()) == list(range(90))
    assert (study.train_labels[chosen] == torch.arange(3).repeat_interleave(each)).all()
    counts = torch.bincount(study.examples(torch.zeros(70, dtype=torch.int64)))
    assert sorted(counts[counts > 0].tolist()) == [2] * 20 + [3] * 10


def test_the_judge_and_the_ceiling_do_not_depend_on_what_is_held_out(bars: Dataset, tmp_path: Path) -> None:
    one, other = (
        trained(tmp_path / str(count), bars, SMALL, TrainingConfig(batch_size=30, validation=count)) for count in (0, 9)
    )
    assert len(other.data.train) == len(one.data.train) - 9
    assert one.judge is not None
    assert other.judge is not None
    assert one.judge.card == other.judge.card
