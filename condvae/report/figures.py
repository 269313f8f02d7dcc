"""The figures by name."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from condvae.config import Z_PRIORS
from condvae.errors import ConfigError, unknown
from condvae.evaluation.study import Study
from condvae.inference.batched import MODEL_PRIOR
from condvae.report.gallery import codes, curves, images, suspects
from condvae.report.record import FigureRecord, Vectors, Wanted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, FigureRecord] = {
    "style": images.STYLE,
    "compare": images.COMPARE,
    "attributes": images.ATTRIBUTES,
    "manifold": images.MANIFOLD,
    "latent": codes.LATENT,
    "reconstructions": images.RECONSTRUCTIONS,
    "curves": curves.CURVES,
    "radius": curves.RADIUS,
    "tsne": codes.TSNE,
    "suspects": suspects.SUSPECTS,
    "outliers": suspects.OUTLIERS,
}


def draw_figure(
    name: str,
    study: Study,
    label: str | Sequence[str] | None = None,
    z: Vectors | None = None,
    prior: str = MODEL_PRIOR,
) -> "Figure":
    """Draw a figure of a trained model.

    Args:
        name: one of FIGURES.
        study: the model and its data.
        label: one class name or several, if the figure has the option.
        z: latent vectors, if the figure has the option.
        prior: where latent vectors are drawn from, "prior" or "mixture", if the figure has the option.

    Raises:
        ConfigError: there is no such figure, it does not have the option, or it does not apply to the model.
        InputError: a label or a latent vector does not fit the model.
    """
    if name not in FIGURES:
        raise ConfigError(unknown("figure", name, FIGURES))
    if prior not in Z_PRIORS:
        raise ConfigError(unknown("prior", prior, Z_PRIORS))
    figure = FIGURES[name]
    labels = [label] if isinstance(label, str) else label
    for option, given in (("label", labels is not None), ("z", z is not None), ("prior", prior != MODEL_PRIOR)):
        if given and option not in figure.options:
            takes = ", ".join(f"--{known}" for known in figure.options) or "no options"
            raise ConfigError(f"Figure '{name}' does not take --{option}; it takes {takes}. Leave it out.")
    if not figure.applies(study):
        raise ConfigError(f"Figure '{name}' needs {figure.needs}. {study.run.path} does not have it. Choose another.")
    if z and prior != MODEL_PRIOR:
        raise ConfigError("--z sets the latent vectors, and --prior draws them. Give one of the two.")
    return figure.draw(Wanted(study, labels, z, prior))


def report_figures(study: Study) -> list[str]:
    """Names of the figures for the report of a model."""
    return [name for name, figure in FIGURES.items() if figure.applies(study) and figure.adds(study)]
