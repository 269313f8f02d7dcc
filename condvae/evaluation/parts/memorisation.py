"""Whether images that the model draws are copies of training images."""

from dataclasses import dataclass, field

from torch import Tensor

from condvae.evaluation.distances import nearest
from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import BALANCED, Protocol, balanced, drawing, sample_rows
from condvae.evaluation.study import Study, unit_images
from condvae.inference.batched import decode

IMAGES = 1000  # whose nearest training images are searched


@dataclass(frozen=True)
class Memorisation(Section):
    """Distances to the nearest training image, as root mean square differences of pixels.

    Decoder means are smoother than images, and therefore nearer to any image. So generated images are compared with
    reconstructions of test images, which are about as smooth, and whose images are not in the training set.

    Attributes:
        prior: where z is drawn from, "prior" or "mixture".
        generated: distances of generated images.
        real: distances of test images.
        reconstructed: distances of the reconstructions of these test images.
        copies: share of generated images with a distance below the 1st percentile of the reconstructions. About 1% is
            expected without copying.
    """

    prior: str
    generated: Measurement = field(metadata={"title": "nearest training image, of generated images"})
    real: Measurement = field(metadata={"title": "nearest training image, of test images"})
    reconstructed: Measurement = field(metadata={"title": "nearest training image, of reconstructed test images"})
    copies: Measurement = field(metadata={"title": "generated images nearer than 99% of reconstructions"})

    @property
    def heading(self) -> str:
        return f"z from the {self.prior}"


def _measure(study: Study, protocol: Protocol) -> Memorisation:
    train, shown = study.data.train, balanced(study, IMAGES)
    rows = sample_rows(study, study.test_labels[shown])
    copies = decode(study.model, study.test_codes[0][shown], study.test_rows[shown])
    drawn = nearest(decode(study.model, study.draw(rows, 0, protocol.usual_prior), rows), train)[0][:, 0]
    real = nearest(unit_images(study.data.test, shown), train)[0][:, 0]
    reconstructed = nearest(copies, train)[0][:, 0]

    def share(first: Tensor, second: Tensor) -> float:
        return (drawn[first] < reconstructed[second].quantile(0.01)).float().mean().item()

    what = "Root mean square difference of pixels in [0, 1] to the nearest of all training images."
    how = f"Generated images with the labels of the test images, {drawing(study, protocol.usual_prior)}"
    return Memorisation(
        protocol.usual_prior,
        measure(drawn, f"{what} {how}"),
        measure(real, f"{what} {BALANCED}"),
        measure(reconstructed, f"{what} {BALANCED} They are decoded from their posterior means."),
        bootstrapped(
            share,
            f"Share of generated images with a distance below the 1st percentile of the reconstructions. {how}",
            len(shown),
            len(shown),
        ),
    )


PART = Part(
    name="memorisation",
    title="Memorisation of training images",
    order=70,
    kind=Memorisation,
    measure=_measure,
)
