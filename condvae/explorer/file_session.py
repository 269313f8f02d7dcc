"""An exported model that is open in the explorer: without PyTorch, without data, and with a fraction of the memory."""

import json
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from condvae.data.prepare import Habits, open_picture, prepare
from condvae.errors import InputError
from condvae.explorer.limits import LIMITS
from condvae.explorer.options import Options
from condvae.explorer.planes import Plane, grid_named, plane_named
from condvae.explorer.schemas import Decode, Encode, Generate, Stop
from condvae.explorer.session import Encoded, Floats, Images, Session
from condvae.inference.exported import ExportedModel, combined
from condvae.inference.inputs import Label, Rows, as_conditions, as_vectors, with_changes

ABOUT = ("condvae_version", "license", "precision", "weights_sha256")  # what the page says of a file


class FileSession(Session):
    """A file that `condvae export --to onnx` wrote, open in the explorer.

    Its map shows draws from the prior. Heat maps, neighbours and the evaluation need the run folder.

    Args:
        model: the model in the file.
        name: the file, as the user gave it.
        max_images: the largest number of images in one answer.
    """

    def __init__(self, model: ExportedModel, name: str, max_images: int = Options.max_images) -> None:
        super().__init__(model, name, max_images)
        self.model = model

    def begin(self) -> None:
        """Draw one image, so that the first request finds the graph ready."""
        label = 0 if self.model.named.classes else None
        row = as_conditions(self.model, label, self.filled({}))
        self.model.decoded(np.zeros((1, self.model.config.latent), np.float32), row)

    def decoded(self, wanted: Decode) -> tuple[Images, list[bool] | None]:
        rows = as_conditions(self.model, wanted.label, self.filled(wanted.attributes))
        vectors = as_vectors(self.model, wanted.z)
        self.allowed(max(len(rows), len(vectors)) if wanted.pair else len(rows) * len(vectors))
        return self.model.decoded(*combined(rows, vectors, wanted.pair)), None

    def generated(self, wanted: Generate) -> tuple[Images, Floats]:
        if wanted.sample or wanted.prior not in self.priors:
            raise InputError("An exported model draws the mean of p(x|z,y), with z from the prior. Leave the rest out.")
        rows = as_conditions(self.model, wanted.label, self.filled(wanted.attributes))
        size = self.allowed(len(rows) * wanted.count), self.model.config.latent
        z = np.random.default_rng(wanted.seed).standard_normal(size, dtype=np.float32)
        return self.model.decoded(z, rows.repeat(wanted.count, 0)), z

    def encoded(self, wanted: Encode) -> Encoded:
        """As in the base. The label is the one under which the model reconstructs the image best."""
        resize = self.model.metadata["resize"] if wanted.prepare else ""
        habits = Habits(self.model.schema.shape, resize=resize or Habits.resize)
        pixels, steps = prepare(open_picture(wanted.image), habits)
        x, label = pixels[None], wanted.label
        attributes = self.filled_of_image(wanted.attributes)
        if label is None and self.model.named.classes:
            label = self._detected(x, attributes)
        row = as_conditions(self.model, label, attributes)
        return Encoded(x, steps, *self.values_of(row), *self.model.posterior(x, row), row)

    def restyled(self, found: Encoded, new_label: Label) -> tuple[Images, Images]:
        wanted, rows = self.wanted_labels(new_label), found.row
        if wanted is not None:
            targets = as_conditions(self.model, wanted, self.model.named.typical)
            rows = with_changes(self.model, found.row.repeat(len(targets), 0), targets[:, 0].astype(int), None)
        return self.model.decoded(found.mean, found.row), self.model.decoded(found.mean.repeat(len(rows), 0), rows)

    def frames(self, path: Sequence[Stop], steps: int) -> Images:
        self.allowed((len(path) - 1) * steps + 1)
        label, z, attributes = self.stops(path)
        return self.model.interpolate(label, z, attributes=attributes, steps=steps)

    def plane(self, name: str) -> dict[str, Any]:
        classes = self.model.named.classes
        labels = (np.arange(LIMITS.points) % max(1, len(classes))).tolist()
        dimensions = [{"number": one, "nats": 0.0, "active": True} for one in range(self.model.config.latent)]
        about = {"labels": labels, "classes": classes, "of_data": False, "dimensions": dimensions}
        return {**self._plane(name).on_page(), **about}

    def grid(self, name: str) -> tuple[Floats, int]:
        return grid_named(name, self.model.config.latent, self._plane, lambda: self._draws[:9])

    @property
    def evidence(self) -> dict[str, Any]:
        about = {key: self.model.metadata.get(key, "") for key in ABOUT}
        settings = {"model": json.loads(self.model.metadata["config"]), "file": about}
        return {"figures": [], "claims": [], "settings": settings}

    def _plane(self, name: str = "") -> Plane:
        """A plane by its name. By default, that of the first two latent dimensions."""
        return plane_named(name or ",".join(map(str, range(min(2, self.model.config.latent)))), self._draws)

    @cached_property
    def _draws(self) -> Rows:
        """Draws from the prior, (points, Z)."""
        size = LIMITS.points, self.model.config.latent
        return np.random.default_rng(0).standard_normal(size, dtype=np.float32)

    def _detected(self, x: Images, attributes: dict[str, Any]) -> int:
        """The label under which the model reconstructs an image, (1, C, H, W), best."""
        labels = range(len(self.model.named.classes))
        found = self.model.reconstruct(x.repeat(len(labels), 0), list(labels), attributes=attributes)
        return int(np.square(found.astype(np.float32) - x).sum((1, 2, 3)).argmin())
