"""A trained model and its data to an `Evaluation`: how well it reconstructs, and how well it obeys its labels."""

import json
from dataclasses import asdict, dataclass
from math import sqrt

import torch

from condvae.density import fit_mixture
from condvae.files import write_text
from condvae.metrics import Measurement, measure, squared_error
from condvae.sampling import decode, draw, unit
from condvae.study import SAMPLES_PER_CLASS, Study


@dataclass(frozen=True)
class Evaluation:
    """How good a model is. Every figure says how it was measured; None where it cannot be.

    Attributes:
        test_mse: squared error of test reconstructions, averaged over pixels in [0, 1].
        posterior_sd: standard deviation of q(z|x,y); near 0 where nothing keeps it from collapsing.
        code_sd: spread of the posterior means over the training images.
        accuracy_encoded: share of images judged to be their label, z of training images of that label.
        accuracy_gaussian: the same, z from one Gaussian per class, fitted to the encoded training images.
        accuracy_prior: the same, z from the prior.
    """

    test_mse: Measurement
    posterior_sd: Measurement
    code_sd: Measurement
    accuracy_encoded: Measurement | None
    accuracy_gaussian: Measurement | None
    accuracy_prior: Measurement | None


def evaluate(study: Study) -> Evaluation:
    """Measure a trained model on its data; the same model gives the same figures."""
    test = unit(torch.from_numpy(study.data.test.images))
    means, deviations = study.test_codes
    reconstructions = decode(study.model, means, study.test_rows)
    return Evaluation(
        test_mse=measure(
            squared_error(test, reconstructions),
            "mean squared error per pixel, pixels in [0, 1], test images decoded from their posterior mean",
        ),
        posterior_sd=measure(
            deviations.mean(1), "standard deviation of q(z|x,y), mean over latent dimensions, test images"
        ),
        code_sd=_code_sd(study),
        **_accuracies(study),
    )


def save_evaluation(study: Study, evaluation: Evaluation) -> None:
    """Write evaluation.json into the run folder."""
    write_text(study.run.path / "evaluation.json", json.dumps(asdict(evaluation), indent=2) + "\n")


def _code_sd(study: Study) -> Measurement:
    count = len(study.train_codes)
    spread = study.train_codes.double().std(0).mean().item()
    protocol = "standard deviation of the posterior means over training images, mean over latent dimensions"
    return Measurement(spread, spread / sqrt(2 * count), count, protocol)  # the error as for a Gaussian


def _accuracies(study: Study) -> dict[str, Measurement | None]:
    """Conditional accuracy with z from three sources; None for each where there is no judge, or no label to obey."""
    judge = study.judge
    if judge is None or not study.model.conditions.classes:
        return dict.fromkeys(("accuracy_encoded", "accuracy_gaussian", "accuracy_prior"))
    labels = study.sample_labels
    rows = study.rows(labels)
    gaussians = fit_mixture(
        study.train_codes, study.train_labels, len(study.model.schema.classes), components=1, outliers=0
    )
    sources = {
        "accuracy_encoded": (study.train_codes[study.examples(labels)], "z of training images of that label"),
        "accuracy_gaussian": (
            draw(study.model, rows, seed=0, prior=gaussians),
            "z from one Gaussian per class, fitted to the encoded training images",
        ),
        "accuracy_prior": (draw(study.model, rows, seed=0), "z from the prior"),
    }
    protocol = f"share judged to be the label, {SAMPLES_PER_CLASS} images a class, decoder mean, "
    return {
        name: measure(judge.correct(decode(study.model, z, rows), labels), protocol + source)
        for name, (z, source) in sources.items()
    }
