"""The figures by name: what to compute of a study for each, and what its caption says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from condvae.errors import ConfigError, InputError, unknown
from condvae.evaluation.claims import RADII, accuracy_over_radius, has_claims
from condvae.evaluation.study import Study
from condvae.images import contact_sheet
from condvae.inference.batched import draw_pixels
from condvae.inference.inputs import as_conditions, as_vectors
from condvae.inference.operations import generate
from condvae.report import plots as figures
from condvae.schema import Attribute

if TYPE_CHECKING:
    from matplotlib.figure import Figure


ROW = ((-5, -5), (-1, -1), (0, 0), (1, 1), (5, 5))


GRID = ((-3, 3), (1, -1), (3, 3), (-1, -1), (0, 0), (1, 1), (-3, -3), (-1, 1), (3, -3))


PLANE_LIMIT = 3.0


PLANE_SIDE = 20


TSNE_IMAGES = 5000


TSNE_AXES = ("t-SNE 1", "t-SNE 2")


PAIRS = 10


STEPS = ("low", "", "", "middle", "", "", "high")


OF_MORE = " (of more than two latent dimensions, drawn from the prior)"


@dataclass(frozen=True)
class Wanted:
    """What one can choose of a figure.

    Attributes:
        labels: class names; the figure's own if None.
        z: latent vectors; the figure's own if None.
        mixture: whether styles are drawn from the ex-post mixture, rather than from the prior.
    """

    labels: Sequence[str] | None
    z: Sequence[Sequence[float]] | None
    mixture: bool


@dataclass(frozen=True)
class Drawing:
    """One of the figures.

    Attributes:
        draw: study and what is wanted of it to a figure.
        caption: what the figure shows, for the report.
        options: which of "labels", "z" and "mixture" the figure lets one choose.
        applies: whether it can be drawn of a model.
        needs: what a model must have for that.
    """

    draw: Callable[[Study, Wanted], "Figure"]
    caption: str
    options: tuple[str, ...] = ()
    applies: Callable[[Study], bool] = lambda _: True
    needs: str = "nothing"


def draw_figure(
    name: str,
    study: Study,
    labels: Sequence[str] | None = None,
    z: Sequence[Sequence[float]] | None = None,
    mixture: bool = False,
) -> "Figure":
    """Draw a figure of a trained model.

    Args:
        name: one of FIGURES.
        study: the model and its data.
        labels: class names, where the figure lets one choose.
        z: latent vectors, where the figure lets one choose.
        mixture: whether to draw styles from the ex-post mixture rather than from the prior, likewise.

    Raises:
        ConfigError: there is no such figure, it does not take this option, or this model has none.
        InputError: a label or a latent vector does not fit the model.
    """
    if name not in FIGURES:
        raise ConfigError(unknown("figure", name, FIGURES))
    drawing = FIGURES[name]
    for option, value in (("labels", labels), ("z", z), ("mixture", mixture or None)):
        if value is not None and option not in drawing.options:
            takes = ", ".join(f"--{known}" for known in drawing.options) or "no options"
            raise ConfigError(f"Figure '{name}' does not take --{option}; it takes {takes}. Leave it out.")
    if not drawing.applies(study):
        raise ConfigError(
            f"Figure '{name}' needs {drawing.needs}, which {study.run.path} has not. Choose another figure."
        )
    if z and mixture:
        raise ConfigError("--mixture draws z, --z sets it: give one of the two.")
    return drawing.draw(study, Wanted(labels, z, mixture))


def _style(study: Study, wanted: Wanted) -> "Figure":
    chosen = _labels(study, wanted, ("3",))
    vectors = _vectors(study, wanted, ROW, chosen[0])
    rows = np.stack([_drawn(study, label, vectors) for label in chosen])
    return figures.tiles(rows, _names(vectors), [_title(label) for label in chosen if label])


def _compare(study: Study, wanted: Wanted) -> "Figure":
    chosen = _labels(study, wanted, ("4", "9"))
    vectors = _vectors(study, wanted, GRID, chosen[0])
    images = np.stack([_drawn(study, label, vectors) for label in chosen])
    return figures.grids(images, _names(vectors), 3, [_title(label) for label in chosen])


def _attributes(study: Study, wanted: Wanted) -> "Figure":
    conditions = study.model.conditions
    rows, names = [], []
    for label in _labels(study, wanted, ("3", "7")):
        styles = _styles(study, wanted, label, 1)
        for variable, style in product(_numbers(study), styles):
            values = np.linspace(variable.low, variable.high, len(STEPS))
            given = {**conditions.typical, variable.name: values}
            rows.append(generate(study.model, label, attributes=given, z=style))
            names.append(f"{_title(label)}\n{variable.name}\n{variable.low:.2g} to {variable.high:.2g}".lstrip())
    return figures.tiles(np.stack(rows), STEPS, names)


def _manifold(study: Study, wanted: Wanted) -> "Figure":
    half_tile = PLANE_LIMIT / PLANE_SIDE
    axis = np.linspace(-PLANE_LIMIT + half_tile, PLANE_LIMIT - half_tile, PLANE_SIDE)
    chosen = _labels(study, wanted, ("3",))
    vectors = _styles(study, wanted, chosen[0], 1).repeat(PLANE_SIDE**2, 0)
    vectors[:, :2] = [(first, second) for second in axis[::-1] for first in axis]
    sheets = [contact_sheet(_drawn(study, label, vectors), PLANE_SIDE, gap=0) for label in chosen]
    return figures.plane(sheets, PLANE_LIMIT, [_title(label) for label in chosen])


def _latent(study: Study, wanted: Wanted) -> "Figure":
    codes, known = study.test_codes[0].numpy(), study.test_labels.numpy()
    shown = _of_labels(study, wanted)
    return figures.points(codes[shown, :2], known[shown], study.model.schema.classes, ("$z_0$", "$z_1$"))


def _tsne(study: Study, wanted: Wanted) -> "Figure":
    from sklearn.manifold import TSNE

    subject = study.autoencoder or study
    known = _of_labels(subject, wanted)
    if len(known) < 2:
        raise InputError(f"Figure 'tsne' needs two test images; of these labels there are {len(known)}. Add a label.")
    shown = np.random.default_rng(0).permutation(known)[:TSNE_IMAGES]
    perplexity = min(30.0, (len(shown) - 1) / 3)
    codes = subject.test_codes[0][shown].numpy()
    embedded = TSNE(2, perplexity=perplexity, init="random", random_state=0).fit_transform(codes)
    return figures.points(embedded, subject.test_labels[shown].numpy(), subject.model.schema.classes, TSNE_AXES)


def _reconstructions(study: Study, wanted: Wanted) -> "Figure":
    known = study.test_labels
    shown_labels = [study.model.schema.classes.index(name) for name in _known_classes(study, wanted)]
    each = -(-PAIRS // len(shown_labels))
    shown = torch.cat([(known == label).nonzero()[:each, 0] for label in shown_labels]).numpy()
    if not len(shown):
        raise InputError("Figure 'reconstructions' needs a test image; of these labels there is none. Add a label.")
    copies = draw_pixels(study.model, study.test_codes[0][shown], study.test_rows[shown])
    images = np.stack([study.data.test.images[shown], copies])
    return figures.tiles(images, [study.model.schema.classes[known[index]] for index in shown], ["test", "model"])


def _curves(study: Study, wanted: Wanted) -> "Figure":
    rows = study.run.history()
    unit = "" if study.model.config.likelihood == "mse" else ", nats per image"
    dropout = ", with dropout" if study.model.config.dropout else ""
    panels = {
        "train_loss_epoch": f"training loss{dropout}{unit}",
        "test_mse": "test MSE, from the posterior mean",
        "val_bound": f"bound, validation images{unit}",
        "val_mse": "MSE of validation images, from the posterior mean",
    }
    if not study.config.has_bound:
        del panels["val_bound"]
    series = {}
    for key, name in panels.items():
        known = [row for row in rows if key in row]
        if known:
            series[name] = ([row["epoch"] + 1 for row in known], [row[key] for row in known])
    return figures.lines(series, "epoch")


def _radius(study: Study, wanted: Wanted) -> "Figure":
    accuracy = accuracy_over_radius(study)
    percent = [100 * accuracy[radius] for radius in RADII]
    return figures.lines({"judged as labelled, %": (RADII, percent)}, "radius of the circle in z", percent=True)


def _has_plane(study: Study) -> bool:
    return study.model.config.latent >= 2


FIGURES = {
    "style": Drawing(
        _style,
        f"One label held fixed while z moves{OF_MORE}: z carries the style.",
        options=("labels", "z", "mixture"),
    ),
    "compare": Drawing(
        _compare,
        f"Two labels at the same latent vectors{OF_MORE}: the labels share the style.",
        options=("labels", "z", "mixture"),
    ),
    "attributes": Drawing(
        _attributes,
        "One attribute after the other moves from low to high, while the rest of the image stays at one style.",
        options=("labels", "z", "mixture"),
        applies=lambda study: bool(_numbers(study)),
        needs="a number, such as slant, among its conditions",
    ),
    "manifold": Drawing(
        _manifold,
        "The plane of the first two latent dimensions of one label, decoded on a grid; any others stay at one draw.",
        options=("labels", "mixture"),
        applies=_has_plane,
        needs="two latent dimensions or more",
    ),
    "latent": Drawing(
        _latent,
        "Posterior means of the test images, coloured by label.",
        options=("labels",),
        applies=_has_plane,
        needs="two latent dimensions or more",
    ),
    "reconstructions": Drawing(
        _reconstructions,
        "Test images, and what the model makes of them.",
        options=("labels",),
    ),
    "curves": Drawing(
        _curves,
        "The training loss, with the weight that its KL term had then; and, after each epoch, the unweighted bound of "
        "validation images, or the error of test images, which decides nothing.",
        applies=lambda study: (study.run.path / "metrics.csv").is_file(),
        needs="a metrics.csv",
    ),
    "radius": Drawing(
        _radius,
        "How many images the judge takes for their label, by distance from the origin of the plane.",
        applies=has_claims,
        needs="two latent dimensions, and MNIST with its labels",
    ),
    "tsne": Drawing(
        _tsne,
        f"t-SNE of the latent vectors of test images ({TSNE_IMAGES:,} at most), coloured by label; of the plain "
        "autoencoder where one was trained beside the model.",
        options=("labels",),
        applies=lambda study: len(study.test_labels) > 1,
        needs="two test images or more",
    ),
}


def _drawn(study: Study, label: str | None, z: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Images of one label at latent vectors (B, Z), with other conditions as they typically are."""
    return generate(study.model, label, attributes=study.model.conditions.typical, z=z)


