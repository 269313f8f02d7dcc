"""TODO."""

from dataclasses import dataclass, field
from math import sqrt
from typing import Any

import torch

from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.protocol import Choices
from condvae.evaluation.study import Study
from condvae.images import unit
from condvae.inference.batched import CHUNK, decode
from condvae.inference.mixture import FITTED
from condvae.model.distributions import squared_error

SSIM_SIDE = 11  # of its window: smaller images have no SSIM


@dataclass(frozen=True)
class Reconstruction:
    """Test images encoded to the posterior mean and decoded.

    Attributes:
        mse: squared error, averaged over pixels in [0, 1].
        psnr: peak signal-to-noise ratio, in dB.
        ssim: structural similarity; None for images smaller than its window.
    """

    mse: Measurement = field(metadata={"title": "reconstruction error (test MSE)"})
    psnr: Measurement = field(metadata={"title": "PSNR, dB"})
    ssim: Measurement | None = field(metadata={"title": "SSIM"})


@dataclass(frozen=True)
class Codes:
    """Where the latent vectors lie.

    Attributes:
        posterior_sd: standard deviation of q(z|x,y); near 0 where nothing keeps it from collapsing.
        code_sd: spread of the posterior means over the training images.
        surprise: minus the log density of test codes under the ex-post mixture of the training codes.
    """

    posterior_sd: Measurement = field(metadata={"title": "posterior standard deviation"})
    code_sd: Measurement = field(metadata={"title": "spread of the codes"})
    surprise: Measurement = field(metadata={"title": "-log density of test codes, ex-post mixture"})


def _reconstruction(study: Study, _: Choices) -> dict[str, Any]:
    from torchmetrics.functional.image import structural_similarity_index_measure as ssim

    test = unit(torch.from_numpy(study.data.test.images))
    copies = decode(study.model, study.test_codes[0], study.test_rows)
    how = f", test images decoded from their posterior mean{study.encoding}"
    error = squared_error(test, copies)
    similar = None
    if min(test.shape[-2:]) >= SSIM_SIDE:
        pairs = zip(test.split(1000), copies.split(1000), strict=True)
        values: list[Any] = [ssim(copy, real, data_range=1.0, reduction="none") for real, copy in pairs]
        similar = measure(torch.cat(values), "structural similarity with a Gaussian window of 11 x 11" + how)
    psnr = -10 * error.clamp(min=1e-10).log10()
    mse = measure(error, "mean squared error per pixel, pixels in [0, 1]" + how)
    return {"reconstruction": Reconstruction(mse, measure(psnr, "mean over images of -10 log10 MSE" + how), similar)}


def _codes(study: Study, _: Choices) -> dict[str, Any]:
    count = len(study.train_codes)
    spread = study.train_codes.double().std(0).mean().item() if count > 1 else 0.0
    protocol = (
        f"standard deviation of posterior means over training images, mean over latent dimensions{study.encoding}"
    )
    how = f"standard deviation of q(z|x,y), mean over latent dimensions, test images{study.encoding}"
    sd = measure(study.test_codes[1].mean(1), how)
    spread_of_codes = Measurement(spread, spread / sqrt(2 * count), count, protocol)  # its error as for a Gaussian
    parts = zip(study.test_codes[0].split(CHUNK), study.test_rows.split(CHUNK), strict=True)
    density = torch.cat([study.mixture(study.model.conditions(rows)).log_prob(codes) for codes, rows in parts])
    how = f"nats, posterior means of test images, under {FITTED}{study.encoding}"
    surprise = measure(-density, how)
    return {"codes": Codes(sd, spread_of_codes, surprise)}
