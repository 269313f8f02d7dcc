"""The figures of the part `likelihood`: how probable a model finds images, in nats."""

from dataclasses import dataclass, field

from condvae.evaluation.measurement import ByClass, Measurement
from condvae.evaluation.part import Section

THRESHOLD = 0.5  # of fixed binarisation


@dataclass(frozen=True)
class Classifier(Section):
    """The model as a classifier: it chooses the label under which an image is most probable.

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
class Fixed(Section):
    """The same figures for another binarisation: pixels of at least THRESHOLD are 1, and the others 0.

    Attributes:
        nll: -log p(x|y).
        marginal: -log p(x). None where `Nats.marginal` is None.
    """

    nll: Measurement = field(metadata={"title": "-log p(x|y), nats"})
    marginal: Measurement | None = field(metadata={"title": "-log p(x), nats"})

    @property
    def heading(self) -> str:
        return "fixed binarisation"


@dataclass(frozen=True)
class Nats(Section):
    """How probable a model finds test images. Only figures with the same `measures` can be compared.

    Binarised images are drawn once, each pixel with its own value as the probability of a 1 (dynamic binarisation).

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
        marginal: -log p(x), summed over all labels. None if there is one label only, if there are other conditions, or
            if a class of the test images has no training images.
        gap: by how much -log p(x|y) decreases with the last tenfold increase of the samples. The distance of `nll` from
            the true value is about as large, or smaller. None if there are too few samples for levels.
        effective: effective sample size of the importance samples of the highest level.
        fixed: figures for fixed binarisation. None if images are not binarised.
        nll_by_class: -log p(x|y) of the test images of each class.
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
    gap: Measurement | None = field(metadata={"title": "decrease of -log p(x|y) with ten times as many samples, nats"})
    effective: Measurement = field(metadata={"title": "effective sample size"})
    nll_by_class: ByClass = ()
    fixed: Fixed | None = None
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
