"""TODO."""

from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.evaluation.distances import nearest
from condvae.evaluation.measurement import Measurement, bootstrapped, measure
from condvae.evaluation.study import BALANCED, Study
from condvae.images import unit
from condvae.inference.batched import decode

MEMORISED = 1000  # images whose nearest training image is looked for


@dataclass(frozen=True)
class Memorisation:
    """Whether images drawn are copies of training images. Distances are root mean square differences of pixels.

    Attributes:
        source: where z is from: prior, or mixture.
        generated: from images drawn to their nearest training image.
        real: from test images, which cannot be copies, to theirs.
        reconstructed: from reconstructions of those, which are as smooth as images drawn, and so lie nearer.
        copies: share of images drawn that are nearer than all but one in a hundred reconstructions.
    """

    source: str
    generated: Measurement = field(metadata={"title": "nearest training image, of images drawn"})
    real: Measurement = field(metadata={"title": "nearest training image, of test images"})
    reconstructed: Measurement = field(metadata={"title": "nearest training image, of reconstructed test images"})
    copies: Measurement = field(metadata={"title": "images drawn nearer than 99% of reconstructions"})


def measure_memorisation(study: Study, source: str = "prior") -> Memorisation:
    """Compare images drawn, as decoder means, with all training images."""
    train = torch.from_numpy(study.data.train.images)
    shown = study.balanced(MEMORISED)
    rows = study.rows(study.test_labels[shown])
    copies = decode(study.model, study.test_codes[0][shown], study.test_rows[shown])
    drawn = nearest(decode(study.model, study.draw(rows, 0, source), rows), train)[0][:, 0]
    real = nearest(unit(torch.from_numpy(study.data.test.images[shown.numpy()])), train)[0][:, 0]
    reconstructed = nearest(copies, train)[0][:, 0]

    def share(first: Tensor, second: Tensor) -> float:
        return (drawn[first] < reconstructed[second].quantile(0.01)).float().mean().item()

    protocol = "root mean square difference of pixels in [0, 1] to the nearest of all training images, "
    how = f"decoder means, z from the {study.origin(source)}, as many of each label as of the test images"
    return Memorisation(
        source,
        measure(drawn, protocol + how),
        measure(real, protocol + BALANCED),
        measure(reconstructed, f"{protocol}{BALANCED} decoded from their posterior mean"),
        bootstrapped(share, f"share, {how}; of reconstructions it is 1%", len(shown), len(shown)),
    )
