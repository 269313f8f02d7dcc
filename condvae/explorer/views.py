"""What each view shows, as a figure, and as the lines of Python that make the same figure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from condvae.errors import InputError
from condvae.explorer.schemas import State
from condvae.explorer.session import Session
from condvae.inference.inputs import as_vectors
from condvae.inference.operations import generate
from condvae.report.plots import figure_bytes, grids, latent_map, tiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXTENT = 4.0  # of the map, from -EXTENT to EXTENT
SIDE = 31  # points of a heat map on each axis
STEPS = 8  # from one end of a line to the other
FRAMES = 10  # of an animation, in its figure
NEAREST = 8
ROOM = 100  # labels, beside each other in a figure


@dataclass(frozen=True)
class Scene:
    """A session, and what its page shows: a model with the conditions and the latent vector to draw."""

    session: Session
    state: State

    @property
    def label(self) -> str | int | None:
        return self.state.label if self.session.model.conditions.classes else None

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels, of which a figure has room for some.

        Raises:
            InputError: there are too many of them.
        """
        labels = self.session.model.conditions.classes
        if len(labels) > ROOM:
            raise InputError(
                f"A figure has room for {ROOM} labels; this model has {len(labels):,}. Save the view's code, and name "
                "some of them in it."
            )
        return labels

    @property
    def attributes(self) -> dict[str, Any]:
        return dict(self.session.filled(self.state.attributes))

    def draw(self, labels: Any, z: Any) -> NDArray[np.uint8]:
        """Images of labels at latent vectors, with the attributes that the page has."""
        return generate(self.session.model, labels, attributes=self.attributes, z=z)

    def call(self, labels: Any, z: str) -> str:
        """The Python that does that."""
        named = f", attributes={self.attributes!r}" if self.attributes else ""
        return f"condvae.generate(model, {labels}{named}, z={z})"


def figure_of(view: str, session: Session, state: State, ending: str) -> bytes:
    """The figure of a view as a file: png or svg."""
    return figure_bytes(FIGURES[view](Scene(session, state)), ending)


def code_of(view: str, session: Session, state: State) -> str:
    """The Python that writes the figure of a view to a file."""
    return CODES[view](Scene(session, state))


def _generate(scene: Scene) -> "Figure":
    labels = scene.labels or None
    return tiles(scene.draw(labels, scene.state.z)[None], labels or ("",))


def _generate_code(scene: Scene) -> str:
    labels = scene.session.model.conditions.classes or None
    return _script(
        scene,
        "tiles",
        f"labels = {labels!r}\nimages = {scene.call('labels', repr(scene.state.z))}",
        "tiles(images[None], labels or [''])",
    )


def _plane(scene: Scene) -> "Figure":
    found, codes = scene.session.map, scene.session.map.codes
    plane, way = found.plane(scene.state.plane), _way(scene)
    heat = None
    if scene.state.overlay:
        z = plane.grid(as_vectors(scene.session.model, scene.state.z)[0], EXTENT, SIDE)
        values = found.overlay(scene.state.overlay, z, scene.label, scene.attributes)
        heat = scene.state.overlay, values.view(SIDE, SIDE).numpy()
    place = ((way - plane.origin) @ plane.axes.T).numpy()
    return latent_map(
        plane.points.numpy(), codes.labels.numpy(), plane.names, EXTENT, place, scene.draw(scene.label, way), heat
    )


def _plane_code(scene: Scene) -> str:
    state, attributes = scene.state, scene.attributes
    lines = [
        f"latent = LatentMap(condvae.Study({scene.session.source}))",
        f"plane = latent.plane({state.plane!r})",
        f"z = torch.tensor({state.z!r})",
    ]
    if state.line:
        lines.append(f"start, end = torch.tensor({state.line!r})")
        lines.append(f"way = torch.stack([start + (end - start) * step / {STEPS} for step in range({STEPS + 1})])")
    else:
        lines.append("way = z[None]")
    if state.overlay:
        lines.append(f"grid = plane.grid(z, {EXTENT}, {SIDE})")
        lines.append(f"values = latent.overlay({state.overlay!r}, grid, {scene.label!r}, {attributes!r})")
        lines.append(f"heat = {state.overlay!r}, values.view({SIDE}, {SIDE}).numpy()")
    lines.append(f"images = {scene.call(repr(scene.label), 'way')}")
    drawn = (
        "latent_map(\n"
        f"    plane.points.numpy(), latent.codes.labels.numpy(), plane.names, {EXTENT},\n"
        f"    ((way - plane.origin) @ plane.axes.T).numpy(), images{', heat' if state.overlay else ''}\n)"
    )
    return _script(scene, "latent_map", "\n".join(lines), drawn, "import torch\n", MAP)


def _compare(scene: Scene) -> "Figure":
    z, columns = scene.session.map.grid(scene.state.grid)
    pair = _pair(scene)
    first, second = (scene.draw(label, z) for label in pair)
    images = np.stack([first, second, difference(first, second)])
    return grids(images, _numbered(len(z)), columns, [*(f"label {label}" for label in pair), "difference"])


def _compare_code(scene: Scene) -> str:
    first, second = _pair(scene)
    lines = [
        f"latent = LatentMap(condvae.Study({scene.session.source}))",
        f"z, columns = latent.grid({scene.state.grid!r})",
        f"first = {scene.call(repr(first), 'z')}",
        f"second = {scene.call(repr(second), 'z')}",
        "images = np.stack([first, second, difference(first, second)])",
        "names = [str(number) for number in range(1, len(z) + 1)]",
    ]
    imports = f"{MAP}from condvae.explorer.views import difference\n"
    titles = [f"label {first}", f"label {second}", "difference"]
    drawn = f"grids(images, names, columns, {titles!r})"
    return _script(scene, "grids", "\n".join(lines), drawn, "import numpy as np\n", imports)


