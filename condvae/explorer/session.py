"""What the explorer knows of a run, and what its views ask for: arrays in, arrays out; nothing of HTTP or Gradio."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.data.attributes import MEASURES
from condvae.data.prepare import Habits, habits_of, open_picture, prepare
from condvae.errors import CondvaeError, InputError
from condvae.evaluation.claims import load_claims
from condvae.evaluation.distances import nearest
from condvae.evaluation.evaluate import load_evaluation
from condvae.evaluation.study import Study
from condvae.explorer.latent_map import OVERLAYS, LatentMap
from condvae.explorer.schemas import Overlay, Stop
from condvae.images import unit
from condvae.inference.batched import decode, draw_pixels, encode_moments
from condvae.inference.inputs import (
    Attributes,
    Labels,
    as_conditions,
    as_vectors,
    common_size,
    conditions_of,
    with_changes,
)
from condvae.inference.operations import interpolate

TYPICAL = 500  # training images that show how images lie in their frame
Images = NDArray[np.uint8]  # (B, C, H, W)


class Encoded(NamedTuple):
    """An image in the latent space.

    Attributes:
        image: as the model sees it, uint8 (1, C, H, W).
        steps: what was done to it before; see `prepare`.
        label: what it is taken for; None for a model without labels.
        attributes: its other conditions by name.
        mean: of its posterior in standard coordinates, (1, Z).
        deviation: its standard deviation there, (1, Z).
        row: its conditions, (1, D).
    """

    image: Images
    steps: list[str]
    label: str | None
    attributes: dict[str, float | str]
    mean: Tensor
    deviation: Tensor
    row: Tensor


class Session:
    """One model, open in the explorer. What is found out on the way is kept.

    Args:
        study: the run.
        title: what the page calls it.
        source: the Python expression by which the code of its views names the run.
        most_images: in one answer.
    """

    def __init__(self, study: Study, title: str, source: str, most_images: int = 1000) -> None:
        self.study, self.model, self.most_images = study, study.model, most_images
        self.title, self.source = title, source
        self.map = LatentMap(study)

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the controls of the page are made of."""
        conditions = self.model.conditions
        return {
            "title": self.title,
            "shape": self.model.schema.shape,
            "latent": self.model.config.latent,
            "labels": conditions.classes,
            "attributes": [asdict(variable) for variable in conditions.variables if variable.name != "label"],
            "optional": conditions.optional,
            "typical": conditions.typical,
            "overlays": OVERLAYS,
            "likelihood": self.model.likelihood.measures,
            "most_images": self.most_images,
        }

    def images(self, labels: Labels, z: Any, attributes: Attributes) -> tuple[Images, list[bool] | None]:
        """Decoder means, and whether each latent vector is on the support of its label's codes; None while these are
        not known yet."""
        vectors, rows = as_vectors(self.model, z), self.rows(labels, attributes)
        size = self._allowed(common_size(1, {"labels": len(rows), "latent vectors z": len(vectors)}))
        vectors, rows = vectors.expand(size, -1), rows.expand(size, -1)
        images = draw_pixels(self.model, vectors, rows)
        if not self.map.is_known:
            return images, None
        own = rows[:, 0].nan_to_num(nan=-1).long() if self.model.conditions.classes else torch.full((size,), -1)
        return images, self.map.supported(vectors, own).tolist()

    def generated(
        self, labels: Labels, attributes: Attributes, count: int, seed: int | None, source: str
    ) -> tuple[Images, Tensor]:
        """`count` images of each label in styles that are drawn, and their latent vectors, (labels * count, Z)."""
        rows = self.rows(labels, attributes)
        self._allowed(len(rows) * count)
        rows = rows.repeat_interleave(count, 0)
        z = self.study.draw(rows, seed, source)
        return draw_pixels(self.model, z, rows), z

    def encoded(self, image: str, label: str | int | None, attributes: Attributes, prepared: bool) -> Encoded:
        """An image file as text, in the latent space.

        Args:
            image: as base64 text, or as a data URL.
            label: what it shows; what the judge or, where there is none, the model itself takes it for, if None.
            attributes: its other conditions; those that are left out are measured, or typical.
            prepared: whether it is like the training images already.
        """
        habits = Habits(self.model.schema.shape) if prepared else self.habits
        pixels, steps = prepare(open_picture(image), habits)
        x = torch.from_numpy(pixels)[None]
        known = self.filled(attributes, measured=True)
        if label is None and self.model.conditions.classes:
            label = self._taken_for(x, known)
        row = conditions_of(self.model, x, label, known)
        values = dict(zip((item.name for item in self.model.conditions.variables), row[0].tolist(), strict=True))
        name = self.model.conditions.classes[int(values.pop("label"))] if self.model.conditions.classes else None
        named = {
            item.name: item.classes[int(values[item.name])] if item.classes else values[item.name]
            for item in self.model.conditions.variables
            if item.name in values
        }
        return Encoded(pixels[None], steps, name, named, *encode_moments(self.model, x, row), row)

    def restyled(self, found: Encoded, labels: Labels) -> tuple[Images, Images]:
        """An image's reconstruction, (1, C, H, W), and its style under other labels, (B, C, H, W); all if None."""
        wanted = self.model.conditions.classes if labels is None else labels
        rows = found.row
        if wanted:
            self._allowed(len(wanted) if not isinstance(wanted, str | int) else 1)
            targets = as_conditions(self.model, wanted, self.model.conditions.typical)
            rows = with_changes(self.model, found.row.expand(len(targets), -1), targets[:, 0].long(), None)
        return draw_pixels(self.model, found.mean, found.row), draw_pixels(
            self.model, found.mean.expand(len(rows), -1), rows
        )

    def nearest(
        self, label: str | int | None, z: Any, attributes: Attributes, count: int
    ) -> tuple[Images, list[str], list[float]]:
        """The training images nearest to one image of the model, their labels and their distances."""
        rows = self.rows(label, attributes)
        image = torch.from_numpy(draw_pixels(self.model, as_vectors(self.model, z), rows))
        train = self.study.data.train
        distances, positions = nearest(unit(image), torch.from_numpy(train.images), count)
        chosen = positions[0].numpy()
        names = [train.classes[label] for label in train.labels[chosen]]
        return train.images[chosen], names, distances[0].tolist()

    def overlay(self, wanted: Overlay) -> Tensor:
        """A measure of the images on a grid of a plane, (side, side)."""
        at = as_vectors(self.model, wanted.z)
        z = self.map.plane(wanted.plane).grid(at[0], wanted.extent, wanted.side)
        return self.map.overlay(wanted.measure, z, wanted.label, self.filled(wanted.attributes)).view(wanted.side, -1)

    def frames(self, path: Sequence[Stop], steps: int) -> Images:
        """The images on the way along a path, with `steps` from one stop to the next."""
        self._allowed((len(path) - 1) * steps + 1)
        labels, z, attributes = self.stops(path)
        return interpolate(self.model, labels, z, attributes=attributes, steps=steps)

    def stops(self, path: Sequence[Stop]) -> tuple[list[Any] | None, list[list[float]], dict[str, list[Any]]]:
        """Labels, latent vectors and attributes of the stops of a path, as `interpolate` takes them.

        Raises:
            InputError: the stops name different attributes.
        """
        every = [self.filled(stop.attributes) for stop in path]
        names = every[0].keys() if every else set()
        if any(values.keys() != names for values in every):
            raise InputError("The stops of a path name different attributes. Give each stop a value of the same ones.")
        labels = [stop.label for stop in path] if any(stop.label is not None for stop in path) else None
        return labels, [stop.z for stop in path], {name: [values[name] for values in every] for name in names}

    @cached_property
    def habits(self) -> Habits:
        """How the training images lie in their frame; without data, that they are to be scaled."""
        try:
            return habits_of(self.study.data.train.images[:TYPICAL])
        except CondvaeError:
            return Habits(self.model.schema.shape)

    @cached_property
    def evidence(self) -> dict[str, Any]:
        """What was measured of the run, its claims and its settings."""
        figures, claims = load_evaluation(self.study).figures(), load_claims(self.study)
        return {
            "figures": [{"part": part, "title": title, **asdict(figure)} for part, title, figure in figures],
            "claims": [{"statement": claim.statement, "verdict": claim.verdict} for claim in claims],
            "settings": {**self.study.config.to_dict(), "data": self.data_name},
        }

    @property
    def data_name(self) -> str:
        """The source of the data, without the folders above its own."""
        kind, colon, folder = self.study.config.data.partition(":")
        return kind + colon + Path(folder).name

    def rows(self, labels: Labels, attributes: Attributes) -> Tensor:
        return as_conditions(self.model, labels, self.filled(attributes))

    def filled(self, attributes: Attributes, measured: bool = False) -> Attributes:
        """Typical values for the conditions that are left out, and can neither be hidden nor, of images, measured."""
        optional = self.model.conditions.optional and not measured
        known = {} if optional else self.model.conditions.typical
        return {**{name: value for name, value in known.items() if not (measured and name in MEASURES)}, **attributes}

    def _allowed(self, count: int) -> int:
        if count > self.most_images:
            raise InputError(f"{count:,} images are asked for; this server gives {self.most_images:,} at once at most.")
        return count

    def _taken_for(self, x: Tensor, attributes: Attributes) -> int:
        """The label that the judge sees or, where there is none, under which the model copies the image best."""
        if self.map.has_judge and self.study.judge is not None:
            return int(self.study.judge.predict(unit(x))[0])
        labels = torch.arange(len(self.model.conditions.classes))
        every = x.expand(len(labels), -1, -1, -1)
        rows = conditions_of(self.model, every, labels, attributes)
        copies = decode(self.model, encode_moments(self.model, every, rows)[0], rows)
        return int((copies - unit(every)).square().flatten(1).sum(1).argmin())
