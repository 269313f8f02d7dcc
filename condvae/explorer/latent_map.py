"""The latent space of a model as a map: codes, planes through it, where the training data is, and heat maps."""

from functools import cached_property, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor
from torch.distributions import Independent, Normal

from condvae.data.attributes import MEASURES
from condvae.errors import CondvaeError, InputError
from condvae.evaluation.judge import has_judge
from condvae.evaluation.study import Study
from condvae.explorer.limits import LIMITS
from condvae.explorer.planes import Plane, grid_named, plane_named
from condvae.inference.batched import decode, draw, encode_moments
from condvae.inference.inputs import Attributes
from condvae.inference.tensors import as_conditions
from condvae.model.distributions import divergence

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REFERENCE = 200  # the largest number of codes of a label that a latent vector is compared with
NEAR = 3  # a latent vector is compared by the distance to its third nearest code
USUAL = 0.99  # quantile of this distance among codes, up to which a latent vector is supported
INACTIVE = 0.01  # nats below which a latent dimension is inactive
PIECE = 1000  # images that are measured at once
OVERLAYS = ("confidence", *MEASURES)


class Codes(NamedTuple):
    """Posteriors of test images in standard coordinates, or draws from the prior if the data is not available.

    Attributes:
        means: (N, Z).
        deviations: standard deviations of the posteriors, (N, Z). Zeros for draws.
        labels: int64 (N,).
        classes: the names of the labels. Those of the data if the model has no labels.
        of_data: whether they are codes of test images.
    """

    means: Tensor
    deviations: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    of_data: bool


class Dimension(NamedTuple):
    """A latent dimension.

    Attributes:
        number: its position in z.
        nats: its KL divergence from the prior, in nats, averaged over the codes.
        active: whether it carries information: whether this is at least INACTIVE.
    """

    number: int
    nats: float
    active: bool