def _numbers(study: Study) -> list[Attribute]:
    """The conditions that are numbers."""
    return [variable for variable in study.model.conditions.variables if not variable.classes]


def _title(label: str | None) -> str:
    return "" if label is None else f"label {label}"


def _labels(study: Study, wanted: Wanted, usual: Sequence[str]) -> Sequence[str | None]:
    """The labels to draw: those asked for, the usual ones, or the first classes; one None for a model without."""
    if wanted.labels is not None:
        for label in wanted.labels:
            study.model.conditions.index(label)
        return wanted.labels
    classes = study.model.conditions.classes
    if not classes:
        return [None]
    return [name for name in usual if name in classes] or classes[: len(usual)]


def _known_classes(study: Study, wanted: Wanted) -> Sequence[str]:
    """Names of classes of the data, all of them if none are asked for."""
    classes = study.model.schema.classes
    for label in wanted.labels or ():
        if label not in classes:
            raise InputError(unknown("label", label, classes))
    return wanted.labels or classes


def _of_labels(study: Study, wanted: Wanted) -> NDArray[np.int64]:
    """Indices of the test images of the given labels."""
    known = [study.model.schema.classes.index(name) for name in _known_classes(study, wanted)]
    return np.flatnonzero(np.isin(study.test_labels.numpy(), known))


