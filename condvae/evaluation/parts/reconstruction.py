"""How well test images are reconstructed from their codes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from torch import Tensor

from condvae.evaluation.measurement import Measurement, measure
from condvae.evaluation.part import Part, Section
from condvae.evaluation.protocol import Protocol, encoding
from condvae.evaluation.study import BATCH, Study, unit_batches
from condvae.inference.batched import decode
from condvae.model.distributions import squared_error

SSIM_SIDE = 11  # of its window, in pixels


@dataclass(frozen=True)
class Reconstruction(Section):
    """Test images, encoded to the posterior mean and decoded.

    Attributes:
        mse: squared error, averaged over pixels in [0, 1].
        psnr: peak signal-to-noise ratio, in dB.
        ssim: structural similarity. None for images that are smaller than its window.
    """

    mse: Measurement = field(metadata={"title": "reconstruction error (test MSE)"})
    psnr: Measurement = field(metadata={"title": "PSNR, dB"})
    ssim: Measurement | None = field(metadata={"title": "SSIM"})

    @property
    def headline(self) -> tuple[str, str]:
        return "Test MSE", f"{self.mse.value:.4f}"


def _measure(study: Study, _: Protocol) -> Reconstruction:
    how = f" Test images are decoded from their posterior means.{encoding(study)}"
    has_window = min(study.model.schema.shape[1:]) >= SSIM_SIDE
    errors, similarities = [], []
    for real, copy in _pairs(study):
        errors.append(squared_error(real, copy))
        if has_window:
            similarities.append(_similarity(copy, real))
    error, similar = torch.cat(errors), None
    psnr = -10 * error.clamp(min=1e-10).log10()
    if has_window:
        window = f"Structural similarity with a Gaussian window of {SSIM_SIDE} x {SSIM_SIDE} pixels.{how}"
        similar = measure(torch.cat(similarities), window)
    return Reconstruction(
        measure(error, f"Mean squared error per pixel, with pixels in [0, 1].{how}"),
        measure(psnr, f"Mean of -10 log10 MSE over images.{how}"),
        similar,
    )


def _pairs(study: Study) -> Iterator[tuple[Tensor, Tensor]]:
    """Test images and their reconstructions, floats in [0, 1] (B, C, H, W), batch by batch."""
    codes, rows = study.test_codes.split(BATCH), study.test_rows.split(BATCH)
    for real, z, chosen in zip(unit_batches(study.data.test), codes, rows, strict=True):
        yield real, decode(study.model, z, chosen)


def _similarity(copy: Tensor, real: Tensor) -> Tensor:
    from torchmetrics.functional.image import structural_similarity_index_measure

    values = structural_similarity_index_measure(copy, real, data_range=1.0, reduction="none")
    assert isinstance(values, Tensor)  # a tuple is returned for other arguments only
    return values


PART = Part(
    name="reconstruction",
    title="Reconstruction of test images",
    order=10,
    kind=Reconstruction,
    measure=_measure,
    quick=True,
)
