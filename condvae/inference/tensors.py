"""What users give, checked as in `inputs` and as tensors."""

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from condvae.data.attributes import MEASURES
from condvae.images import unit
from condvae.inference import inputs
from condvae.inference.inputs import Attributes, Label
from condvae.model.cvae import CVAE

MEASURED = 500  # images that are measured at once


def as_conditions(model: CVAE, label: Label, attributes: Attributes | None = None) -> Tensor:
    """Labels and attributes as rows of conditions, float32 (B, D). See `inputs.as_conditions`."""
    return torch.from_numpy(inputs.as_conditions(model, label, attributes))


def with_changes(model: CVAE, rows: Tensor, label: Label, attributes: Attributes | None) -> Tensor:
    """Rows of conditions (B, D) with some conditions replaced. See `inputs.with_changes`."""
    return torch.from_numpy(inputs.with_changes(model, rows.numpy(), label, attributes))


def conditions_of(model: CVAE, x: Tensor, label: Label, attributes: Attributes | None = None) -> Tensor:
    """The conditions (B, D) of given images (B, C, H, W). Attributes that are left out are measured, if possible.

    Raises:
        InputError: as `inputs.as_conditions`.
    """
    values = inputs.without_label(attributes)
    for variable in model.conditions.variables:
        if variable.name in MEASURES and variable.name not in values:
            values[variable.name] = torch.cat([MEASURES[variable.name](unit(part)) for part in x.split(MEASURED)])
    rows = inputs.for_each(inputs.as_conditions(model, label, values), len(x))
    return torch.from_numpy(np.array(rows))


def as_vectors(model: CVAE, z: ArrayLike) -> Tensor:
    """Latent vectors as float32 (B, Z). See `inputs.as_vectors`."""
    return torch.from_numpy(np.array(inputs.as_vectors(model, z)))


def as_images(model: CVAE, images: ArrayLike) -> Tensor:
    """Images as a tensor (B, C, H, W): uint8, or floats in [0, 1]. See `inputs.as_images`."""
    return torch.from_numpy(inputs.as_images(model, images))
