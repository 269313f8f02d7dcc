"""Restyle: a drawn or uploaded image, its reconstruction, and every label in its style."""

from typing import TYPE_CHECKING

import numpy as np

from condvae.errors import InputError
from condvae.explorer.schemas import Encode
from condvae.explorer.session import Encoded
from condvae.explorer.view import Scene, View, script

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILE = "first.png"  # the prepared image, which the page saves under this name
TITLES = ("image", "reconstruction")


def figure(scene: Scene) -> "Figure":
    """The first image, its reconstruction, and every label in its style."""
    from condvae.report.plots import tiles

    if not scene.state.first:
        raise InputError("There is no image to restyle. Draw or upload an image first.")
    found, labels = _encoded(scene), scene.shown_classes
    reconstruction, restyled = scene.session.restyled(found, None)
    return tiles(np.concatenate([found.image, reconstruction, restyled[: len(labels)]])[None], (*TITLES, *labels))


def code(scene: Scene) -> str:
    """The code of the figure. It reads the prepared image from a file."""
    attributes = scene.session.filled({}, measured=True)
    known = f", attributes={attributes!r}" if attributes else ""
    grey = scene.session.model.schema.shape[0] == 1
    pixels = f"np.array(Image.open({FILE!r}).convert({'L' if grey else 'RGB'!r}))"
    lines = [
        f"# first save the prepared image of the page as {FILE}",
        f"image = {pixels}[None, None]" if grey else f"image = {pixels}.transpose(2, 0, 1)[None]",
    ]
    if scene.classes:
        label = repr(_encoded(scene).label) if scene.state.first else f"{scene.label!r}  # the label of the image"
        lines += [
            f"label = {label}",
            f"labels = {scene.classes!r}",
            f"reconstruction = condvae.reconstruct(model, image, label{known})",
            f"restyled = [condvae.restyle(model, image, label, new_label{known}) for new_label in labels]",
        ]
        drawn = "np.concatenate([image, reconstruction, *restyled])[None], [*titles, *labels]"
    else:
        lines.append(f"reconstruction = condvae.reconstruct(model, image{known})")
        drawn = "np.concatenate([image, reconstruction])[None], titles"
    lines.append(f"titles = {TITLES!r}")
    return script(
        scene, lines, f"condvae.tiles({drawn})", "images.png", ["import numpy as np", "from PIL import Image"]
    )


def _encoded(scene: Scene) -> Encoded:
    state = scene.state
    return scene.session.encoded(Encode(image=state.first, label=state.first_label, prepare=False))


VIEW = View("restyle", 40, {"en": "Restyle", "ko": "스타일 변환"}, figure, code)
