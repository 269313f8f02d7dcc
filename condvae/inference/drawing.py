"""Drawing images: labels crossed with latent vectors. `generate`, the command and the HTTP interface all use this."""

from contextlib import nullcontext

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from condvae.errors import InputError
from condvae.inference.batched import BLOCK, MODEL_PRIOR, draw, draw_pixels, prior_module
from condvae.inference.inputs import Attributes, Label, common_size, require_seed
from condvae.inference.tensors import as_conditions, as_vectors
from condvae.model.cvae import CVAE
from condvae.seeds import seeded

MAX_COUNT = 10**12  # images of each label
SAMPLED = 1  # distinguishes the seeds of pixels from those of latent vectors


class Drawing:
    """Images to draw. Image i * each + j has the i-th label and the j-th latent vector.

    Args:
        model: a trained model.
        label: one label or several. None for a model without labels, or to leave the label out of a model with
            condition dropout.
        attributes: the other conditions of the model by name, one value for all labels or one for each label.
        z: latent vectors, (Z,) or (V, Z). Drawn if left out.
        count: the number of images of each label, if latent vectors are drawn.
        pair: pair labels and latent vectors one to one, instead of drawing all combinations.
        sample: draw pixels from p(x|z,y), instead of taking its mean.
        seed: makes the draw repeatable.
        prior: where latent vectors are drawn from; see `draw`.

    Attributes:
        rows: the conditions of each label, (L, D).
        each: the number of images of each label.
        total: the number of images.

    Raises:
        InputError: an argument does not fit the model, or arguments do not fit each other.
    """

    def __init__(
        self,
        model: CVAE,
        label: Label = None,
        *,
        attributes: Attributes | None = None,
        z: ArrayLike | None = None,
        count: int = 1,
        pair: bool = False,
        sample: bool = False,
        seed: int | None = None,
        prior: str | nn.Module = MODEL_PRIOR,
    ) -> None:
        self.model, self.sample, self.seed, self.prior = model, sample, seed, prior
        if not 1 <= count <= MAX_COUNT:
            raise InputError(f"count must be from 1 to {MAX_COUNT:,}, got {count}.")
        require_seed(seed)
        self.rows = as_conditions(model, label, attributes)
        self.vectors = None if z is None else as_vectors(model, z)
        if self.vectors is None:
            if pair:
                raise InputError("pair=True pairs labels with latent vectors, but there is no z. Give z as well.")
            self.each = count
            prior_module(model, prior)
        else:
            self._require_vectors_alone(count, prior)
            self.each = len(self.vectors)
        if pair and self.vectors is not None:
            size = common_size({"labels": len(self.rows), "latent vectors z": len(self.vectors)})
            self.rows, self.vectors, self.each = self.rows.expand(size, -1), self.vectors.expand(size, -1), 1
        self.pair = pair
        self.total = len(self.rows) * self.each

    def piece(self, start: int, stop: int) -> tuple[NDArray[np.uint8], Tensor]:
        """Images `start` to before `stop`, and their latent vectors: uint8 (B, C, H, W) and float32 (B, Z).

        Pieces that start at multiples of BLOCK are equal to the same images of the whole drawing.
        """
        rows = _crossed(self.rows, start, stop, self.each)
        if self.vectors is None:
            z = draw(self.model, rows, self.seed, start, self.prior)
        elif self.pair or len(self.rows) == 1:
            z = self.vectors[start:stop]
        elif len(self.vectors) == 1:
            z = self.vectors.expand(stop - start, -1)
        else:
            z = self.vectors[torch.arange(start, stop) % self.each]
        return self._pixels(z, rows, start), z

    def _pixels(self, z: Tensor, rows: Tensor, start: int) -> NDArray[np.uint8]:
        if not self.sample:
            return draw_pixels(self.model, z, rows)
        blocks = []
        for number, (part, chosen) in enumerate(zip(z.split(BLOCK), rows.split(BLOCK), strict=True), start // BLOCK):
            with seeded(self.seed, number, SAMPLED) if self.seed is not None else nullcontext():
                blocks.append(draw_pixels(self.model, part, chosen, sample=True))
        return np.concatenate(blocks)

    def _require_vectors_alone(self, count: int, prior: str | nn.Module) -> None:
        if count != 1:
            raise InputError(f"z sets the latent vectors, and count = {count} draws them. Give one of the two.")
        if prior != MODEL_PRIOR:
            raise InputError("z sets the latent vectors, and prior draws them. Give one of the two.")


def _crossed(rows: Tensor, start: int, stop: int, each: int) -> Tensor:
    """Rows `start` to before `stop` of a table in which each row (D,) is repeated."""
    if len(rows) == 1:
        return rows if stop - start == 1 else rows.expand(stop - start, -1)
    return rows[torch.arange(start, stop) // each]
