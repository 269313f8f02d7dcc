"""A run that is open in the explorer."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from condvae.config import Z_PRIORS
from condvae.data.attributes import MEASURES
from condvae.data.prepare import Habits, habits_of, open_picture, prepare
from condvae.errors import CondvaeError
from condvae.evaluation.claims import load_claims
from condvae.evaluation.distances import nearest
from condvae.evaluation.evaluate import Evaluation, load_evaluation
from condvae.evaluation.parts.accuracy import Accuracy
from condvae.evaluation.study import Study
from condvae.explorer.latent_map import OVERLAYS, LatentMap
from condvae.explorer.options import Options
from condvae.explorer.schemas import Decode, Encode, Generate, Nearest, Overlay, Stop
from condvae.explorer.session import Encoded, Floats, Images, Session
from condvae.images import unit
from condvae.inference.batched import MIXTURE, decode, draw_pixels, encode_moments
from condvae.inference.drawing import Drawing
from condvae.inference.inputs import Attributes, Label
from condvae.inference.operations import interpolate
from condvae.inference.tensors import as_conditions, as_vectors, conditions_of, with_changes
from condvae.model.priors import MixturePrior

EXAMPLES = 500  # training images from which is learned how objects lie in their frame


class RunSession(Session):
    """A run that is open in the explorer. What takes long is computed once.

    Args:
        study: the run.
        name: its folder, its address on the Hub, or "pretrained", as the user gave it.
        max_images: the largest number of images in one answer.

    Attributes:
        map: the map of the latent space.
    """

    measured = tuple(MEASURES)
    overlays = OVERLAYS
    priors = Z_PRIORS
    has_neighbours = True
    has_code = True

    def __init__(self, study: Study, name: str, max_images: int = Options.max_images) -> None:
        super().__init__(study.model, name, max_images)
        self.study, self.model = study, study.model
        self.map = LatentMap(study)

    def begin(self) -> None:
        _ = self.map.codes

    def decoded(self, wanted: Decode) -> tuple[Images, list[bool] | None]:
        """As in the base. Nothing is known of latent vectors until the codes have been computed."""
        attributes = self.filled(wanted.attributes)
        drawing = Drawing(self.model, wanted.label, attributes=attributes, z=wanted.z, pair=wanted.pair)
        size = self.allowed(drawing.total)
        images, z = drawing.piece(0, size)
        if not self.map.is_known:
            return images, None
        if not self.model.conditions.classes:
            return images, self.map.supported(z, torch.full((size,), -1)).tolist()
        labels = drawing.rows[:, 0].nan_to_num(nan=-1).long()
        return images, self.map.supported(z, labels.repeat_interleave(drawing.each)).tolist()

    def generated(self, wanted: Generate) -> tuple[Images, Floats]:
        drawing = Drawing(
            self.model,
            wanted.label,
            attributes=self.filled(wanted.attributes),
            count=wanted.count,
            sample=wanted.sample,
            seed=wanted.seed,
            prior=self.study.mixture if wanted.prior == MIXTURE else wanted.prior,
        )
        images, z = drawing.piece(0, self.allowed(drawing.total))
        return images, z.numpy()

    def encoded(self, wanted: Encode) -> Encoded:
        """As in the base. Without a judge, the label is the one under which the model reconstructs the image best."""
        habits = self.habits if wanted.prepare else Habits(self.model.schema.shape)
        pixels, steps = prepare(open_picture(wanted.image), habits)
        x = torch.from_numpy(pixels)[None]
        label = wanted.label
        known = self.filled_of_image(wanted.attributes)
        if label is None and self.model.conditions.classes:
            label = self._detected(x, known)
        row = conditions_of(self.model, x, label, known)
        mean, deviation = (one.numpy() for one in encode_moments(self.model, x, row))
        return Encoded(pixels[None], steps, *self.values_of(row.numpy()), mean, deviation, row.numpy())

    def restyled(self, found: Encoded, new_label: Label) -> tuple[Images, Images]:
        mean, row = torch.from_numpy(found.mean), torch.from_numpy(found.row)
        wanted, rows = self.wanted_labels(new_label), row
        if wanted is not None:
            targets = as_conditions(self.model, wanted, self.model.conditions.typical)
            rows = with_changes(self.model, row.expand(len(targets), -1), targets[:, 0].long(), None)
        return draw_pixels(self.model, mean, row), draw_pixels(self.model, mean.expand(len(rows), -1), rows)

    def nearest(self, wanted: Nearest) -> tuple[Images, list[str], list[float]]:
        rows = as_conditions(self.model, wanted.label, self.filled(wanted.attributes))
        image = torch.from_numpy(draw_pixels(self.model, as_vectors(self.model, wanted.z), rows))
        train = self.study.data.train
        distances, positions = nearest(unit(image), train, wanted.count)
        chosen = train.take(positions[0].numpy())
        return chosen.pixels(), [train.classes[label] for label in chosen.labels], distances[0].tolist()

    def overlay(self, wanted: Overlay) -> Floats:
        (z,) = as_vectors(self.model, wanted.z)
        plane, attributes = self.map.plane(wanted.plane), self.filled(wanted.attributes)
        found = self.map.heat_map(
            plane, wanted.measure, z, wanted.label, attributes, extent=wanted.extent, side=wanted.side
        )
        return found.numpy()

    def frames(self, path: Sequence[Stop], steps: int) -> Images:
        self.allowed((len(path) - 1) * steps + 1)
        label, z, attributes = self.stops(path)
        return interpolate(self.model, label, z, attributes=attributes, steps=steps)

    def plane(self, name: str) -> dict[str, Any]:
        found, codes = self.map.plane(name), self.map.codes
        dimensions = [one._asdict() for one in self.map.dimensions]
        about = {"labels": codes.labels.tolist(), "classes": codes.classes, "of_data": codes.of_data}
        return {**found.on_page(), **about, "dimensions": dimensions}

    def grid(self, name: str) -> tuple[Floats, int]:
        z, columns = self.map.grid(name)
        return z.numpy(), columns

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
        figures, claims = self._evaluation.figures(), load_claims(self.study)
        return {
            "figures": [
                {"part": heading, "title": title, **asdict(figure), "has_error": figure.has_error}
                for heading, title, figure in figures
            ],
            "claims": [{"statement": claim.statement, "verdict": claim.verdict} for claim in claims],
            "settings": self._settings,
        }

    @cached_property
    def data_name(self) -> str:
        """The source of the data, without the path to its folder."""
        kind, colon, folder = self.study.config.data.source.partition(":")
        return kind + colon + Path(folder).name

    @cached_property
    def _evaluation(self) -> Evaluation:
        return load_evaluation(self.study)

    @cached_property
    def obeyed(self) -> float | None:
        """As the run's evaluation says."""
        sections = (section for _, section in self._evaluation.sections())
        return next((section.prior.value for section in sections if isinstance(section, Accuracy)), None)

    @property
    def _settings(self) -> dict[str, Any]:
        settings = self.study.config.to_dict()
        return {**settings, "data": {**settings["data"], "source": self.data_name}}

    def _detected(self, x: Tensor, attributes: Attributes) -> int:
        """The label of an image (1, C, H, W) that the judge predicts or, without a judge, reconstructs it best."""
        if self.map.has_judge and self.study.judge is not None:
            return int(self.study.judge.predict(unit(x))[0])
        labels = torch.arange(len(self.model.conditions.classes))
        every = x.expand(len(labels), -1, -1, -1)
        rows = conditions_of(self.model, every, labels, attributes)
        reconstructions = decode(self.model, encode_moments(self.model, every, rows)[0], rows)
        return int((reconstructions - unit(every)).square().flatten(1).sum(1).argmin())
