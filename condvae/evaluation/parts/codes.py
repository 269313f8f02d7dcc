"""Where the latent vectors of images lie."""

from dataclasses import dataclass, field
from math import sqrt

import torch

from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import MIXTURE_TEXT, Protocol, encoding
from condvae.evaluation.study import Study
from condvae.inference.batched import CHUNK, encode_moments

WIDTHS = 1000  # test images whose posterior standard deviations are measured


@dataclass(frozen=True)
class Codes(Section):
    """The codes (posterior means) of training images and test images.

    Attributes:
        posterior_sd: standard deviation of q(z|x,y). It is close to 0 for a model trained without a KL term.
        code_sd: standard deviation of the codes of the training images.
        surprise: minus the log density of the codes of the test images under the ex-post mixture, in nats.
    """

    posterior_sd: Measurement = field(metadata={"title": "posterior standard deviation"})
    code_sd: Measurement = field(metadata={"title": "spread of the codes"})
    surprise: Measurement = field(metadata={"title": "-log density of test codes, ex-post mixture"})


def _measure(study: Study, _: Protocol) -> Codes:
    count, how = len(study.train_codes), encoding(study)
    shown = study.some_test(WIDTHS)
    widths = encode_moments(study.model, study.data.test.take(shown.numpy()), study.test_rows[shown])[1]
    spread = study.train_codes.double().std(0).mean().item() if count > 1 else 0.0
    return Codes(
        measure(
            widths.mean(1),
            f"Standard deviation of q(z|x,y), mean over latent dimensions. Test images drawn at random.{how}",
        ),
        Measurement(
            spread,
            spread / sqrt(2 * count),  # the standard error for a Gaussian
            count,
            f"Standard deviation of the posterior means of training images, mean over latent dimensions.{how}",
        ),
        _surprise(study),
    )


def _surprise(study: Study) -> Measurement:
    conditions, device = study.model.conditions, study.model.device
    parts = zip(study.test_codes.split(CHUNK), study.test_rows.split(CHUNK), strict=True)
    density = [study.mixture(conditions(rows.to(device)).cpu()).log_prob(codes) for codes, rows in parts]
    how = f"Nats, posterior means of test images. {MIXTURE_TEXT}{encoding(study)}"
    return measure(-torch.cat(density), how)


PART = Part(
    name="codes",
    title="Codes of the images",
    order=20,
    kind=Codes,
    measure=_measure,
    quick=True,
)
