"""What a model is, in a few lines and as a picture."""

from base64 import b64encode
from html import escape
from typing import TYPE_CHECKING

import torch

from condvae.errors import listed
from condvae.images import contact_sheet, png, to_uint8

if TYPE_CHECKING:
    from condvae.model.cvae import CVAE

COLUMNS, CLASSES = 10, 100  # images in a row of the picture, and at most
WIDTH = 600  # pixels that the picture should have


def text_of(model: "CVAE") -> str:
    """Five lines: images, conditions, distributions, networks, parameters."""
    config, (channels, height, width) = model.config, model.schema.shape
    kind = {1: "grey", 3: "colour"}.get(channels, f"{channels}-channel")
    variables = model.conditions.variables
    names = (f"{one.name} ({listed(one.classes)})" if one.classes else one.name for one in variables)
    widths = " and ".join(" x ".join(map(str, each)) for each in (config.encoder, config.decoder))
    return "\n".join(
        [
            f"CVAE: {kind} images of {height} x {width} pixels from {config.latent} latent dimensions",
            f"  conditions: {', '.join(names) or 'none'}",
            f"  posterior {config.posterior}, prior {config.prior}, likelihood {config.likelihood}",
            f"  network {config.network}, encoder and decoder {widths}",
            f"  {model.parameter_count:,} parameters on {model.device}",
        ]
    )


def html_of(model: "CVAE") -> str:
    """The same lines, and one image of each class at the centre of the latent space."""
    count = min(CLASSES, max(1, len(model.conditions.classes)))
    rows = torch.full((count, len(model.conditions.variables)), torch.nan)
    for column, variable in enumerate(model.conditions.variables):
        rows[:, column] = 0.0 if variable.classes else variable.mean
    if model.conditions.classes:
        rows[:, 0] = torch.arange(count)
    training = model.training
    model.eval()
    with torch.inference_mode():
        y = model.conditions(rows.to(model.device))
        z = model.prior.from_standard(torch.zeros(count, model.config.latent, device=model.device), y)
        images = to_uint8(model.likelihood(z, y).mean)
    model.train(training)
    sheet = contact_sheet(images, min(COLUMNS, count))
    picture = b64encode(png(sheet, max(1, WIDTH // sheet.shape[-1]))).decode("ascii")
    return (
        f'<pre>{escape(text_of(model))}</pre><img alt="One image of each class" src="data:image/png;base64,{picture}">'
    )
