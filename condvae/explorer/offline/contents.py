"""What the page shows of a run and its data: the description, codes, heat maps and evidence."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from condvae.config import Z_PRIORS
from condvae.data.attributes import MEASURES
from condvae.explorer.latent_map import NEAR, OVERLAYS, REFERENCE
from condvae.explorer.limits import GRIDS, LIMITS
from condvae.explorer.planes import Plane
from condvae.explorer.run_session import RunSession
from condvae.inference.batched import decode
from condvae.inference.tensors import as_conditions
from condvae.progress import progress

SCALE = 1000  # codes are stored as whole numbers of thousandths
FARTHEST = np.iinfo(np.int16).max / SCALE
MOST_MAPS = 1000  # heat maps on a page


class Contents(NamedTuple):
    """What the page shows.

    Attributes:
        page: JSON, see static/offline/worker.js.
        codes: int16 (N, Z), multiplied by SCALE, and then uint16 (N,) labels.
        heat: uint8, the heat maps one after another.
    """

    page: dict[str, Any]
    codes: bytes
    heat: bytes


def contents_of(session: RunSession) -> Contents:
    """What the page shows of a session."""
    planes = _planes(session)
    heat_maps, heat = _heat(session, planes)
    grids = {name: session.map.grid(name) for name in GRIDS}
    page = {
        "model": {
            **session.description,
            "films": ["gif"],
            "has_neighbours": False,
            "priors": Z_PRIORS if session.mixture is not None else Z_PRIORS[:1],
            "has_judge": session.map.has_judge,
            "overlays": [name for name in OVERLAYS if name != "confidence" or session.map.has_judge],
        },
        "evidence": session.evidence,
        "habits": asdict(session.habits),
        "grids": {name: {"z": z.tolist(), "columns": columns} for name, (z, columns) in grids.items()},
        "codes": _codes(session, planes),
        "heat": {"side": LIMITS.side, "maps": heat_maps},
    }
    codes = session.map.codes
    means = (codes.means.clamp(-FARTHEST, FARTHEST) * SCALE).round().numpy().astype("<i2")
    return Contents(page, means.tobytes() + codes.labels.numpy().astype("<u2").tobytes(), heat)


def _planes(session: RunSession) -> dict[str, Plane]:
    """The planes whose heat maps the page has, by name: the usual one first, and the principal components."""
    latent_map = session.map
    usual = latent_map.plane()
    return {usual.name: usual} | ({"pca": latent_map.plane("pca")} if session.model.config.latent > 2 else {})


def _codes(session: RunSession, planes: dict[str, Plane]) -> dict[str, Any]:
    latent_map = session.map
    codes, latent = latent_map.codes, session.model.config.latent
    labels = range(len(session.model.conditions.classes)) if session.model.conditions.classes else [-1]
    return {
        "count": len(codes.means),
        "latent": latent,
        "scale": SCALE,
        "classes": codes.classes,
        "of_data": codes.of_data,
        "dimensions": [one._asdict() for one in latent_map.dimensions],
        "usual": next(iter(planes)),
        "planes": {name: {"origin": one.origin.tolist(), "axes": one.axes.tolist()} for name, one in planes.items()},
        "most": REFERENCE,
        "rank": NEAR,
        "limits": {label: latent_map.reference(label)[1] for label in labels},
    }


def _heat(session: RunSession, planes: dict[str, Plane]) -> tuple[list[dict[str, Any]], bytes]:
    """Heat maps of each measure for each label, with typical attributes and the other latent coordinates at 0."""
    latent_map, model = session.map, session.model
    measures = [name for name in OVERLAYS if name in MEASURES or latent_map.has_judge]
    labels: Sequence[str | None] = model.conditions.classes or [None]
    shown = labels[: MOST_MAPS // (len(planes) * len(measures))]
    at, rows = (
        np.zeros(model.config.latent, np.float32),
        as_conditions(model, model.conditions.classes or None, session.filled({})),
    )
    maps: list[dict[str, Any]] = []
    content: list[NDArray[np.uint8]] = []
    with progress("Computing heat maps", len(shown) * len(planes), "planes") as advance:
        for (label, row), (name, plane) in product(zip(shown, rows.split(1), strict=False), planes.items()):
            z = torch.from_numpy(plane.grid(at, LIMITS.extent, LIMITS.side))
            images = decode(model, z, row.expand(len(z), -1))
            for measure in measures:
                values = latent_map.measured(images, measure, label)
                low, high = values.min().item(), values.max().item()
                place = {"measure": measure, "plane": name, "label": label, "start": len(maps) * LIMITS.side**2}
                maps.append({**place, "low": low, "high": high})
                share = (values - low) / max(high - low, 1e-12)
                content.append((255 * share).round().to(torch.uint8).numpy())
            advance(1)
    return maps, b"".join(one.tobytes() for one in content)
