"""A run that is open in the explorer: everything the views ask for, as arrays. Nothing here knows HTTP."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from condvae.config import Z_PRIORS
from condvae.data.attributes import MEASURES
from condvae.data.prepare import Habits, habits_of, open_picture, prepare
from condvae.errors import CondvaeError, InputError
from condvae.evaluation.claims import load_claims
from condvae.evaluation.distances import nearest
from condvae.evaluation.evaluate import Evaluation, load_evaluation
from condvae.evaluation.parts.accuracy import Accuracy
from condvae.evaluation.study import Study
from condvae.explorer.animation import scale
from condvae.explorer.latent_map import GRIDS, OVERLAYS, LatentMap
from condvae.explorer.limits import LIMITS
from condvae.explorer.options import Options
from condvae.explorer.schemas import Decode, Encode, Generate, Nearest, Overlay, State, Stop
from condvae.images import unit
from condvae.inference.batched import MIXTURE, decode, draw_pixels, encode_moments
from condvae.inference.drawing import Drawing
from condvae.inference.inputs import Attributes, Label
from condvae.inference.operations import interpolate
from condvae.inference.tensors import as_conditions, as_vectors, conditions_of, with_changes
from condvae.model.priors import MixturePrior
from condvae.run import PRETRAINED, name_of

EXAMPLES = 500  # training images from which is learned how objects lie in their frame
Images = NDArray[np.uint8]  # (B, C, H, W)


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
    mean: Tensor
    deviation: Tensor
    row: Tensor


class Session:
    """A run that is open in the explorer. What takes long is computed once.

    Args:
        study: the run.
        name: its folder, or "pretrained", as the user gave it.
        max_images: the largest number of images in one answer.

    Attributes:
        title: the title of the page: the name of the run, without the path to it.
        map: the map of the latent space.
    """

    def __init__(self, study: Study, name: str, max_images: int = Options.max_images) -> None:
        self.study, self.model, self.name, self.max_images = study, study.model, name, max_images
        self.title = "condvae" if name == PRETRAINED else name_of(name)
        self.map = LatentMap(study)

    @cached_property
    def description(self) -> dict[str, Any]:
        """The model, and what its page is made of: names, limits, and the state with which it opens."""
        conditions, latent = self.model.conditions, self.model.config.latent
        first, second = (*conditions.classes[:2], *conditions.classes[:1], None, None)[:2]
        state = State(label=first, other=second, attributes=conditions.typical, z=[0.0] * latent)
        return {
            "run": self.name,
            "title": self.title,
            "data": self.data_name,
            "obeyed": self._obeyed,
            "shape": self.model.schema.shape,
            "latent": latent,
            "classes": conditions.classes,
            "attributes": [asdict(variable) for variable in conditions.variables if variable.name != "label"],
            "optional": conditions.optional,
            "typical": conditions.typical,
            "measured": tuple(MEASURES),
            "likelihood": self.model.likelihood.measures,
            "max_images": self.max_images,
            "overlays": OVERLAYS,
            "grids": GRIDS,
            "priors": Z_PRIORS,
            "has_neighbours": True,
            "enlarged": scale(self.model.schema.shape),
            "limits": asdict(LIMITS),
            "state": state.model_dump(),
        }

    def decoded(self, wanted: Decode) -> tuple[Images, list[bool] | None]:
        """Images of labels at latent vectors, and whether each latent vector is near codes of its label.

        The latter is None until the codes have been computed.
        """
        attributes = self.filled(wanted.attributes)
        drawing = Drawing(self.model, wanted.label, attributes=attributes, z=wanted.z, pair=wanted.pair)
        size = self._allowed(drawing.total)
        images, z = drawing.piece(0, size)
        if not self.map.is_known:
            return images, None
        if not self.model.conditions.classes:
            return images, self.map.supported(z, torch.full((size,), -1)).tolist()
        labels = drawing.rows[:, 0].nan_to_num(nan=-1).long()
        return images, self.map.supported(z, labels.repeat_interleave(drawing.each)).tolist()

    def generated(self, wanted: Generate) -> tuple[Images, Tensor]:
        """Images of each label at latent vectors that are drawn, (L * count, C, H, W), and these vectors."""
        drawing = Drawing(
            self.model,
            wanted.label,
            attributes=self.filled(wanted.attributes),
            count=wanted.count,
            sample=wanted.sample,
            seed=wanted.seed,
            prior=self.study.mixture if wanted.prior == MIXTURE else wanted.prior,
        )
        return drawing.piece(0, self._allowed(drawing.total))

    def encoded(self, wanted: Encode) -> Encoded:
        """An image file in the latent space.

        A label that is left out is detected: by the judge if there is one, otherwise as the label under which the model
        reconstructs the image best.
        """
        habits = self.habits if wanted.prepare else Habits(self.model.schema.shape)
        pixels, steps = prepare(open_picture(wanted.image), habits)
        x = torch.from_numpy(pixels)[None]
        conditions, label = self.model.conditions, wanted.label
        known = self.filled(wanted.attributes, measured=True)
        if label is None and conditions.classes:
            label = self._detected(x, known)
        row = conditions_of(self.model, x, label, known)
        values = {
            variable.name: variable.classes[int(value)] if variable.classes else value
            for variable, value in zip(conditions.variables, row[0].tolist(), strict=True)
        }
        name = values.pop("label", None)
        return Encoded(pixels[None], steps, name, values, *encode_moments(self.model, x, row), row)

    def restyled(self, found: Encoded, new_label: Label) -> tuple[Images, Images]:
        """The reconstruction of an image, (1, C, H, W), and the image with new labels, (B, C, H, W); all if None."""
        wanted = self.model.conditions.classes if new_label is None else new_label
        rows = found.row
        if new_label is not None or wanted:
            self._allowed(len(wanted) if isinstance(wanted, Sequence) and not isinstance(wanted, str) else 1)
            targets = as_conditions(self.model, wanted, self.model.conditions.typical)
            rows = with_changes(self.model, found.row.expand(len(targets), -1), targets[:, 0].long(), None)
        restyled = draw_pixels(self.model, found.mean.expand(len(rows), -1), rows)
        return draw_pixels(self.model, found.mean, found.row), restyled

    def nearest(self, wanted: Nearest) -> tuple[Images, list[str], list[float]]:
        """The training images that are nearest to one generated image, their labels and their distances."""
        rows = as_conditions(self.model, wanted.label, self.filled(wanted.attributes))
        image = torch.from_numpy(draw_pixels(self.model, as_vectors(self.model, wanted.z), rows))
        train = self.study.data.train
        distances, positions = nearest(unit(image), train, wanted.count)
        chosen = train.take(positions[0].numpy())
        return chosen.pixels(), [train.classes[label] for label in chosen.labels], distances[0].tolist()

    def overlay(self, wanted: Overlay) -> Tensor:
        """A measure of the images on a grid of a plane, (side, side)."""
        (z,) = as_vectors(self.model, wanted.z)
        plane, attributes = self.map.plane(wanted.plane), self.filled(wanted.attributes)
        return self.map.heat_map(
            plane, wanted.measure, z, wanted.label, attributes, extent=wanted.extent, side=wanted.side
        )

    def frames(self, path: Sequence[Stop], steps: int) -> Images:
        """The images along a path, with `steps` steps from one stop to the next."""
        self._allowed((len(path) - 1) * steps + 1)
        label, z, attributes = self.stops(path)
        return interpolate(self.model, label, z, attributes=attributes, steps=steps)

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

    @cached_property
    def mixture(self) -> MixturePrior | None:
        """The mixture that is fitted to the codes. None if it is not fitted and the data is not available."""
        try:
            return self.study.mixture
        except CondvaeError:
            return None

    @cached_property
    def habits(self) -> Habits:
        """How objects lie in the training images. If the data is not available, images are only scaled.

        So they are if the training images were scaled themselves: both are then prepared in the same way.
        """
        resize = self.study.run.resize
        if resize is not None:
            return Habits(self.model.schema.shape, resize=resize)
        try:
            return habits_of(self.study.data.train.pixels(slice(EXAMPLES)))
        except CondvaeError:
            return Habits(self.model.schema.shape)

    @cached_property
    def evidence(self) -> dict[str, Any]:
        """The figures of the run's evaluation, its claims and its settings."""
        figures, claims = self._evaluation.figures(), load_claims(self.study)
        return {
            "figures": [
                {"part": heading, "title": title, **asdict(figure), "has_error": figure.has_error}
                for heading, title, figure in figures
            ],
            "claims": [{"statement": claim.statement, "verdict": claim.verdict} for claim in claims],
            "settings": self._settings,
        }

    @property
    def data_name(self) -> str:
        """The source of the data, without the path to its folder."""
        kind, colon, folder = self.study.config.data.source.partition(":")
        return kind + colon + Path(folder).name

    @cached_property
    def _evaluation(self) -> Evaluation:
        return load_evaluation(self.study)

    @property
    def _obeyed(self) -> float | None:
        """The share of images drawn from the prior that show their label, from the run's evaluation."""
        sections = (section for _, section in self._evaluation.sections())
        return next((section.prior.value for section in sections if isinstance(section, Accuracy)), None)

    @property
    def _settings(self) -> dict[str, Any]:
        settings = self.study.config.to_dict()
        return {**settings, "data": {**settings["data"], "source": self.data_name}}

    def filled(self, attributes: Attributes, measured: bool = False) -> dict[str, Any]:
        """Attributes with typical values for those that are left out.

        Args:
            attributes: the attributes that are given.
            measured: whether they are attributes of an image, which are measured if possible. Otherwise attributes that
                the model can hide stay hidden.
        """
        if measured:
            known = {name: value for name, value in self.model.conditions.typical.items() if name not in MEASURES}
        else:
            known = {} if self.model.conditions.optional else self.model.conditions.typical
        return {**known, **attributes}

    def _allowed(self, count: int) -> int:
        if count > self.max_images:
            raise InputError(f"{count:,} images are requested. This server sends at most {self.max_images:,} at once.")
        return count

    def _detected(self, x: Tensor, attributes: Attributes) -> int:
        """The label of an image (1, C, H, W) that the judge predicts or, without a judge, reconstructs it best."""
        if self.map.has_judge and self.study.judge is not None:
            return int(self.study.judge.predict(unit(x))[0])
        labels = torch.arange(len(self.model.conditions.classes))
        every = x.expand(len(labels), -1, -1, -1)
        rows = conditions_of(self.model, every, labels, attributes)
        reconstructions = decode(self.model, encode_moments(self.model, every, rows)[0], rows)
        return int((reconstructions - unit(every)).square().flatten(1).sum(1).argmin())
