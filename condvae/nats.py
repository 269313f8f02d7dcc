"""How probable a model finds real images, in nats: the bound, log p(x|y) by importance sampling, and what follows."""

from dataclasses import dataclass, field
from math import log

import torch
from torch import Tensor
from torch.distributions import Independent

from condvae.gaussian import divergence, gaussian
from condvae.metrics import Measurement, measure
from condvae.model import CVAE
from condvae.sampling import CHUNK, evaluating, seeded
from condvae.study import Study

ACTIVE = 0.01  # variance of a dimension's posterior means above which it is active
LABEL_SAMPLES = 20  # importance samples for each label but an image's own


@dataclass(frozen=True)
class Nats:
    """How probable a model finds the test images. All are of the kind that `measures` says, and only such compare.

    Attributes:
        measures: what the likelihood is of.
        bound: minus the evidence lower bound.
        reconstruction: its part -log p(x|z,y).
        divergence: its part KL(q(z|x,y) || p(z|y)).
        dimensions: the KL of each latent dimension.
        active_units: how many dimensions are in use.
        nll: -log p(x|y).
        bits: the same in bits per dimension.
        marginal: -log p(x), over the labels; None where there are not several.
    """

    measures: str
    bound: Measurement = field(metadata={"title": "-ELBO, nats"})
    reconstruction: Measurement = field(metadata={"title": "its reconstruction part, nats"})
    divergence: Measurement = field(metadata={"title": "its KL part, nats"})
    dimensions: tuple[Measurement, ...] = field(metadata={"title": "KL of dimension"})
    active_units: Measurement = field(metadata={"title": "active units"})
    nll: Measurement = field(metadata={"title": "-log p(x|y), nats"})
    bits: Measurement = field(metadata={"title": "-log p(x|y), bits per dimension"})
    marginal: Measurement | None = field(metadata={"title": "-log p(x), nats"})


@dataclass(frozen=True)
class Classifier:
    """The model as a classifier: the label under which an image is most probable.

    Attributes:
        accuracy: share of test images for which it is the true one.
        calibration_error: expected difference between the probability of the chosen label and the share of true ones.
    """

    accuracy: Measurement = field(metadata={"title": "accuracy of argmax p(x|y)"})
    calibration_error: Measurement = field(metadata={"title": "expected calibration error"})