def _vectors(study: Study, wanted: Wanted, usual: Sequence[Sequence[float]], label: str | None) -> NDArray[np.float32]:
    """Latent vectors: the usual points of a plane; beyond two dimensions, or if z or mixture is wanted, `_styles`."""
    if study.model.config.latent > 2 or wanted.mixture or wanted.z is not None:
        return _styles(study, wanted, label, len(usual))
    return np.asarray(usual, np.float32)[:, : study.model.config.latent]


def _styles(study: Study, wanted: Wanted, label: str | None, count: int) -> NDArray[np.float32]:
    """Latent vectors: those asked for, or draws for a label, always the same, with other conditions as is typical."""
    if wanted.z is not None:
        return as_vectors(study.model, wanted.z).numpy()
    given = as_conditions(study.model, label, study.model.conditions.typical)
    return study.draw(given.expand(count, -1), 0, "mixture" if wanted.mixture else "prior").numpy()


def _names(vectors: NDArray[np.float32]) -> list[str]:
    """What to write at images: points of a plane as they are, such as (-3, 0.5); longer vectors are only counted."""
    if vectors.shape[1] > 2:
        return [f"style {number}" for number in range(1, len(vectors) + 1)]
    return [f"({', '.join(f'{value:.3g}' for value in vector)})" for vector in vectors]