class LatentMap:
    """The map of a latent space: the codes of a run's test images, and what follows from them.

    Args:
        study: the run.
    """

    def __init__(self, study: Study) -> None:
        self.study, self.model = study, study.model
        self._references: dict[int, tuple[Tensor, float]] = {}

    @cached_property
    def codes(self) -> Codes:
        """The codes on the map."""
        try:
            test = self.study.data.test
        except CondvaeError:
            return self._drawn()
        shown = self.study.some_test(LIMITS.points)
        moments = encode_moments(self.model, test.take(shown.numpy()), self.study.test_rows[shown])
        return Codes(*moments, self.study.test_labels[shown], test.classes, True)

    @property
    def is_known(self) -> bool:
        """Whether the codes have been computed, which takes seconds."""
        return "codes" in self.__dict__

    @cached_property
    def dimensions(self) -> list[Dimension]:
        """The latent dimensions, by decreasing KL divergence from the prior.

        If the posterior has no density, it is the KL divergence of a Gaussian fitted to the codes, and all are active.
        """
        means, deviations = self.codes[:2]
        if not deviations.any():
            means, deviations = means.mean(0, True), means.std(0, correction=0, keepdim=True).clamp(min=1e-6)
        prior = Independent(Normal(torch.zeros_like(means), torch.ones_like(means)), 1)
        nats = divergence(Independent(Normal(means, deviations), 1), prior, means).mean(0)
        order = nats.argsort(descending=True, stable=True).tolist()
        inactive = (nats < INACTIVE) & self.codes.deviations.any()
        return [Dimension(index, nats[index].item(), not inactive[index]) for index in order]

    def plane(self, name: str = "") -> Plane:
        """A plane through the latent space.

        Args:
            name: "pca" for the first two principal components, or two latent dimensions such as "0,1". If it is empty,
                the two dimensions with the largest KL divergence.

        Raises:
            InputError: there is no such plane.
        """
        first = sorted(one.number for one in self.dimensions[:2])
        return plane_named(name or ",".join(map(str, first)), self.codes.means.numpy())

    def grid(self, name: str) -> tuple[Tensor, int]:
        """Latent vectors at which labels are compared, (N, Z), and the number of them in a row.

        Args:
            name: "figure" for the nine of the experiment, "grid" for a grid over the plane of the two dimensions with
                the largest KL divergence, "draws" for nine draws from the prior.

        Raises:
            InputError: there is no such grid.
        """
        draws = partial(draw, self.model, torch.empty(9, 0), 0)  # N(0, I) for all conditions
        z, columns = grid_named(name, self.model.config.latent, self.plane, lambda: draws().numpy())
        return torch.from_numpy(z), columns

    def supported(self, z: Tensor, labels: Tensor) -> Tensor:
        """Whether latent vectors are near codes of their labels: bool (B,).

        The distance to the third nearest code of the label is compared with the 99th percentile of this distance among
        the codes of the label themselves.

        Args:
            z: (B, Z).
            labels: (B,), -1 for no label.
        """
        found = torch.ones(len(z), dtype=torch.bool)
        for label in set(labels.tolist()):
            codes, limit = self.reference(label)
            if len(codes) > NEAR:
                own = labels == label
                found[own] = _reach(z[own], codes, NEAR) <= limit
        return found

    def overlay(self, measure: str, z: Tensor, label: str | int | None, attributes: Attributes) -> Tensor:
        """A measure of the images at latent vectors: (N, Z) to (N,).

        Args:
            measure: one of OVERLAYS. "confidence" is the probability that the judge gives to the label.
            z: the latent vectors.
            label: the label of the images.
            attributes: their other conditions.

        Raises:
            InputError: as `measured`.
        """
        rows = as_conditions(self.model, label, attributes).expand(len(z), -1)
        return self.measured(decode(self.model, z, rows), measure, label)

    def measured(self, images: Tensor, measure: str, label: str | int | None) -> Tensor:
        """A measure of images, floats in [0, 1] (N, C, H, W), of one label: (N,). See `overlay`.

        Raises:
            InputError: the measure is unknown, or it needs a judge and there is none.
        """
        if measure not in OVERLAYS:
            raise InputError(f"There is no measure '{measure}'. Choose from: {', '.join(OVERLAYS)}.")
        if measure != "confidence":
            return torch.cat([MEASURES[measure](part) for part in images.split(PIECE)])
        judge = self.study.judge if self.has_judge else None
        if label is None or judge is None:
            raise InputError(
                "The measure 'confidence' needs a label and a judge, and there is no judge of this model's data yet. "
                f"Run 'condvae evaluate', which trains one, or choose from: {', '.join(MEASURES)}."
            )
        return judge.probabilities(images)[:, self.model.conditions.index(label)]

    def heat_map(
        self,
        plane: Plane,
        measure: str,
        z: ArrayLike,
        label: str | int | None = None,
        attributes: Attributes | None = None,
        *,
        extent: float = LIMITS.extent,
        side: int = LIMITS.side,
    ) -> Tensor:
        """A measure of the images on a grid of a plane, top row first: (side, side).

        Args:
            plane: the plane.
            measure: as in `overlay`.
            z: a latent vector (Z,), whose coordinates outside the plane all images have.
            label: the label of the images.
            attributes: their other conditions.
            extent: the grid goes from -extent to extent.
            side: points of the grid on each axis.

        Raises:
            InputError: as `overlay`.
        """
        vectors = torch.from_numpy(plane.grid(np.asarray(z, np.float32), extent, side))
        return self.overlay(measure, vectors, label, attributes or {}).view(side, side)

    def figure(
        self, plane: Plane, z: ArrayLike, images: NDArray[np.uint8], heat: tuple[str, Tensor] | None = None
    ) -> "Figure":
        """The map as a matplotlib figure, with images of some latent vectors beside it.

        Args:
            plane: the plane of the map.
            z: the latent vectors, (M, Z). A line joins them.
            images: their images, uint8 (M, C, H, W).
            heat: the name of a measure and its `heat_map`.
        """
        from condvae.report.plots import latent_map

        places = (np.asarray(z, np.float32) - plane.origin) @ plane.axes.T
        shown = (heat[0], heat[1].numpy()) if heat else None
        return latent_map(plane.points, self.codes.labels.numpy(), plane.names, LIMITS.extent, places, images, shown)

    @cached_property
    def has_judge(self) -> bool:
        """Whether the data has several classes, and a judge that is trained already."""
        return self.codes.of_data and len(self.study.whole.train.classes) > 1 and has_judge(self.study.whole)

    def _drawn(self) -> Codes:
        classes = self.model.conditions.classes
        labels = torch.arange(LIMITS.points) % max(1, len(classes))
        rows = as_conditions(self.model, labels if classes else None, self.model.conditions.typical)
        codes = draw(self.model, rows.expand(LIMITS.points, -1), 0)
        return Codes(codes, torch.zeros_like(codes), labels, classes, False)

    def reference(self, label: int) -> tuple[Tensor, float]:
        """Codes of a label, and the largest usual distance of one of them to its NEAR-th nearest other code."""
        if label not in self._references:
            codes = self.codes.means
            own = (codes if label < 0 else codes[self.codes.labels == label])[:REFERENCE]
            limit = _reach(own, own, NEAR + 1).quantile(USUAL).item() if len(own) > NEAR else 0.0
            self._references[label] = own, limit
        return self._references[label]


def _reach(z: Tensor, codes: Tensor, rank: int) -> Tensor:
    """The distance of each latent vector to its `rank`-th nearest code, (B,)."""
    return torch.cdist(z, codes).kthvalue(rank).values
