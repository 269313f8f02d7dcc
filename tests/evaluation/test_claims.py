"""The claims: the measures find what is there, and a model for which a claim fails is told so."""

import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
import torch

from condvae.data.dataset import Dataset
from condvae.errors import ConfigError
from condvae.evaluation.claims import (
    assess,
    far_out_alike,
    has_claims,
    label_decides,
    load_claims,
    measure_claims,
    neighbours_in_autoencoder,
    style_is_shared,
)
from condvae.evaluation.evaluate import evaluate, quick_parts
from condvae.evaluation.plane import PLANE_STEPS, largest_step, pair_rank
from condvae.evaluation.study import Study
from condvae.run import Run

PAIRS = 45  # of ten labels
SAMPLES = 200  # images of each label, a fifth of the usual number


@pytest.fixture(autouse=True, scope="module")
def few_samples() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr("condvae.evaluation.protocol.SAMPLES_PER_CLASS", SAMPLES)
        yield


@pytest.fixture(scope="module")
def assessed(study: Study, few_samples: None):
    evaluation = evaluate(study, quick_parts())
    return evaluation, assess(study, evaluation)


def test_evaluation_is_deterministic_and_changes_nothing(study: Study, assessed) -> None:
    before, weights = torch.get_rng_state(), {k: v.clone() for k, v in study.model.state_dict().items()}
    study.run.evaluation.unlink()
    again = evaluate(Study(study.run), quick_parts())
    assert again == assessed[0]
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(value, weights[name]) for name, value in study.model.state_dict().items())


def test_evaluation_of_a_short_training(study: Study, assessed) -> None:
    evaluation, _ = assessed
    mse, accuracy = evaluation["reconstruction"].mse, evaluation["accuracy"]
    assert 0.03 < mse.value < 0.05
    assert mse.count == len(study.data.test)
    assert 0 < mse.error < 0.001
    assert 0 < evaluation["codes"].posterior_sd.value < 0.2, "without a KL term the posterior collapses"
    assert accuracy.encoded.count == accuracy.prior.count == 10 * SAMPLES
    assert accuracy.encoded.value > 0.3
    written = json.loads((study.run.path / "evaluation.json").read_text())["parts"]["reconstruction"]["mse"]
    assert written["value"] == mse.value
    assert "posterior means" in written["protocol"]


def test_six_claims_are_measured(study: Study, assessed) -> None:
    _, claims = assessed
    assert len(claims) == 6
    for claim in claims:
        assert claim.findings
        assert claim.threshold
        assert claim.verdict in ("holds", "does not hold")
        assert all(torch.tensor(finding.value).isfinite() for finding in claim.findings)
    written = json.loads((study.run.path / "claims.json").read_text())
    assert [claim["verdict"] for claim in written] == [claim.verdict for claim in claims]
    assert written[3]["findings"][0]["reference"] == 0.96
    assert load_claims(study) == claims


def test_the_verdict_follows_the_threshold(assessed) -> None:
    evaluation, _ = assessed
    measured = evaluation["accuracy"]
    for encoded, prior, holds in ((0.90, 0.80, True), (0.89, 0.99, False), (0.99, 0.79, False)):
        claim = label_decides(
            replace(
                evaluation,
                parts={
                    "accuracy": replace(
                        measured,
                        encoded=replace(measured.encoded, value=encoded),
                        prior=replace(measured.prior, value=prior),
                    )
                },
            )
        )
        assert claim.holds is holds


@pytest.fixture
def broken(study: Study, mnist: Dataset) -> Study:
    """The same run, to be broken, measured on fewer images."""
    few = np.arange(2000)
    return Study(study.run, replace(mnist, train=mnist.train.take(few), test=mnist.test.take(few)))


def test_a_decoder_that_ignores_z_fails_the_claims_about_z(broken: Study) -> None:
    with torch.no_grad():
        broken.model.likelihood.decoder.layers[0].weight[:, :2] = 0
    claims = measure_claims(broken, evaluate(broken, quick_parts()))
    verdicts = [claim.holds for claim in claims]
    assert verdicts[2] is False, "nothing moves"
    assert verdicts[3] is False, "no style to share"
    assert verdicts[5] is False, "4 and 9 differ as much far out"


def test_a_decoder_that_ignores_the_label_fails_the_first_claim(broken: Study) -> None:
    with torch.no_grad():
        broken.model.likelihood.decoder.layers[0].weight[:, 2:] = 0
    claim = label_decides(evaluate(broken, ["accuracy"]))
    assert claim.holds is False
    assert claim.findings[0].value < 0.3
    assert style_is_shared(broken).findings[0].value == pytest.approx(1, abs=1e-5)
    assert all(finding.value == 0 for finding in far_out_alike(broken).findings)


def test_a_jump_is_not_continuous() -> None:
    across = torch.linspace(0, 1, PLANE_STEPS).expand(PLANE_STEPS, PLANE_STEPS)
    assert largest_step(across) == pytest.approx(1 / (PLANE_STEPS - 1), rel=1e-4)
    assert largest_step((across > 0.5).float()) == 1
    assert largest_step(across + (across > 0.5)) > 0.5
    assert largest_step(torch.zeros(PLANE_STEPS, PLANE_STEPS)) == 0


def test_without_the_autoencoder_its_claim_is_not_measured(study: Study) -> None:
    claim = neighbours_in_autoencoder(None)
    assert claim.holds is None
    assert claim.verdict == "not measured"
    assert 1 <= pair_rank(study.autoencoder) <= PAIRS


def test_claims_are_about_the_experiment_s_kind_of_model(study: Study) -> None:
    autoencoder = Study(Run(study.run.path / "autoencoder"))
    assert not has_claims(autoencoder)
    evaluation = evaluate(autoencoder, quick_parts())
    assert assess(autoencoder, evaluation) == []
    assert evaluation["accuracy"] is None
    with pytest.raises(ConfigError, match=r"about MNIST, labels, 2 latent dimensions and .* conditions none, 3 latent"):
        measure_claims(autoencoder, evaluation)
