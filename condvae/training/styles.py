"""A term of the loss that makes labels share their styles.

The coordinates in which p(z|y) is N(0, I) are fixed only up to maps that preserve N(0, I), and each label may have a
map of its own: nothing in the bound makes the same point mean the same style for two labels. This term does.
"""

import torch
from torch import Tensor

from condvae.data.attributes import MEASURES, TINY
from condvae.model.cvae import CVAE

SHARED = ("slant", "thickness", "ink")  # width has another meaning for a 1 than for a 0
POINTS = 32  # images of each step whose codes are decoded, each under two labels


def style_disagreement(model: CVAE, x: Tensor, given: Tensor) -> Tensor:
    """1 minus the correlation of slant, thickness and ink between two labels at the same points, their mean.

    The points are the codes of POINTS images in standard coordinates, and the two labels are drawn at random. What is
    measured is the mean of p(x|z,y) under each label. It is 0 if images of the two labels have the same styles but for
    the mean and the scale of each. The gradient does not reach the encoder. Measures that are conditions of the model
    are left out, because z does not decide them.

    Args:
        model: a model with the label among its conditions.
        x: images as the likelihood sees them, float (B, C, H, W) in [0, 1], of which the first POINTS are used.
        given: conditions of the images, (B, D) or (B,). Points are decoded with the attributes of the first image.

    Returns:
        A scalar from 0 to 2. It is 0 if there is only one label, or if all measures are conditions.
    """
    measures = [MEASURES[name] for name in SHARED if name not in model.config.conditions]
    if len(model.conditions.classes) < 2 or not measures:
        return torch.zeros((), device=x.device)
    rows = given.view(len(given), -1)[:POINTS].float()
    with torch.no_grad(), torch.autocast(x.device.type, enabled=False):  # maps of z need full precision
        y = model.conditions(rows)
        u = model.prior.to_standard(model.posterior(x[:POINTS], y).mean, y).repeat(2, 1)
    rows = rows[:1].repeat(2, len(rows), 1)
    rows[:, :, 0] = torch.randperm(len(model.conditions.classes), device=rows.device)[:2, None].float()
    y = model.conditions(rows.flatten(0, 1))
    with torch.autocast(x.device.type, enabled=False):
        z = model.prior.from_standard(u, y)
    images = model.likelihood(z, y).mean.float()
    values = torch.stack([measure(images) for measure in measures]).unflatten(1, (2, -1))
    deviations = values - values.mean(2, keepdim=True)
    directions = deviations / deviations.norm(dim=2, keepdim=True).clamp(min=TINY)
    return 1 - directions.prod(1).sum(1).mean()
