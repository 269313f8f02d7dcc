"""How probable a model finds real images: the bound, log p(x|y) by importance sampling, and what follows from it."""

from collections.abc import Callable
from math import hypot, log, prod, sqrt

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from condvae.evaluation.by_label import by_label, rounds_in_words
from condvae.evaluation.importance import Estimates, log_likelihood
from condvae.evaluation.measurement import ByClass, Measurement, bootstrapped, measure
from condvae.evaluation.multilevel import PRECISION_IMAGES, Level, described, minus_log_likelihood, multilevel
from condvae.evaluation.nats import THRESHOLD, Classifier, Fixed, Nats
from condvae.evaluation.part import Part
from condvae.evaluation.protocol import Protocol
from condvae.evaluation.study import Study, unit_images
from condvae.inference.batched import CHUNK, evaluating
from condvae.model.devices import has_bf16
from condvae.model.distributions import divergence, gaussian
from condvae.seeds import seeded, shuffled

BINS = 15  # of the calibration error
ACTIVE = 0.01  # a dimension is active if the variance of its posterior means is larger
ENOUGH = 20  # images of a class at a level, so that the class has a gain of its own there
PAIRS = 2000, 20_000  # least and most images times labels under which their likelihood is estimated
SMALL = 0.1  # nats: more images are measured until the error of what other labels add is at most this
Images = Callable[[Tensor], Tensor]  # positions (N,) to images as the likelihood sees them, (N, C, H, W)
BOUND, OWN, OTHERS, DEQUANTISED, FIXED = 11, 12, 13, 14, 15  # distinguish the seeds of samples


def measure_likelihood(study: Study, protocol: Protocol) -> Nats:
    """Measure how probable the test images are. The bound and its terms are measured on all of them."""
    model, kind = study.model, _sentence(study.model.likelihood.measures)

    def observed(positions: Tensor) -> Tensor:
        return study.observed[positions]

    chosen, which = _chosen(study, protocol)
    levels = _levels(study, observed, chosen, protocol, OWN)
    bound = _bounds(study)
    how = f"{kind} {which}"
    everything = f"{kind} One sample of z for each image. All test images."
    gain, classifier = _over_labels(study, observed, chosen, protocol, OTHERS)
    dimensions, each = _dimensions(study)
    nll = minus_log_likelihood(levels, how)
    return Nats(
        measures=model.likelihood.measures,
        bound=measure(-bound[0], everything),
        reconstruction=measure(-bound[1], everything),
        divergence=measure(bound[2], everything),
        dimensions=tuple(measure(values, each) for values in dimensions.T),
        active_units=_active_units(study),
        nll=nll,
        bits=_bits(study, levels, how),
        marginal=_marginal(study, chosen, nll, gain),
        gap=_gap(levels, kind),
        effective=measure(levels[-1].estimates.effective, f"Of {described(levels[-1:])}"),
        nll_by_class=_by_class(study, chosen, levels, how),
        fixed=_fixed(study, chosen, protocol, which) if model.likelihood.binary else None,
        classifier=classifier,
        code_length=_code_length(study, chosen, protocol, how) if model.likelihood.offset else None,
    )


def _chosen(study: Study, protocol: Protocol) -> tuple[Tensor, str]:
    """Positions of test images, int64 (N,), and which they are in a sentence."""
    count = len(study.test_labels)
    if protocol.images is None or protocol.images >= count:
        return torch.arange(count), "All test images."
    return study.some_test(protocol.images), "Test images drawn at random."


def _levels(study: Study, images: Images, chosen: Tensor, protocol: Protocol, seed: int) -> tuple[Level, ...]:
    """Estimates of log p(x|y) for the chosen test images, by their positions (N,)."""

    def estimate(positions: Tensor, samples: int, blocks: int, fast: bool) -> Estimates:
        some = chosen[positions]
        return log_likelihood(study.model, images(some), study.test_rows[some], samples, blocks=blocks, fast=fast)

    return multilevel(estimate, len(chosen), protocol.importance_samples, seed, fast=_is_fast(study, len(chosen)))


def _is_fast(study: Study, images: int) -> bool:
    """Whether so many images are decoded in bfloat16: more than the difference to float32 may be measured on."""
    return has_bf16(study.model.device.type) and images > PRECISION_IMAGES[1]


def _by_class(study: Study, chosen: Tensor, levels: tuple[Level, ...], how: str) -> ByClass:
    """-log p(x|y) of each class, from the images of the class at each level.

    A level with fewer than ENOUGH images of the class has the gain of all classes instead.
    """
    labels = [study.test_labels[chosen[level.positions]] for level in levels]
    how = f"{how} {described(levels)} Levels with fewer than {ENOUGH} images of the class have the gain of all classes."

    def of(label: int) -> Measurement | None:
        lowest, *gains = (level.gains[which == label] for level, which in zip(levels, labels, strict=True))
        if not len(lowest):
            return None
        found = [measure(lowest, how)]
        for level, own in zip(levels[1:], gains, strict=True):
            whole = Measurement(level.gain, level.error, len(level.gains), how)
            found.append(measure(own, how) if len(own) >= ENOUGH else whole)
        return Measurement(-sum(one.value for one in found), hypot(*(one.error for one in found)), len(lowest), how)

    return tuple(of(label) for label in range(len(study.model.schema.classes)))


