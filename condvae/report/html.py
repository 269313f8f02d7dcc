"""The report: one self-contained HTML file about a run, with its figures, measurements, claims and settings."""

from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from condvae.config import dotted
from condvae.evaluation.claims import Claim
from condvae.evaluation.evaluate import Evaluation
from condvae.evaluation.study import Study
from condvae.progress import progress
from condvae.report.figures import FIGURES, draw_figure, report_figures
from condvae.report.page import template
from condvae.report.plots import save_figure
from condvae.report.tables import tables
from condvae.storage.files import write_text


@dataclass(frozen=True)
class Picture:
    """A figure in the report.

    Attributes:
        name: the name of the figure.
        caption: what it shows.
        data: the PNG file in base64.
    """

    name: str
    caption: str
    data: str


def write_report(study: Study, evaluation: Evaluation, claims: list[Claim]) -> Path:
    """Draw the figures of a run that was evaluated, and write figures/ and report.html into it.

    Returns:
        The path of report.html.

    Raises:
        StorageError: a file cannot be written.
    """
    page = template("report.html").render(
        name=study.run.path.resolve().name,
        model=study.model,
        record=study.description["record"],
        settings=dotted(study.config.to_dict()),
        headlines=evaluation.headlines(),
        tables=tables(evaluation),
        verdicts=evaluation.verdicts(),
        claims=claims,
        pictures=_pictures(study),
        judge=study.judge.card if study.judge else None,
        companion=study.autoencoder and study.autoencoder.description,
    )
    path = study.run.path / "report.html"
    write_text(path, page)
    return path


def _pictures(study: Study) -> list[Picture]:
    names, pictures = report_figures(study), []
    with progress("Drawing figures", len(names), "figures") as advance:
        for name in names:
            path = study.run.path / "figures" / f"{name}.png"
            save_figure(draw_figure(name, study), path)
            pictures.append(Picture(name, FIGURES[name].caption, b64encode(path.read_bytes()).decode("ascii")))
            advance(1)
    return pictures