def _restyle(scene: Scene) -> "Figure":
    if not scene.state.first:
        raise InputError("There is no image to restyle. Draw one, or upload one, first.")
    found = scene.session.encoded(scene.state.first, scene.state.shows, {}, True)
    copy, images = scene.session.restyled(found, None)
    labels = scene.labels
    return tiles(np.concatenate([found.image, copy, images[: len(labels)]])[None], ("image", "copy", *labels))


def _restyle_code(scene: Scene) -> str:
    labels = scene.session.model.conditions.classes
    attributes = scene.session.filled({}, measured=True)
    known = f", attributes={attributes!r}" if attributes else ""
    lines = [
        "image = read_image(Path('first.png'), model.schema.shape)[None]  # the image as it was prepared",
        f"label = {scene.session.encoded(scene.state.first, scene.state.shows, {}, True).label!r}"
        if scene.state.first
        else "label = ...  # what it shows",
        f"labels = {labels!r}",
        f"copy = condvae.reconstruct(model, image, label{known})",
        f"styled = [condvae.restyle(model, image, label, new{known}) for new in labels]",
    ]
    drawn = "tiles(np.concatenate([image, copy, *styled])[None], ['image', 'copy', *labels])"
    imports = "from condvae.images import read_image\n"
    return _script(scene, "tiles", "\n".join(lines), drawn, "import numpy as np\n", imports)


def _animate(scene: Scene) -> "Figure":
    if len(scene.state.path) < 2:
        raise InputError("A path has at least two stops. Add stops first.")
    images = scene.session.frames(scene.state.path, scene.state.steps)
    return tiles(images[shown(len(images))][None], ())


def _animate_code(scene: Scene) -> str:
    labels, z, attributes = scene.session.stops(scene.state.path)
    lines = [
        f"labels = {labels!r}",
        f"z = {z!r}",
        f"images = condvae.interpolate(model, labels, z, attributes={attributes!r}, steps={scene.state.steps})",
        f"Path('animation.gif').write_bytes(gif(images, {scene.state.rate}))",
    ]
    imports = "from condvae.explorer.animation import gif\nfrom condvae.explorer.views import shown\n"
    return _script(scene, "tiles", "\n".join(lines), "tiles(images[shown(len(images))][None], [])", "", imports)


def _evidence(scene: Scene) -> "Figure":
    state = scene.state
    images, labels, distances = scene.session.nearest(scene.label, state.z, scene.attributes, NEAREST)
    titles = [f"{label}\n{distance:.3f}" for label, distance in zip(labels, distances, strict=True)]
    return tiles(np.concatenate([scene.draw(scene.label, state.z), images])[None], ("generated", *titles))


def _evidence_code(scene: Scene) -> str:
    lines = [
        f"train = condvae.Study({scene.session.source}).data.train",
        f"image = {scene.call(repr(scene.label), repr(scene.state.z))}",
        f"distances, positions = nearest(torch.from_numpy(image) / 255, torch.from_numpy(train.images), {NEAREST})",
        "chosen = positions[0].numpy()",
        "names = [train.classes[label] for label in train.labels[chosen]]",
        "titles = [f'{name}\\n{distance:.3f}' for name, distance in zip(names, distances[0])]",
    ]
    drawn = "tiles(np.concatenate([image, train.images[chosen]])[None], ['generated', *titles])"
    imports = "from condvae.evaluation.distances import nearest\n"
    return _script(scene, "tiles", "\n".join(lines), drawn, "import numpy as np\nimport torch\n", imports)


def difference(images: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Where the second of two images is lighter (white) or darker (black) than the first: uint8 of the same shape."""
    return (128 + (others.astype(np.int16) - images) / 2).round().clip(0, 255).astype(np.uint8)


def shown(count: int) -> NDArray[np.int64]:
    """Which of so many images of an animation its figure shows."""
    return np.unique(np.linspace(0, count - 1, FRAMES).round().astype(np.int64))


def _way(scene: Scene) -> torch.Tensor:
    """The latent vector that is pinned or, if a line is drawn, those along it: (M, Z)."""
    model, line = scene.session.model, scene.state.line
    if not line:
        return as_vectors(model, scene.state.z)
    start, end = as_vectors(model, line)
    return torch.stack([start + (end - start) * step / STEPS for step in range(STEPS + 1)])


def _pair(scene: Scene) -> tuple[Any, Any]:
    return (scene.label, scene.state.other) if scene.session.model.conditions.classes else (None, None)


def _numbered(count: int) -> list[str]:
    return [str(number) for number in range(1, count + 1)]


def _script(scene: Scene, figure: str, body: str, drawn: str, libraries: str = "", imports: str = "") -> str:
    name = FILES[figure]
    return (
        f"from pathlib import Path\n\n{libraries}\nimport condvae\n{imports}from condvae.report.plots import save_figure, "
        f"{figure}\n\nmodel = condvae.load({scene.session.source})\n{body}\nsave_figure({drawn}, Path('{name}.png'))\n"
    ).replace("\n\n\nimport", "\n\nimport")


MAP = "from condvae.explorer.latent_map import LatentMap\n"
FILES = {"tiles": "images", "grids": "compare", "latent_map": "map"}
FIGURES: dict[str, Callable[[Scene], "Figure"]] = {
    "generate": _generate,
    "plane": _plane,
    "compare": _compare,
    "restyle": _restyle,
    "animate": _animate,
    "evidence": _evidence,
}
CODES: dict[str, Callable[[Scene], str]] = {
    "generate": _generate_code,
    "plane": _plane_code,
    "compare": _compare_code,
    "restyle": _restyle_code,
    "animate": _animate_code,
    "evidence": _evidence_code,
}
