"""The latent space of a model as a map: codes, planes through it, what lies on the data's support, and heat maps."""

from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from condvae.data.attributes import MEASURES
from condvae.errors import CondvaeError, InputError
from condvae.evaluation.judge import has_judge
from condvae.evaluation.study import Study
from condvae.inference.batched import decode, draw, encode_moments
from condvae.inference.inputs import Attributes, as_conditions
from condvae.model.distributions import divergence
from condvae.seeds import shuffled

POINTS = 5000  # codes on the map, at most


REACH = 200  # codes of a label that its support is made of, at most


NEAR = 3  # a latent vector is supported if its third code is as near as that of codes themselves


USUAL = 0.99  # of them


DEAD = 0.01  # nats below which a latent dimension carries nothing


GRIDS = ("figure", "grid", "draws")


OVERLAYS = ("confidence", *MEASURES)


class Codes(NamedTuple):
    """Posteriors of test images in standard coordinates, or draws from the prior where the data cannot be had.

    Attributes:
        means: (N, Z).
        deviations: standard deviations of the posteriors, (N, Z); zeros for draws.
        labels: int64 (N,).
        classes: their names; of a model without labels, those of its data.
        of_data: whether they are of test images.
    """

    means: Tensor
    deviations: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    of_data: bool


class Dimension(NamedTuple):
    """A latent dimension: its number, how much it carries, in nats, and whether that is nothing."""

    number: int
    nats: float
    dead: bool


class Plane(NamedTuple):
    """A plane through the latent space: the points origin + a * axes[0] + b * axes[1].

    Attributes:
        name: "pca", or "I,J" for two latent dimensions; "0" where there is one.
        origin: (Z,).
        axes: (2, Z), orthonormal; the second is zero where there is one latent dimension only.
        points: the codes on it, (N, 2).
    """

    name: str
    origin: Tensor
    axes: Tensor
    points: Tensor

    @property
    def names(self) -> tuple[str, str]:
        """What to write at its axes."""
        first, _, second = self.name.partition(",")
        return ("component 1", "component 2") if self.name == "pca" else (f"z{first}", f"z{second}" if second else "")

    def grid(self, at: Tensor, extent: float, side: int) -> Tensor:
        """Latent vectors on a grid from -extent to extent, top row first, with the other coordinates of `at`, (Z,):
        (side * side, Z)."""
        steps = torch.linspace(-extent, extent, side)
        place = torch.stack([steps.repeat(side), steps.flip(0).repeat_interleave(side)], 1)
        rest = (at - self.origin) - (at - self.origin) @ self.axes.T @ self.axes
        return self.origin + rest + place @ self.axes


