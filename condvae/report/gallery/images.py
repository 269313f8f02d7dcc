"""Figures of images that the model draws."""

from itertools import product

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from condvae.errors import InputError
from condvae.evaluation.study import Study
from condvae.images import contact_sheet
from condvae.inference.batched import draw_pixels
from condvae.inference.operations import generate
from condvae.inference.places import GRID, ROW
from condvae.report import plots
from condvae.report.record import FigureRecord, Wanted
from condvae.schema import Attribute

PLANE_LIMIT = 3.0
PLANE_SIDE = 20
PAIRS = 10
STEPS = ("low", "", "", "middle", "", "", "high")
DRAWN = "If there are more than two latent dimensions, the latent vectors are drawn from the prior."


def _style(wanted: Wanted) -> Figure:
    chosen = wanted.model_labels(("3",))
    vectors = wanted.points(ROW, chosen[0])
    rows = np.stack([_drawn(wanted.study, label, vectors) for label in chosen])
    return plots.tiles(rows, _names(vectors), [_title(label) for label in chosen if label])


def _compare(wanted: Wanted) -> Figure:
    chosen = wanted.model_labels(("4", "9"))
    vectors = wanted.points(GRID, chosen[0])
    images = np.stack([_drawn(wanted.study, label, vectors) for label in chosen])
    return plots.grids(images, _names(vectors), 3, [_title(label) for label in chosen])


def _attributes(wanted: Wanted) -> Figure:
    model = wanted.study.model
    rows, names = [], []
    for label in wanted.model_labels(("3", "7")):
        for variable, z in product(_numbers(wanted.study), wanted.styles(label, 1)):
            values = np.linspace(variable.low, variable.high, len(STEPS))
            given = {**model.conditions.typical, variable.name: values}
            rows.append(generate(model, label, attributes=given, z=z))
            names.append(f"{_title(label)}\n{variable.name}\n{variable.low:.2g} to {variable.high:.2g}".lstrip())
    return plots.tiles(np.stack(rows), STEPS, names)


def _manifold(wanted: Wanted) -> Figure:
    half_tile = PLANE_LIMIT / PLANE_SIDE
    axis = np.linspace(-PLANE_LIMIT + half_tile, PLANE_LIMIT - half_tile, PLANE_SIDE)
    chosen = wanted.model_labels(("3",))
    vectors = wanted.styles(chosen[0], 1).repeat(PLANE_SIDE**2, 0)
    vectors[:, :2] = [(first, second) for second in axis[::-1] for first in axis]
    sheets = [contact_sheet(_drawn(wanted.study, label, vectors), PLANE_SIDE, gap=0) for label in chosen]
    return plots.plane(sheets, PLANE_LIMIT, [_title(label) for label in chosen])


def _reconstructions(wanted: Wanted) -> Figure:
    study, classes = wanted.study, wanted.study.model.schema.classes
    known, labels = study.test_labels, [classes.index(name) for name in wanted.data_labels()]
    each = -(-PAIRS // len(labels))
    shown = torch.cat([(known == label).nonzero()[:each, 0] for label in labels])
    if not len(shown):
        raise InputError("Figure 'reconstructions' needs a test image, and these labels have none. Add a label.")
    copies = draw_pixels(study.model, study.test_codes[shown], study.test_rows[shown])
    images = np.stack([study.data.test.pixels(shown.numpy()), copies])
    return plots.tiles(images, [classes[known[index]] for index in shown], ["test", "model"])


def _drawn(study: Study, label: str | None, z: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Images of one label at latent vectors (B, Z), with typical attributes."""
    return generate(study.model, label, attributes=study.model.conditions.typical, z=z)


def _numbers(study: Study) -> list[Attribute]:
    """The conditions that are numbers."""
    return [variable for variable in study.model.conditions.variables if not variable.classes]


def _title(label: str | None) -> str:
    return "" if label is None else f"label {label}"


def _names(vectors: NDArray[np.float32]) -> list[str]:
    """What to write at images: the coordinates in a plane, such as (-3, 0.5), or else numbers of styles."""
    if vectors.shape[1] > 2:
        return [f"style {number}" for number in range(1, len(vectors) + 1)]
    return [f"({', '.join(f'{value:.3g}' for value in vector)})" for vector in vectors]


STYLE = FigureRecord(
    _style,
    f"One label at different latent vectors z. {DRAWN}",
    options=("label", "z", "prior"),
)
COMPARE = FigureRecord(
    _compare,
    f"Two labels at the same latent vectors z. {DRAWN}",
    options=("label", "z", "prior"),
)
ATTRIBUTES = FigureRecord(
    _attributes,
    "Each attribute from its 1st to its 99th percentile over the training images, at a fixed latent vector z. The "
    "other attributes have typical values.",
    options=("label", "z", "prior"),
    applies=lambda study: bool(_numbers(study)),
    needs="a number among its conditions, such as slant",
)
MANIFOLD = FigureRecord(
    _manifold,
    "One label on a grid over the plane of the first two latent dimensions. Any further dimensions are fixed.",
    options=("label", "prior"),
    applies=lambda study: study.model.config.latent >= 2,
    needs="at least two latent dimensions",
)
RECONSTRUCTIONS = FigureRecord(_reconstructions, "Test images and their reconstructions.", options=("label",))
