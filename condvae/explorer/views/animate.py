"""Animate: the images along a path through the latent space or between labels."""

from typing import TYPE_CHECKING

import numpy as np

from condvae.errors import InputError
from condvae.explorer.animation import duration, scale
from condvae.explorer.limits import LIMITS
from condvae.explorer.view import Scene, View, script

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(scene: Scene) -> "Figure":
    """Some of the images, evenly spaced along the path."""
    from condvae.report.plots import tiles

    if len(scene.state.path) < 2:
        raise InputError("A path needs at least two stops. Add stops first.")
    images = scene.session.frames(scene.state.path, scene.state.steps)
    shown = np.unique(np.linspace(0, len(images) - 1, LIMITS.figure_frames).round().astype(int))
    return tiles(images[shown][None], ())


def code(scene: Scene) -> str:
    """The code of the figure, and of the animation as a GIF."""
    state, shape = scene.state, scene.session.model.schema.shape
    label, z, attributes = scene.session.stops(state.path)
    pixels = "image[0]" if shape[0] == 1 else "image.transpose(1, 2, 0)"
    given = f", attributes={attributes!r}" if attributes else ""
    size = (shape[2] * scale(shape), shape[1] * scale(shape))
    lines = [
        f"label = {label!r}",
        f"z = {z!r}",
        f"images = condvae.interpolate(model, label, z{given}, steps={state.steps})",
        f"frames = [Image.fromarray({pixels}).resize({size}, Image.Resampling.NEAREST) for image in images]",
        f"frames[0].save('animation.gif', save_all=True, append_images=frames[1:], duration={duration(state.rate)}, "
        "loop=0, optimize=False)",
        f"shown = np.unique(np.linspace(0, len(images) - 1, {LIMITS.figure_frames}).round().astype(int))",
    ]
    imports = ["import numpy as np", "from PIL import Image"]
    return script(scene, lines, "condvae.tiles(images[shown][None], [])", "images.png", imports)


VIEW = View("animate", 50, {"en": "Animate", "ko": "애니메이션"}, figure, code)
