"""Evidence: the training images nearest to a generated image, and the evaluation, claims and settings of the run."""

from typing import TYPE_CHECKING

import numpy as np

from condvae.explorer.limits import LIMITS
from condvae.explorer.schemas import Nearest
from condvae.explorer.view import Scene, View, script

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(scene: Scene) -> "Figure":
    """The generated image and its nearest training images."""
    from condvae.report.plots import tiles

    z, label, attributes = scene.state.z, scene.label, scene.attributes
    images, labels, distances = scene.session.nearest(Nearest(label=label, z=z, attributes=attributes))
    titles = [f"{label}\n{distance:.3f}" for label, distance in zip(labels, distances, strict=True)]
    return tiles(np.concatenate([scene.draw(label, z), images])[None], ("generated", *titles))


def code(scene: Scene) -> str:
    """The code of the figure."""
    lines = [
        f"train = {scene.study_code}.data.train",
        f"image = {scene.draw_code(repr(scene.label), repr(scene.state.z))}",
        f"distances, positions = condvae.nearest(torch.from_numpy(image) / 255, train, {LIMITS.neighbours})",
        "near = train.take(positions[0].numpy())",
        "names = [train.classes[label] for label in near.labels]",
        "titles = [f'{name}\\n{distance:.3f}' for name, distance in zip(names, distances[0])]",
    ]
    drawn = "condvae.tiles(np.concatenate([image, near.images])[None], ['generated', *titles])"
    return script(scene, lines, drawn, "images.png", ["import numpy as np", "import torch"])


VIEW = View("evidence", 60, {"en": "Evaluation", "ko": "평가"}, figure, code)
