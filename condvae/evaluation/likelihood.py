"""How probable a model finds real images, in nats: the bound, log p(x|y) by importance sampling, and what follows."""

from dataclasses import dataclass, field
from math import log

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.evaluation.study import BALANCED, Study
from condvae.inference.batched import CHUNK, evaluating
from condvae.model.cvae import CVAE
from condvae.model.distributions import divergence, gaussian
from condvae.seeds import seeded

BINS = 15  # of the calibration error


ACTIVE = 0.01  # variance of a dimension's posterior means above which it is active


GREY_LEVELS = "; density per grey level without dequantisation: no code length, may be negative"


LABEL_SAMPLES = 20  # importance samples for each label but an image's own


BOUND, OWN, OTHERS = 11, 12, 13  # seeds of the samples of z, other than that of the binarised images


@dataclass(frozen=True)
class Nats:
    """How probable a model finds the test images. All are of the kind that `measures` says, and only such compare.

    Attributes:
        measures: what the likelihood is of.
        bound: minus the evidence lower bound.
        reconstruction: its part -log p(x|z,y).
        divergence: its part KL(q(z|x,y) || p(z|y)).
        dimensions: the KL of each latent dimension; under a flow, which has no such parts, against a Gaussian fitted to
            the codes of each label.
        active_units: how many dimensions are in use.
        nll: -log p(x|y).
        bits: the same in bits per dimension.
        marginal: -log p(x), over the labels; None where there are not several, or the model has other conditions too.
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

    An estimate is a lower bound, and lower where the posterior fits badly, as under a wrong label, which it never saw
    in training: with few samples the true label wins more often than by exact likelihoods.

    Calibration: Guo et al., "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599

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
    """Measure how probable the test images are; the bound and its parts are of all of them.

    Args:
        study: the run.
        samples: K, importance samples of each image.
        images: how many images they are of, class-balanced; all if None.

    Returns:
        Nats per image, and the model as a classifier; None where there are not several labels.
    """
    model, kind = study.model, study.model.likelihood.measures
    x, rows, labels = study.observed, study.test_rows, study.test_labels
    bound = _bounds(study)
    shown = study.balanced(images)
    with seeded(OWN):
        own = log_likelihood(model, x[shown], rows[shown], samples)
    tested = BALANCED if images else "all test images"
    protocol = f"{kind}, {samples} importance samples of z for each image, {tested}"
    pixels = x[0].numel()
    bits = -own / (pixels * log(2)) + (model.likelihood.offset or 0.0)
    everything = f"{kind}, one sample of z, all test images"
    dimensions, how = _dimensions(study)
    marginal, classifier = None, None
    if len(model.conditions.classes) > 1:
        table = _by_label(study, shown)
        also = ", given its other conditions" if len(model.conditions.variables) > 1 else ""
        classifier = _classifier(table, labels[shown], tested + also)
        if not also:
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
        bits=measure(bits, protocol + (GREY_LEVELS if model.likelihood.offset else "")),
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
    with evaluating(study.model), seeded(BOUND):
        for images, rows in zip(study.observed.split(CHUNK), study.test_rows.split(CHUNK), strict=True):
            parts.append(torch.stack(study.model.elbo(images, rows)))
    return torch.cat(parts, 1)


def _dimensions(study: Study) -> tuple[Tensor, str]:
    """The KL of each test image in each latent dimension, (N, Z), and how it was found."""
    means, deviations = study.observed_codes
    q = Independent(Normal(means, deviations), 1)
    with evaluating(study.model):
        p = study.model.prior(study.model.conditions(study.test_rows))
        if isinstance(p, Independent):
            return divergence(q, p, means), "nats, test images, in closed form"
    groups = study.test_labels if study.model.conditions.classes else torch.zeros_like(study.test_labels)
    centre, spread = torch.empty_like(means), torch.empty_like(means)
    for own in (groups == label for label in groups.unique()):
        centre[own] = means[own].mean(0)
        spread[own] = (deviations[own].square() + (means[own] - centre[own]).square()).mean(0).log()
    how = "nats, test images, against a Gaussian for each label's codes; no parts of the KL, as the prior has none"
    return divergence(q, gaussian(centre, spread), means), how


def _active_units(study: Study) -> Measurement:
    means = study.observed_codes[0].double()
    with evaluating(study.model):
        y = study.model.conditions(study.test_rows).double()
    y = torch.cat([y, torch.ones(len(y), 1)], 1)
    # a learned prior puts even the codes that carry nothing at a place of their own for each label
    own = means - y @ torch.linalg.lstsq(y, means, driver="gelsd").solution

    def active(chosen: Tensor) -> float:
        return (own[chosen].var(0, correction=0) > ACTIVE).sum().item()

    protocol = (
        f"latent dimensions whose posterior mean varies by more than {ACTIVE} over test images (Burda et al.), beyond "
        "what is linear in their conditions"
    )
    return bootstrapped(active, protocol, len(means))


def _by_label(study: Study, shown: Tensor) -> Tensor:
    """log p(x|y) of test images under every label, (N, classes)."""
    columns = []
    for label in range(len(study.model.conditions.classes)):
        rows = study.test_rows[shown].clone()
        rows[:, 0] = label
        with seeded(OTHERS, label):
            columns.append(log_likelihood(study.model, study.observed[shown], rows, LABEL_SAMPLES))
    return torch.stack(columns, 1)


def _classifier(table: Tensor, labels: Tensor, tested: str) -> Classifier:
    from torchmetrics.functional.classification import multiclass_calibration_error

    probabilities, (count, classes) = table.softmax(1), table.shape

    def calibration_error(chosen: Tensor) -> float:
        return multiclass_calibration_error(probabilities[chosen], labels[chosen], classes, BINS).item()

    protocol = f"{tested}, {LABEL_SAMPLES} importance samples for each label, labels equally probable"
    return Classifier(
        measure((table.argmax(1) == labels).float(), f"share of {protocol}"),
        bootstrapped(calibration_error, f"{BINS} bins, {protocol}", count),
    )
