"""Figures of training images that may have a wrong label or do not belong to the data."""

from collections.abc import Callable
from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from condvae.errors import InputError
from condvae.evaluation.evaluate import load_evaluation
from condvae.evaluation.findings import FILE, Finding, read_findings
from condvae.evaluation.study import Study
from condvae.report import plots
from condvae.report.record import FigureRecord, Wanted

COLUMNS, SHOWN = 8, 24
WIDTH = 17  # characters of a line that fit under an image


def _suspects(wanted: Wanted) -> Figure:
    judged = [one for one in _found(wanted.study) if one.p_label is not None]
    first = sorted(judged, key=lambda one: one.rank)
    return _drawn(wanted, first, lambda one: [f"labelled {one.label}", f"looks like {one.most_probable_label}"])


def _outliers(wanted: Wanted) -> Figure:
    first = sorted(_found(wanted.study), key=lambda one: one.outlier_rank)
    return _drawn(wanted, first, lambda one: [f"labelled {one.label}", f"score {one.outlier_score:.1f}"])


def _found(study: Study) -> list[Finding]:
    return read_findings(study.run.path / FILE)


def _drawn(wanted: Wanted, found: list[Finding], lines: Callable[[Finding], list[str]]) -> Figure:
    """The first images, with lines of text under each, of the labels that were chosen."""
    labels = wanted.data_labels()
    shown = [one for one in found if one.label in labels][:SHOWN]
    if not shown:
        raise InputError(f"No training image of {', '.join(labels)} was judged. Add a label.")
    images = wanted.study.whole.train.pixels(np.array([one.position for one in shown], np.int64))
    texts = ["\n".join(fill(line, WIDTH) for line in lines(one)) for one in shown]
    return plots.grids(images[None], texts, COLUMNS, [""])


def _is_measured(study: Study) -> bool:
    return bool(load_evaluation(study)["labels"]) and (study.run.path / FILE).is_file()


NEEDS = "the part labels of the evaluation ('condvae evaluate RUN --only labels')"
SUSPECTS = FigureRecord(
    _suspects,
    "Training images whose own label is least probable, the least probable one first. They may have a wrong label.",
    options=("label",),
    applies=_is_measured,
    needs=NEEDS,
)
OUTLIERS = FigureRecord(
    _outliers,
    "Training images that look like no class, the most unusual one first. They may not belong to the data.",
    options=("label",),
    applies=_is_measured,
    needs=NEEDS,
)
