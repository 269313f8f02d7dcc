"""Plane: the map of the latent space, images of places on it, and a heat map of a measure."""

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from condvae.explorer.limits import LIMITS
from condvae.explorer.view import Scene, View, script
from condvae.inference.tensors import as_vectors

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(scene: Scene) -> "Figure":
    """The map, and the image of the selected latent vector or the images along the line."""
    latent, state = scene.session.map, scene.state
    plane, z = latent.plane(state.plane), _vectors(scene)
    heat = None
    if state.overlay:
        (at,) = as_vectors(scene.session.model, state.z)
        heat = state.overlay, latent.heat_map(plane, state.overlay, at, scene.label, scene.attributes)
    return latent.figure(plane, z, scene.draw(scene.label, z), heat)


def code(scene: Scene) -> str:
    """The code of the figure."""
    state, steps = scene.state, LIMITS.line_steps
    lines = [f"latent = condvae.LatentMap({scene.study_code})", f"plane = latent.plane({state.plane!r})"]
    if state.line:
        lines.append(f"start, end = torch.tensor({state.line!r})")
        lines.append(f"z = torch.stack([start + (end - start) * step / {steps} for step in range({steps + 1})])")
    else:
        lines.append(f"z = torch.tensor([{state.z!r}])")
    lines.append(f"images = {scene.draw_code(repr(scene.label), 'z')}")
    if state.overlay:
        given = f"{state.overlay!r}, torch.tensor({state.z!r}), {scene.label!r}, {scene.attributes!r}"
        lines.append(f"heat = {state.overlay!r}, latent.heat_map(plane, {given})")
    shown = "latent.figure(plane, z, images, heat)" if state.overlay else "latent.figure(plane, z, images)"
    return script(scene, lines, shown, "map.png", ["import torch"])


def _vectors(scene: Scene) -> Tensor:
    """The selected latent vector or, if there is a line, the latent vectors along it: (M, Z)."""
    model, line = scene.session.model, scene.state.line
    if not line:
        return as_vectors(model, scene.state.z)
    start, end = as_vectors(model, line)
    return torch.stack([start + (end - start) * step / LIMITS.line_steps for step in range(LIMITS.line_steps + 1)])


VIEW = View("plane", 20, {"en": "Latent map", "ko": "잠재 공간"}, figure, code)
