"""A model that is open in the explorer: everything the views ask for, as arrays. Nothing here knows HTTP.

Nothing here needs PyTorch either, so that an exported model is served without it.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from condvae.config import Z_PRIORS
from condvae.errors import InputError
from condvae.explorer.animation import scale
from condvae.explorer.limits import GRIDS, LIMITS
from condvae.explorer.options import Options
from condvae.explorer.schemas import Decode, Encode, Generate, Nearest, Overlay, State, Stop
from condvae.inference.inputs import Attributes, Described, Label
from condvae.run import PRETRAINED, name_of

Images = NDArray[np.uint8]  # (B, C, H, W)
Floats = NDArray[np.float32]


class Encoded(NamedTuple):
    """An image in the latent space.

    Attributes:
        image: the image as the model sees it, uint8 (1, C, H, W).
        steps: the steps of its preparation, see `prepare`.
        label: its label, given or detected. None for a model without labels.
        attributes: its other conditions by name.
        mean: the mean of its posterior in standard coordinates, (1, Z).
        deviation: the standard deviation of its posterior there, (1, Z).
        row: its conditions, (1, D).
    """

    image: Images
    steps: list[str]
    label: str | None
    attributes: dict[str, float | str]
    mean: Floats
    deviation: Floats
    row: Floats


class Session(ABC):
    """A model that is open in the explorer.

    Args:
        about: the model.
        name: its folder or file, its address on the Hub, or "pretrained", as the user gave it.
        max_images: the largest number of images in one answer.

    Attributes:
        title: the title of the page: the name of the model, without the path to it.
        measured: the attributes that are measured of images.
        overlays: the measures of heat maps.
        priors: where z can be drawn from.
        has_neighbours: whether there are training images.
        has_code: whether Python code draws what a view shows from the model alone.
    """

    measured: ClassVar[Sequence[str]] = ()
    overlays: ClassVar[Sequence[str]] = ()
    priors: ClassVar[Sequence[str]] = Z_PRIORS[:1]
    has_neighbours: ClassVar[bool] = False
    has_code: ClassVar[bool] = False

    def __init__(self, about: Described, name: str, max_images: int = Options.max_images) -> None:
        self.about, self.name, self.max_images = about, name, max_images
        self.title = "condvae" if name == PRETRAINED else name_of(name)

    @cached_property
    def description(self) -> dict[str, Any]:
        """The model, and what its page is made of: names, limits, and the state with which it opens."""
        conditions, latent = self.about.named, self.about.config.latent
        first, second = (*conditions.classes[:2], *conditions.classes[:1], None, None)[:2]
        state = State(label=first, other=second, attributes=conditions.typical, z=[0.0] * latent)
        return {
            "run": self.name,
            "title": self.title,
            "data": self.data_name,
            "obeyed": self.obeyed,
            "shape": self.about.schema.shape,
            "latent": latent,
            "classes": conditions.classes,
            "attributes": [asdict(variable) for variable in conditions.variables if variable.name != "label"],
            "optional": conditions.optional,
            "typical": conditions.typical,
            "measured": self.measured,
            "max_images": self.max_images,
            "overlays": self.overlays,
            "grids": GRIDS,
            "priors": self.priors,
            "has_neighbours": self.has_neighbours,
            "has_code": self.has_code,
            "enlarged": scale(self.about.schema.shape),
            "limits": asdict(LIMITS),
            "state": state.model_dump(),
        }

    @property
    def data_name(self) -> str:
        """The name of the data, if it is known."""
        return ""

    @property
    def obeyed(self) -> float | None:
        """The share of images drawn from the prior that show their label, if it is known."""
        return None

    @abstractmethod
    def begin(self) -> None:
        """Compute what takes long and will be asked for."""

    @abstractmethod
    def decoded(self, wanted: Decode) -> tuple[Images, list[bool] | None]:
        """Images of labels at latent vectors, and whether each latent vector is near codes of its label, if known."""

    @abstractmethod
    def generated(self, wanted: Generate) -> tuple[Images, Floats]:
        """Images of each label at latent vectors that are drawn, (L * count, C, H, W), and these vectors."""

    @abstractmethod
    def encoded(self, wanted: Encode) -> Encoded:
        """An image file in the latent space. A label that is left out is detected."""

    @abstractmethod
    def restyled(self, found: Encoded, new_label: Label) -> tuple[Images, Images]:
        """The reconstruction of an image, (1, C, H, W), and the image with new labels, (B, C, H, W); all if None."""

    @abstractmethod
    def frames(self, path: Sequence[Stop], steps: int) -> Images:
        """The images along a path, with `steps` steps from one stop to the next."""

    @abstractmethod
    def plane(self, name: str) -> dict[str, Any]:
        """A plane through the latent space, and the codes on it, as the page takes them."""

    @abstractmethod
    def grid(self, name: str) -> tuple[Floats, int]:
        """Latent vectors at which labels are compared, (N, Z), and the number of them in a row."""

    def overlay(self, wanted: Overlay) -> Floats:
        """A measure of the images on a grid of a plane, (side, side)."""
        raise InputError(f"There is no measure '{wanted.measure}' of this model. Open its run folder for heat maps.")

    def nearest(self, wanted: Nearest) -> tuple[Images, list[str], list[float]]:
        """The training images that are nearest to one generated image, their labels and their distances."""
        raise InputError("This model has no training images. Open its run folder to see them.")

    @property
    def evidence(self) -> dict[str, Any]:
        """Figures, claims and settings."""
        return {"figures": [], "claims": [], "settings": {}}

    def stops(self, path: Sequence[Stop]) -> tuple[list[Any] | None, list[list[float]], dict[str, list[Any]]]:
        """Labels, latent vectors and attributes of the stops of a path, as `interpolate` takes them.

        Raises:
            InputError: the stops have different attributes.
        """
        every = [self.filled(stop.attributes) for stop in path]
        names = every[0].keys() if every else set()
        if any(values.keys() != names for values in every):
            raise InputError("The stops of a path have different attributes. Give each stop the same attributes.")
        labels = [stop.label for stop in path] if any(stop.label is not None for stop in path) else None
        return labels, [stop.z for stop in path], {name: [values[name] for values in every] for name in names}

    def filled(self, attributes: Attributes) -> dict[str, Any]:
        """Attributes with typical values for those that are left out. What the model can hide stays hidden."""
        return {**({} if self.about.named.optional else self.about.named.typical), **attributes}

    def values_of(self, row: Floats) -> tuple[str | None, dict[str, float | str]]:
        """A row of conditions, (1, D), as a label and attributes by name."""
        values = {
            variable.name: variable.classes[int(value)] if variable.classes else value
            for variable, value in zip(self.about.named.variables, row[0].tolist(), strict=True)
        }
        return values.pop("label", None), values

    def filled_of_image(self, attributes: Attributes) -> dict[str, Any]:
        """Attributes of an image, with typical values for those that are neither given nor measured."""
        typical = self.about.named.typical
        return {name: value for name, value in typical.items() if name not in self.measured} | dict(attributes)

    def allowed(self, count: int) -> int:
        """A number of images, if it is not too large.

        Raises:
            InputError: it is.
        """
        if count > self.max_images:
            raise InputError(f"{count:,} images are requested. This server sends at most {self.max_images:,} at once.")
        return count

    def wanted_labels(self, new_label: Label) -> Label:
        """The labels that an image gets: those that are given, or all of them. None if the model has none."""
        wanted = self.about.named.classes or None if new_label is None else new_label
        if isinstance(wanted, Sequence) and not isinstance(wanted, str):
            self.allowed(len(wanted))
        return wanted
