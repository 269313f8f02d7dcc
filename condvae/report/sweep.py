"""A page about a sweep: one self-contained HTML file with the table of results, curves, and parallel coordinates."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from condvae.report.page import template
from condvae.report.plots import STYLE, figure_bytes
from condvae.report.trials import SweepPage, shown
from condvae.storage.files import write_text

COLOURS = mpl.colormaps["viridis"]
MARK = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}  # behind the text of a mark
MOST_NAMES = 12  # curves whose names are shown
WIDTH = 10.0  # inches


def write_sweep_page(page: SweepPage, path: Path) -> None:
    """Write the page.

    Raises:
        StorageError: the file cannot be written.
    """
    figures = {"Curves": curves(page), "Settings and results": parallel(page)} if page.order() else {}
    drawings = {title: figure_bytes(figure, "svg").decode() for title, figure in figures.items()}
    write_text(path, template("sweep.html").render(page=page, drawings=drawings, shown=shown))


def curves(page: SweepPage) -> Figure:
    """The figure after each epoch, one line for each trial. The best ones are brightest and in front."""
    order = page.order()
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 4))
        axis = figure.subplots()
        for curve, colour in zip(order, _colours(len(order)), strict=True):
            epochs, values = zip(*curve.points, strict=True)
            named = curve in order[-MOST_NAMES:]
            axis.plot(epochs, values, color=colour, marker=".", label=curve.name if named else None)
        axis.set_xlabel("epoch")
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        axis.set_ylabel(page.figure)
        handles, labels = axis.get_legend_handles_labels()
        axis.legend(handles[::-1], labels[::-1], loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7)
    return figure


def parallel(page: SweepPage) -> Figure:
    """Parallel coordinates: a vertical axis for each setting that varies, and one for the figure. A line is a trial."""
    order = page.order()
    every = list(dict.fromkeys(name for curve in order for name in curve.settings))
    names = [name for name in every if len({str(curve.settings.get(name)) for curve in order}) > 1]
    columns = [[curve.settings.get(name) for curve in order] for name in names]
    columns.append([curve.points[-1][1] for curve in order])
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 3.6))
        axis = figure.subplots()
        heights = []
        for place, values in enumerate(columns):
            positions, ticks = _scale(values)
            heights.append(positions)
            axis.axvline(place, color="0.8", linewidth=1, zorder=0)
            for height, text in ticks:
                axis.text(place + 0.02, height, text, fontsize=7, va="center", color="0.2", bbox=MARK, zorder=3)
        for number, colour in enumerate(_colours(len(order))):
            axis.plot(range(len(columns)), [one[number] for one in heights], color=colour, linewidth=1.4)
        axis.set_xticks(range(len(columns)), [*(name.rpartition(".")[2] for name in names), page.figure])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
        axis.set_xlim(-0.1, len(columns) - 0.5)
    return figure


def _colours(count: int) -> list[Any]:
    return [COLOURS(0.9 * number / max(1, count - 1)) for number in range(count)]


def _scale(values: Sequence[Any]) -> tuple[list[float], list[tuple[float, str]]]:
    """Heights from 0 to 1 on an axis, and its marks. Texts are at equal distances, numbers to scale.

    The scale is logarithmic if the largest number is more than 30 times as large as the smallest one.
    """
    are_numbers = all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in values)
    if not are_numbers:
        known = sorted({str(one) for one in values})
        places = {text: number / max(1, len(known) - 1) for number, text in enumerate(known)}
        return [places[str(one)] for one in values], [(height, text) for text, height in places.items()]
    numbers = np.array(values, float)
    low, high = float(numbers.min()), float(numbers.max())
    is_log = low > 0 and high > 30 * low
    scaled = np.log(numbers) if is_log else numbers
    span = float(np.ptp(scaled)) or 1.0
    heights = ((scaled - scaled.min()) / span).tolist()
    few = sorted(set(zip(heights, values, strict=True)))
    marks = few if len(few) <= 6 else [(min(few)), (max(few))]
    return heights, [(height, f"{value:.4g}") for height, value in marks]
