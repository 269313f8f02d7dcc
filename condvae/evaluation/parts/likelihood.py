"""How probable a model finds real images: the bound, log p(x|y) by importance sampling, and what follows from it."""

from dataclasses import dataclass, field
from math import log

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import BALANCED, Protocol, balanced
from condvae.evaluation.study import Study
from condvae.inference.batched import CHUNK, evaluating
from condvae.model.cvae import CVAE
from condvae.model.distributions import divergence, gaussian
from condvae.progress import progress
from condvae.seeds import seeded

BINS = 15  # of the calibration error
ACTIVE = 0.01  # a dimension is active if the variance of its posterior means is larger
LABEL_SAMPLES = 20  # importance samples for each label except the image's own
BOUND, OWN, OTHERS, DEQUANTISED = 11, 12, 13, 14  # distinguish the seeds of samples of z


@dataclass(frozen=True)
class Classifier(Section):
    """The model as a classifier: it chooses the label under which an image is most probable.

    An estimated likelihood is a lower bound. In training the posterior gets true labels only. It fits badly under other
    labels, and the estimate is then lower.

    Attributes:
        accuracy: share of test images for which the model chooses the true label.
        calibration_error: expected difference between the probability of the chosen label and the share of correct
            choices. Guo et al., "On Calibration of Modern Neural Networks", https://arxiv.org/abs/1706.04599
    """

    accuracy: Measurement = field(metadata={"title": "accuracy of argmax p(x|y)"})
    calibration_error: Measurement = field(metadata={"title": "expected calibration error"})

    @property
    def heading(self) -> str:
        return "the model as a classifier"


@dataclass(frozen=True)
class Nats(Section):
    """How probable a model finds test images. Only figures with the same `measures` can be compared.

    Attributes:
        measures: what the likelihood is a probability or a density of.
        bound: minus the evidence lower bound.
        reconstruction: the reconstruction term of the bound, -log p(x|z,y).
        divergence: the KL term of the bound, KL(q(z|x,y) || p(z|y)).
        dimensions: the KL divergence of each latent dimension. For a flow prior it is measured against a Gaussian that
            is fitted to the codes of each label.
        active_units: the number of latent dimensions that are in use.
        nll: -log p(x|y).
        bits: the same in bits per dimension.
        marginal: -log p(x), summed over all labels. None if there is one label only, or if there are other conditions.
        classifier: the model as a classifier. None if there are not several labels.
        code_length: bits per dimension in which the 8-bit images can be stored, with the model as the code. None for a
            likelihood of binarised images, which is no code for grey levels.
    """

    measures: str
    bound: Measurement = field(metadata={"title": "-ELBO, nats"})
    reconstruction: Measurement = field(metadata={"title": "reconstruction term of -ELBO, nats"})
    divergence: Measurement = field(metadata={"title": "KL term of -ELBO, nats"})
    dimensions: tuple[Measurement, ...] = field(metadata={"title": "KL of dimension"})
    active_units: Measurement = field(metadata={"title": "active units"})
    nll: Measurement = field(metadata={"title": "-log p(x|y), nats"})
    bits: Measurement = field(metadata={"title": "-log p(x|y), bits per dimension"})
    marginal: Measurement | None = field(metadata={"title": "-log p(x), nats"})
    classifier: Classifier | None = None
    code_length: Measurement | None = field(
        default=None, metadata={"title": "code length of 8-bit images, bits per dimension"}
    )

    @property
    def heading(self) -> str:
        return self.measures

    @property
    def headline(self) -> tuple[str, str]:
        return f"-log p(x|y), {self.measures}", f"{self.nll.value:.1f} nats"


