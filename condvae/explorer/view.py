"""What a view of the explorer is: one record in one module of `condvae/explorer/views/`, and one file of JavaScript.

A new view needs `views/NAME.py` and `static/NAME.js`, and nothing else. Its tab, its figure and its code follow from
its record. Texts that only this view uses are in its JavaScript file.
"""

import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from condvae.errors import InputError
from condvae.explorer import views as folder
from condvae.explorer.limits import LIMITS
from condvae.explorer.schemas import State
from condvae.explorer.session import Session
from condvae.inference.operations import generate

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LANGUAGES = ("en", "ko")


@dataclass(frozen=True)
class Scene:
    """A session and the state of its page: the model, and the conditions and the latent vector to draw."""

    session: Session
    state: State

    @property
    def classes(self) -> tuple[str, ...]:
        """All labels of the model. Empty for a model without labels."""
        return self.session.model.conditions.classes

    @property
    def shown_classes(self) -> tuple[str, ...]:
        """All labels of the model, if they fit into a figure.

        Raises:
            InputError: there are too many of them.
        """
        if len(self.classes) > LIMITS.figure_labels:
            raise InputError(
                f"A figure can show at most {LIMITS.figure_labels} labels, and this model has {len(self.classes):,}. "
                "Copy the code of the view, and choose some of the labels there."
            )
        return self.classes

    @property
    def label(self) -> str | int | None:
        """The label that the page shows. None for a model without labels."""
        return self.state.label if self.classes else None

    @property
    def attributes(self) -> dict[str, Any]:
        """The other conditions that the page shows."""
        return self.session.filled(self.state.attributes)

    def draw(self, label: Any, z: Any) -> NDArray[np.uint8]:
        """Images of labels at latent vectors, with the attributes of the page, (L * V, C, H, W)."""
        return generate(self.session.model, label, attributes=self.attributes, z=z)

    def draw_code(self, label: str, z: str) -> str:
        """The Python expression for `draw`, from the expressions for its arguments."""
        given = [] if label == "None" else [label]
        named = [f"attributes={self.attributes!r}"] if self.attributes else []
        return f"condvae.generate({', '.join(['model', *given, *named, f'z={z}'])})"

    @property
    def study_code(self) -> str:
        """The Python expression for the run together with its data."""
        return f"condvae.Study({self.session.name!r})"


@dataclass(frozen=True)
class View:
    """A view of the explorer.

    Attributes:
        name: the name of its JavaScript file, in the address of the page and in requests.
        order: tabs are shown by increasing order.
        titles: the title of its tab in each of LANGUAGES.
        figure: a scene to the figure of the view.
        code: a scene to the Python code that writes the same figure to a file. It uses public names only.
    """

    name: str
    order: int
    titles: Mapping[str, str]
    figure: Callable[[Scene], "Figure"]
    code: Callable[[Scene], str]


def find_views() -> dict[str, View]:
    """All views by their names, in the order of their tabs."""
    names = [module.name for module in pkgutil.iter_modules(folder.__path__)]
    found: list[View] = [import_module(f"{folder.__name__}.{name}").VIEW for name in names]
    return {view.name: view for view in sorted(found, key=lambda view: view.order)}


def script(scene: Scene, lines: Sequence[str], figure: str, file: str, imports: Sequence[str] = ()) -> str:
    """A Python script that loads the model and writes a figure to a file.

    Args:
        scene: what the page shows.
        lines: the lines between loading the model and writing the figure.
        figure: the Python expression for the figure.
        file: the name of the file.
        imports: lines that import third-party libraries, in alphabetical order.
    """
    libraries = [*imports, ""] if imports else []
    return "\n".join(
        [
            "from pathlib import Path",
            "",
            *libraries,
            "import condvae",
            "",
            f"model = condvae.load({scene.session.name!r})",
            *lines,
            f"figure = {figure}",
            f"condvae.save_figure(figure, Path({file!r}))",
            "",
        ]
    )
