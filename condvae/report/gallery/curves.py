"""Figures of curves: the course of training, and accuracy over the latent plane."""

from matplotlib.figure import Figure

from condvae.evaluation.claims import has_claims
from condvae.evaluation.plane import RADII, accuracy_over_radius
from condvae.report import plots
from condvae.report.record import FigureRecord, Wanted


def _curves(wanted: Wanted) -> Figure:
    study, rows = wanted.study, wanted.study.run.history()
    unit = ", nats per image" if study.model.likelihood.is_likelihood else ""
    dropout = ", with dropout" if study.model.config.dropout else ""
    panels = {
        "train_loss_epoch": f"training loss{dropout}{unit}",
        "test_mse": "test MSE, from the posterior mean",
        "val_bound": f"bound, validation images{unit}",
        "val_mse": "MSE of validation images, from the posterior mean",
    }
    if not study.model.has_bound:
        del panels["val_bound"]
    series = {}
    for key, name in panels.items():
        known = [row for row in rows if key in row]
        if known:
            series[name] = ([row["epoch"] + 1 for row in known], [row[key] for row in known])
    return plots.lines(series, "epoch")


def _radius(wanted: Wanted) -> Figure:
    accuracy = accuracy_over_radius(wanted.study)
    percent = [100 * accuracy[radius] for radius in RADII]
    return plots.lines({"judged as labelled, %": (RADII, percent)}, "radius of the circle in z", percent=True)


CURVES = FigureRecord(
    _curves,
    "The training loss, in which the KL term has the weight of that epoch. After each epoch also the bound of the "
    "validation images, with weight 1, or the error of the test images, which has no influence on training.",
    applies=lambda study: study.run.metrics_file.is_file(),
    needs="a metrics.csv in the run folder",
)
RADIUS = FigureRecord(
    _radius,
    "Share of images that the judge classifies as their label, by distance from the origin of the latent plane.",
    applies=has_claims,
    needs="labels as its only condition, two latent dimensions, the prior N(0, I), and MNIST as its data",
)