def _fixed(study: Study, chosen: Tensor, protocol: Protocol, which: str) -> Fixed:
    def thresholded(positions: Tensor) -> Tensor:
        return (unit_images(study.data.test, positions) >= THRESHOLD).float()

    how = f"Probability of images binarised at {THRESHOLD}. {which}"
    nll = minus_log_likelihood(_levels(study, thresholded, chosen, protocol, FIXED), how)
    return Fixed(nll, _marginal(study, chosen, nll, _over_labels(study, thresholded, chosen, protocol, FIXED)[0]))


def _gap(levels: tuple[Level, ...], kind: str) -> Measurement | None:
    if len(levels) == 1:
        return None
    fewer, last = levels[-2], levels[-1]
    how = f"{kind} From {fewer.samples:,} to {last.samples:,} importance samples for each image."
    return Measurement(last.gain, last.error, len(last.positions), how)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _bits(study: Study, levels: tuple[Level, ...], how: str) -> Measurement:
    likelihood, pixels = study.model.likelihood, prod(study.model.schema.shape)
    if likelihood.offset:
        how = f"{how} Density per grey level without dequantisation: not a code length, may be negative."
    return minus_log_likelihood(levels, how, 1 / (pixels * log(2)), likelihood.offset)


def _code_length(study: Study, chosen: Tensor, protocol: Protocol, how: str) -> Measurement:
    """Bits per dimension of the chosen test images, by their positions (N,).

    The probability of a grey level v is the integral of the density from v / 256 to (v + 1) / 256. With u uniform in
    [0, 1), the mean of -log p((v + u) / 256) is a bound on its code length.
    """

    def dequantised(positions: Tensor) -> Tensor:
        values = torch.from_numpy(study.data.test.pixels(positions.numpy()))
        return (values + torch.rand(values.shape)) / 256

    levels = _levels(study, dequantised, chosen, protocol, DEQUANTISED)
    bound = "An upper bound, by uniform dequantisation (Theis et al., https://arxiv.org/abs/1511.01844)."
    return minus_log_likelihood(levels, f"{how} {bound}", 1 / (prod(study.model.schema.shape) * log(2)), 8)


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
    study: Study, images: Images, chosen: Tensor, protocol: Protocol, seed: int
) -> tuple[Measurement | None, Classifier | None]:
    """How much the other labels add to log p(x) over that of the true one, and the model as a classifier.

    Args:
        study: the run.
        images: positions of test images to images as the likelihood sees them.
        chosen: positions of the images that are measured, (M,). Twice as many of them are used until the error is small
            enough, or there are no more.
        protocol: the largest number of importance samples is its.
        seed: distinguishes the samples.
    """
    conditions = study.model.conditions
    if len(conditions.classes) <= 1:
        return None, None
    known, samples = chosen[study.label_frequencies[study.test_labels[chosen]] > 0], protocol.importance_samples
    order, log_prior = known[shuffled(len(known))], study.label_frequencies.log()
    least, most = (min(len(order), max(1, pairs // len(conditions.classes))) for pairs in PAIRS)
    table, gain, fast = torch.empty(0, len(conditions.classes)), None, _is_fast(study, len(known))
    while gain is None or (len(table) < most and gain.error > SMALL):
        start, stop = len(table), min(most, max(least, 2 * len(table)))
        some, labels = order[start:stop], study.test_labels[order[:stop]]
        x, rows = images(some), study.test_rows[some]
        found = by_label(study.model, x, rows, labels[start:], log_prior, samples, seed, start, fast=fast)
        table = torch.cat([table, found])
        joint = table + log_prior
        how = f"{rounds_in_words(samples)} {stop:,} test images drawn at random."
        gain = measure(
            joint.logsumexp(1) - joint.gather(1, labels[:, None])[:, 0],
            f"What the other labels add is measured with {how}",
        )
    if len(conditions.variables) > 1:
        return None, _classifier(table, labels, f"{how} Other conditions are those of the images.")
    return gain, _classifier(table, labels, how)


def _marginal(study: Study, chosen: Tensor, nll: Measurement, gain: Measurement | None) -> Measurement | None:
    """-log p(x): that of p(x|y) p(y) for the true label y, minus what the other labels add."""
    surprise = -study.label_frequencies.log()[study.test_labels[chosen]]
    if gain is None or surprise.isinf().any():
        return None
    how = f"{nll.protocol} {gain.protocol} Labels have their frequencies in training."
    spread = surprise.double().std().item() / sqrt(len(chosen)) if len(chosen) > 1 else 0.0
    value = nll.value + surprise.double().mean().item() - gain.value
    return Measurement(value, hypot(nll.error, spread, gain.error), nll.count, how)


def _classifier(table: Tensor, labels: Tensor, how: str) -> Classifier:
    from torchmetrics.functional.classification import multiclass_calibration_error

    probabilities, (count, classes) = table.softmax(1), table.shape

    def calibration_error(chosen: Tensor) -> float:
        return multiclass_calibration_error(probabilities[chosen], labels[chosen], classes, BINS).item()

    how = f"All labels have the same prior probability. {how}"
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
