"""One self-contained HTML file about a run: what was trained, its figures, its claims, every setting."""

from base64 import b64encode
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined

from condvae.config import dotted
from condvae.evaluation.claims import Claim
from condvae.evaluation.evaluate import Evaluation
from condvae.evaluation.study import Study
from condvae.files import write_text
from condvae.report.figures import FIGURES, draw_figure
from condvae.report.plots import save_figure


@dataclass(frozen=True)
class Picture:
    """A figure in the report.

    Attributes:
        name: of the figure.
        caption: what it shows.
        data: the PNG file in base64.
    """

    name: str
    caption: str
    data: str


def write_report(study: Study, evaluation: Evaluation, claims: list[Claim]) -> Path:
    """Draw the figures of a measured run, and write figures/ and report.html into it.

    Returns:
        The path of report.html.

    Raises:
        StorageError: a file cannot be written.
    """
    page = _template().render(
        name=study.run.path.resolve().name,
        model=study.model,
        record=study.description["record"],
        settings=dotted(study.description["config"]),
        evaluation=evaluation,
        metrics=list(evaluation.figures()),
        claims=claims,
        pictures=[_picture(study, name) for name in report_figures(study)],
        judge=study.judge.card if study.judge else None,
        companion=study.autoencoder and study.autoencoder.description,
    )
    path = study.run.path / "report.html"
    write_text(path, page)
    return path


def report_figures(study: Study) -> list[str]:
    """Names of the figures that say something about a model: t-SNE only where a plane would not show it all."""
    names = [name for name, drawing in FIGURES.items() if drawing.applies(study)]
    return [name for name in names if name != "tsne" or study.autoencoder or study.model.config.latent > 2]


def _picture(study: Study, name: str) -> Picture:
    path = study.run.path / "figures" / f"{name}.png"
    save_figure(draw_figure(name, study), path)
    return Picture(name, FIGURES[name].caption, b64encode(path.read_bytes()).decode("ascii"))


def _template() -> Any:
    source = (files("condvae.report") / "templates" / "report.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(source)
