"""The whole evaluation on small made data: every part, for models and data of every kind."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from condvae.config import Config, DataConfig
from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.evaluation.evaluate import EDITION, Evaluation, evaluate, load_evaluation
from condvae.evaluation.part import parts
from condvae.evaluation.study import Study
from condvae.plain import plain
from condvae.report.text import summary
from tests.evaluation.runs import BOUND, FEW, NO_BOUND, SMALL, measured, parts_of, trained, untrained, with_tone

pytestmark = pytest.mark.usefixtures("small")
PIXELS = 3 * 5 * 7  # of the bars
FIGURES_WITHOUT_ACCURACY = 12  # by two kinds of features: a distance, its p-value, and four of neighbourhoods
LARGEST_LOSS = 4  # nats by which an estimate with seven samples may be off


def titles(*names: str) -> set[str]:
    return {parts()[name].title for name in names}


@pytest.mark.parametrize("likelihood", ["gaussian", "bernoulli", "continuous-bernoulli"])
@pytest.mark.parametrize("prior", ["standard", "flow"])
def test_every_part_of_every_likelihood(bars: Dataset, tmp_path: Path, likelihood: str, prior: str) -> None:
    study = trained(tmp_path / "run", bars, replace(SMALL, likelihood=likelihood, prior=prior))
    state = torch.get_rng_state()
    found = measured(study)
    assert torch.equal(state, torch.get_rng_state())
    assert parts_of(found) == titles(*parts()) - titles("control", "augmentation", "labels")
    part = f"Likelihood of test images, {study.model.likelihood.measures}"
    bound, nll = found[f"{part}: -ELBO, nats"], found[f"{part}: -log p(x|y), nats"]
    terms = [found[f"{part}: {one} term of -ELBO, nats"].value for one in ("reconstruction", "KL")]
    assert bound.value == pytest.approx(sum(terms), rel=1e-4)
    assert nll.count == FEW.images
    assert f"Test images drawn at random. {FEW.importance_samples} importance samples for each image." in nll.protocol
    assert study.judge.description in summary(load_evaluation(study), [])
    bits = nll.value / (PIXELS * np.log(2)) + study.model.likelihood.offset
    assert found[f"{part}: -log p(x|y), bits per dimension"].value == pytest.approx(bits, rel=1e-4)
    marginal = found[f"{part}: -log p(x), nats"].value
    assert nll.value - LARGEST_LOSS < marginal < nll.value + np.log(3) + LARGEST_LOSS, "a label is worth log 3 at most"
    score = "Classification accuracy score, z from the prior: classification accuracy score, samples"
    assert 0 <= found[score].value <= 1
    assert f"{part}, the model as a classifier: accuracy of argmax p(x|y)" in found


def test_without_a_likelihood_there_are_no_nats(bars: Dataset, tmp_path: Path) -> None:
    found = measured(trained(tmp_path / "run", bars, SMALL, NO_BOUND))
    assert not any("nats" in name or "sample" in name for name in found)


def test_without_labels_there_is_no_accuracy(bars: Dataset, tmp_path: Path) -> None:
    found = measured(trained(tmp_path / "run", bars, replace(SMALL, conditions=(), likelihood="bernoulli")))
    assert parts_of(found) == titles("reconstruction", "codes", "likelihood", "styles", "memorisation", "realism")
    assert not any("conditional accuracy" in name or "argmax" in name for name in found)


def test_attributes(bars: Dataset, tmp_path: Path) -> None:
    names = ("label", "tone", "slant")
    model = replace(SMALL, conditions=names, likelihood="bernoulli", condition_dropout=0.1)
    study = trained(tmp_path / "run", with_tone(bars), model)
    assert [variable.name for variable in study.model.conditions.variables] == list(names)
    found = measured(study)
    assert "Control of attributes, slant, z from the prior: requested against measured, correlation" in found
    without = [
        name
        for name in found
        if name.startswith("Realism of generated images, z from the prior, decoder mean, no conditions")
    ]
    assert len(without) == FIGURES_WITHOUT_ACCURACY
    (classifier,) = (figure for name, figure in found.items() if name.endswith("accuracy of argmax p(x|y)"))
    assert "Other conditions are those of the images." in classifier.protocol
    assert not any("-log p(x), nats" in name for name in found), "it would be of one label's attributes only"


def test_z_from_the_mixture(bars: Dataset, tmp_path: Path) -> None:
    study = untrained(tmp_path / "run", bars, conditions=("label", "slant"))
    found = evaluate(study, ["control", "classifier_score"], replace(FEW, prior="mixture"))
    sections = (*found["control"], found["classifier_score"])
    assert [section.prior for section in sections] == ["mixture"] * 2
    for _, title, figure in found.figures():
        of_real_images = "real" in title or "requested values" in title
        assert ("z from the ex-post mixture" in figure.protocol) != of_real_images


def test_parts_are_added_to_what_is_there(bars: Dataset, tmp_path: Path) -> None:
    study = untrained(tmp_path / "run", bars, likelihood="bernoulli")
    first = evaluate(study, ["reconstruction"])
    assert first["codes"] is None
    second = evaluate(study, ["codes"])
    assert second["reconstruction"] == first["reconstruction"]
    assert second["codes"] is not None
    study.run.evaluation.write_text(study.run.evaluation.read_text("utf-8").replace(first.weights, "0" * 64), "utf-8")
    assert load_evaluation(study) == Evaluation(first.weights), "figures of other weights are not this model's"
    study.run.evaluation.write_text(json.dumps({**plain(first), "edition": EDITION - 1}), "utf-8")
    assert load_evaluation(study) == Evaluation(first.weights), "figures by another protocol are not this one's"
    for damaged in ("{damaged", "[]", json.dumps({**plain(first), "parts": {"codes": {"code_sd": "many"}}})):
        study.run.evaluation.write_text(damaged, "utf-8")
        assert load_evaluation(study) == Evaluation(first.weights)


def test_evaluation_json_has_the_parts_by_their_names(bars: Dataset, tmp_path: Path) -> None:
    study = untrained(tmp_path / "run", bars)
    found = evaluate(study, ["codes", "accuracy"])
    content = json.loads(study.run.evaluation.read_text("utf-8"))
    assert list(content) == ["weights", "edition", "judge", "parts"]
    assert list(content["parts"]) == ["codes", "accuracy"]
    assert content["judge"] == study.judge.description
    assert content["parts"]["codes"]["code_sd"]["value"] == found["codes"].code_sd.value


def test_what_is_measured_is_said(bars: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(untrained(tmp_path / "run", bars), ["reconstruction", "likelihood", "codes"])
    assert capsys.readouterr().err.splitlines() == [
        "Measuring reconstruction (1 of 3) ...",
        "Measuring codes (3 of 3) ...",
    ]


def test_what_is_not_possible(bars: Dataset, tmp_path: Path) -> None:
    study = untrained(tmp_path / "run", bars)
    with pytest.raises(ConfigError, match=r"There is no part of the evaluation 'codez'. Did you mean 'codes'"):
        evaluate(study, ["codez"])
    with pytest.raises(ConfigError, match=r"There is no part of the evaluation 'codez'"):
        _ = load_evaluation(study)["codez"]
    with pytest.raises(ConfigError, match=r"The part 'leak' of the evaluation is called 'styles' now"):
        evaluate(study, ["leak"])


def test_the_judge_and_the_ceiling_do_not_depend_on_what_is_held_out(bars: Dataset, tmp_path: Path) -> None:
    held_out = 9
    one = untrained(tmp_path / "one", bars)
    config = Config(DataConfig(validation_split=held_out), one.model.config, replace(BOUND, beta=0))
    one.run.description.write_text(json.dumps({**one.description, "config": config.to_dict()}))
    other = Study(one.run, bars)
    assert len(other.data.train) == len(one.data.train) - held_out
    assert one.judge is not None
    assert other.judge is not None
    assert one.judge.card == other.judge.card