def log_likelihood(model: CVAE, x: Tensor, rows: Tensor, samples: int, what: str = "Importance sampling") -> Tensor:
    """log p(x|y) of each image, estimated with exactly K importance samples of q(z|x,y), in constant memory.

    Burda et al., https://arxiv.org/abs/1509.00519. The estimate is a stochastic lower bound that rises to the true
    value with K.

    Args:
        model: a trained model.
        x: images as the likelihood sees them, float (B, C, H, W), on the CPU.
        rows: conditions (B, D), or labels (B,).
        samples: K.
        what: the name of the work, for its progress.

    Returns:
        float32 (B,), in nats.
    """
    together, device, found = max(1, CHUNK // samples), model.device, []
    with evaluating(model), progress(what, len(x)) as advance:
        for images, chosen in zip(x.split(together), rows.split(together), strict=True):
            found.append(_log_mean_weight(model, images.to(device), chosen.to(device), samples).cpu())
            advance(len(images))
        return torch.cat(found)


def measure_likelihood(study: Study, protocol: Protocol) -> Nats:
    """Measure how probable the test images are. The bound and its terms are measured on all of them."""
    model, kind = study.model, _sentence(study.model.likelihood.measures)
    shown = balanced(study, protocol.images)
    x, rows = study.observed[shown], study.test_rows[shown]
    bound = _bounds(study)
    with seeded(OWN):
        own = log_likelihood(model, x, rows, protocol.importance_samples)
    tested = BALANCED if protocol.images else "All test images."
    how = f"{kind} {protocol.importance_samples} importance samples of z for each image. {tested}"
    everything = f"{kind} One sample of z for each image. All test images."
    marginal, classifier = _over_labels(study, shown, own, how, tested)
    dimensions, each = _dimensions(study)
    return Nats(
        measures=model.likelihood.measures,
        bound=measure(-bound[0], everything),
        reconstruction=measure(-bound[1], everything),
        divergence=measure(bound[2], everything),
        dimensions=tuple(measure(values, each) for values in dimensions.T),
        active_units=_active_units(study),
        nll=measure(-own, how),
        bits=_bits(model, own, x[0].numel(), how),
        marginal=marginal,
        classifier=classifier,
        code_length=_code_length(study, shown, rows, protocol, how) if model.likelihood.offset else None,
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _log_mean_weight(model: CVAE, x: Tensor, rows: Tensor, samples: int) -> Tensor:
    total = torch.full((len(x),), -torch.inf, device=x.device)
    for start in range(0, samples, CHUNK):
        reconstruction, log_ratio = model.sampled(x, rows, min(CHUNK, samples - start))
        total = torch.logaddexp(total, (reconstruction - log_ratio).logsumexp(0))
    return total - log(samples)


def _bits(model: CVAE, own: Tensor, pixels: int, how: str) -> Measurement:
    if not model.likelihood.offset:
        return measure(-own / (pixels * log(2)), how)
    bits = -own / (pixels * log(2)) + model.likelihood.offset
    return measure(bits, f"{how} Density per grey level without dequantisation: not a code length, may be negative.")


def _code_length(study: Study, shown: Tensor, rows: Tensor, protocol: Protocol, how: str) -> Measurement:
    """Bits per dimension of test images, by their positions (M,), with conditions (M, D).

    The probability of a grey level v is the integral of the density from v / 256 to (v + 1) / 256. With u uniform in
    [0, 1), the mean of -log p((v + u) / 256) is a bound on its code length.
    """
    values = torch.from_numpy(study.data.test.pixels(shown.numpy()))
    with seeded(DEQUANTISED):
        x = (values + torch.rand(values.shape)) / 256
        found = log_likelihood(study.model, x, rows, protocol.importance_samples, "Importance sampling of 8-bit images")
    bound = "An upper bound, by uniform dequantisation (Theis et al., https://arxiv.org/abs/1511.01844)."
    return measure(8 - found / (values[0].numel() * log(2)), f"{how} {bound}")


def _bounds(study: Study) -> Tensor:
    """The bound of each test image and its two terms, (3, N)."""
    device, found = study.model.device, []
    with evaluating(study.model), seeded(BOUND):
        for images, rows in zip(study.observed.split(CHUNK), study.test_rows.split(CHUNK), strict=True):
            found.append(torch.stack(study.model.elbo(images.to(device), rows.to(device))).cpu())
    return torch.cat(found, 1)


def _dimensions(study: Study) -> tuple[Tensor, str]:
    """The KL divergence of each test image in each latent dimension, (N, Z), and its protocol."""
    means, deviations = (part.to(study.model.device) for part in study.observed_codes)
    q = Independent(Normal(means, deviations), 1)
    with evaluating(study.model):
        p = study.model.prior(study.model.conditions(study.test_rows.to(study.model.device)))
        if isinstance(p, Independent):
            return divergence(q, p, means).cpu(), "Nats, in closed form. All test images."
    labels = study.test_labels.to(study.model.device)
    groups = labels if study.model.conditions.classes else torch.zeros_like(labels)
    centre, spread = torch.empty_like(means), torch.empty_like(means)
    for own in (groups == label for label in groups.unique()):
        centre[own] = means[own].mean(0)
        spread[own] = (deviations[own].square() + (means[own] - centre[own]).square()).mean(0).log()
    how = (
        "Nats, against a Gaussian fitted to the codes of each label, because the divergence from this prior does not "
        "divide into dimensions. All test images."
    )
    return divergence(q, gaussian(centre, spread), means).cpu(), how


def _active_units(study: Study) -> Measurement:
    means = study.observed_codes[0].double()
    with evaluating(study.model):
        y = study.model.conditions(study.test_rows.to(study.model.device)).cpu().double()
    y = torch.cat([y, torch.ones(len(y), 1)], 1)
    # The part that is linear in the conditions shows no use: a learned prior gives unused dimensions a mean by label.
    own = means - y @ torch.linalg.lstsq(y, means, driver="gelsd").solution

    def active(chosen: Tensor) -> float:
        return (own[chosen].var(0, correction=0) > ACTIVE).sum().item()

    protocol = (
        f"Number of latent dimensions whose posterior mean has a variance of more than {ACTIVE} over the test images "
        "(Burda et al.). The part that is linear in the conditions is subtracted first."
    )
    return bootstrapped(active, protocol, len(means))


def _over_labels(
    study: Study, shown: Tensor, own: Tensor, how: str, tested: str
) -> tuple[Measurement | None, Classifier | None]:
    """-log p(x) and the model as a classifier, from log p(x|y) under every label.

    Args:
        study: the run.
        shown: positions of test images, (N,).
        own: log p(x|y) of each under its own label, (N,).
        how: the protocol of `own`.
        tested: which images these are, in words.
    """
    conditions, labels = study.model.conditions, study.test_labels[shown]
    if len(conditions.classes) <= 1:
        return None, None
    table = _by_label(study, shown)
    if len(conditions.variables) > 1:
        return None, _classifier(table, labels, f"{tested} Other conditions are those of the images.")
    classifier = _classifier(table, labels, tested)
    table[torch.arange(len(shown)), labels] = own
    total = (table + study.label_frequencies.log()).logsumexp(1)
    others = f"{LABEL_SAMPLES} samples for each of the other labels. Labels have their frequencies in training."
    return measure(-total, f"{how} {others}"), classifier


def _by_label(study: Study, shown: Tensor) -> Tensor:
    """log p(x|y) of test images under every label, (N, classes)."""
    columns, x = [], study.observed[shown]
    for label, name in enumerate(study.model.conditions.classes):
        rows = study.test_rows[shown].clone()
        rows[:, 0] = label
        with seeded(OTHERS, label):
            what = f"Importance sampling under label {name}"
            columns.append(log_likelihood(study.model, x, rows, LABEL_SAMPLES, what))
    return torch.stack(columns, 1)


def _classifier(table: Tensor, labels: Tensor, tested: str) -> Classifier:
    from torchmetrics.functional.classification import multiclass_calibration_error

    probabilities, (count, classes) = table.softmax(1), table.shape

    def calibration_error(chosen: Tensor) -> float:
        return multiclass_calibration_error(probabilities[chosen], labels[chosen], classes, BINS).item()

    how = (
        f"{LABEL_SAMPLES} importance samples of z for each label. All labels have the same prior probability. {tested}"
    )
    return Classifier(
        measure((table.argmax(1) == labels).float(), f"Share of correct choices. {how}"),
        bootstrapped(calibration_error, f"{BINS} bins. {how}", count),
    )


PART = Part(
    name="likelihood",
    title="Likelihood of test images",
    order=40,
    kind=Nats,
    measure=measure_likelihood,
    applies=lambda study: study.model.has_bound,
    needs="a likelihood in nats (not the squared error), and a posterior with a density",
)
