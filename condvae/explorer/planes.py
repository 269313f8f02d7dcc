"""Planes through a latent space, and the codes projected onto them."""

from typing import NamedTuple

import torch
from torch import Tensor

from condvae.errors import InputError


class Plane(NamedTuple):
    """A plane through the latent space: the points origin + a * axes[0] + b * axes[1].

    Attributes:
        name: "pca", or "I,J" for two latent dimensions. "0" if there is only one.
        origin: (Z,).
        axes: (2, Z), orthonormal. The second is zero if there is only one latent dimension.
        points: the codes, projected onto the plane, (N, 2).
    """

    name: str
    origin: Tensor
    axes: Tensor
    points: Tensor

    @property
    def names(self) -> tuple[str, str]:
        """The names of its axes."""
        first, _, second = self.name.partition(",")
        return ("component 1", "component 2") if self.name == "pca" else (f"z{first}", f"z{second}" if second else "")

    def grid(self, at: Tensor, extent: float, side: int) -> Tensor:
        """Latent vectors on a grid from -extent to extent, top row first: (side * side, Z).

        Coordinates outside the plane are those of `at`, (Z,).
        """
        steps = torch.linspace(-extent, extent, side)
        place = torch.stack([steps.repeat(side), steps.flip(0).repeat_interleave(side)], 1)
        rest = (at - self.origin) - (at - self.origin) @ self.axes.T @ self.axes
        return self.origin + rest + place @ self.axes


def principal_plane(codes: Tensor) -> Plane:
    """The plane of the first two principal components of codes, (N, Z) with Z > 2."""
    centre = codes.mean(0)
    _, _, directions = torch.linalg.svd(codes - centre, full_matrices=False)
    chosen = directions[:2]
    chosen = chosen * chosen.gather(1, chosen.abs().argmax(1, keepdim=True)).sign()  # the same sign each time
    return Plane("pca", centre, chosen, (codes - centre) @ chosen.T)


def plane_of_axes(name: str, codes: Tensor) -> Plane:
    """The plane of two latent dimensions.

    Args:
        name: two numbers such as "0,1", or "0" if there is only one latent dimension.
        codes: (N, Z).

    Raises:
        InputError: there are no such dimensions.
    """
    latent = codes.shape[1]
    parts = _numbers(name, latent)
    axes = torch.zeros(2, latent)
    axes[torch.arange(len(parts)), torch.tensor(parts)] = 1
    return Plane(name, torch.zeros(latent), axes, codes @ axes.T)


def _numbers(name: str, latent: int) -> list[int]:
    """The latent dimensions that the name of a plane gives: two different ones, or "0" if there is only one."""
    parts = [int(part) if part.isdecimal() else -1 for part in name.split(",")]
    if len(parts) != min(2, latent) or len(set(parts)) != len(parts) or not all(0 <= one < latent for one in parts):
        allowed = f"two different numbers from 0 to {latent - 1}, such as 0,1" if latent > 1 else "0"
        raise InputError(f"There is no plane '{name}'. Allowed: {allowed}{', or pca' if latent > 2 else ''}.")
    return parts
