"""Planes through a latent space, and the codes projected onto them."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from condvae.errors import InputError
from condvae.explorer.limits import GRIDS
from condvae.inference.places import GRID

Floats = NDArray[np.float32]


class Plane(NamedTuple):
    """A plane through the latent space: the points origin + a * axes[0] + b * axes[1].

    Attributes:
        name: "pca", or "I,J" for two latent dimensions. "0" if there is only one.
        origin: (Z,).
        axes: (2, Z), orthonormal. The second is zero if there is only one latent dimension.
        points: the codes, projected onto the plane, (N, 2).
    """

    name: str
    origin: Floats
    axes: Floats
    points: Floats

    @property
    def names(self) -> tuple[str, str]:
        """The names of its axes."""
        first, _, second = self.name.partition(",")
        return ("component 1", "component 2") if self.name == "pca" else (f"z{first}", f"z{second}" if second else "")

    def grid(self, at: Floats, extent: float, side: int) -> Floats:
        """Latent vectors on a grid from -extent to extent, top row first: (side * side, Z).

        Coordinates outside the plane are those of `at`, (Z,).
        """
        steps = np.linspace(-extent, extent, side, dtype=np.float32)
        place = np.stack([np.tile(steps, side), steps[::-1].repeat(side)], 1)
        rest = (at - self.origin) - (at - self.origin) @ self.axes.T @ self.axes
        found: Floats = self.origin + rest + place @ self.axes
        return found

    def on_page(self) -> dict[str, object]:
        """The plane as the page takes it."""
        points = [[round(value, 3) for value in point] for point in self.points.tolist()]
        return {"name": self.name, "origin": self.origin.tolist(), "axes": self.axes.tolist(), "points": points}


def grid_named(name: str, latent: int, plane: Callable[[], Plane], draws: Callable[[], Floats]) -> tuple[Floats, int]:
    """Latent vectors at which labels are compared, (N, Z), and the number of them in a row.

    Args:
        name: "figure" for the nine of the experiment, "grid" for a grid over a plane, "draws" for draws from the prior.
        latent: the number of latent dimensions.
        plane: returns the plane. It is only called if its grid is needed.
        draws: returns nine draws from the prior, (9, Z).

    Raises:
        InputError: there is no such grid.
    """
    if name not in GRIDS:
        raise InputError(f"There is no grid '{name}'. Choose from: {', '.join(GRIDS)}.")
    if name == "draws":
        return draws(), 3
    if name == "figure" and latent == 2:
        return np.array(GRID, np.float32), 3
    side = 3 if name == "figure" else 7
    return plane().grid(np.zeros(latent, np.float32), 2.0, side), side


def plane_named(name: str, codes: Floats) -> Plane:
    """A plane through the latent space of codes, (N, Z).

    Args:
        name: "pca" for the first two principal components if there are more than two latent dimensions, two latent
            dimensions such as "0,1", or "0" if there is only one.
        codes: the codes.

    Raises:
        InputError: there is no such plane.
    """
    latent = codes.shape[1]
    if name == "pca" and latent > 2:
        return _principal(codes)
    parts = _numbers(name, latent)
    axes = np.zeros((2, latent), np.float32)
    axes[np.arange(len(parts)), parts] = 1
    return Plane(name, np.zeros(latent, np.float32), axes, codes @ axes.T)


def _principal(codes: Floats) -> Plane:
    """The plane of the first two principal components."""
    centre = codes.mean(0)
    _, _, directions = np.linalg.svd(codes - centre, full_matrices=False)
    chosen = directions[:2]
    largest = np.take_along_axis(chosen, np.abs(chosen).argmax(1)[:, None], 1)
    chosen = chosen * np.sign(largest)  # the same sign each time
    return Plane("pca", centre, chosen, (codes - centre) @ chosen.T)


def _numbers(name: str, latent: int) -> list[int]:
    """The latent dimensions that the name of a plane gives: two different ones, or "0" if there is only one."""
    parts = [int(part) if part.isdecimal() else -1 for part in name.split(",")]
    if len(parts) != min(2, latent) or len(set(parts)) != len(parts) or not all(0 <= one < latent for one in parts):
        allowed = f"two different numbers from 0 to {latent - 1}, such as 0,1" if latent > 1 else "0"
        raise InputError(f"There is no plane '{name}'. Allowed: {allowed}{', or pca' if latent > 2 else ''}.")
    return parts