def log_likelihood(model: CVAE, x: Tensor, given: Tensor, samples: int) -> Tensor:
    """log p(x|y) of each image, estimated with exactly K importance samples from q(z|x,y), in constant memory.

    Burda et al., https://arxiv.org/abs/1509.00519: a stochastic lower bound that rises to the true value with K.

    Args:
        model: a trained model.
        x: images as the likelihood sees them, float (B, C, H, W).
        given: conditions (B, D).
        samples: K.

    Returns:
        float32 (B,), in nats.
    """
    together = max(1, CHUNK // samples)
    with evaluating(model):
        parts = zip(x.split(together), given.split(together), strict=True)
        return torch.cat([_log_mean_weight(model, images, rows, samples) for images, rows in parts])


def measure_likelihood(study: Study, samples: int, images: int | None) -> tuple[Nats, Classifier | None]:
    """Measure how probable the test images are, with K importance samples, on a class-balanced part of them or all.

    The bound and its parts are of all test images.
    """
    model, kind = study.model, study.model.likelihood.measures
    x, rows, labels = study.observed, study.test_rows, study.test_labels
    bound = _bounds(study)
    shown = study.balanced(images)
    with seeded(1):
        own = log_likelihood(model, x[shown], rows[shown], samples)
    protocol = f"{kind}, {samples} importance samples of z for each image, class-balanced test images"
    pixels = x[0].numel()
    bits = -own / (pixels * log(2)) + (model.likelihood.offset or 0.0)
    everything = f"{kind}, one sample of z, all test images"
    dimensions, how = _dimensions(study)
    marginal, classifier = None, None
    if len(model.conditions.classes) > 1:
        table = _by_label(study, shown)
        classifier = _classifier(table, labels[shown])
        table[torch.arange(len(shown)), labels[shown]] = own
        total = (table + study.label_frequencies.log()).logsumexp(1)
        marginal = measure(-total, f"{protocol}; {LABEL_SAMPLES} for each label but its own; labels as in training")
    found = Nats(
        measures=kind,
        bound=measure(-bound[0], everything),
        reconstruction=measure(-bound[1], everything),
        divergence=measure(bound[2], everything),
        dimensions=tuple(measure(values, how) for values in dimensions.T),
        active_units=_active_units(study),
        nll=measure(-own, protocol),
        bits=measure(bits, protocol + ("; for a density, of grey levels" if model.likelihood.offset else "")),
        marginal=marginal,
    )
    return found, classifier


def _log_mean_weight(model: CVAE, x: Tensor, given: Tensor, samples: int) -> Tensor:
    total = torch.full((len(x),), -torch.inf)
    for start in range(0, samples, CHUNK):
        reconstruction, log_ratio = model.sampled(x, given, min(CHUNK, samples - start))
        total = torch.logaddexp(total, (reconstruction - log_ratio).logsumexp(0))
    return total - log(samples)


def _bounds(study: Study) -> Tensor:
    """The bound of each test image and its two parts, (3, N)."""
    parts = []
    with evaluating(study.model), seeded(0):
        for images, rows in zip(study.observed.split(CHUNK), study.test_rows.split(CHUNK), strict=True):
            parts.append(torch.stack(study.model.elbo(images, rows)))
    return torch.cat(parts, 1)


def _dimensions(study: Study) -> tuple[Tensor, str]:
    """The KL of each test image in each latent dimension, (N, Z), and how it was found."""
    means, deviations = study.observed_codes
    q = gaussian(means, 2 * deviations.log())
    with evaluating(study.model):
        p = study.model.prior(study.model.conditions(study.test_rows))
        if isinstance(p, Independent):
            return divergence(q, p, means), "nats, test images, in closed form"
    rows = torch.stack([means[study.test_labels == label].mean(0) for label in range(len(study.model.schema.classes))])
    centre = rows[study.test_labels]
    spread = (deviations.square() + (means - centre).square()).mean(0).log().expand_as(means)
    how = "nats, test images, against a Gaussian around the mean of each label's codes: the prior does not divide it"
    return divergence(q, gaussian(centre, spread), means), how


def _active_units(study: Study) -> Measurement:
    count = (study.observed_codes[0].var(0) > ACTIVE).sum().item()
    protocol = f"latent dimensions whose posterior mean varies by more than {ACTIVE} over test images (Burda et al.)"
    return Measurement(count, 0.0, len(study.test_labels), protocol)


def _by_label(study: Study, shown: Tensor) -> Tensor:
    """log p(x|y) of test images under every label, (N, classes)."""
    columns = []
    for label in range(len(study.model.conditions.classes)):
        rows = study.test_rows[shown].clone()
        rows[:, 0] = label
        with seeded(2, label):
            columns.append(log_likelihood(study.model, study.observed[shown], rows, LABEL_SAMPLES))
    return torch.stack(columns, 1)


def _classifier(table: Tensor, labels: Tensor) -> Classifier:
    from torchmetrics.functional.classification import multiclass_calibration_error

    probabilities = table.softmax(1)
    protocol = f"class-balanced test images, {LABEL_SAMPLES} importance samples for each label, labels equally probable"
    correct = (table.argmax(1) == labels).float()
    error = multiclass_calibration_error(probabilities, labels, num_classes=table.shape[1], n_bins=15).item()
    return Classifier(
        measure(correct, f"share of {protocol}"),
        Measurement(error, correct.std().item() / len(correct) ** 0.5, len(correct), f"15 bins, {protocol}"),
    )
