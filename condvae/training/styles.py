"""A term of the loss that makes labels share their styles.

The coordinates in which p(z|y) is N(0, I) are fixed only up to maps that preserve N(0, I), and each label may have a
map of its own: nothing in the bound makes the same point mean the same style for two labels. This term does.
"""

import torch
from torch import Tensor

from condvae.data.attributes import MEASURES, TINY
from condvae.model.cvae import CVAE

SHARED = ("slant", "thickness", "ink")  # width has another meaning for a 1 than for a 0
POINTS = 32  # decoded in each step, each under two labels


def style_disagreement(model: CVAE, given: Tensor) -> Tensor:
    """1 minus the correlation of slant, thickness and ink between two labels at the same points, the mean of the three.

    The points are drawn from N(0, I) in standard coordinates, and the two labels at random. The images are decoder
    means. It is 0 if images of the two labels have the same styles but for the mean and the scale of each.

    Args:
        model: a model with the label among its conditions.
        given: conditions of images, (B, D) or (B,). Conditions beside the label are taken from them.

    Returns:
        A scalar from 0 to 2. It is 0 if there is only one label.
    """
    if len(model.conditions.classes) < 2:
        return torch.zeros((), device=given.device)
    rows = given.view(len(given), -1)[:POINTS].float()
    first, second = torch.randperm(len(model.conditions.classes))[:2].tolist()
    u = torch.randn(len(rows), model.config.latent, device=rows.device).repeat(2, 1)
    rows = rows.repeat(2, 1)
    rows[: len(rows) // 2, 0], rows[len(rows) // 2 :, 0] = first, second
    y = model.conditions(rows)
    with torch.autocast(u.device.type, enabled=False):  # the map needs full precision
        z = model.prior.from_standard(u, y)
    images = model.likelihood(z, y).mean
    values = torch.stack([MEASURES[name](images.float()) for name in SHARED]).unflatten(1, (2, -1))
    deviations = values - values.mean(2, keepdim=True)
    directions = deviations / deviations.norm(dim=2, keepdim=True).clamp(min=TINY)
    return 1 - directions.prod(1).sum(1).mean()
