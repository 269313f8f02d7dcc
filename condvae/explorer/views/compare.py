"""Compare: two labels at the same latent vectors, and the difference of their images."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from condvae.explorer.view import Scene, View, script

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(scene: Scene) -> "Figure":
    """A grid of images for each of the two labels, and one for their difference."""
    from condvae.report.plots import grids

    z, columns = scene.session.map.grid(scene.state.grid)
    first, second = (scene.draw(label, z) for label in _labels(scene))
    images = np.stack([first, second, difference(first, second)])
    return grids(images, [str(number) for number in range(1, len(z) + 1)], columns, _titles(scene))


def code(scene: Scene) -> str:
    """The code of the figure."""
    first, second = _labels(scene)
    lines = [
        f"z, columns = condvae.LatentMap({scene.study_code}).grid({scene.state.grid!r})",
        f"first = {scene.draw_code(repr(first), 'z')}",
        f"second = {scene.draw_code(repr(second), 'z')}",
        "difference = (128 + (second.astype(np.int16) - first) / 2).round().clip(0, 255).astype(np.uint8)",
        "images = np.stack([first, second, difference])",
        "numbers = [str(number) for number in range(1, len(z) + 1)]",
    ]
    drawn = f"condvae.grids(images, numbers, columns, {_titles(scene)!r})"
    return script(scene, lines, drawn, "compare.png", ["import numpy as np"])


def difference(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The difference of images: grey if they are equal, white or black if the second is lighter or darker."""
    return (128 + (second.astype(np.int16) - first) / 2).round().clip(0, 255).astype(np.uint8)


def _labels(scene: Scene) -> tuple[Any, Any]:
    return (scene.label, scene.state.other) if scene.classes else (None, None)


def _titles(scene: Scene) -> list[str]:
    return [*(f"label {label}" for label in _labels(scene)), "difference"]


VIEW = View("compare", 30, {"en": "Compare", "ko": "비교"}, figure, code)
