"""Generate: the image of a label and a latent vector, and all labels at the same latent vector."""

from typing import TYPE_CHECKING

from condvae.explorer.view import Scene, View, script

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(scene: Scene) -> "Figure":
    """All labels at the latent vector of the page."""
    from condvae.report.plots import tiles

    labels = scene.shown_classes
    return tiles(scene.draw(labels or None, scene.state.z)[None], labels)


def code(scene: Scene) -> str:
    """The code of the figure."""
    lines = [
        f"labels = {scene.classes!r}",
        f"images = {scene.draw_code('labels' if scene.classes else 'None', repr(scene.state.z))}",
    ]
    return script(scene, lines, "condvae.tiles(images[None], labels)", "images.png")


VIEW = View("generate", 10, {"en": "Generate", "ko": "생성"}, figure, code)