class LatentMap:
    """The codes of a run's test images, and what follows from them.

    Args:
        study: the run.
    """

    def __init__(self, study: Study) -> None:
        self.study, self.model = study, study.model
        self._supports: dict[int, tuple[Tensor, float]] = {}

    @cached_property
    def codes(self) -> Codes:
        """What is on the map."""
        try:
            test = self.study.data.test
        except CondvaeError:
            return self._drawn()
        shown = shuffled(len(test))[:POINTS]
        moments = encode_moments(self.model, torch.from_numpy(test.images)[shown], self.study.test_rows[shown])
        return Codes(*moments, self.study.test_labels[shown], test.classes, True)

    @property
    def is_known(self) -> bool:
        """Whether the codes have been found out, which takes seconds."""
        return "codes" in self.__dict__

    @cached_property
    def dimensions(self) -> list[Dimension]:
        """The latent dimensions, those that carry most first: by their KL divergence from the prior or, without a
        posterior that has one, by the KL divergence of a Gaussian fitted to the codes."""
        means, deviations = self.codes[:2]
        if not deviations.any():
            means, deviations = means.mean(0, True), means.std(0, correction=0, keepdim=True).clamp(min=1e-6)
        prior = Independent(Normal(torch.zeros_like(means), torch.ones_like(means)), 1)
        nats = divergence(Independent(Normal(means, deviations), 1), prior, means).mean(0)
        order = nats.argsort(descending=True, stable=True).tolist()
        carried = nats if self.codes.deviations.any() else means.new_full(nats.shape, torch.inf)
        return [Dimension(index, nats[index].item(), carried[index].item() < DEAD) for index in order]

    def plane(self, name: str = "") -> Plane:
        """A plane by its name; if that is empty, the two dimensions that carry most.

        Raises:
            InputError: there is no such plane.
        """
        latent, codes = self.model.config.latent, self.codes.means
        if name == "pca" and latent > 2:
            centre = codes.mean(0)
            _, _, directions = torch.linalg.svd(codes - centre, full_matrices=False)
            chosen = directions[:2]
            chosen = chosen * chosen.gather(1, chosen.abs().argmax(1, keepdim=True)).sign()  # the same each time
            return Plane(name, centre, chosen, (codes - centre) @ chosen.T)
        if not name:
            first = sorted(one.number for one in self.dimensions[:2])
            name = ",".join(map(str, first))
        parts = [int(part) if part.isdecimal() else -1 for part in name.split(",")]
        if len(parts) != min(2, latent) or len(set(parts)) != len(parts) or not all(0 <= one < latent for one in parts):
            allowed = f"two different numbers from 0 to {latent - 1}, such as 0,1" if latent > 1 else "0"
            raise InputError(f"There is no plane '{name}'; allowed: {allowed}{', or pca' if latent > 2 else ''}.")
        axes = torch.zeros(2, latent)
        axes[torch.arange(len(parts)), torch.tensor(parts)] = 1
        return Plane(name, torch.zeros(latent), axes, codes @ axes.T)

    def grid(self, name: str) -> tuple[Tensor, int]:
        """Latent vectors to compare labels at, (N, Z), and how many are in a row.

        Args:
            name: "figure" for the experiment's nine, "grid" for a grid over the plane that carries most, "draws" for
                nine draws from the prior.

        Raises:
            InputError: there is no such grid.
        """
        if name not in GRIDS:
            raise InputError(f"There is no grid '{name}'; allowed: {', '.join(GRIDS)}.")
        from condvae.report.figures import GRID

        latent = self.model.config.latent
        if name == "draws":
            return draw(self.model, torch.empty(9, 0), 0), 3  # which is N(0, I) whatever the conditions
        if name == "figure" and latent == 2:
            return torch.tensor(GRID, dtype=torch.float32), 3
        side = 3 if name == "figure" else 7
        return self.plane().grid(torch.zeros(latent), 2.0, side), side

    def supported(self, z: Tensor, labels: Tensor) -> Tensor:
        """Whether latent vectors (B, Z) are where codes of their labels (B,) are, -1 being no label: bool (B,).

        The distance to the third nearest code of the label is at most what 99% of its codes have among themselves.
        """
        found = torch.ones(len(z), dtype=torch.bool)
        for label in set(labels.tolist()):
            codes, limit = self._support(label)
            if len(codes) > NEAR:
                own = labels == label
                found[own] = _reach(z[own], codes, NEAR) <= limit
        return found

    def overlay(self, measure: str, z: Tensor, label: str | int | None, attributes: Attributes) -> Tensor:
        """A measure of the images at latent vectors: (N, Z) to (N,).

        Args:
            measure: one of OVERLAYS; confidence is the judge's that the image shows its label.
            z: where.
            label: the label of the images.
            attributes: their other conditions.

        Raises:
            InputError: the measure is not known, or there is no judge for it.
        """
        if measure not in OVERLAYS:
            raise InputError(f"There is no measure '{measure}'; allowed: {', '.join(OVERLAYS)}.")
        rows = as_conditions(self.model, label, attributes).expand(len(z), -1)
        images = decode(self.model, z, rows)
        if measure != "confidence":
            return torch.cat([MEASURES[measure](part) for part in images.split(1000)])
        if label is None or not self.has_judge:
            raise InputError(
                "The judge's confidence needs a label and a judge, and this model's data has none yet: condvae "
                "evaluate trains one. Allowed without: " + ", ".join(MEASURES) + "."
            )
        judge = self.study.judge
        assert judge is not None
        return judge.probabilities(images)[:, self.model.conditions.index(label)]

    @cached_property
    def has_judge(self) -> bool:
        """Whether the data has several classes and a judge that need not be trained first."""
        return self.codes.of_data and len(self.study.whole.train.classes) > 1 and has_judge(self.study.whole)

    def _drawn(self) -> Codes:
        classes = self.model.conditions.classes
        labels = torch.arange(POINTS) % max(1, len(classes))
        rows = as_conditions(self.model, labels if classes else None, self.model.conditions.typical)
        codes = draw(self.model, rows.expand(POINTS, -1), 0)
        return Codes(codes, torch.zeros_like(codes), labels, classes, False)

    def _support(self, label: int) -> tuple[Tensor, float]:
        """Codes of a label, and how far apart they usually are."""
        if label not in self._supports:
            codes = self.codes.means
            own = (codes if label < 0 else codes[self.codes.labels == label])[:REACH]
            limit = _reach(own, own, NEAR + 1).quantile(USUAL).item() if len(own) > NEAR else 0.0
            self._supports[label] = own, limit
        return self._supports[label]


def _reach(z: Tensor, codes: Tensor, rank: int) -> Tensor:
    """The distance of each latent vector to the code that is `rank`-th nearest, (B,)."""
    return torch.cdist(z, codes).kthvalue(rank).values
